"""What a value of a request must be, and how one that does not fit is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serving.server.http.predict_api import read_request
from serving.server.limits import Limits
from serving.server.model_store import ModelStore
from serving.server.request_values import RequestError
from tests.echo_model import call, filtered, post, refused

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
        ({"k": float("nan")}, "The body is not valid JSON"),
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
        ({"item_ids": [["\ud800"]]}, "The body is not valid JSON"),
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
    echo_store: ModelStore, changes: dict[str, Any], message: str
) -> None:
    assert refused(echo_store, "recommend_filtered", filtered(**changes)).startswith(message)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (["1"], 'weights[0] must be a number, got "1".'),
        ([1, False], "weights[1] must be a number, got false."),
        ([1e39], "weights[0] must be a number, got 1e+39."),
        (1, "weights must be a list, each a number, got 1."),
    ],
)
def test_numbers_are_checked_too(echo_store: ModelStore, weights: Any, message: str) -> None:
    assert refused(echo_store, "weigh", weights) == message
    assert call(echo_store, "weigh", [1, 0.5]) == [1, 0.5]


def test_a_huge_value_is_quoted_in_part(echo_store: ModelStore) -> None:
    huge = "x" * 1_000_000
    for inputs in ({"k": huge}, {huge: 1}, {"item_ids": huge}, {"item_ids": [[{huge: 1}]]}):
        message = refused(echo_store, "recommend_filtered", filtered(**inputs))
        assert len(message) < 500 and "more characters" in message
    with pytest.raises(RequestError) as error:
        body = json.dumps({"instances": [{huge: 1}]}).encode()
        read_request(echo_store.current, body, Limits())
    assert len(str(error.value)) < 500
    assert "more characters" in refused(echo_store, huge, [])


@pytest.mark.parametrize(
    "body",
    [
        '{"signature_name": "weigh", "inputs": "\\ud800"}',
        '{"signature_name": "recommend", "inputs": [["\\udc00"]]}',
        '{"instances": [{"\\ud800": 1}]}',
        '{"signature_name": "weigh", "inputs": [NaN]}',
        '{"signature_name": "weigh", "inputs": [1e999]}',
    ],
)
def test_what_json_cannot_hold_is_refused_in_json(echo_server: Any, body: str) -> None:
    status, answer = post(echo_server, body.encode())
    assert status == 400 and "The body is not valid JSON" in answer["error"]
