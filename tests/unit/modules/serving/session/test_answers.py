"""Answers to sessions: what own items change, and that nothing else does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from modules.data.vocabulary import Vocabulary
from modules.serving.exact_index import ExactIndex
from modules.serving.item_lookup import ItemLookup, bare_ids
from modules.serving.request_filters import Filters
from modules.serving.score_adjustments import SessionAdjustments
from modules.serving.session.answers import SessionAnswers
from modules.serving.session_scorer import SessionScorer
from tests.small_model import ITEMS, make_model

IDS = [b"i%d" % number for number in range(ITEMS)]
KNOWN = [["i0", "i3"], ["i5"], ["", "i1", "i1"]]
OTHERS = [["i0", "x", "i3"], ["x", "y"], ["i5", "y", "i2"]]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ItemLookup, ExactIndex, SessionScorer]:
    folder: Path = tmp_path_factory.mktemp("answers")
    vocabulary = Vocabulary(np.array(IDS, object), np.arange(ITEMS, 0, -1), ITEMS)
    model = make_model()
    index = ExactIndex(model.candidate_tower.catalogue())
    scorer = SessionScorer(model.query_tower, index, 3, SessionAdjustments(1.5, 0.5))
    return ItemLookup(vocabulary, str(folder / "ids")), index, scorer


@pytest.fixture(scope="module")
def answers(parts: tuple[ItemLookup, ExactIndex, SessionScorer]) -> SessionAnswers:
    return SessionAnswers(*parts, own_items=True)


@pytest.fixture(scope="module")
def ignoring(parts: tuple[ItemLookup, ExactIndex, SessionScorer]) -> SessionAnswers:
    return SessionAnswers(*parts, own_items=False)


def _batch(sessions: list[list[str]]) -> tf.Tensor:
    return tf.ragged.constant(sessions, tf.string, ragged_rank=1).to_tensor("")


def _filters(rows: int, session_items: str = "keep") -> Filters:
    nothing = tf.fill([rows, 1], "")
    return Filters(nothing, nothing, tf.constant(session_items))


@pytest.mark.parametrize("k", [2, ITEMS])
def test_sessions_of_known_items_are_answered_as_if_own_items_were_ignored(
    answers: SessionAnswers, ignoring: SessionAnswers, k: int
) -> None:
    """To the last digit, own items in the batch or not."""
    for sessions in (KNOWN, [*KNOWN, ["i2"]]):
        batch, filters = _batch(sessions), _filters(len(sessions))
        found = answers.recommend(answers.session(batch))
        expected = ignoring.recommend(ignoring.session(batch))
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)
        found = answers.filtered(answers.session(batch), filters, tf.constant(k))
        expected = ignoring.filtered(ignoring.session(batch), filters, tf.constant(k))
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)
    beside = answers.recommend(answers.session(_batch([*KNOWN, *OTHERS])))
    expected = ignoring.recommend(ignoring.session(_batch([*KNOWN, *OTHERS])))
    for name, values in expected.items():
        np.testing.assert_array_equal(beside[name][: len(KNOWN)], values[: len(KNOWN)])


def test_own_items_are_answered_with_or_without_filters_and_ignored_where_not_wanted(
    answers: SessionAnswers, ignoring: SessionAnswers
) -> None:
    session = answers.session(_batch(OTHERS))
    found = answers.recommend(session)["item_ids"].numpy()
    assert [b"x" in found[0], *found[1, :2].tolist(), b"y" in found[2]] == [True, b"x", b"y", True]
    kept = answers.filtered(session, _filters(3), tf.constant(ITEMS))["item_ids"]
    np.testing.assert_array_equal(kept, found)
    dropped = answers.filtered(session, _filters(3, "drop"), tf.constant(ITEMS))["item_ids"]
    assert not {b"x", b"y"} & {*dropped.numpy().ravel()}
    ignored = ignoring.recommend(ignoring.session(_batch(OTHERS)))["item_ids"]
    assert not {b"x", b"y"} & {*ignored.numpy().ravel()}


def test_the_state_holds_own_items_where_there_are_some(answers: SessionAnswers) -> None:
    none = answers.state(answers.session(_batch(KNOWN)))
    assert none["own_ids"].shape == none["own_bonus"].shape == [0, 0]
    some = answers.state(answers.session(_batch(OTHERS)))
    assert some["own_ids"].numpy().tolist() == [
        [b"", b"x", b""],
        [b"x", b"y", b""],
        [b"", b"y", b""],
    ]
    assert some["own_alone"].numpy()[1].tolist() == [2.0, 1.0, -np.inf]
    assert some["own_weights"].numpy()[0, 1].sum() == pytest.approx(1)


def test_ranks_are_those_of_the_answers_with_and_without_own_items(
    answers: SessionAnswers, ignoring: SessionAnswers
) -> None:
    sessions = [["i0", "x", "i3", "x"], ["x", "y", "i2"], ["i1", "i1"]]
    ids = bare_ids(tf.ragged.constant(sessions, tf.string))
    positions = tf.ragged.map_flat_values(_position, ids)
    rank, known_rank = (ranks.numpy() for ranks in answers.step_ranks(ids, positions))
    for ranks in ignoring.step_ranks(ids, positions):
        np.testing.assert_array_equal(ranks, known_rank)
    row = 0
    for session in sessions:
        for end in range(1, len(session)):
            target = session[end].encode()
            answer = answers.recommend(answers.session(_batch([session[:end]])))
            found = answer["item_ids"].numpy()[0].tolist()
            place = found.index(target) + 1 if target in found else None
            assert place == rank[row] or (place is None and rank[row] > ITEMS)
            row += 1


def test_ranks_do_not_need_those_without_own_items(answers: SessionAnswers) -> None:
    """So that a function that returns the first alone has fewer loops over the catalogue."""

    def loops(count: int) -> int:
        spec = tf.RaggedTensorSpec([None, None], tf.string)

        @tf.function(input_signature=[spec], autograph=False)
        def ranks(ids: tf.RaggedTensor) -> list[tf.Tensor]:
            positions = tf.ragged.map_flat_values(
                lambda flat: tf.where(flat == "x", tf.constant(-1, tf.int64), 0), ids
            )
            return list(answers.step_ranks(ids, positions))[:count]

        traced = ranks.get_concrete_function()
        waiting, reached = [tensor.op for tensor in traced.outputs], set()
        while waiting:
            op = waiting.pop()
            if op.name not in reached:
                reached.add(op.name)
                waiting += [each.op for each in op.inputs]
        while_ops = [op for op in traced.graph.get_operations() if "While" in op.type]
        return sum(op.name in reached for op in while_ops)

    assert loops(2) == 3
    assert loops(1) == 2


def _position(ids: tf.Tensor) -> tf.Tensor:
    known = {item: place for place, item in enumerate(IDS)}
    return tf.constant([known.get(item, -1) for item in ids.numpy().tolist()], tf.int64)
