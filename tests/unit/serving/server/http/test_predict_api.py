"""Requests of the predict API: nested values, parts of many rows, messages of TensorFlow."""

from __future__ import annotations

from typing import Any

import pytest

from serving.server.model_store import ModelStore
from tests.echo_model import call, example, filtered, post, refused


def test_deeply_nested_values_are_refused_in_json(echo_server: Any) -> None:
    """Python reads JSON a little deeper than it writes it, how deep depends on its version."""
    for depth in (100, *range(900, 1_000, 3), 3_000, 100_000):
        nested = "[" * depth + "]" * depth
        for name, inputs in (('"weigh"', f"[{nested}]"), (nested, "1")):
            body = f'{{"signature_name": {name}, "inputs": {inputs}}}'
            status, answer = post(echo_server, body.encode())
            assert status == 400 and len(answer["error"]) < 500


def test_many_rows_are_answered_a_part_at_a_time(echo_store: ModelStore) -> None:
    sessions = [[f"a{number}", ""] for number in range(200)]
    found = call(echo_store, "recommend", sessions)
    assert found["item_ids"] == sessions
    assert max(rows for rows, _ in found["scores"]) <= 64
    for exclude in ([[""]], [[f"x{number}"] for number in range(200)]):
        found = call(echo_store, "recommend_filtered", filtered(item_ids=sessions, exclude=exclude))
        assert found["item_ids"] == sessions
        assert found["exclude"] == exclude * (200 // len(exclude))


@pytest.mark.parametrize("sessions", [[], [[]], [[], []], [["a"]] * 64, [["a"]] * 65])
def test_edges_of_the_parts(echo_store: ModelStore, sessions: list[list[str]]) -> None:
    assert call(echo_store, "recommend", sessions)["item_ids"] == sessions


def test_a_long_example_among_many_pads_few_of_them(echo_store: ModelStore) -> None:
    examples = [example(*["i"] * 9_000), *[example("i")] * 300]
    shapes = call(echo_store, "serving_default", examples)
    assert shapes[0][1] == 9_000
    assert max(rows * length for rows, length in shapes) <= 1 << 20


def test_a_broken_example_is_an_error_of_the_request(echo_store: ModelStore) -> None:
    for broken in ("no example", {"b64": "//79"}):
        assert "parse" in refused(echo_store, "serving_default", [broken])


def test_what_tensorflow_says_is_cut(echo_store: ModelStore) -> None:
    assert len(refused(echo_store, "serving_default", ["no example" * 100_000])) < 1_100
