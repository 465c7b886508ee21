"""Requests with filters, ids of any bytes, and vectors for other stores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions
from modules.data.vocabulary import Vocabulary
from modules.files.characters import BLANKS
from modules.model.two_tower import TwoTower
from modules.serving.recommender import Recommender
from modules.serving.score_adjustments import SessionAdjustments

# Ids of invalid UTF-8, blanks and tabs; the last one is known, but outside the catalogue.
IDS = [b"a", b"b", b"\xff\xfe", b"c c", b"tab\tid", b"\xe2\x82", b"d", b"0", b"rare"]
SIZE = len(IDS) - 1
WINDOW = 3


@pytest.fixture(scope="module")
def recommender(tmp_path_factory: pytest.TempPathFactory) -> Recommender:
    tf.keras.utils.set_random_seed(8)
    counts = np.arange(len(IDS), 0, -1)
    options = ModelOptions(embedding_dim=4, gru_units=4, copy_lags=2)
    model = TwoTower(tf.constant([0, 0, *counts[:SIZE]], tf.int64), options, TrainerOptions())
    model.candidate_tower.popularity_weight.assign(0.3)
    file = str(tmp_path_factory.mktemp("requests") / "item_ids.txt")
    vocabulary = Vocabulary(np.array(IDS, object), counts, SIZE)
    return Recommender(model, vocabulary, WINDOW, file, SessionAdjustments(0.7, 0.4))


def _batch(rows: list[list[bytes]]) -> tf.Tensor:
    return tf.ragged.constant(rows, tf.string, ragged_rank=1).to_tensor(b"")


def _recommend(
    recommender: Recommender,
    sessions: list[list[bytes]],
    k: int = SIZE,
    exclude: list[list[bytes]] | None = None,
    allow: list[list[bytes]] | None = None,
    session_items: str = "keep",
) -> tuple[list[list[bytes]], np.ndarray]:
    nothing: list[list[bytes]] = [[] for _ in sessions]
    answer = recommender.recommend_filtered(
        _batch(sessions),
        tf.constant(k),
        _batch(exclude or nothing),
        _batch(allow or nothing),
        tf.constant(session_items),
    )
    return answer["item_ids"].numpy().tolist(), answer["scores"].numpy()


SESSIONS = [[b"a", b"d"], [b"\xff\xfe"], [b"0", b"b", b"a", b"tab\tid", b"b"], [], [b"rare", b"x"]]


def test_without_filters_it_recommends_the_same(recommender: Recommender) -> None:
    plain = recommender.recommend(_batch(SESSIONS))

    items, scores = _recommend(recommender, SESSIONS)

    assert items == plain["item_ids"].numpy().tolist()
    np.testing.assert_allclose(scores, plain["scores"], rtol=1e-6)


@pytest.mark.parametrize("k", [1, 3, SIZE, SIZE + 1, 10**6])
def test_k_items_are_recommended_or_the_whole_catalogue(recommender: Recommender, k: int) -> None:
    everything, _ = _recommend(recommender, SESSIONS)

    items, scores = _recommend(recommender, SESSIONS, k=k)

    assert items == [row[:k] for row in everything]
    assert scores.shape == (len(SESSIONS), min(k, SIZE))


@pytest.mark.parametrize("blanks", [*BLANKS, BLANKS, "\ufeff \u3000\t"])
def test_blanks_around_an_id_are_ignored(recommender: Recommender, blanks: str) -> None:
    """The same blanks as in the log: one rule for training and requests."""
    blank = blanks.encode()
    plain, scores = _recommend(recommender, SESSIONS, exclude=[[b"c c"]] * len(SESSIONS))
    padded = [[blank + item + blank for item in row] for row in SESSIONS]

    items, found = _recommend(recommender, padded, exclude=[[blank + b"c c"]] * len(SESSIONS))

    assert items == plain
    np.testing.assert_array_equal(found, scores)


def test_what_looks_like_a_blank_only_in_part_stays(recommender: Recommender) -> None:
    """Single bytes of a blank in UTF-8 are not blanks, and blanks inside an id belong to it."""
    ids = [[b"a\xa0"], [b"a\x85"], [b"\xe2\x80a"], [b"a\x1f"], ["a\u200b".encode()], [b"cc"]]
    (nothing_known,), _ = _recommend(recommender, [[]])
    for (item,), answer in zip(ids, _recommend(recommender, ids)[0], strict=True):
        assert answer == [item, *nothing_known][:SIZE]


def test_exclusions_apply_to_their_row(recommender: Recommender) -> None:
    everything, _ = _recommend(recommender, SESSIONS)
    exclude = [[b"b", b"0"], [], [b"never seen", b"rare"], [b"a", b"a"], [b"\xe2\x82"]]

    items, scores = _recommend(recommender, SESSIONS, k=6, exclude=exclude)

    kept = [
        [i for i in row if i not in gone] for row, gone in zip(everything, exclude, strict=True)
    ]
    assert items == [row[:6] for row in kept]
    assert np.isfinite(scores).all()


def test_an_allow_list_excludes_all_others(recommender: Recommender) -> None:
    everything, _ = _recommend(recommender, SESSIONS)
    allow = [[b"b", b"0"], [], [b"never seen"], [b"d", b"rare", b"a"], [b"\xff\xfe"]]

    items, scores = _recommend(recommender, SESSIONS, k=3, allow=allow)

    for row, found, score, wanted in zip(everything, items, scores, allow, strict=True):
        expected = [item for item in row if not wanted or item in wanted][:3]
        missing = 3 - len(expected)
        assert found == expected + [b""] * missing
        assert np.isneginf(score).tolist() == [False] * len(expected) + [True] * missing


def test_excluded_wins_over_allowed(recommender: Recommender) -> None:
    items, _ = _recommend(recommender, [[b"a"]], k=2, exclude=[[b"b"]], allow=[[b"b", b"d"]])

    assert items == [[b"d", b""]]


def test_session_items_are_dropped_or_demoted(recommender: Recommender) -> None:
    """The whole session counts, not only the latest items, which the query tower sees."""
    everything, _ = _recommend(recommender, SESSIONS)

    dropped, _ = _recommend(recommender, SESSIONS, session_items="drop")
    demoted, scores = _recommend(recommender, SESSIONS, session_items="demote")

    *known, unknown = zip(everything, SESSIONS, dropped, demoted, strict=True)
    for row, session, without, behind in known:
        new = [item for item in row if item not in session]
        seen = [item for item in row if item in session]
        assert without == new + [b""] * len(seen)
        assert behind == new + seen
    assert unknown[0] == [b"x", *IDS[:SIZE]][:SIZE]
    assert unknown[2] == unknown[3] == IDS[:SIZE]  # x is behind all that are recommended
    assert (np.diff(scores, axis=1) <= 0).all()
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("session", [[b"a", b"x", b"d", b"y"], [b"x", b"y"], [b"rare", b"y", b"x"]])
def test_filters_hold_for_items_of_the_session_that_the_model_does_not_know(
    recommender: Recommender, session: list[bytes]
) -> None:
    own = {b"x", b"y"}

    def answer(k: int = SIZE, **rules: Any) -> list[bytes]:
        return _recommend(recommender, [session], k, **rules)[0][0]

    everything = answer(allow=[[*IDS[:4], b"d", b"x", b"y"]])
    assert own < {*everything}
    without = answer(exclude=[[b"x\t", b"rare"]])
    assert b"x" not in without
    assert without[: SIZE - 1] == [item for item in answer() if item != b"x"]
    assert answer(k=3, allow=[[b" y", b"b", b"z"]]) in ([b"y", b"b", b""], [b"b", b"y", b""])
    assert answer(allow=[[b"b", b"c c"]], k=3)[2] == b""
    assert not own & {*answer(session_items="drop")}
    allowed = [[b"b", b"x", b"y", b"0"]]
    behind = answer(k=4, allow=allowed, session_items="demote")
    assert {*behind[:2]} == {b"b", b"0"} and {*behind[2:]} == own
    kept = [item for item in answer(k=4, allow=allowed) if item in own]
    assert behind[2:] == kept
    assert answer(k=4, allow=allowed, session_items="drop")[2:] == [b"", b""]


def test_all_filters_at_once(recommender: Recommender) -> None:
    session = [[b"a", b"b"]]
    everything, _ = _recommend(recommender, session)

    items, _ = _recommend(
        recommender, session, 4, [[b"c c"]], [[b"b", b"c c", b"d", b"0"]], session_items="demote"
    )

    assert items == [[i for i in everything[0] if i in (b"d", b"0")] + [b"b", b""]]


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"k": 0}, "k must be at least 1"),
        ({"k": -3}, "k must be at least 1"),
        ({"session_items": "hide"}, "session_items must be one of keep, demote, drop, got"),
        ({"session_items": ""}, "session_items must be one of keep, demote, drop, got"),
    ],
)
def test_an_invalid_filter_is_an_error(
    recommender: Recommender, filters: dict[str, Any], words: str
) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        _recommend(recommender, [[b"a"]], **filters)


def test_no_session_gets_no_answer(recommender: Recommender) -> None:
    items, scores = _recommend(recommender, [], k=3)

    assert items == []
    assert scores.shape == (0, 3)


def test_long_sessions_and_long_lists(recommender: Recommender) -> None:
    random = np.random.default_rng(1)
    long = [IDS[i] for i in random.integers(0, SIZE, 10_000)]
    unknown = [b"unknown %d" % i for i in range(10_000)]

    items, _ = _recommend(recommender, [long], exclude=[[*unknown, b"d"]])

    expected, _ = _recommend(recommender, [long[-WINDOW:]], exclude=[[b"d"]])
    assert items == expected
    assert _recommend(recommender, [long], session_items="drop")[0] == [[b""] * SIZE]


def test_ids_of_invalid_utf8_are_found_and_recommended(recommender: Recommender) -> None:
    answer = recommender.recommend(tf.constant([[b"\xff\xfe", b"\xe2\x82"]]))

    assert sorted(answer["item_ids"].numpy()[0]) == sorted(IDS[:SIZE])
    embedded = recommender.embed_items(tf.constant([b"\xff\xfe", b"\xe2\x82", b"\xff"]))
    assert embedded["in_catalogue"].numpy().tolist() == [True, True, False]


def test_embeddings_give_the_scores_of_items_outside_the_session(recommender: Recommender) -> None:
    query = recommender.embed_query(_batch(SESSIONS))
    items = recommender.embed_items(tf.constant([*IDS, b"x"]))
    products = query["embedding"].numpy() @ items["embedding"].numpy().T

    answer = recommender.recommend(_batch(SESSIONS))

    assert query["context_length"].numpy().tolist() == [2, 1, 5, 0, 0]
    assert items["in_catalogue"].numpy().tolist() == [True] * SIZE + [False, False]
    assert not items["embedding"].numpy()[SIZE:].any()
    assert not query["embedding"].numpy()[3:].any()
    for row, session in enumerate(SESSIONS[:3]):
        found = zip(answer["item_ids"].numpy()[row], answer["scores"].numpy()[row], strict=True)
        for item, score in found:
            place = IDS.index(item)
            if item not in session[-WINDOW:]:
                assert products[row, place] == pytest.approx(score, abs=1e-5)
