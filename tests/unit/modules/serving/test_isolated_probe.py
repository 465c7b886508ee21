"""The probe's requests and answers are the same sessions and ids, whatever their bytes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from modules.serving import isolated_probe
from modules.sessions.examples import parse_sessions

SESSIONS = [["a", "ö"], [], ["\udcff\udcfe", "b", "c"]]
BYTES = [[b"a", "ö".encode()], [], [b"\xff\xfe", b"b", b"c"]]


def test_sessions_are_padded_and_serialized_without_loss() -> None:
    padded = isolated_probe.padded(SESSIONS).numpy().tolist()
    assert padded == [row + [b""] * (3 - len(row)) for row in BYTES]
    assert parse_sessions(isolated_probe.serialized(SESSIONS)).to_list() == BYTES


@pytest.mark.parametrize(("sessions", "shape"), [([], [0, 0]), ([[]], [1, 0]), ([["a"]], [1, 1])])
def test_sessions_without_items_keep_their_shape(sessions: list[list[str]], shape: Any) -> None:
    padded = isolated_probe.padded(sessions)
    assert (padded.shape, padded.dtype) == (shape, tf.string)
    assert isolated_probe.serialized(sessions).shape == shape[:1]


def test_an_answer_is_written_as_json_and_its_ids_read_back() -> None:
    answer = {"item_ids": tf.constant([[b"\xff", "ö".encode()]]), "scores": tf.constant([[1.5, 0]])}
    found = json.loads(json.dumps(isolated_probe.plain(answer)))
    assert found["scores"] == [[1.5, 0.0]]
    assert [isolated_probe.encode(item) for item in found["item_ids"][0]] == [b"\xff", b"\xc3\xb6"]


def test_each_request_is_timed_once_after_a_few_that_are_not() -> None:
    called: list[int] = []
    requests = [tf.constant(str(number)) for number in range(8)]
    calls = {"one": lambda request: called.append(int(request.numpy())), "other": lambda _: None}
    found = isolated_probe.timed(calls, requests)
    for kind in ("milliseconds", "cpu_milliseconds"):
        assert [len(found[kind][name]) for name in calls] == [8, 8] and min(found[kind]["one"]) > 0
    assert called == [*range(isolated_probe.WARM_UP), *range(8)]
    assert isolated_probe.timed(calls, [])["delay"] == 1


def test_a_call_that_waits_takes_time_but_no_cpu_time() -> None:
    found = isolated_probe.timed({"call": lambda _: time.sleep(0.02)}, [tf.constant("")] * 6)
    assert min(found["milliseconds"]["call"]) >= 20
    assert np.median(found["cpu_milliseconds"]["call"]) < 10


def test_the_program_reads_requests_and_writes_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, answered = tmp_path / "requests.json", tmp_path / "answers.json"
    sent.write_text(json.dumps({"real": SESSIONS}), "utf-8")
    words = ["probe", "MODEL", str(sent), str(answered), "OTHER"]
    monkeypatch.setattr("sys.argv", words)
    isolated_probe.main(lambda requests, *folders: {"folders": folders, "sent": requests})
    found = json.loads(answered.read_text("utf-8"))
    assert found == {"folders": ["MODEL", "OTHER"], "sent": {"real": SESSIONS}}
