"""Requests of a warm-up, written and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from modules.serving.warmup_requests import (
    BATCHES,
    replay_warmup_requests,
    write_warmup_requests,
)


@pytest.mark.parametrize("sessions", [[], [[b"a"], [b"b", b"\xff", b"c"]]])
def test_requests_come_back_with_their_sessions(tmp_path: Path, sessions: list[Any]) -> None:
    write_warmup_requests(str(tmp_path), sessions)
    found: list[Any] = []
    count = replay_warmup_requests(
        str(tmp_path), {"recommend": lambda item_ids: found.append(item_ids.numpy().tolist())}
    )
    assert count == len(found) == 2 * len(BATCHES)
    assert [len(rows) for rows in found] == [*BATCHES, *BATCHES]
    expected = [[b"a", b"", b""], [b"b", b"\xff", b"c"]] if sessions else [[b""]]
    assert found[1][: len(expected)] == expected
    assert all(any(item.endswith(b" unknown") for item in row) for row in found[-1])


def test_a_model_of_a_former_version_has_none(tmp_path: Path) -> None:
    assert replay_warmup_requests(str(tmp_path), {"recommend": tf.identity}) == 0
