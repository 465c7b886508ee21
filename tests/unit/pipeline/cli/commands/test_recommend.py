"""Items of a session as typed."""

from __future__ import annotations

import json

import pytest
import tensorflow as tf

from modules.ann.recommender import Signature
from pipeline.cli.main import main
from tests.grpc_server import grpc_server
from tests.raw_requests import start
from tests.scripted_server import Step, scripted


@pytest.mark.parametrize(
    ("typed", "items"),
    [
        ("a, b ,,c", ["a", "b", "c"]),
        ("\ufeffa,\u3000b", ["a", "b"]),
        ("\x1ca,b\x1f", ["\x1ca", "b\x1f"]),
    ],
)
def test_items_are_read_as_a_click_log_has_them(typed: str, items: list[str]) -> None:
    """Blanks around an item go, and the separators that logs keep in ids stay."""
    seen: list[list[list[str]]] = []

    def recommend(item_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        seen.append([[item.decode() for item in row] for row in item_ids.numpy()])
        return {"item_ids": item_ids, "scores": tf.zeros(tf.shape(item_ids))}

    spec = tf.TensorSpec([None, None], tf.string, "item_ids")
    server = start({"recommend": Signature(spec, recommend)})
    try:
        url = f"http://localhost:{server.server_port}"
        assert main(["recommend", "--items", typed, "--server", url]) == 0
    finally:
        server.shutdown()
    assert seen == [[items]]


@pytest.mark.parametrize(
    ("label", "said"),
    [("canary", "Label: stable, since the server has no canary"), ("stable", "Label: stable\n")],
)
@pytest.mark.parametrize("is_grpc", [False, True])
def test_a_label_is_named_and_the_one_that_answered_is_printed(
    label: str, said: str, is_grpc: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = Step(400, b"Unrecognized servable version label")
    rest = scripted(by_path={"/labels/stable:": Step(), "/labels/": missing})
    with grpc_server(labels={"stable": 1}) if is_grpc else rest as server:
        assert main(["recommend", "--items", "a", "--server", server.url, "--label", label]) == 0
    printed = capsys.readouterr().out
    assert said in printed and "  1  a " in printed


@pytest.mark.parametrize(
    ("known", "count", "said"),
    [
        (["a"], 2, "Unknown to the model: b (recommended as items of the session: b)\n"),
        (["a"], 1, "Unknown to the model: b\n  1"),
        (
            [],
            1,
            "Unknown to the model: a, b (recommended as items of the session: a)\n"
            "No item is known: the most popular ones are recommended beside them.\n",
        ),
        (["a", "b"], 2, ""),
        (None, 2, ""),
    ],
)
def test_items_that_the_servers_model_does_not_know_are_named(
    known: list[str] | None, count: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    about = [] if known is None else known
    content = {"item_ids": about, "names": ["x"] * len(about), "categories": [[]] * len(about)}
    page = Step(404) if known is None else Step(200, json.dumps(content).encode())
    with scripted(by_path={"/items?": page, "": Step()}) as server:
        command = ["recommend", "--items", "a,b", "-k", str(count), "--server", server.url]
        assert main(command) == 0
        printed = capsys.readouterr().out
        assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found.get("unknown") == (
        None if known is None else [item for item in ("a", "b") if item not in known]
    )
    assert said in printed
    assert ("Unknown" in printed) == bool(said)


def test_a_label_needs_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recommend", "--items", "a", "--label", "canary"]) == 2
    assert "--label is a server's: give --server too" in capsys.readouterr().err
