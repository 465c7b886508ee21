"""A model with an approximate index answers as the exact one, by the same interface."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from modules.ann.recommender import (
    ApproximateRecommender,
    Signature,
    catalogue_size,
    load_recommender,
)
from modules.sessions.examples import ExampleEncoder
from tests.small_model import ITEMS

SESSIONS = [[b"item 3", b"item 5"], [b"item 1"] * 7, [b"rare", b"item 8", b"x"], [b"rare"], []]


@pytest.fixture(scope="module")
def approximate(index_folder: Path) -> Any:
    return load_recommender(str(index_folder))


@pytest.mark.parametrize("name", ["recommend", "serving_default"])
def test_where_all_items_are_rescored_its_answers_are_the_exact_ones(
    approximate: Any, exact: Any, name: str
) -> None:
    inputs = {"item_ids": tf.ragged.constant(SESSIONS, tf.string, ragged_rank=1).to_tensor("")}
    if name == "serving_default":
        encode = ExampleEncoder().encode
        inputs = {"examples": tf.constant([encode(b"", 0, row, []) for row in SESSIONS])}
    expected = exact.signatures[name](**inputs)
    found = approximate.signatures[name](**inputs)
    np.testing.assert_array_equal(found["item_ids"], expected["item_ids"])
    np.testing.assert_allclose(found["scores"], expected["scores"], rtol=1e-5, atol=1e-5)


def test_its_signatures_say_what_they_take(approximate: Any, exact: Any) -> None:
    for name, signature in approximate.signatures.items():
        _, inputs = signature.structured_input_signature
        _, expected = exact.signatures[name].structured_input_signature
        assert {key: (spec.shape.rank, spec.dtype) for key, spec in inputs.items()} == {
            key: (spec.shape.rank, spec.dtype) for key, spec in expected.items()
        }


def test_either_kind_of_model_is_loaded(approximate: Any, exact_folder: Path) -> None:
    assert isinstance(approximate, ApproximateRecommender)
    exact = load_recommender(str(exact_folder))
    assert set(approximate.signatures) < set(exact.signatures)
    assert catalogue_size(exact) == catalogue_size(approximate) == ITEMS  # `rare` does not count
    assert catalogue_size(tf.Module()) == 0


def test_a_signature_takes_its_input_by_name() -> None:
    signature = Signature(tf.TensorSpec([None], tf.int32, "numbers"), lambda n: {"next": n + 1})
    assert signature(numbers=[1, 2])["next"].numpy().tolist() == [2, 3]
    with pytest.raises(KeyError):
        signature(other=[1])


@pytest.mark.parametrize("folder", ["exact_folder", "index_folder"])
def test_tables_of_a_model_that_nothing_refers_to_are_freed(
    folder: str, request: pytest.FixtureRequest
) -> None:
    path = str(request.getfixturevalue(folder))
    first, second = load_recommender(path), load_recommender(path)
    loaded = first._model if folder == "index_folder" else first
    tables = [
        each.resource_handle
        for each in tf.train.TrackableView(loaded).descendants()
        if isinstance(each, tf.saved_model.experimental.TrackableResource)
    ]
    assert tables and all(tf.raw_ops.LookupTableSizeV2(table_handle=one) > 0 for one in tables)
    session = tf.constant([["item 3", "item 5"]])
    before = second.signatures["recommend"](item_ids=session)["item_ids"].numpy()
    del first, loaded
    gc.collect()
    for table in tables:
        with pytest.raises(tf.errors.NotFoundError):
            tf.raw_ops.LookupTableSizeV2(table_handle=table)
    # One with the same list of ids has a table of its own.
    after = second.signatures["recommend"](item_ids=session)["item_ids"].numpy()
    np.testing.assert_array_equal(after, before)
