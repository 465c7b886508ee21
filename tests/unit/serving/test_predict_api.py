"""Requests of the predict API: what a value must be, how much one may ask, and parts of many rows.

The model is a small one that tells what it was asked, so that nothing has to be trained.
"""

from __future__ import annotations

import base64
import dataclasses
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from werkzeug import test

from modules.ann.recommender import Signature
from serving import rest_server
from serving.client import Client, ServerError
from serving.limits import Limits
from serving.model_store import ModelStore
from serving.predict_api import predict
from serving.request_values import RequestError

PREDICT = "/v1/models/session-retrieval:predict"
TEXT, NUMBER = tf.string, tf.int32


class Echo(tf.Module):
    """Has the inputs of the exported model, and answers how many rows it saw at once."""

    @tf.function(input_signature=[tf.TensorSpec([None, None], TEXT, "item_ids")])
    def recommend(self, item_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        items = item_ids[:, :2]
        rows = tf.cast(tf.shape(items)[0], tf.float32)
        return {"item_ids": items, "scores": tf.fill(tf.shape(items), rows)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], TEXT, "item_ids"),
            tf.TensorSpec([], NUMBER, "k"),
            tf.TensorSpec([None, None], TEXT, "exclude"),
            tf.TensorSpec([], TEXT, "session_items"),
        ]
    )
    def filtered(
        self, item_ids: tf.Tensor, k: tf.Tensor, exclude: tf.Tensor, session_items: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        with tf.control_dependencies([tf.debugging.assert_positive(k, "k must be at least 1")]):
            rows = tf.shape(item_ids)[0]
        is_keep = tf.equal(session_items, "keep")
        with tf.control_dependencies([tf.Assert(is_keep, ["must be keep, got", session_items])]):
            rows = tf.identity(rows)
        return {"item_ids": item_ids, "exclude": tf.broadcast_to(exclude[:, :1], [rows, 1])}

    @tf.function(input_signature=[tf.TensorSpec([None], TEXT, "examples")])
    def evaluate(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = {"item_ids": tf.io.RaggedFeature(TEXT, row_splits_dtype=tf.int64)}
        items = tf.io.parse_example(examples, spec)["item_ids"].to_tensor("")
        shape = tf.repeat(tf.shape(items)[None], tf.shape(items)[0], axis=0)
        return {"shape": shape}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "weights")])
    def weigh(self, weights: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"weights": weights}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pushed") / "7"
    model = Echo()
    signatures = {
        "recommend": model.recommend,
        "recommend_filtered": model.filtered,
        "serving_default": model.evaluate,
        "evaluate": model.evaluate,
        "weigh": model.weigh,
    }
    tf.saved_model.save(model, str(folder), signatures=signatures)
    return folder


@pytest.fixture(scope="module")
def store(folder: Path) -> ModelStore:
    return ModelStore(lambda: folder)


@pytest.fixture(scope="module")
def server(store: ModelStore) -> Iterator[Any]:
    server = rest_server.start(store, "localhost", 0)
    yield server
    server.shutdown()


def _ask(store: ModelStore, signature: str, inputs: Any, limits: Limits = Limits()) -> Any:  # noqa: B008
    body = json.dumps({"signature_name": signature, "inputs": inputs}).encode()
    return predict(store.current.signatures, body, limits)["outputs"]


def _refused(store: ModelStore, signature: str, inputs: Any, limits: Limits = Limits()) -> str:  # noqa: B008
    with pytest.raises(RequestError) as error:
        _ask(store, signature, inputs, limits)
    assert error.value.status == 400
    return str(error.value)


def _too_large(store: ModelStore, signature: str, inputs: Any, limits: Limits) -> str:
    with pytest.raises(RequestError) as error:
        _ask(store, signature, inputs, limits)
    assert error.value.status == 413
    return str(error.value)


def _filtered(**changes: Any) -> dict[str, Any]:
    given = {"item_ids": [["a"]], "k": 10, "exclude": [[""]], "session_items": "keep", **changes}
    return {name: value for name, value in given.items() if value is not ...}


def _example(*items: str) -> dict[str, str]:
    values = tf.train.BytesList(value=[item.encode() for item in items])
    features = tf.train.Features(feature={"item_ids": tf.train.Feature(bytes_list=values)})
    serialized = tf.train.Example(features=features).SerializeToString()
    return {"b64": base64.b64encode(serialized).decode()}


WHOLE = "k must be a whole number from -2147483648 to 2147483647, got "


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": "10"}, f'{WHOLE}"10".'),
        ({"k": 10.5}, f"{WHOLE}10.5."),
        ({"k": True}, f"{WHOLE}true."),
        ({"k": None}, f"{WHOLE}null."),
        ({"k": [10]}, f"{WHOLE}[10]."),
        ({"k": 2**31}, f"{WHOLE}2147483648."),
        ({"k": float("nan")}, f"{WHOLE}NaN."),
        ({"k": 0}, "k must be at least 1, got '0'."),
        ({"k": -3}, "k must be at least 1, got '-3'."),
        ({"k": ...}, "inputs must have exactly exclude, item_ids, k, session_items; missing: k."),
        (
            {"k": ..., "K": 3},
            "inputs must have exactly exclude, item_ids, k, session_items; missing: k; "
            "unknown: 'K'.",
        ),
        ({"session_items": "x"}, "must be keep, got 'x'."),
        ({"session_items": {"b64": "//79"}}, r"must be keep, got '\\xff\\xfe\\xfd'."),
        ({"session_items": 1}, "session_items must be a string, got 1."),
        ({"session_items": ["keep"]}, 'session_items must be a string, got ["keep"].'),
        ({"item_ids": [["a", 5]]}, "item_ids[0][1] must be a string, got 5."),
        ({"item_ids": [["a", None]]}, "item_ids[0][1] must be a string, got null."),
        ({"item_ids": [["a"], "b"]}, 'item_ids[1] must be a list, each a string, got "b".'),
        ({"item_ids": ["a"]}, 'item_ids[0] must be a list, each a string, got "a".'),
        (
            {"item_ids": "a"},
            "item_ids must be a list of lists of one length (pad them with ''), each a string, "
            'got "a".',
        ),
        (
            {"item_ids": [["a"], ["a", "b"]]},
            "item_ids must have rows of one length (pad them with ''), got 1 values in item_ids[0] "
            "and 2 in item_ids[1].",
        ),
        ({"item_ids": [["\ud800"]]}, "item_ids[0][0] has half of a surrogate pair"),
        ({"item_ids": [[{"b64": "?"}]]}, 'item_ids[0][0] is not valid base64: {"b64": "?"}.'),
        ({"item_ids": [[{"b64": 1}]]}, 'item_ids[0][0] is not valid base64: {"b64": 1}.'),
        ({"item_ids": [[{"B64": ""}]]}, 'item_ids[0][0] must be a string, got {"B64": ""}.'),
        (
            {"exclude": [["a"]], "item_ids": [["a"], ["b"]]},
            "exclude must have a row for each of the 2 sessions in item_ids, or be [['']], got 1 "
            "rows.",
        ),
        (
            {"exclude": [[""], [""]]},
            "exclude must have a row for each of the 1 sessions in item_ids, or be [['']], got 2 "
            "rows.",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_it_must_be(
    store: ModelStore, changes: dict[str, Any], message: str
) -> None:
    assert _refused(store, "recommend_filtered", _filtered(**changes)).startswith(message)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (["1"], 'weights[0] must be a number, got "1".'),
        ([1, False], "weights[1] must be a number, got false."),
        ([1e39], "weights[0] must be a number, got 1e+39."),
        (1, "weights must be a list, each a number, got 1."),
    ],
)
def test_numbers_are_checked_too(store: ModelStore, weights: Any, message: str) -> None:
    assert _refused(store, "weigh", weights) == message
    assert _ask(store, "weigh", [1, 0.5]) == [1, 0.5]


def test_a_huge_value_is_quoted_in_part(store: ModelStore) -> None:
    huge = "x" * 1_000_000
    for inputs in ({"k": huge}, {huge: 1}, {"item_ids": huge}, {"item_ids": [[{huge: 1}]]}):
        message = _refused(store, "recommend_filtered", _filtered(**inputs))
        assert len(message) < 500 and "more characters" in message
    with pytest.raises(RequestError) as error:
        predict(store.current.signatures, json.dumps({"instances": [{huge: 1}]}).encode())
    assert len(str(error.value)) < 500
    assert "more characters" in _refused(store, huge, [])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"signature_name": "weigh", "inputs": "\\ud800"}', 'each a number, got "\\ud800".'),
        ('{"signature_name": "weigh", "inputs": ["\\udc00"]}', 'a number, got "\\udc00".'),
        ('{"instances": [{"\\ud800": 1}]}', 'must be a string, got {"\\ud800": 1}.'),
        ('{"signature_name": "\\ud800", "inputs": 1}', "No signature '\\ud800'; there are"),
        ('{"signature_name": ["\\ud800"], "inputs": 1}', 'No signature ["\\ud800"]; there are'),
    ],
)
def test_what_json_can_hold_and_an_answer_cannot_is_refused_in_json(
    server: Any, body: str, message: str
) -> None:
    status, answer = _post(server, body.encode())
    assert status == 400 and message in answer["error"]


def test_deeply_nested_values_are_refused_in_json(server: Any) -> None:
    """Python reads JSON a little deeper than it writes it, how deep depends on its version."""
    for depth in (100, *range(900, 1_000, 3), 3_000, 100_000):
        nested = "[" * depth + "]" * depth
        for name, inputs in (('"weigh"', f"[{nested}]"), (nested, "1")):
            body = f'{{"signature_name": {name}, "inputs": {inputs}}}'
            status, answer = _post(server, body.encode())
            assert status == 400 and len(answer["error"]) < 500


def test_the_page_finds_known_items_whatever_blanks_are_around_them(store: ModelStore) -> None:
    served = ModelStore(lambda: store.current.folder)
    served.current = dataclasses.replace(store.current, known=frozenset({"a"}))
    found = test.Client(rest_server.App(served)).get("/items?is=%C2%A0a%EF%BB%BF&is=b")
    assert found.get_json() == {"item_ids": ["\u00a0a\ufeff"]}


def test_many_rows_are_answered_a_part_at_a_time(store: ModelStore) -> None:
    sessions = [[f"a{number}", ""] for number in range(200)]
    found = _ask(store, "recommend", sessions)
    assert found["item_ids"] == sessions
    assert max(rows for rows, _ in found["scores"]) <= 64
    for exclude in ([[""]], [[f"x{number}"] for number in range(200)]):
        found = _ask(store, "recommend_filtered", _filtered(item_ids=sessions, exclude=exclude))
        assert found["item_ids"] == sessions
        assert found["exclude"] == exclude * (200 // len(exclude))


@pytest.mark.parametrize("sessions", [[], [[]], [[], []], [["a"]] * 64, [["a"]] * 65])
def test_edges_of_the_parts(store: ModelStore, sessions: list[list[str]]) -> None:
    assert _ask(store, "recommend", sessions)["item_ids"] == sessions


def test_a_long_example_among_many_pads_few_of_them(store: ModelStore) -> None:
    examples = [_example(*["i"] * 9_000), *[_example("i")] * 300]
    shapes = _ask(store, "serving_default", examples)
    assert shapes[0][1] == 9_000
    assert max(rows * length for rows, length in shapes) <= 1 << 20


def test_a_broken_example_is_an_error_of_the_request(store: ModelStore) -> None:
    for broken in ("no example", {"b64": "//79"}):
        assert "parse" in _refused(store, "serving_default", [broken])


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
        ("recommend_filtered", _filtered(k=1_001), "1 rows times 1,001 answers are too many"),
        ("recommend_filtered", _filtered(k=2**31 - 1), "1 rows times 2,147,483,647 answers"),
        (
            "recommend_filtered",
            _filtered(k=1, item_ids=[["a"]] * 51),
            "51 rows are too many for one request: at most 50. Send several requests.",
        ),
        ("recommend", [["a"] * 21], "A session of 21 items is too long: at most 20"),
        ("serving_default", [_example(*["i"] * 21)], "A session of 21 items is too long"),
        ("evaluate", [_example(*["i"] * 20)] * 3, "60 steps are too many for one request"),
    ],
)
def test_too_large_a_request_is_413_before_anything_is_computed(
    store: ModelStore, signature: str, inputs: Any, message: str
) -> None:
    assert _too_large(store, signature, inputs, LIMITS).startswith(message)


def test_a_request_at_the_limits_is_answered(store: ModelStore) -> None:
    for signature, inputs in (
        ("recommend", [["a"] * 20] * 10),
        ("recommend_filtered", _filtered(k=20, item_ids=[["a"]] * 50)),
        ("evaluate", [_example(*["i"] * 20)] * 2),
    ):
        _ask(store, signature, inputs, LIMITS)


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
        predict(signatures, json.dumps(body).encode(), catalogue_size=1_000_000)
    except RequestError as error:
        assert (error.status, seen) == (status, [])
        assert str(error).startswith(f"{rows:,} rows are too many for one request: at most 500.")
    else:
        assert status == 200
        assert sum(seen) == rows and max(seen) == 16


def test_what_tensorflow_says_is_cut(store: ModelStore) -> None:
    assert len(_refused(store, "serving_default", ["no example" * 100_000])) < 1_100


def test_no_answer_is_longer_than_the_catalogue(store: ModelStore) -> None:
    body = {"signature_name": "recommend_filtered", "inputs": _filtered(k=2**31 - 1)}
    predict(store.current.signatures, json.dumps(body).encode(), LIMITS, catalogue_size=800)


def _post(server: Any, body: bytes) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("localhost", server.server_port, timeout=60)
    connection.request("POST", PREDICT, body)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@pytest.mark.parametrize("more", [1, 60 << 20])
def test_too_large_a_body_is_413(server: Any, more: int) -> None:
    status, answer = _post(server, b" " * (Limits().bytes + more))
    assert (status, sorted(answer)) == (413, ["error"])
    assert "8,388,608 bytes" in answer["error"]


def test_a_body_at_the_limit_is_read(server: Any) -> None:
    body = json.dumps({"signature_name": "recommend", "inputs": [["a"]]}).encode()
    status, answer = _post(server, body.ljust(Limits().bytes))
    assert (status, answer["outputs"]["item_ids"]) == (200, [["a"]])


def test_a_request_beyond_the_limits_over_http(server: Any) -> None:
    body = {"signature_name": "recommend", "inputs": [["a"]] * 100_000}
    status, answer = _post(server, json.dumps(body).encode())
    assert status == 413
    assert answer["error"].startswith("100,000 rows are too many for one request: at most 10,000.")


@pytest.mark.parametrize("most_rows", [499, 3, 1])
def test_the_client_sends_fewer_sessions_where_the_catalogue_is_huge(
    store: ModelStore, most_rows: int
) -> None:
    served = ModelStore(lambda: store.current.folder)
    served.current = dataclasses.replace(store.current, catalogue_size=600_000)
    server = rest_server.start(served, "localhost", 0, Limits(scores=600_000 * most_rows))
    sessions = [[f"a{number}"] for number in range(601)]
    client = Client(f"http://localhost:{server.server_port}")
    try:
        for _ in range(2):
            answers = client.recommend(sessions, 1)
            assert [[item.item_id for item in row] for row in answers] == sessions
    finally:
        server.shutdown()


def test_the_client_says_that_a_single_session_is_too_long(server: Any) -> None:
    with pytest.raises(ServerError, match=r"answered 413: .*A session of 10,001 items is too long"):
        Client(f"http://localhost:{server.server_port}").recommend([["a"] * 10_001], 1)


@pytest.mark.parametrize(("count", "length"), [(0, 1), (1, 60_000), (1_203, 1), (30, 9_000)])
def test_the_client_sends_many_sessions_as_several_requests(
    store: ModelStore, count: int, length: int
) -> None:
    server = rest_server.start(store, "localhost", 0, Limits(rows=500, session_items=60_000))
    sessions = [[f"a{number}"] * (length if number % 7 == 0 else 1) for number in range(count)]
    try:
        answers = Client(f"http://localhost:{server.server_port}").recommend(sessions, 1)
    finally:
        server.shutdown()
    # The small model answers what it was asked, one score for each session.
    assert [[item.item_id for item in row] for row in answers] == [row[:1] for row in sessions]
