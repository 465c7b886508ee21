"""Vectors of new items, beside a slow reference that walks through sessions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import sparse

from modules.copies.new_vectors import (
    REACH,
    OwnFeatures,
    feature_shifts,
    mean_vectors,
    neighbor_weights,
    shifted_candidates,
)
from modules.copies.recent_clicks import RecentClicks
from modules.model.feature_vectors import FeatureVectors
from modules.model.item_features import encode


def clicks_of(*sessions: list[int]) -> RecentClicks:
    """Returns clicks of items by their numbers."""
    item = np.concatenate([np.array(session, np.int64) for session in sessions])
    ids = np.array([b"%d" % number for number in range(10)], object)
    return RecentClicks(
        session=np.repeat(np.arange(len(sessions)), [len(session) for session in sessions]),
        time=np.arange(len(item)),
        item=item,
        item_ids=ids,
        rejected=Counter(),
    )


def reference(sessions: list[list[int]], position: list[int], size: int) -> np.ndarray:
    weights = np.zeros([10, size])
    for session in sessions:
        for at, item in enumerate(session):
            for other, neighbor in enumerate(session):
                gap = abs(at - other)
                if position[item] < 0 <= position[neighbor] and 0 < gap <= REACH:
                    weights[item, position[neighbor]] += 1 / gap
    total = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_those_of_the_reference(seed: int) -> None:
    draw = np.random.default_rng(seed)
    sessions = [draw.integers(0, 10, draw.integers(1, 15)).tolist() for _ in range(20)]
    position = [3, 0, -1, 1, -1, 2, -1, -1, 4, -1]
    found = neighbor_weights(clicks_of(*sessions), np.array(position), 5)
    np.testing.assert_allclose(found.toarray(), reference(sessions, position, 5), atol=1e-12)


def test_an_item_beside_no_known_one_has_no_neighbor() -> None:
    position = np.array([0, -1, -1, -1, -1, -1, -1, -1, -1, -1])
    far = [0, *[2] * REACH, 1]
    found = neighbor_weights(clicks_of(far, [1], [3, 4]), position, 1).toarray()
    assert found[:, 0].tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]


def test_without_clicks_there_are_no_neighbors() -> None:
    found = neighbor_weights(clicks_of([]), np.full(10, -1), 4)
    assert found.shape == (10, 4) and not found.nnz


def test_means_are_weighted() -> None:
    position = np.array([0, 1, -1, -1, -1, -1, -1, -1, -1, -1])
    weights = neighbor_weights(clicks_of([0, 1, 2]), position, 2)
    vectors = np.array([[3.0, 0.0], [0.0, 3.0]], np.float32)
    found = mean_vectors(weights, vectors)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[2], [1.0, 2.0], rtol=1e-6)


def _own(normalize: bool = True) -> OwnFeatures:
    """Three items of the catalogue; new ones of kind b, of an unknown kind, and of none."""
    features = encode({"kind": [("a",), ("b",), ("a", "b")], "brand": [("x",), ("x",), ()]})
    table = np.array([[0, 0, 0, 0], [8, 0, 0, 0], [0, 4, 0, 0], [0, 0, 2, 0]], np.float32)
    model = FeatureVectors(features, (table,), members=2, normalize=normalize)
    return OwnFeatures(model, {"kind": [("b",), ("c",), ()], "brand": [(), (), ("x",)]})


def test_own_values_take_the_place_of_neighbors() -> None:
    """The first item has half of each neighbor's: of a 8, and of a and b the half."""
    weights = sparse.csr_matrix([[0.5, 0, 0.5], [1, 0, 0], [0, 0, 1]])
    (shift,) = feature_shifts(_own(), weights)
    assert shift[0].tolist() == [0 - 4 - 2, 4 - 1, 0, 0]
    assert not shift[1].any()  # an unknown value says nothing
    assert shift[2].tolist() == [0, 0, 2, 0]


def test_normalised_candidates_turn_and_keep_their_length() -> None:
    means = np.array([[0.3, 0.4, 0, 0.5]], np.float32)
    rows = np.array([[0, 7, 3, 4]], np.float32)
    found = shifted_candidates(means, rows, np.zeros_like(rows), _own().model)
    np.testing.assert_allclose(found, [[0, 0.5, 0.3, 0.4]], rtol=1e-6)
    nowhere = shifted_candidates(means, 0 * rows, rows, _own().model)
    np.testing.assert_array_equal(nowhere, means)


@pytest.mark.parametrize("normalize", [True, False])
def test_no_new_items_have_no_candidates(normalize: bool) -> None:
    """Clicks of known items alone refresh counts."""
    own = _own(normalize)._replace(values={"kind": [], "brand": []})
    (shift,) = feature_shifts(own, sparse.csr_matrix((0, 3)))
    assert shifted_candidates(shift, shift, shift, own.model).shape == (0, 4)


def test_other_candidates_are_rows_by_the_root_of_members() -> None:
    means, shift = np.ones([1, 4], np.float32), np.full([1, 4], 2, np.float32)
    found = shifted_candidates(means, means, shift, _own(normalize=False).model)
    np.testing.assert_allclose(found, 1 + 2 / np.sqrt(2), rtol=1e-6)
