"""The description has the signatures of the model, within the limits of a request."""

from __future__ import annotations

import json

from serving.server.http.openapi import describe
from serving.server.limits import Limits
from serving.server.model_store import ModelStore


def test_signatures_are_described_with_their_inputs(echo_store: ModelStore) -> None:
    found = describe(echo_store.current, Limits(rows=9))
    assert json.loads(json.dumps(found)) == found
    schemas = found["components"]["schemas"]
    requests = {
        request["properties"]["signature_name"]["enum"][0]: request["properties"]["inputs"]
        for request in schemas["Request"]["anyOf"]
    }
    assert set(requests) == set(echo_store.current.signatures)
    filtered = requests["recommend_filtered"]
    assert filtered["required"] == ["exclude", "item_ids", "k", "session_items"]
    assert filtered["properties"]["k"] == {
        "type": "integer",
        "minimum": -(2**31),
        "maximum": 2**31 - 1,
    }
    rows = filtered["properties"]["item_ids"]
    assert (rows["type"], rows["items"]["type"], rows["maxItems"]) == ("array", "array", 9)
    weights = requests["weigh"]["properties"]["weights"]
    assert weights["items"] == {"type": "number"}


def test_every_reference_is_defined(echo_store: ModelStore) -> None:
    found = describe(echo_store.current, Limits())
    text = json.dumps(found)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names == set(found["components"]["schemas"])
