"""Metadata in both APIs' forms."""

from __future__ import annotations

from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

from serving.server.model_metadata import SIGNATURE_DEF, metadata, metadata_json
from serving.server.model_store import ModelStore


def test_both_forms_say_the_same(echo_store: ModelStore) -> None:
    message, content = metadata(echo_store.current), metadata_json(echo_store.current)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert message.metadata[SIGNATURE_DEF].Unpack(signatures)
    found = json_format.MessageToDict(signatures, preserving_proto_field_name=True)
    assert content["metadata"] == {SIGNATURE_DEF: found}
    assert content["model_spec"]["version"] == str(message.model_spec.version.value) == "7"
    assert set(signatures.signature_def) == set(echo_store.current.signatures)
