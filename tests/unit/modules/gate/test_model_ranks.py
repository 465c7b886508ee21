"""Prefixes as queries, and models that cannot be called; ranks are in the integration tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from modules.gate.model_ranks import Model, UnusableModelError, prefixes
from modules.sessions.examples import ExampleEncoder, SessionBatch

SESSIONS = {b"a": [b"1", b"2", b"3"], b"b": [b"4"], b"c": [b"5", b"6"], b"d": []}


def _batch(sessions: dict[bytes, list[bytes]]) -> SessionBatch:
    items = [item for row in sessions.values() for item in row]
    offsets = np.cumsum([0, *map(len, sessions.values())])
    ids = np.array(list(sessions), object)
    times = np.zeros(len(items), np.int64)
    return SessionBatch(ids, ids, times[: len(ids)], np.array(items, object), times, offsets)


def _all(ids: np.ndarray) -> np.ndarray:
    return np.ones(len(ids), bool)


def test_every_step_is_a_prefix_with_its_target() -> None:
    (found,) = prefixes([_batch(SESSIONS)], _all, 60)
    assert found.items == [[b"1"], [b"1", b"2"], [b"5"]]
    assert found.target.tolist() == [b"2", b"3", b"6"]
    assert found.session_id.tolist() == [b"a", b"a", b"c"]
    assert found.session.tolist() == [0, 0, 2]
    assert found.step.tolist() == [0, 1, 0]


def test_sessions_that_are_not_selected_have_no_prefix() -> None:
    (found,) = prefixes([_batch(SESSIONS)], lambda ids: ids != b"a", 60)
    assert found.session_id.tolist() == [b"c"]
    assert list(prefixes([_batch(SESSIONS)], lambda ids: ids == b"b", 60)) == []


def test_batches_stay_within_their_cells_and_lose_no_prefix() -> None:
    sessions = {b"%d" % n: [b"x"] * length for n, length in enumerate((3, 40, 2, 7, 7, 90, 2))}
    found = list(prefixes([_batch(sessions), _batch(SESSIONS)], _all, 60, cells=60))
    for batch in found:
        assert len(batch.items) * max(map(len, batch.items)) <= 60 or len(batch.items) == 1
    steps = [len(items) for batch in found for items in batch.items]
    every = [*sessions.values(), *SESSIONS.values()]
    assert steps == [end for row in every for end in range(1, len(row))]
    numbers = np.concatenate([batch.session for batch in found])
    assert (np.diff(numbers) >= 0).all()


@pytest.mark.parametrize(
    ("items", "expected"), [(10_000_000, [2, 1]), (10**9, [1, 1, 1]), (0, [3]), (1_000, [3])]
)
def test_few_prefixes_of_a_large_catalogue_make_a_batch(items: int, expected: list[int]) -> None:
    found = list(prefixes([_batch(SESSIONS)], _all, items))
    assert [len(batch.items) for batch in found] == expected
    assert [row for batch in found for row in batch.items] == [[b"1"], [b"1", b"2"], [b"5"]]


class Constant(tf.Module):
    """Evaluates every session by the same answer."""

    def __init__(self, **outputs: list[list[int]]) -> None:
        super().__init__()
        self.outputs = outputs

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def evaluate(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return {name: tf.constant(value, tf.int64) for name, value in self.outputs.items()}

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.string, "item_ids")])
    def recommend(self, item_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"item_ids": item_ids}


def _model(folder: Path, module: tf.Module | None, *signatures: str) -> Model:
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    if module is not None:
        functions = {name: getattr(module, name) for name in signatures}
        tf.saved_model.save(module, str(folder / "Format-Serving"), signatures=functions)
    return Model(artifact)


STEP = {"rank": [[3]], "known": [[1]], "context_length": [[1]], "target_count": [[0]]}


@pytest.mark.parametrize("signatures", [None, ["evaluate"], ["recommend"]])
def test_a_model_that_is_missing_or_lacks_a_signature_is_refused(
    tmp_path: Path, signatures: list[str] | None
) -> None:
    with pytest.raises(UnusableModelError, match="cannot be loaded: "):
        if signatures is None:
            _model(tmp_path, None)
        else:
            _model(tmp_path, Constant(**STEP), *signatures)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({"rank": [[3]]}, "does not evaluate sessions: "),
        ({**STEP, "known": [[1, 1]]}, r"outputs of several shapes: rank \(1, 1\), known \(1, 2\)"),
        ({**STEP, "rank": [[1]]}, "must rank an item that it does not know behind all others"),
    ],
)
def test_a_model_that_evaluates_wrongly_is_refused(
    tmp_path: Path, outputs: dict[str, list[list[int]]], words: str
) -> None:
    model = _model(tmp_path, Constant(**outputs), "evaluate", "recommend")
    session = ExampleEncoder().encode(b"", 0, [b"a", b"b"], [0, 0])
    with pytest.raises(UnusableModelError, match=words):
        model.evaluate(np.array([session], object))


def test_a_model_that_recommends_without_scores_is_refused(tmp_path: Path) -> None:
    model = _model(tmp_path, Constant(**STEP), "evaluate", "recommend")
    assert model.known_items() is None
    with pytest.raises(UnusableModelError, match="does not recommend: "):
        model.recommend([[b"a"]], 5)
