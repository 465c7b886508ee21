"""The documents' commands for scripts and servers, with other ids and ports.

TensorFlow Serving's binary is not at hand: gRPC is answered by a server made of its own published
service definition, REST by our own server. Commands run in this process, as a shell would run them.
Which commands are held elsewhere, and which are not: tests/unit/test_documented_commands.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import gzip
import json
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

import pipeline.paths
from modules.config.options.releases import STABLE
from pipeline.cli.main import main
from pipeline.config import load_config, write_config
from serving import pushed_models
from serving.server import run
from serving.server.model_store import ModelStore
from tests.documents import PROJECT, Command, commands

DOCUMENT = (PROJECT / "docs" / "serving.md").read_text("utf-8")
# One document may repeat another's.
SCRIPTS = {
    command.text: command
    for command in commands()
    if command.text.startswith(("python ", "session-retrieval "))
}.values()
# Where they are run in earnest is said in tests/unit/test_documented_commands.py.
# test_click_refresh.py refreshes by clicks.
DONE = [
    command
    for command in SCRIPTS
    if command.words[1] in ("recommend", "batch")
    or (command.words[1] == "refresh" and "--items" in command.words)
]
COMPILED = [command for command in SCRIPTS if command.words[1] == "compile"]
SESSION = ["133278", "119698"]  # of the document


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers Predict of one model."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def Predict(self, request: Any, context: Any) -> Any:
        assert request.model_spec.name == "session-retrieval"
        signature = self._model.signatures[request.model_spec.signature_name]
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        for name, value in signature(**{k: tf.constant(v) for k, v in inputs.items()}).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response


@pytest.fixture
def grpc_port(saved_model: Any) -> Iterator[int]:
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(saved_model), server
    )
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield port
    server.stop(None).wait()


@pytest.fixture
def rest_port(trained: Any) -> Iterator[int]:
    server = run.start(ModelStore(lambda: {STABLE: trained.folder / "model"}))
    yield server.server_port
    server.shutdown()


@pytest.fixture
def session(sample: Any) -> list[str]:
    """Two items that the model knows, in place of the document's."""
    return list(sample.sessions["train"][0])[:2]


def _with_items(code: str, items: list[str]) -> str:
    for documented, known in zip(SESSION, items, strict=True):
        assert documented in code
        code = code.replace(documented, known)
    return code


def _recommended(model: Any, session: list[str], count: int) -> list[str]:
    (answer,) = pushed_models.recommend(model, [session], count)
    return [item.item_id for item in answer]


def test_grpc(
    grpc_port: int, session: list[str], saved_model: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(import grpc.*?)```", DOCUMENT, re.DOTALL)
    code = _with_items(code.replace("localhost:8500", f"localhost:{grpc_port}"), session)
    assert "timeout=1.0" in code  # the model's first answer may take longer on a busy machine
    code = code.replace("timeout=1.0", "timeout=60.0")

    exec(compile(code, "docs/serving.md", "exec"), {})

    printed = re.findall(r"b'(\w+)'", capsys.readouterr().out)
    assert printed == _recommended(saved_model, session, 10)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl(rest_port: int, session: list[str], saved_model: Any) -> None:
    commands = re.findall(r"^curl .*?'$", DOCUMENT, re.DOTALL | re.MULTILINE)
    answers = []
    for command in commands:
        ported = _with_items(command.replace("localhost:8501", f"localhost:{rest_port}"), session)
        done = subprocess.run(
            ["sh", "-c", ported], capture_output=True, timeout=60, check=True, text=True
        )
        answers.append(json.loads(done.stdout))

    plain, filtered = answers
    known = _recommended(saved_model, session, 100)
    assert plain["predictions"][0]["item_ids"][: len(known)] == known
    without_session = [item for item in known if item not in session]
    assert filtered["outputs"]["item_ids"] == [without_session[:10]]


class ReadError(Exception):
    """A script has read its options, and would begin to work."""


def _run_script(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs `python SCRIPT ...` or `session-retrieval ...` in a folder; ends as it does."""
    monkeypatch.chdir(folder)
    if words[0] == "session-retrieval":
        sys.exit(main(words[1:]))
    script = PROJECT / words[1]
    monkeypatch.setattr(sys, "argv", words[1:])
    monkeypatch.syspath_prepend(str(script.parent))
    runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize("command", SCRIPTS, ids=lambda command: command.text[7:60])
def test_scripts_read_the_documented_options(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = 0

    def stopping(parse: Callable[..., Any]) -> Callable[..., Any]:
        def parse_and_stop(*arguments: Any, **named: Any) -> Any:
            nonlocal reading
            reading += 1
            options = parse(*arguments, **named)
            reading -= 1
            if not reading:  # this was the outermost call: parsers call each other
                raise ReadError
            return options

        return parse_and_stop

    for name in ("parse_args", "parse_known_args"):
        parse = getattr(argparse.ArgumentParser, name)
        monkeypatch.setattr(argparse.ArgumentParser, name, stopping(parse))

    def invoke(command: click.Command, context: click.Context) -> Any:
        # A group looks for the command below it, if one is named.
        if not isinstance(command, click.Group) or context.invoked_subcommand is None:
            raise ReadError

    monkeypatch.setattr(click.Command, "invoke", invoke)
    with pytest.raises(ReadError):
        _run_script(command.words, tmp_path, monkeypatch)


@pytest.fixture
def checkout(trained: Any, sample: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the documents take for granted: a run's output, and the user's files."""
    out = tmp_path / "output" / "sample"
    shutil.copytree(trained.folder / "model", out / "pushed" / "1")
    write_config(load_config("sample"), out / "config.yaml")
    vocabulary = sample.vocabulary()
    (tmp_path / "in_stock.txt").write_bytes(b"\n".join(vocabulary.item_ids[:-1]))
    rows = [f"1\t{item}\t{1_700_000_000 + n}" for n, item in enumerate(sample.sessions["test"][0])]
    log = "\n".join(["SessionId\tItemId\tTime", *rows, ""])
    (tmp_path / "log.tsv").write_text(log, "utf-8")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "monday.tsv.gz").write_bytes(gzip.compress(log.encode()))
    for name, copied in {"my": "oss", "my-vertex": "vertex", "platform": "platform"}.items():
        shutil.copy(PROJECT / "kubeflow" / f"{copied}.yaml", tmp_path / f"{name}.yaml")
    monkeypatch.setattr(pipeline.paths, "PROJECT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "command",
    DONE,
    ids=lambda command: command.text[7:60],
)
def test_scripts_do_as_documented(
    command: Command,
    checkout: Path,
    rest_port: int,
    session: list[str],
    saved_model: Any,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    text = command.text.replace("localhost:8501", f"localhost:{rest_port}")
    for documented, known in zip(SESSION, session, strict=True):
        text = text.replace(documented, known)
    words = Command("", text).words

    with pytest.raises(SystemExit) as ended:
        _run_script(words, checkout, monkeypatch)

    printed = capfd.readouterr()
    assert ended.value.code == 0, printed.err
    if session[0] in text:
        count = int(words[words.index("-k") + 1]) if "-k" in words else 10
        answered = re.findall(r"^ *\d+  (\S+)", printed.out, re.MULTILINE)
        assert answered == _recommended(saved_model, session, count)
    elif "--to" in words:
        folder = checkout / words[words.index("--to") + 1]
        assert [file for file in folder.iterdir() if file.stat().st_size > 100]
    elif "refresh" in words:
        assert len(list((checkout / "output" / "sample" / "pushed").iterdir())) == 2


@pytest.mark.parametrize("command", COMPILED, ids=lambda command: command.text[27:60])
def test_compiles_as_documented(
    command: Command, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.paths, "PROJECT", PROJECT)

    with pytest.raises(SystemExit) as ended:
        _run_script(command.words, checkout, monkeypatch)

    assert ended.value.code == 0
    assert (checkout / command.words[-1]).stat().st_size > 10_000
