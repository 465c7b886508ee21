"""The OpenAPI description of the server's REST API, with the signatures of the model it serves.

https://spec.openapis.org/oas/v3.0.3
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.releases.server_config import MODEL_NAME
from serving.server.limits import Limits
from serving.server.model_store import ServedModel

_INT32 = {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1}
_TEXT = {"oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/Bytes"}]}
_TEXTS = {"type": "array", "items": {"type": "string"}}
_ERRORS = {
    "400": "The request, or a value in it, is not valid.",
    "401": "The token is missing or wrong.",
    "403": "The host is not this server's, or the request is of another site's page.",
    "404": "Nothing of this name, version or label is served.",
    "405": "The path has no such method.",
    "413": "The request is too large.",
    "500": "The server failed; see its log.",
    "503": "Too many requests wait, or the server starts or stops.",
    "504": "The answer was not ready in time.",
}


def describe(model: ServedModel, limits: Limits) -> dict[str, Any]:
    """Returns the description.

    Args:
      model: model whose signatures are described.
      limits: limits of one request.
    """
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "session-retrieval",
            "version": str(model.version),
            "description": "Recommends the next items of sessions, by the REST API of TensorFlow "
            "Serving.",
        },
        "paths": _paths(limits),
        "components": {"schemas": _schemas(model, limits)},
    }


def _paths(limits: Limits) -> dict[str, Any]:
    name = _parameter("name", {"type": "string", "enum": [MODEL_NAME]})
    version = _parameter("version", {"type": "integer", "minimum": 0, "maximum": 10**18 - 1})
    label = _parameter("label", {"type": "string", "enum": ["stable", "canary"]})
    paths: dict[str, Any] = {}
    for which, parameters in (
        ("", [name]),
        ("/versions/{version}", [name, version]),
        ("/labels/{label}", [name, label]),
    ):
        path = f"/v1/models/{{name}}{which}"
        paths[path] = {"parameters": parameters, "get": _operation("Status", "ModelStatus")}
        paths[f"{path}/metadata"] = {
            "parameters": parameters,
            "get": _operation("Inputs and outputs of the signatures", "Metadata"),
        }
        paths[f"{path}:predict"] = {"parameters": parameters, "post": _predict(limits)}
    query = {
        "name": "q",
        "in": "query",
        "schema": {"type": "string"},
        "description": "part of the id or the name",
    }
    paths["/items"] = {"get": {**_operation("Known items", "Items"), "parameters": [query]}}
    paths["/items/names"] = {"get": _operation("Names and categories of all items", "Items")}
    paths["/healthz"] = {"get": _operation("Whether the server works", "State")}
    paths["/readyz"] = {"get": _operation("Whether it takes requests", "State")}
    return paths


def _parameter(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": dict(schema)}


def _operation(summary: str, schema: str) -> dict[str, Any]:
    return {"summary": summary, "responses": _responses(schema)}


def _responses(schema: str) -> dict[str, Any]:
    found = {"200": {"description": "The answer.", "content": _json(schema)}}
    for status, text in _ERRORS.items():
        found[status] = {"description": text, "content": _json("Error")}
    return found


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _predict(limits: Limits) -> dict[str, Any]:
    headers = [
        {"name": name, "in": "header", "schema": {"type": "string"}, "description": text}
        for name, text in (
            ("X-Session-Id", "id of the session, for the request log and the canary's share"),
            ("X-Visitor-Id", "id of the visitor, of which the request log has a keyed hash"),
        )
    ]
    body = {
        "required": True,
        "content": _json("Request"),
        "description": f"at most {limits.bytes:,} bytes",
    }
    return {
        "summary": "Call a signature",
        "parameters": headers,
        "requestBody": body,
        "responses": _responses("Answer"),
    }


def _schemas(model: ServedModel, limits: Limits) -> dict[str, Any]:
    requests = [_request(name, model.specs(name), limits) for name in sorted(model.signatures)]
    state = _object(version={"type": "string"}, state={"type": "string"}, status={"type": "object"})
    return {
        "Bytes": _object(b64={"type": "string", "format": "byte"}),
        "Request": {"anyOf": requests},
        "Answer": {
            "type": "object",
            "properties": {"outputs": {}, "predictions": {"type": "array"}},
            "minProperties": 1,
            "maxProperties": 1,
        },
        "Items": _object(
            item_ids=_TEXTS, names=_TEXTS, categories={"type": "array", "items": _TEXTS}
        ),
        "ModelStatus": _object(model_version_status={"type": "array", "items": state}),
        "Metadata": _object(model_spec={"type": "object"}, metadata={"type": "object"}),
        "State": _object(status={"type": "string"}),
        "Error": _object(error={"type": "string"}),
    }


def _request(signature: str, specs: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """Returns the schema of a call in columns."""
    inputs = _object(**{name: _tensor(spec, limits) for name, spec in specs.items()})
    return _object(signature_name={"type": "string", "enum": [signature]}, inputs=inputs)


def _tensor(spec: Any, limits: Limits) -> dict[str, Any]:
    if spec.dtype.name == "string":
        value: dict[str, Any] = _TEXT
    elif spec.dtype.is_integer:
        value = _INT32
    else:
        value = {"type": "boolean" if spec.dtype.is_bool else "number"}
    for _ in range(spec.shape.rank):
        value = {"type": "array", "items": value, "maxItems": limits.rows}
    return value


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the schema of an object that has all of these properties and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
