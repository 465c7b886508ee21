"""States on disk: whole, or refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from modules.training.state_files import read_state, state_digest, write_state
from modules.training.training_state import TrainingState

STATE = TrainingState(
    np.array([b"a", b"\xff no UTF-8", b"c"], object),
    {"embedding_dim": 2, "normalize": True},
    (np.arange(10, dtype=np.float32).reshape(5, 2), np.float32(0.5)),
    "LazyAdam",
    17,
    (np.ones((5, 2), np.float32),),
)


def test_a_state_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_state(STATE, str(tmp_path / "state"))
    found = read_state(str(tmp_path / "state"))
    assert found.item_ids.tolist() == STATE.item_ids.tolist()
    for read, written in zip(
        (*found.weights, *found.slots), (*STATE.weights, *STATE.slots), strict=True
    ):
        np.testing.assert_array_equal(read, written)
    assert (found.shape, found.optimizer, found.iteration) == (STATE.shape, "LazyAdam", 17)
    assert found.weights[0].dtype == np.float32


def test_the_digest_is_that_of_the_values(tmp_path: Path) -> None:
    for name, iteration in (("one", 17), ("same", 17), ("other", 18)):
        write_state(dataclasses.replace(STATE, iteration=iteration), str(tmp_path / name))
    one, same, other = (state_digest(str(tmp_path / name)) for name in ("one", "same", "other"))
    assert one == same != other


@pytest.mark.parametrize("content", [None, b"", b"[]", b"other", b"\xff"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    write_state(STATE, str(tmp_path / "whole"))
    for name in sorted(file.name for file in (tmp_path / "whole").iterdir()):
        folder = tmp_path / f"without {name}"
        write_state(STATE, str(folder))
        (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
        with pytest.raises(ValueError, match=r"." if name == "digests.json" else name):
            read_state(str(folder))
