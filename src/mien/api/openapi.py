"""The OpenAPI 3.1 document of the control API, made from the same schemas that check requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from mien import __version__
from mien.api.actions import ACTIONS, Action
from mien.api.errors import WORDS, ReturnCode
from mien.api.examples import EXAMPLES
from mien.api.schemas.base import JsonObject

DIALECT = "https://json-schema.org/draft/2020-12/schema"
INTRODUCTION = """\
Every action is one request: the operation in the query parameter `Action`, the caller and a signature in the other
common parameters, and a JSON object as the body. With GET the members of the body are query parameters, objects and
arrays as JSON texts.

`Signature = md5(AppId + SignatureNonce + ServerSecret + Timestamp)` in lower-case hex; `Timestamp` is the unix time in
seconds and may be off by ten minutes.

The HTTP status is always 200. `Code` 0 means success; for any other, `Message` says what is wrong. Members that are
`null` count as absent, unknown members are ignored.

An action that takes a file is sent as `multipart/form-data`: each member is a part, objects and arrays as JSON texts.
"""
_COMMON: dict[str, JsonObject] = {
    "AppId": {"type": "integer", "minimum": 1, "maximum": 4294967295},
    "SignatureNonce": {"type": "string", "minLength": 1, "description": "A random text"},
    "Timestamp": {"type": "integer", "description": "Unix time in seconds"},
    "SignatureVersion": {"type": "string", "enum": ["2.0"]},
    "Signature": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
}


def document(server_url: str) -> JsonObject:
    """The document, with `server_url` as the address to call."""
    schemas = _schemas()
    groups = list(dict.fromkeys(action.group for action in ACTIONS.values()))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Mien control API", "version": __version__, "description": INTRODUCTION},
        "jsonSchemaDialect": DIALECT,
        "servers": [{"url": server_url}],
        "tags": [{"name": group} for group in groups],
        "paths": {
            f"/?Action={action.name}": {"post": _operation(action)}
            | ({} if action.upload else {"get": _get(action, schemas)})
            for action in ACTIONS.values()
        },
        "components": {
            "schemas": schemas,
            "parameters": {
                name: {"name": name, "in": "query", "required": True, "schema": schema}
                for name, schema in _COMMON.items()
            },
        },
    }


def _schemas() -> JsonObject:
    models = [action.body for action in ACTIONS.values()]
    models += [action.result for action in ACTIONS.values() if action.result is not None]
    unique = list(dict.fromkeys(models))
    _, definitions = models_json_schema(
        [(model, "validation") for model in unique], ref_template="#/components/schemas/{model}"
    )
    schemas: JsonObject = _without_null(definitions["$defs"])
    return schemas | {"Code": _codes()}


def _codes() -> JsonObject:
    lines = [
        f"- {int(code)}: {words.meaning}" + (f" → {words.advice}" if words.advice else "")
        for code, words in WORDS.items()
    ]
    return {"type": "integer", "enum": [int(code) for code in ReturnCode], "description": "\n".join(lines)}


def _operation(action: Action) -> JsonObject:
    data: JsonObject = {"type": "null"}
    if action.result is not None:
        data = {"anyOf": [{"$ref": f"#/components/schemas/{action.result.__name__}"}, {"type": "null"}]}
    envelope = {
        "type": "object",
        "required": ["Code", "Message", "RequestId", "Data"],
        "properties": {
            "Code": {"$ref": "#/components/schemas/Code"},
            "Message": {"type": "string"},
            "RequestId": {"type": "string", "pattern": action.product.request_id},
            "Data": data,
        },
    }
    example = EXAMPLES[action.name]
    answer = {"Code": 0, "Message": "success", "RequestId": action.product.example_id, "Data": example.data}
    body = {"$ref": f"#/components/schemas/{action.body.__name__}"}
    kind = "multipart/form-data" if action.upload else "application/json"
    return {
        "operationId": action.name,
        "tags": [action.group],
        "summary": action.summary,
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in _COMMON],
        "requestBody": {"required": True, "content": {kind: {"schema": body, "example": example.body}}},
        "responses": {
            "200": {
                "description": "The envelope",
                "content": {"application/json": {"schema": envelope, "example": answer}},
            }
        },
    }


def _get(action: Action, schemas: JsonObject) -> JsonObject:
    """The same with GET: each member of the body is a query parameter, objects and arrays are JSON texts."""
    body = schemas[action.body.__name__]
    parameters = []
    for name, schema in body.get("properties", {}).items():
        plain = schema.get("type") in ("string", "integer", "number", "boolean")
        place = {"schema": schema} if plain else {"content": {"application/json": {"schema": schema}}}
        parameters.append({"name": name, "in": "query", "required": name in body.get("required", []), **place})
    post = _operation(action)
    return {
        "operationId": f"{action.name}ByGet",
        "tags": post["tags"],
        "summary": f"{action.summary} (GET)",
        "parameters": [*post["parameters"], *parameters],
        "responses": post["responses"],
    }


def _without_null(node: Any) -> Any:
    """Drops what only this program needs, and says `X` of a member that may be left out instead of `X or null`. The
    words of `x-expected` become the description of a member that has none."""
    if isinstance(node, list):
        return [_without_null(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    choices = node.get("anyOf")
    if isinstance(choices, list) and len(choices) == 2 and "default" in node and node["default"] is None:
        choice = next(item for item in choices if item != {"type": "null"})
        rest = {name: value for name, value in node.items() if name not in ("anyOf", "default")}
        return _without_null({**choice, **rest})
    if "x-expected" in node:
        node = {"description": node["x-expected"], **node}
    return {
        name: {key: _without_null(value) for key, value in inner.items()}
        if name == "properties" and isinstance(inner, Mapping)
        else _without_null(inner)
        for name, inner in node.items()
        if name not in ("x-expected", "title")
    }
