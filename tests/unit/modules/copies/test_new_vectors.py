"""Vectors of new items."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from modules.copies.new_vectors import (
    OwnFeatures,
    feature_shifts,
    mean_vectors,
    shifted_candidates,
)
from modules.model.feature_vectors import FeatureVectors
from modules.model.item_features import encode


def test_means_are_weighted() -> None:
    vectors = np.array([[3.0, 0.0], [0.0, 3.0]], np.float32)
    found = mean_vectors(sparse.csr_matrix([[1 / 3, 2 / 3], [0, 0]]), vectors)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[1.0, 2.0], [0, 0]], rtol=1e-6)


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
