"""The platform file becomes KFP's own document, and mistakes in it are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cluster import platform_config
from pipeline.config import ConfigError


def _executors(file: Path, text: str) -> dict:
    file.write_text(text, "utf-8")
    document = platform_config.load_platform(file, ["Trainer", "Pusher"])
    executors: dict = document["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return executors


def test_what_is_for_all_nodes_is_joined_with_what_is_for_one(tmp_path: Path) -> None:
    executors = _executors(
        tmp_path / "p.yaml",
        "all:\n  pvcMount: [{constant: a, mountPath: /a}]\n  imagePullPolicy: Always\n"
        "nodes:\n  Trainer:\n    pvcMount: [{constant: b, mountPath: /b}]\n"
        "    imagePullPolicy: Never\n",
    )
    assert set(executors) == {"Trainer_executor", "Pusher_executor"}
    assert [m["mountPath"] for m in executors["Trainer_executor"]["pvcMount"]] == ["/a", "/b"]
    assert executors["Trainer_executor"]["imagePullPolicy"] == "Never"
    assert executors["Pusher_executor"]["imagePullPolicy"] == "Always"


def test_mistakes_in_the_platform_file_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        _executors(
            tmp_path / "p.yaml",
            "all:\n  toleration: []\n  pvcMount: {}\nnodes:\n  Tainer: {}\nvolumes: []\n",
        )
    for words in (
        "all.toleration is not a known key, got []: did you mean all.tolerations?",
        "all.pvcMount must be a list, got {}",
        "nodes.Tainer is not a node of the pipeline: there are Pusher, Trainer",
        "volumes is not a known key",
    ):
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nodes: [Trainer]\n", r"nodes must be a mapping, got \['Trainer'\]"),
        ("- all\n", r"the file must be a mapping, got \['all'\]"),
        ("all: 3\n", "all must be a mapping, got '3'"),
    ],
)
def test_a_platform_file_of_another_form_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        _executors(tmp_path / "p.yaml", text)


def test_a_label_is_text_whatever_yaml_makes_of_it(tmp_path: Path) -> None:
    executors = _executors(
        tmp_path / "p.yaml",
        "all:\n  activeDeadlineSeconds: 3600\n"
        "  nodeSelector: {labels: {gpu: true, pool: 1.10, 2024: on, day: 2024-01-01}}\n"
        "  tolerations: [{key: 1e5, value: 010, tolerationSeconds: 60}]\n"
        "  secretAsEnv: [{secretName: 0x1F, optional: true}]\n",
    )
    assert executors["Pusher_executor"] == {
        "activeDeadlineSeconds": 3600,
        "nodeSelector": {
            "labels": {"gpu": "true", "pool": "1.10", "2024": "on", "day": "2024-01-01"}
        },
        "tolerations": [{"key": "1e5", "value": "010", "tolerationSeconds": 60}],
        "secretAsEnv": [{"secretName": "0x1F", "optional": True}],
    }


@pytest.mark.parametrize(
    "place", ["nodeSelector.labels", "podMetadata.annotations", "podAffinity.matchPodLabels"]
)
def test_a_label_is_text_also_where_it_is_called_like_a_number(tmp_path: Path, place: str) -> None:
    field, key = place.split(".")
    labels = "{optional: true, weight: 5, anti: off, runAsUser: 0, empty: , none: null}"
    value = f"{{{key}: {labels}}}"
    is_list = platform_config.FIELDS[field] is list
    text = f"all:\n  {field}: {f'[{value}]' if is_list else value}\n"
    made = _executors(tmp_path / "p.yaml", text)["Pusher_executor"][field]
    assert (made[0] if is_list else made)[key] == {
        **{"optional": "true", "weight": "5", "anti": "off", "runAsUser": "0"},
        **{"empty": "", "none": "null"},
    }


def test_parts_of_the_platform_file_may_be_left_empty(tmp_path: Path) -> None:
    assert _executors(tmp_path / "p.yaml", "all:\nnodes:\n  Trainer:\n") == {
        "Trainer_executor": {},
        "Pusher_executor": {},
    }
