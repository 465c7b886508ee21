"""Where the program of Prism is looked for, and how it is obtained."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from pipeline.beam import prism

FLAGS = ("--runner=PrismRunner", "--environment_type=LOOPBACK")
OTHERS = [("--runner=FlinkRunner",), (*FLAGS, "--job_endpoint=localhost:8073"), ()]


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `make prism` would put it, in a checkout that is empty."""
    monkeypatch.setattr(prism, "PROJECT", tmp_path)
    return prism.built_prism()


def test_a_built_program_is_used(built: Path, tmp_path: Path) -> None:
    assert prism.with_prism(FLAGS) == FLAGS
    built.parent.mkdir(parents=True)
    built.write_bytes(b"")
    found = prism.with_prism(FLAGS)
    assert found == (*FLAGS, f"--prism_location={built}")
    assert prism.missing_prism(found, tmp_path) == ""


def test_a_missing_program_is_named_with_how_to_get_it(built: Path, tmp_path: Path) -> None:
    assert "`make prism` builds it (needs Go)" in prism.missing_prism(FLAGS, tmp_path)
    named = (*FLAGS, f"--prism_location={tmp_path}/nowhere")
    assert f"no program of Prism at {tmp_path}/nowhere" in prism.missing_prism(named, tmp_path)
    assert prism.with_prism(named) == named


def test_what_beam_has_downloaded_is_enough(built: Path, tmp_path: Path) -> None:
    version = importlib.metadata.version("apache-beam")
    cache = tmp_path / ".apache_beam" / "cache" / "prism" / "bin"
    cache.mkdir(parents=True)
    (cache / f"apache_beam-v{version}-prism-linux-amd64.zip").write_bytes(b"")
    assert prism.missing_prism(FLAGS, tmp_path) == ""
    assert prism.missing_prism((*FLAGS, "--prism_location=https://x/prism"), tmp_path) == ""


@pytest.mark.parametrize("flags", OTHERS, ids=str)
def test_other_runners_need_none(flags: tuple[str, ...], built: Path, tmp_path: Path) -> None:
    assert prism.with_prism(flags) == flags
    assert prism.missing_prism(flags, tmp_path) == ""
