"""What a model with an approximate index keeps of the exact one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from modules.ann.export import OldModelError, catalogue_vectors, export
from modules.ann.pq_index import CodeOptions, PQIndex, holds_index
from modules.files.model_folder import known_items
from tests.small_model import make_model


def test_vectors_are_those_of_the_catalogue_in_the_order_of_positions(exact: Any) -> None:
    expected = make_model().candidate_tower.catalogue()
    np.testing.assert_allclose(catalogue_vectors(exact), expected, rtol=1e-6)


def test_it_keeps_the_ids_and_the_states_of_sessions_and_no_vectors_in_the_graph(
    exact: Any, exact_folder: Path, index_folder: Path
) -> None:
    assert holds_index(str(index_folder)) and not holds_index(str(exact_folder))
    assert known_items(str(index_folder)) == known_items(str(exact_folder))
    model = tf.saved_model.load(str(index_folder))
    assert set(model.signatures) == {"session_state", "session_state_of_examples"}
    sessions = tf.constant([["item 3", "item 4"], ["", "never seen"]])
    state = model.signatures["session_state"](item_ids=sessions)
    for name, expected in exact.session_state(sessions).items():
        np.testing.assert_array_equal(state[name], expected)
    reader = tf.train.load_checkpoint(str(index_folder / "variables" / "variables"))
    assert not [name for name in reader.get_variable_to_shape_map() if "_index" in name]


def test_the_index_is_built_of_the_models_vectors(index_folder: Path, exact: Any) -> None:
    from modules.ann.pq_index import INDEX_FOLDER

    index = PQIndex.load(str(index_folder / INDEX_FOLDER))
    vectors = catalogue_vectors(exact)
    none = np.zeros((len(vectors), 0))
    scores, _ = index.top(vectors, none.astype(np.int64), none.astype(np.float32), 3)
    np.testing.assert_allclose(scores, -np.sort(-vectors @ vectors.T)[:, :3], rtol=1e-5)


class Old(tf.Module):
    """A model of another version."""

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.string)])
    def session_state(self, item_ids: tf.Tensor) -> tf.Tensor:
        return item_ids


def test_a_model_of_an_older_version_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    tf.saved_model.save(Old(), str(tmp_path / "old"))
    with pytest.raises(
        OldModelError, match=r"has no _items, _index, _scorer, _answers: .*\. Train it again\."
    ):
        export(str(tmp_path / "old"), str(tmp_path / "new"), CodeOptions(1, 100))
    assert not (tmp_path / "new").exists()
