"""Copies of a real model that know more items, beside a model that is exported with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse

from modules.copies.grown_model import Additions, find_additions, grow, write_grown
from modules.copies.model_variables import COLUMNS, Variables
from modules.copies.new_vectors import OwnFeatures
from modules.copies.recent_clicks import RecentClicks, to_array
from modules.data.vocabulary import Vocabulary
from modules.files.model_folder import known_items
from modules.model.feature_vectors import FeatureVectors
from modules.model.item_features import encode
from modules.serving.recommender import export
from modules.sessions.examples import ExampleEncoder
from tests.small_model import ITEMS, make_model

RARE = 3
NAMES = [b"item %d" % number for number in range(ITEMS + RARE)]
"""The catalogue, and behind it items that are known but have no vector."""
COUNTS = np.arange(2 * (ITEMS + RARE), 0, -2)
WEIGHT = 0.7
SIZE = ITEMS


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    vocabulary = Vocabulary(to_array(NAMES), COUNTS, ITEMS)
    export(make_model(), vocabulary, 4, str(folder / "item_ids.txt"), str(folder / "model"))
    return str(folder / "model")


def clicks_of(*sessions: list[str]) -> RecentClicks:
    names = [name.encode() for session in sessions for name in session]
    place: dict[bytes, int] = {}
    item = np.array([place.setdefault(name, len(place)) for name in names], np.int64)
    number = np.repeat(np.arange(len(sessions)), [len(session) for session in sessions])
    return RecentClicks(number, np.arange(len(item)), item, to_array(list(place)), Counter())


def grown(model: str, folder: Path, *sessions: list[str], most: int = 100) -> Additions:
    variables = Variables(model)
    additions = find_additions(to_array(NAMES), ITEMS, clicks_of(*sessions), most)
    ids = grow(variables, to_array(NAMES), additions, WEIGHT)
    write_grown(model, str(folder), variables, ids)
    return additions


def _with_kinds(
    model: str, folder: Path, kind: str, others: Sequence[list[str]] = ()
) -> dict[str, np.ndarray]:
    """Adds an item of a kind between items 2 and 5, of which odd ones have kind b, others a."""
    features = encode({"kind": [("ab"[number % 2],) for number in range(ITEMS)]})
    table = np.zeros([3, 6], np.float32)
    table[1, 0], table[2, 1] = 1.0, 1.0
    own = OwnFeatures(
        FeatureVectors(features, (table,), members=1, normalize=True), {"kind": [(kind,)]}
    )
    variables = Variables(model)
    clicks = clicks_of(["item 2", "new", "item 5"], *others)
    additions = find_additions(to_array(NAMES), ITEMS, clicks, 100)
    write_grown(
        model, str(folder), variables, grow(variables, to_array(NAMES), additions, WEIGHT, own)
    )
    ids = list(known_items(str(folder)) or ())
    row = Variables(str(folder))["_table"][2 + ids.index(b"new")]
    copy = tf.saved_model.load(str(folder))
    vector = copy.signatures["embed_items"](item_ids=tf.constant(["new"]))["embedding"][0]
    return {"row": row, "vector": vector.numpy()[:-1]}


def test_a_new_item_has_the_vectors_of_its_own_values(model: str, tmp_path: Path) -> None:
    """Its neighbors have half of each kind; the candidate vector turns as the row does."""
    plain = _with_kinds(model, tmp_path / "plain", "unknown")
    of_a = _with_kinds(model, tmp_path / "a", "a")
    values = encode({"kind": [("a",), ("b",)] * 4 + [("a",)]}).values
    sign = 1 if values[0] == ("kind", "a") else -1
    shift = np.array([0.5 * sign, -0.5 * sign, 0, 0, 0, 0])
    np.testing.assert_allclose(of_a["row"], plain["row"] + shift, atol=1e-6)
    length = np.linalg.norm(plain["vector"])
    direction = of_a["row"] / np.linalg.norm(of_a["row"])
    np.testing.assert_allclose(of_a["vector"], length * direction, rtol=1e-5)


def test_neighbors_that_move_leave_a_new_items_own_values_alone(model: str, tmp_path: Path) -> None:
    """What is taken off for their features was in their trained vectors, not in the moved ones."""
    still = _with_kinds(model, tmp_path / "still", "a")
    others = [["item 5", "item 7"], ["item 2", "item 1"]] * 100
    moved = _with_kinds(model, tmp_path / "moved", "a", others)
    for name, value in still.items():
        np.testing.assert_allclose(moved[name], value, atol=1e-6)


def answer(model: Any, *sessions: list[str]) -> list[list[tuple[str, float]]]:
    item_ids = tf.ragged.constant(sessions, tf.string, ragged_rank=1).to_tensor("")
    found = model.signatures["recommend"](item_ids=item_ids)
    rows = zip(found["item_ids"].numpy(), found["scores"].numpy(), strict=True)
    return [[(i.decode(), float(s)) for i, s in zip(*row, strict=True)] for row in rows]


def test_without_clicks_the_copy_is_the_model(model: str, tmp_path: Path) -> None:
    additions = grown(model, tmp_path / "copy")
    assert not len(additions.ids) and not len(additions.items)
    sessions = (["item 3"], ["item 1", "new", "item 2"], ["new"], ["item 10"], [])
    was, now = tf.saved_model.load(model), tf.saved_model.load(str(tmp_path / "copy"))
    assert answer(now, *sessions) == answer(was, *sessions)
    assert known_items(str(tmp_path / "copy")) == tuple(NAMES)


def test_a_new_item_has_the_mean_of_its_neighbors_everywhere(model: str, tmp_path: Path) -> None:
    additions = grown(model, tmp_path / "copy", ["item 2", "new", "item 5"])
    assert additions.ids.tolist() == [b"new"] and additions.items.tolist() == [ITEMS + RARE]
    copy = tf.saved_model.load(str(tmp_path / "copy"))
    vectors = copy.signatures["embed_items"](
        item_ids=tf.constant(["new", "item 2", "item 5", "item 10"])
    )
    assert vectors["in_catalogue"].numpy().tolist() == [True, True, True, False]
    new = vectors["embedding"].numpy()[0]
    before = tf.saved_model.load(model).signatures["embed_items"](
        item_ids=tf.constant(["item 2", "item 5"])
    )
    second, fifth = before["embedding"].numpy()
    np.testing.assert_allclose(new[:-1], (second[:-1] + fifth[:-1]) / 2, rtol=1e-5)
    assert new[-1] == 0  # one click: the logarithm is 0
    table, trained = Variables(str(tmp_path / "copy"))["_table"], Variables(model)["_table"][2:]
    ids = list(known_items(str(tmp_path / "copy")) or ())
    np.testing.assert_allclose(table[2 + ids.index(b"new")], (trained[2] + trained[5]) / 2, 1e-5)
    # In a session it counts, and it is answered.
    (after,) = answer(copy, ["new"])
    assert "new" in dict(after) and after[0][1] > 0


def test_trained_items_move_towards_their_new_neighbors(model: str, tmp_path: Path) -> None:
    grown(model, tmp_path / "copy", *[["item 2", "item 5"]] * 200)
    was, now = Variables(model), Variables(str(tmp_path / "copy"))
    ids = now.ids.tolist()
    rows = {name: ids.index(name) for name in (b"item 2", b"item 5", b"item 7")}

    def close(one: np.ndarray, other: np.ndarray) -> float:
        return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))

    before, after = was[COLUMNS][:-2].T, now[COLUMNS][:-2].T
    table_before, table_after = was["_table"][2:], now["_table"][2:]
    for old, new in ((before, after), (table_before, table_after)):
        second, fifth, seventh = (new[rows[name]] for name in rows)
        assert close(second, fifth) > close(old[2], old[5]) + 0.01
        np.testing.assert_allclose(np.linalg.norm(second), np.linalg.norm(old[2]), rtol=1e-5)
        np.testing.assert_array_equal(seventh, old[7])


def test_trained_items_move_less_by_clicks_of_a_sampled_training(model: str) -> None:
    clicks = clicks_of(*[["item 2", "item 5", "item 10"]] * 20)
    distances = []
    for weight in (1.0, 0.1):
        variables = Variables(model)
        was = variables[COLUMNS][:-2].T
        weighted = clicks._replace(weight=np.full(len(clicks.time), weight))
        additions = find_additions(to_array(NAMES), ITEMS, weighted, 9)
        ids = grow(variables, to_array(NAMES), additions, WEIGHT).tolist()
        now = variables[COLUMNS][:-2].T
        moved = [np.linalg.norm(now[ids.index(b"item %d" % n)] - was[n]) for n in (2, 5)]
        distances.append(moved)
    assert np.all(np.array(distances[1]) < distances[0]) and np.all(np.array(distances[1]) > 0)


def test_every_signature_answers_as_a_model_exported_with_the_items(
    model: str, tmp_path: Path
) -> None:
    """The copy's graph was traced for fewer items."""
    sessions = (["item 2", "new", "item 5"], ["item 1", "item 10", "new"], ["item 8", "item 8"])
    grown(model, tmp_path / "copy", *sessions)
    copy = tf.saved_model.load(str(tmp_path / "copy"))
    ids = known_items(str(tmp_path / "copy")) or ()
    variables = Variables(str(tmp_path / "copy"))
    size = len(variables.ids)
    assert size == ITEMS + 2 and len(ids) == ITEMS + RARE + 1

    # The same items with the same vectors, in a graph that is traced for their number.
    fresh, weights = make_model(counts=tf.range(size + 2, 0, -1, tf.int64)), make_model()
    for weight, small in zip(fresh.query_tower.weights, weights.query_tower.weights, strict=True):
        is_table = weight.shape != small.shape
        weight.assign(variables["_table"] if is_table else small)
    vocabulary = Vocabulary(to_array(list(ids)), variables["_items/_counts"], size)
    scratch = tmp_path / "ids" / "item_ids.txt"
    scratch.parent.mkdir()
    export(fresh, vocabulary, 4, str(scratch), str(tmp_path / "fresh"))
    expected = tf.saved_model.load(str(tmp_path / "fresh"))
    columns = expected._index._columns
    columns.assign(variables[COLUMNS])  # popularity included

    asked = (["new", "item 1"], ["item 10"], ["stranger", "item 4"], ["item 12"], [])
    found, wanted = answer(copy, *asked), answer(expected, *asked)
    for row, of_row in zip(found, wanted, strict=True):
        assert [item for item, _ in row][:ITEMS] == [item for item, _ in of_row][:ITEMS]
    encode = ExampleEncoder().encode
    names = [b"new", b"item 1", b"stranger", b"item 10", b"stranger", b"item 2"]
    example = encode(b"s", 1, names, list(range(len(names))))
    for name in ("evaluate", "eval_features"):
        of_copy, of_fresh = (
            one.signatures[name](examples=tf.constant([example])) for one in (copy, expected)
        )
        for key, value in of_fresh.items():
            np.testing.assert_array_equal(of_copy[key], value, f"{name} {key}")


def test_counts_and_popularity_follow_the_clicks(model: str, tmp_path: Path) -> None:
    often = ["item 8"] * 60
    grown(model, tmp_path / "copy", often)
    variables = Variables(str(tmp_path / "copy"))
    assert variables.ids[0] == b"item 8"
    assert variables["_items/_counts"][0] == COUNTS[8] + 60
    expected = WEIGHT * np.log(COUNTS[8] + 60) / 10
    np.testing.assert_allclose(variables[COLUMNS][-2, 0], expected, rtol=1e-6)
    copy = tf.saved_model.load(str(tmp_path / "copy"))
    assert answer(copy, [])[0][0][0] == "item 8"
    unchanged = tf.saved_model.load(model)
    (score,) = (dict(answer(m, ["item 1"])[0])["item 3"] for m in [copy])
    assert score == pytest.approx(dict(answer(unchanged, ["item 1"])[0])["item 3"], rel=1e-6)


def test_clicks_of_a_sampled_training_count_less(model: str) -> None:
    clicks = clicks_of(["item 8", *["item 3"] * 4, "new"])
    variables = Variables(model)
    before = variables["_items/_counts"]
    weighted = clicks._replace(weight=np.full(6, 0.5))
    additions = find_additions(to_array(NAMES), ITEMS, weighted, 9)
    ids = grow(variables, to_array(NAMES), additions, WEIGHT).tolist()
    counts = dict(zip(ids, variables["_items/_counts"].tolist(), strict=True))
    assert variables["_items/_counts"].dtype == before.dtype
    assert counts[b"item 3"] == COUNTS[3] + 2
    assert counts[b"new"] == 1  # of half an event
    of_catalogue = variables["_items/_counts"][: len(variables.ids)].tolist()
    assert of_catalogue == sorted(of_catalogue, reverse=True)


def test_a_known_item_without_a_vector_gets_one(model: str, tmp_path: Path) -> None:
    rare = f"item {ITEMS + 1}"
    additions = grown(model, tmp_path / "copy", ["item 2", rare])
    assert not len(additions.ids) and additions.items.tolist() == [ITEMS + 1]
    ids = known_items(str(tmp_path / "copy")) or ()
    assert sorted(ids) == sorted(NAMES)
    copy = tf.saved_model.load(str(tmp_path / "copy"))
    assert rare in dict(answer(copy, ["item 2"])[0])


def test_items_beside_no_known_one_stay_unknown(model: str, tmp_path: Path) -> None:
    additions = grown(model, tmp_path / "copy", ["new", "other"], ["lonely"])
    assert (additions.unplaced, len(additions.ids)) == (3, 0)
    copy = tf.saved_model.load(str(tmp_path / "copy"))
    assert answer(copy, ["new", "item 1"]) == answer(tf.saved_model.load(model), ["new", "item 1"])


def test_the_most_clicked_new_items_are_taken(model: str, tmp_path: Path) -> None:
    sessions = [["item 1", "few"], ["item 1", "many"], ["item 2", "many"], ["item 3", "some"]]
    additions = grown(model, tmp_path / "copy", *sessions, ["some", "item 2"], most=2)
    assert (additions.ids.tolist(), additions.left_out) == ([b"many", b"some"], 1)


def test_withdrawn_items_stay_withdrawn(model: str, tmp_path: Path) -> None:
    variables = Variables(model)
    offered = np.arange(ITEMS) != 2
    variables.restrict(offered)
    additions = find_additions(to_array(NAMES), ITEMS, clicks_of(["item 1", "new"]), 9)
    grow(variables, to_array(NAMES), additions, WEIGHT)
    names = variables.ids.tolist()
    assert [names[at] for at in np.flatnonzero(~variables.recommendable())] == [b"item 2"]


def test_two_copies_in_one_process_have_tables_of_their_own(model: str, tmp_path: Path) -> None:
    copies = []
    for name in ("one", "two"):
        grown(model, tmp_path / name, ["item 2", name])
        copies.append(tf.saved_model.load(str(tmp_path / name)))
    for copy, mine, other in zip(copies, ("one", "two"), ("two", "one"), strict=True):
        found = copy.signatures["embed_items"](item_ids=tf.constant([mine, other]))
        assert found["in_catalogue"].numpy().tolist() == [True, False]


def test_the_model_itself_stays_as_it_was(model: str, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in Path(model).rglob("*") if file.is_file()}
    grown(model, tmp_path / "copy", ["item 2", "new"])
    assert {file: file.read_bytes() for file in Path(model).rglob("*") if file.is_file()} == before


def test_additions_of_a_million_clicks_take_seconds() -> None:
    draw = np.random.default_rng(1)
    count = 300_000
    item = draw.integers(0, 20_000, count)
    ids = to_array([b"%d" % number for number in range(20_000)])
    session = np.arange(count) // 5
    clicks = RecentClicks(session, np.arange(count), item, ids, Counter())
    known = to_array([b"%d" % number for number in range(0, 20_000, 2)])
    additions = find_additions(known, len(known), clicks, 100_000)
    assert isinstance(additions.weights, sparse.csr_matrix) and len(additions.ids) == 10_000
