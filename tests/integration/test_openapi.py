"""Requests drawn from the server's description of itself, and from a grammar of predict bodies."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from modules.config.options.releases import STABLE
from serving.server import run
from serving.server.limits import Limits
from serving.server.model_store import ModelStore
from serving.server.predictor import Settings

PREDICT = "/v1/models/session-retrieval:predict"
_EXAMPLES = 12  # of each operation
_BODIES = 10_000
_SEED = 20_261_130
_MOST_GROWTH = 0.05
_CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.unsupported_method,
]


@pytest.fixture(scope="module")
def server(trained: Any) -> Iterator[Any]:
    limits = Limits(bytes=1 << 20, rows=200, answers=2_000)
    store = ModelStore(lambda: {STABLE: trained.folder / "model"})
    server = run.start(store, settings=Settings(limits))
    yield server
    server.shutdown()


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_answers_are_as_the_description_says(server: Any, mode: GenerationMode) -> None:
    """Of requests that fit the description, and of those that do not."""
    url = f"http://localhost:{server.server_port}"
    statuses: Counter[int] = Counter()
    for found in schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations():
        for case in _drawn(found.ok(), mode):
            response = case.call(base_url=url)
            statuses[response.status_code] += 1
            case.validate_response(response, checks=_CHECKS)
    assert sum(statuses.values()) > 50 and statuses[200] and statuses[400]


def _drawn(operation: Any, mode: GenerationMode) -> list[Any]:
    """Returns requests of an operation, the same ones each time; none if none can be drawn."""
    cases: list[Any] = []

    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def draw(case: Any) -> None:
        cases.append(case)

    with contextlib.suppress(Unsatisfiable):  # a path without parameters has no wrong ones
        draw()
    return cases


class Grammar:
    """Draws bodies of predict requests: valid ones, and some with a part that is not."""

    def __init__(self, seed: int, items: list[str]) -> None:
        self._random = random.Random(seed)
        self._items = items

    def body(self) -> bytes:
        """Returns a body; one of ten is damaged as text, too."""
        text = json.dumps(self._request()).encode()
        if self._random.random() < 0.1:
            at = self._random.randrange(len(text))
            text = text[:at] + self._random.choice([b"", b"\xff", b"}", b"\x00", text]) + text[at:]
        return text

    def _request(self) -> Any:
        names = ("recommend", "recommend_filtered", "embed_query", "embed_items", "evaluate")
        name = self._random.choice((*names, "serving_default", "eval_features", "nope"))
        values = self._maybe(self._inputs(name))
        request = {"signature_name": self._maybe(name)}
        request[self._random.choice(["inputs"] * 4 + ["instances", "input"])] = values
        return self._maybe(request)

    def _inputs(self, name: str) -> Any:
        rows = self._random.choice([0, 1, 1, 1, 2, 3, 70])
        if name == "embed_items":
            return {"item_ids": [self._id() for _ in range(rows)]}
        if name in ("evaluate", "serving_default", "eval_features"):
            return {"examples": [self._maybe({"b64": "CgA="}) for _ in range(rows)]}
        found: dict[str, Any] = {"item_ids": self._ids(rows)}
        if name == "recommend_filtered":
            found["k"] = self._maybe(self._random.choice([1, 5, 20, 0, -1, 2**31, 10**30]))
            for rule in ("exclude", "allow"):
                found[rule] = self._maybe(self._random.choice([[[""]], self._ids(rows)]))
            found["session_items"] = self._random.choice(["keep", "demote", "drop", "x", 1])
        return found

    def _ids(self, rows: int) -> list[Any]:
        width = self._random.choice([0, 1, 2, 5, 20, 200])
        return [[self._id() for _ in range(width)] for _ in range(rows)]

    def _id(self) -> Any:
        return self._maybe(self._random.choice([*self._items, "", " ", "\u00e9", "x" * 50]), 0.002)

    def _maybe(self, value: Any, chance: float = 0.05) -> Any:
        """Returns something else now and then."""
        if self._random.random() >= chance:
            return value
        others = [None, True, 0, -1.5, 1e308, "", "\ud800", [], {}, [[]], [[[]]], {"b64": "!"}]
        return self._random.choice([*others, [value], {"a": value}])


def _resident_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1e3


def test_no_body_of_a_grammar_is_answered_500_or_kept_in_memory(server: Any, sample: Any) -> None:
    """Memory is compared after bodies of all kinds were seen once, since TensorFlow keeps plans."""
    grammar = Grammar(_SEED, [str(item) for item in sample.sessions["train"][0]])
    connection = http.client.HTTPConnection("localhost", server.server_port, timeout=60)
    statuses: Counter[int] = Counter()

    def send(number: int) -> None:
        for _ in range(number):
            body = grammar.body()
            connection.request("POST", PREDICT, body)
            response = connection.getresponse()
            content = response.read()
            statuses[response.status] += 1
            assert response.status in (200, 400, 413), (body[:500], content)
            if response.status != 200:
                assert 0 < len(json.loads(content)["error"]) < 2_000

    send(_BODIES // 2)
    half = _resident_mb()
    send(_BODIES - _BODIES // 2)
    assert statuses[200] > 1_000 and statuses[400] > 1_000
    assert _resident_mb() < half * (1 + _MOST_GROWTH)
