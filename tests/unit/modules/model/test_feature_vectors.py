"""The file with what a model learned of features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modules.model.feature_vectors import (
    FILE,
    FeatureVectors,
    read_feature_vectors,
    write_feature_vectors,
)
from modules.model.item_features import encode

FEATURES = encode({"kind": [("é",), ("é", "b"), (), ("b",)], "brand": [("x",), ("x",), (), ()]})
TABLE = np.array([[9, 9], [1, 0], [0, 1], [4, 4]], np.float32)  # b, é, x
FOUND = FeatureVectors(FEATURES, (TABLE, 2 * TABLE), members=2, normalize=True)


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_feature_vectors(str(tmp_path), FOUND)
    found = read_feature_vectors(str(tmp_path))
    assert found is not None
    assert found.features.digest() == FEATURES.digest()
    assert found.columns == ("kind", "brand")
    assert (found.members, found.normalize) == (2, True)
    for table, written in zip(found.tables, FOUND.tables, strict=True):
        np.testing.assert_array_equal(table, written)


def test_a_column_adds_the_mean_of_an_items_values() -> None:
    of_kind = FOUND.of_catalogue("kind", TABLE)
    assert of_kind.tolist() == [[0, 1], [0.5, 0.5], [0, 0], [1, 0]]
    assert FOUND.of_catalogue("brand", TABLE).tolist() == [[4, 4], [4, 4], [0, 0], [0, 0]]


def test_a_model_without_features_has_no_file(tmp_path: Path) -> None:
    assert read_feature_vectors(str(tmp_path)) is None


@pytest.mark.parametrize("kept", [0, 10, 200])
def test_a_damaged_file_is_named(tmp_path: Path, kept: int) -> None:
    write_feature_vectors(str(tmp_path), FOUND)
    file = tmp_path / FILE
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"item_features\.npz is damaged"):
        read_feature_vectors(str(tmp_path))
