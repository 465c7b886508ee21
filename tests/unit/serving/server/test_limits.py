"""How much one request may hold."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from modules.ann.recommender import Signature
from serving.server.calls import run
from serving.server.http.predict_api import read_request
from serving.server.limits import Limits
from serving.server.model_store import ModelStore, ServedModel
from serving.server.request_values import RequestError
from tests.echo_model import TEXT, call, example, filtered, post, too_large

LIMITS = Limits(rows=50, answers=1_000, session_items=20)


@pytest.mark.parametrize(
    ("signature", "inputs", "message"),
    [
        ("recommend", [5] * 51, "51 rows are too many for one request: at most 50."),
        (
            "recommend",
            [["a"]] * 11,
            "11 rows times 100 answers are too many for one request: at most 1,000 in all. Send "
            "fewer rows in each of several requests, or set a smaller k",
        ),
        ("recommend_filtered", filtered(k=1_001), "1 rows times 1,001 answers are too many"),
        ("recommend_filtered", filtered(k=2**31 - 1), "1 rows times 2,147,483,647 answers"),
        (
            "recommend_filtered",
            filtered(k=1, item_ids=[["a"]] * 51),
            "51 rows are too many for one request: at most 50. Send several requests.",
        ),
        ("recommend", [["a"] * 21], "A session of 21 items is too long: at most 20"),
        ("serving_default", [example(*["i"] * 21)], "A session of 21 items is too long"),
        ("evaluate", [example(*["i"] * 20)] * 3, "60 steps are too many for one request"),
    ],
)
def test_too_large_a_request_is_413_before_anything_is_computed(
    echo_store: ModelStore, signature: str, inputs: Any, message: str
) -> None:
    assert too_large(echo_store, signature, inputs, LIMITS).startswith(message)


def test_a_request_at_the_limits_is_answered(echo_store: ModelStore) -> None:
    for signature, inputs in (
        ("recommend", [["a"] * 20] * 10),
        ("recommend_filtered", filtered(k=20, item_ids=[["a"]] * 50)),
        ("evaluate", [example(*["i"] * 20)] * 2),
    ):
        call(echo_store, signature, inputs, LIMITS)


@pytest.mark.parametrize(
    ("signature", "rows", "status"),
    [
        ("recommend", 500, 200),
        ("recommend", 501, 413),
        ("embed_items", 10_000, 200),
        ("embed_query", 10_000, 200),
        ("eval_features", 10_000, 200),
    ],
)
def test_a_huge_catalogue_takes_fewer_rows_and_scores_few_at_once(
    signature: str, rows: int, status: int
) -> None:
    seen = []

    def ask(items: tf.Tensor) -> dict[str, tf.Tensor]:
        seen.append(len(items))
        return {"item_ids": items}

    # What a model with an approximate index has for signatures.
    signatures = {signature: Signature(tf.TensorSpec([None, 1], TEXT, "item_ids"), ask)}
    body = {"signature_name": signature, "inputs": [["a"]] * rows}
    try:
        model = ServedModel(Path("7"), signatures, 1_000_000, (), frozenset(), None)
        run(read_request(model, json.dumps(body).encode(), Limits()).call)
    except RequestError as error:
        assert (error.status, seen) == (status, [])
        assert str(error).startswith(f"{rows:,} rows are too many for one request: at most 500.")
    else:
        assert status == 200
        assert sum(seen) == rows and max(seen) == 16


def test_no_answer_is_longer_than_the_catalogue(echo_store: ModelStore) -> None:
    body = {"signature_name": "recommend_filtered", "inputs": filtered(k=2**31 - 1)}
    model = dataclasses.replace(echo_store.current, catalogue_size=800)
    assert read_request(model, json.dumps(body).encode(), LIMITS).call.rows == 1


def test_a_request_beyond_the_limits_over_http(echo_server: Any) -> None:
    body = {"signature_name": "recommend", "inputs": [["a"]] * 100_000}
    status, answer = post(echo_server, json.dumps(body).encode())
    assert status == 413
    assert answer["error"].startswith("100,000 rows are too many for one request: at most 10,000.")
