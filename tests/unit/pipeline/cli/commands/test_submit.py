"""`session-retrieval submit`: what it refuses before it calls a server.

Calls of a server are in tests/integration/test_kubeflow_submit.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.paths import PROJECT

EXAMPLE = str(PROJECT / "kubeflow" / "examples" / "sample-oss.yaml")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "none.yaml"], "none.yaml is not usable:\n  No such file"),
        (["run", EXAMPLE, "--parameter", "max_epochs=many"], "max_epochs must be a whole number"),
        (["run", EXAMPLE, "--pipeline-root", "/tmp"], "the pipeline root must start with"),
        (["upload", EXAMPLE, "--token-file", "none"], "--token-file cannot be read: No such file"),
        (["upload", EXAMPLE, "--host", "shop"], "--host must be a URL such as http://localhost"),
        (["upload", EXAMPLE], "--host must be a URL such as http://localhost:8080, got ''"),
    ],
)
def test_what_cannot_be_submitted_gets_a_sentence_and_status_1(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KFP_HOST", raising=False)
    assert main(["submit", *words]) == 1
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


def test_a_token_that_is_not_text_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    assert main(["submit", "upload", EXAMPLE, "--token-file", str(tmp_path / "token")]) == 1
    assert "--token-file cannot be read: 'utf-8' codec" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["schedule", EXAMPLE], "Missing option '--cron'"),
        (["upload", EXAMPLE, "--cron", "0 0 4 * * *"], "No such option"),
        (["run"], "Missing argument 'FILE'"),
    ],
)
def test_options_belong_to_their_action(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", *words]) == 2
    assert message in capsys.readouterr().err
