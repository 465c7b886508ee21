"""The metadata of a model, as TensorFlow Serving describes one: inputs and outputs by signature."""

from __future__ import annotations

import functools
from typing import Any

from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

from modules.files.model_folder import SAVED_MODEL
from modules.releases.server_config import MODEL_NAME
from serving.server.model_store import ServedModel

SIGNATURE_DEF = "signature_def"


def metadata(model: ServedModel) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """Returns name, version and signatures of a model.

    Raises:
      OSError: its files are gone.
    """
    answer = get_model_metadata_pb2.GetModelMetadataResponse()
    answer.model_spec.name = MODEL_NAME
    answer.model_spec.version.value = model.version
    answer.metadata[SIGNATURE_DEF].Pack(_signatures(str(model.folder)))
    return answer


def metadata_json(model: ServedModel) -> dict[str, Any]:
    """Returns the same as the REST API answers it.

    Raises:
      OSError: its files are gone.
    """
    signatures = json_format.MessageToDict(
        _signatures(str(model.folder)), preserving_proto_field_name=True
    )
    spec = {"name": MODEL_NAME, "signature_name": "", "version": str(model.version)}
    return {"model_spec": spec, "metadata": {SIGNATURE_DEF: signatures}}


@functools.lru_cache(4)
def _signatures(folder: str) -> get_model_metadata_pb2.SignatureDefMap:
    with open(f"{folder}/{SAVED_MODEL}", "rb") as file:
        saved = saved_model_pb2.SavedModel.FromString(file.read())
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in saved.meta_graphs[0].signature_def.items():
        if not name.startswith("__"):  # TensorFlow's own
            signatures.signature_def[name].CopyFrom(signature)
    return signatures
