"""The signatures of the exported model: what they return, and how they evaluate it."""

from __future__ import annotations

import collections
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions
from modules.data.vocabulary import Vocabulary
from modules.evaluation.ranks import UNRANKED, conservative_rank
from modules.model.two_tower import TwoTower
from modules.serving import recommender as serving
from modules.serving.exact_index import ExactIndex
from modules.serving.score_adjustments import SessionAdjustments
from modules.sessions.examples import ExampleEncoder

ITEMS = 130
WINDOW = 4
# The last five items are known, but too rare for the catalogue.
VOCABULARY = Vocabulary(
    np.array([b"item %d" % i for i in range(ITEMS + 5)], object),
    np.arange(ITEMS + 5, 0, -1),
    ITEMS,
)
SEEN = SessionAdjustments(current_item_penalty=3.0, earlier_item_boost=2.0)
RARE = f"item {ITEMS + 2}"


@pytest.fixture(scope="module")
def model() -> TwoTower:
    tf.keras.utils.set_random_seed(3)
    counts = tf.constant([0, 0, *VOCABULARY.counts[:ITEMS]], tf.int64)
    options = ModelOptions(embedding_dim=8, gru_units=6, copy_lags=2)
    model = TwoTower(counts, options, TrainerOptions())
    model.query_tower(tf.constant([[2, 3]]))
    for member in model.query_tower.members:
        member.copy_weights.assign([0.3, -0.2])
    model.candidate_tower.popularity_weight.assign(0.3)
    return model


@pytest.fixture(scope="module")
def signatures(model: TwoTower, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The signatures as they are exported; saved and loaded ones are in the integration tests."""
    return _signatures(model, tmp_path_factory, SessionAdjustments())


@pytest.fixture(scope="module")
def with_scalars(model: TwoTower, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Signatures that demote the current item and boost earlier ones."""
    return _signatures(model, tmp_path_factory, SEEN)


def _signatures(
    model: TwoTower,
    tmp_path_factory: pytest.TempPathFactory,
    seen: SessionAdjustments,
    own_items: bool = True,
) -> dict:
    file = str(tmp_path_factory.mktemp("recommender") / "item_ids.txt")
    recommender = serving.Recommender(model, VOCABULARY, WINDOW, file, seen, own_items)
    return {"module": recommender, **recommender.signatures()}


def _recommend(signatures: dict, *sessions: list[str]) -> list[list[bytes]]:
    batch = tf.ragged.constant(sessions, tf.string, ragged_rank=1).to_tensor("")
    return signatures["recommend"](item_ids=batch)["item_ids"].numpy().tolist()


def _example(session: list[str]) -> bytes:
    return ExampleEncoder().encode(b"", 0, [item.encode() for item in session], [])


def test_recommends_what_numpy_ranks_first(model: TwoTower, signatures: dict) -> None:
    query = model.query_tower(tf.constant([[2 + 7, 2 + 50]])).numpy()[0, -1]
    scores = model.candidate_tower.catalogue().numpy() @ query
    best = [b"item %d" % i for i in np.argsort(-scores, kind="stable")[:100]]
    assert _recommend(signatures, ["item 7", "item 50"]) == [best]


def test_every_function_is_saved_once(model: TwoTower, tmp_path: Path) -> None:
    """Loading takes a time that grows with their nodes."""
    file = str(tmp_path / "item_ids.txt")
    serving.export(model, VOCABULARY, WINDOW, file, str(tmp_path / "model"), SEEN)

    saved = SavedModel.FromString((tmp_path / "model" / "saved_model.pb").read_bytes())
    names = [one.signature.name for one in saved.meta_graphs[0].graph_def.library.function]
    signatures = [re.sub(r"^__inference_|_\d+$", "", name) for name in names]
    number = collections.Counter(signatures)
    for name in ("recommend", "recommend_examples", "recommend_filtered", "evaluate"):
        assert number[name] == 1, name


@pytest.fixture(scope="module")
def without_own(model: TwoTower, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Signatures that ignore unknown items, with score adjustments."""
    return _signatures(model, tmp_path_factory, SEEN, own_items=False)


@pytest.mark.parametrize("fixture", ["signatures", "without_own"])
def test_rare_and_padded_items_are_ignored(fixture: str, request: pytest.FixtureRequest) -> None:
    plain, noisy, before, between, behind = _recommend(
        request.getfixturevalue(fixture),
        ["item 7", "item 50"],
        [RARE, "item 7", RARE, "", "item 50", RARE],
        ["", "", "item 7", "item 50"],
        ["item 7", "", "", "item 50"],
        ["item 7", "item 50", "", ""],
    )
    assert plain == noisy == before == between == behind


def test_unknown_items_are_ignored_where_they_are_not_wanted(without_own: dict) -> None:
    plain, noisy, nothing, unknown = _recommend(
        without_own,
        ["item 7", "item 50"],
        ["never seen", "item 7", "", "item 50", "[PAD]", "[UNK]"],
        [""],
        ["never seen"],
    )
    assert plain == noisy
    assert nothing == unknown
    example = tf.constant([_example(["never seen", "item 7", "never seen", "item 50"])])
    judged = without_own["evaluate"](examples=example)
    np.testing.assert_array_equal(judged["rank"], judged["known_rank"])
    assert judged["rank"].numpy()[0, 1] == UNRANKED


def test_padding_and_oov_are_never_recommended(signatures: dict) -> None:
    # The notebook's index was built over bare positions, 0 and 1 among them.
    sessions = [["item 3"], [RARE], [""], ["item 1", "item 2", "item 2"]]
    answers = {item for answer in _recommend(signatures, *sessions) for item in answer}
    assert answers <= set(VOCABULARY.item_ids[:ITEMS])


def test_scores_fall_from_the_best_item_on(signatures: dict) -> None:
    batch = tf.constant([["item 7", "item 50"], ["", ""]])
    scores = signatures["recommend"](item_ids=batch)["scores"].numpy()
    assert scores.dtype == np.float32
    assert (np.diff(scores, axis=1) <= 0).all()
    assert scores[1].tolist() == [-position for position in range(100)]


def test_neighbours_in_the_batch_do_not_matter(signatures: dict) -> None:
    sessions = [["item 7"], [f"item {i}" for i in range(30)], [RARE], ["item 5", "item 6"]]
    batch = tf.ragged.constant(sessions, tf.string, ragged_rank=1).to_tensor("")

    together = signatures["recommend"](item_ids=batch)

    for row, session in enumerate(sessions):
        alone = signatures["recommend"](item_ids=tf.constant([session]))
        assert together["item_ids"][row].numpy().tolist() == alone["item_ids"][0].numpy().tolist()
        np.testing.assert_allclose(together["scores"][row], alone["scores"][0], atol=1e-5)


def test_sessions_without_a_known_item_get_the_most_popular(signatures: dict) -> None:
    popular = [b"item %d" % i for i in range(100)]
    nothing, unknown, rare, both = _recommend(
        signatures, [""], ["never seen", "new"], [RARE], [RARE, "new", RARE]
    )
    assert nothing == rare == popular
    assert unknown == [b"new", b"never seen", *popular[:98]]  # without adjustments the latest first
    assert both == [b"new", *popular[:99]]


def test_an_unknown_item_of_the_session_is_recommended_as_its_known_ones_are(
    with_scalars: dict,
) -> None:
    """With its neighbors' mean score and the boost; the last known item is no more current."""
    session = ["item 7", "new", "item 50"]
    answer = _scores(with_scalars, [*session, "other"])
    known = _scores(with_scalars, ["item 7", "item 50"])
    boost, penalty = SEEN.earlier_item_boost, SEEN.current_item_penalty
    first, second = known["item 7"] - boost, known["item 50"] + penalty
    mean, last = (first + second) / 2, (second + first / 3) / (1 + 1 / 3)
    assert answer["new"] == pytest.approx(mean + boost - 0.003, abs=1e-5)
    assert answer["other"] == pytest.approx(last - penalty - 0.001, abs=1e-5)
    assert answer["item 50"] == pytest.approx(second + boost, abs=1e-5)
    assert answer["item 7"] == pytest.approx(known["item 7"], abs=1e-5)
    own_earlier = _scores(with_scalars, session)
    assert own_earlier["item 50"] == pytest.approx(known["item 50"], abs=1e-5)


def test_own_items_in_the_batch_leave_other_sessions_as_they_are(with_scalars: dict) -> None:
    sessions = [["item 7", "item 50"], ["new", "item 7"], [""], [RARE, "item 5"]]
    together = _recommend(with_scalars, *sessions)
    assert together == [_recommend(with_scalars, session)[0] for session in sessions]
    assert b"new" in together[1]


def test_blanks_around_an_unknown_id_are_no_part_of_it(with_scalars: dict) -> None:
    spaced, bare = _recommend(
        with_scalars, ["item 7", " new", "new\u3000"], ["item 7", "new", "new"]
    )
    assert spaced == bare
    assert bare.count(b"new") == 1


def _scores(signatures: dict, session: list[str]) -> dict[str, float]:
    """Scores by item of a session, of all that are recommended."""
    answer = signatures["recommend_filtered"](
        item_ids=tf.constant([session]),
        k=tf.constant(ITEMS),
        exclude=tf.constant([[""]]),
        allow=tf.constant([[""]]),
        session_items=tf.constant("keep"),
    )
    ids = [item.decode() for item in answer["item_ids"].numpy()[0]]
    return dict(zip(ids, answer["scores"].numpy()[0].tolist(), strict=True))


def test_only_the_latest_items_of_a_long_session_count(signatures: dict) -> None:
    long = [f"item {i % ITEMS}" for i in range(10_000)]
    assert _recommend(signatures, long) == _recommend(signatures, long[-WINDOW:])


def test_examples_are_answered_like_raw_ids(signatures: dict) -> None:
    session = ["item 1", "item 99"]
    answer = signatures["serving_default"](examples=tf.constant([_example(session)]))
    assert answer["item_ids"].numpy().tolist() == _recommend(signatures, session)


def test_the_scalars_move_the_items_that_the_tower_sees(signatures: dict, with_scalars) -> None:
    session = tf.constant([["item 9", "item 7", "item 50", "item 7", "item 60", "item 3"]])

    def scores(module: dict) -> dict[bytes, float]:
        answer = module["recommend"](item_ids=session)
        return dict(zip(answer["item_ids"].numpy()[0], answer["scores"].numpy()[0], strict=True))

    plain, adjusted = scores(signatures), scores(with_scalars)
    moved = {item: adjusted[item] - plain[item] for item in plain.keys() & adjusted.keys()}
    expected = dict.fromkeys([b"item 7", b"item 50", b"item 60"], 2.0) | {b"item 3": -3.0}
    for item, difference in moved.items():  # item 9 is out of the window of four
        assert difference == pytest.approx(expected.get(item, 0.0), abs=1e-5)
    assert len(moved.keys() & expected.keys()) >= 2


@pytest.mark.parametrize("fixture", ["signatures", "with_scalars", "without_own"])
def test_every_step_is_evaluated_by_what_recommend_returns_for_its_prefix(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    signatures = request.getfixturevalue(fixture)
    random = np.random.default_rng(5)
    pool = [f"item {i}" for i in range(ITEMS)] + [RARE, "never seen", "new"] * 20
    sessions = [list(random.choice(pool, size)) for size in (2, 3, WINDOW + 1, WINDOW + 6, 12)]
    sessions.append(["item 4"])
    examples = tf.constant([_example(session) for session in sessions])
    judged = {name: v.numpy() for name, v in signatures["evaluate"](examples=examples).items()}
    for row, session in enumerate(sessions):
        for step, target in enumerate(session[1:]):
            prefix = session[: step + 1]
            without = [item for item in prefix if item.startswith("item")]
            for name, known in (("rank", prefix), ("known_rank", without)):
                rank = judged[name][row, step]
                answer = _recommend(signatures, known)[0]
                if target.encode() in answer:
                    assert rank == answer.index(target.encode()) + 1
                else:
                    assert rank > 100
        assert not judged["rank"][row, len(session) - 1 :].any()


def test_ranks_beyond_the_answer_equal_numpy(model: TwoTower, signatures: dict) -> None:
    """Of all places in the catalogue, not only of the first 100."""
    prefix, targets = ["item 7", "item 50"], range(0, ITEMS, 3)
    examples = [_example([*prefix, f"item {target}"]) for target in targets]
    rank = signatures["evaluate"](examples=tf.constant(examples))["rank"].numpy()[:, 1]

    query = model.query_tower(tf.constant([[2 + 7, 2 + 50]])).numpy()[0, -1:]
    scores = np.repeat(query @ model.candidate_tower.catalogue().numpy().T, len(targets), axis=0)
    assert rank.tolist() == conservative_rank(scores, np.array(targets)).tolist()
    assert rank.max() > 100


def test_a_session_is_evaluated_alike_in_any_batch(signatures: dict) -> None:
    random = np.random.default_rng(2)
    sessions = [[f"item {i}" for i in random.integers(0, ITEMS + 9, size)] for size in (1, 9, 2, 5)]
    together = signatures["evaluate"](examples=tf.constant([_example(s) for s in sessions]))
    for row, session in enumerate(sessions):
        alone = signatures["evaluate"](examples=tf.constant([_example(session)]))
        for name, values in alone.items():
            found = together[name].numpy()[row]
            assert found[: len(session) - 1].tolist() == values.numpy()[0].tolist(), name
            assert not found[len(session) - 1 :].any()


@pytest.mark.parametrize(
    ("sessions", "shape"), [([], [0, 0]), ([["item 3"]], [1, 0]), ([[], ["item 3"]], [2, 0])]
)
def test_batches_without_a_step_give_no_rank(
    signatures: dict, sessions: list[list[str]], shape: list[int]
) -> None:
    examples = tf.constant([_example(session) for session in sessions], tf.string)
    judged = signatures["evaluate"](examples=examples)
    assert {tuple(values.shape) for values in judged.values()} == {tuple(shape)}
    assert {values.dtype for values in judged.values()} == {tf.int64}
    assert signatures["eval_features"](examples=examples)["label"].shape == shape[:1]


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0, 0)])
def test_batches_without_items_are_answered(signatures: dict, shape: tuple[int, int]) -> None:
    answer = signatures["recommend"](item_ids=tf.zeros(shape, tf.string))["item_ids"].numpy()
    popular = [b"item %d" % i for i in range(100)]
    assert answer.tolist() == [popular] * shape[0]


def test_an_example_without_the_feature_is_a_session_without_items(signatures: dict) -> None:
    nothing = tf.constant([tf.train.Example().SerializeToString()])
    answer = signatures["serving_default"](examples=nothing)["item_ids"].numpy().tolist()
    assert answer == _recommend(signatures, [""])


def test_session_length_slices(signatures: dict) -> None:
    lengths = (1, 2, 3, 4, 5, 6, 10, 11, 200)
    examples = tf.constant([_example(["item 1"] * length) for length in lengths])
    features = signatures["eval_features"](examples=examples)
    buckets = [name.decode() for name in features["session_length_bucket"].numpy()]
    expected = ["0..1", "2", "3", "4..5", "4..5", "6..10", "6..10", "11..", "11.."]
    assert buckets == expected
    assert features["label"].numpy().tolist() == [1.0] * len(lengths)


class TestSmallCatalogue:
    """Fewer items than the 100 of a full answer; ids of any bytes."""

    IDS = ("b", "ö ä", "tab\tid", "{}", "0", "a,b")

    @pytest.fixture(scope="class")
    def small(self, tmp_path_factory: pytest.TempPathFactory) -> serving.Recommender:
        ids = np.array([item.encode() for item in self.IDS], object)
        vocabulary = Vocabulary(ids, np.arange(6, 0, -1), 5)
        tf.keras.utils.set_random_seed(4)
        counts = tf.constant([0, 0, 6, 5, 4, 3, 2], tf.int64)
        options = ModelOptions(embedding_dim=4, gru_units=4, copy_lags=1)
        model = TwoTower(counts, options, TrainerOptions())
        file = str(tmp_path_factory.mktemp("small") / "item_ids.txt")
        return serving.Recommender(model, vocabulary, WINDOW, file)

    def test_all_of_it_is_recommended(self, small: serving.Recommender) -> None:
        answer = small.recommend(tf.constant([["b", "tab\tid"], ["ö ä", ""]]))
        for items in answer["item_ids"].numpy().tolist():
            assert sorted(item.decode() for item in items) == sorted(self.IDS[:5])
        assert answer["scores"].shape == [2, 5]

    def test_every_id_is_found_again(self, small: serving.Recommender) -> None:
        found = small.embed_items(tf.constant([*self.IDS, "x"]))["in_catalogue"].numpy()
        assert found.tolist() == [True] * 5 + [False] * 2

    def test_equal_scores_are_ordered_by_popularity(self, small: serving.Recommender) -> None:
        (index,) = (module for module in small.submodules if isinstance(module, ExactIndex))
        columns = index._columns
        before = columns.value()
        columns.assign(tf.zeros_like(before))
        try:
            answer = small.recommend(tf.constant([["{}"]]))["item_ids"].numpy()[0].tolist()
        finally:
            columns.assign(before)
        assert answer == [item.encode() for item in self.IDS[:5]]


def test_what_a_step_is_known_by(signatures: dict) -> None:
    example = _example(["never seen", "item 3", RARE, "unseen", "item 5"])
    judged = signatures["evaluate"](examples=tf.constant([example]))
    counts = VOCABULARY.counts
    assert judged["known"].numpy().tolist() == [[0, 1, 0, 1]]
    assert judged["context_length"].numpy().tolist() == [[0, 1, 2, 2]]
    assert judged["target_count"].numpy().tolist() == [[counts[3], counts[ITEMS + 2], 0, counts[5]]]
    # Nothing known before it: answered by popularity, in which item 3 is the fourth. The item that
    # is not known comes first, but not in the known view.
    assert judged["known_rank"].numpy()[0, 0] == 4
    assert judged["rank"].numpy()[0, 0] == 5
    # Known but not in the catalogue, or unknown and not in the session: it is not recommended.
    for name in ("rank", "known_rank"):
        assert judged[name].numpy()[0, 1:3].tolist() == [UNRANKED] * 2


def test_context_length_counts_what_was_cut(signatures: dict) -> None:
    session = ["item 1"] * (WINDOW + 3)
    judged = signatures["evaluate"](examples=tf.constant([_example(session)]))
    assert judged["context_length"].numpy().tolist() == [list(range(1, WINDOW + 3))]
