"""Every way in which one member of a valid body can be wrong, read off the body's JSON schema."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

JsonObject = dict[str, Any]
Path = tuple[str | int, ...]

WRONG_TYPES: dict[str, list[Any]] = {
    "string": [1, 1.5, True, [], {}],
    "integer": ["1", 1.5, True, [], {}],
    "number": ["1", True, [], {}],
    "boolean": ["true", 1, [], {}],
    "array": ["x", 1, {}],
    "object": ["x", 1, []],
}


@dataclass(frozen=True)
class Mutation:
    """`body` differs from a valid one at `path`."""

    path: Path
    what: str
    body: JsonObject

    @property
    def dotted(self) -> str:
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).removeprefix(".")


def mutations(schema: JsonObject, body: JsonObject) -> Iterator[Mutation]:
    """Missing, ill-typed and out-of-range members, at any depth that `body` reaches."""
    for path, node, required in _members(schema, schema, body, ()):
        if isinstance(path[-1], int):
            yield Mutation(path, "null in an array", _with(body, path, None))
        if required:
            yield Mutation(path, "missing", _without(body, path))
            yield Mutation(path, "null", _with(body, path, None))
        for value in WRONG_TYPES.get(str(node.get("type")), []):
            yield Mutation(path, f"ill-typed {value!r}", _with(body, path, value))
        for value in _out_of_range(node):
            yield Mutation(path, f"out of range {str(value)[:20]}", _with(body, path, value))


def members_of(schema: JsonObject) -> Iterator[str]:
    """Paths of all members a schema knows; an array's items have no index: `MessageHistory.Messages.Role`."""
    yield from _paths(schema, schema, "")


def _paths(root: JsonObject, node: JsonObject, path: str) -> Iterator[str]:
    node = _resolve(root, node)
    if "items" in node:
        node = _resolve(root, node["items"])
    for name, child in node.get("properties", {}).items():
        at = f"{path}.{name}".lstrip(".")
        yield at
        yield from _paths(root, child, at)


def _members(root: JsonObject, node: JsonObject, value: Any, path: Path) -> Iterator[tuple[Path, JsonObject, bool]]:
    node = _resolve(root, node)
    if isinstance(value, dict):
        for name, child in node.get("properties", {}).items():
            if name in value:
                yield (*path, name), _resolve(root, child), name in node.get("required", [])
                yield from _members(root, child, value[name], (*path, name))
    elif isinstance(value, list) and "items" in node:
        for index, item in enumerate(value):
            yield (*path, index), _resolve(root, node["items"]), False
            yield from _members(root, node["items"], item, (*path, index))


def _out_of_range(node: JsonObject) -> Iterator[Any]:
    if "enum" in node:
        yield "Nonsense" if isinstance(node["enum"][0], str) else 77
        return
    kind = node.get("type")
    if "minimum" in node:
        yield node["minimum"] - 1
    if "maximum" in node:
        yield node["maximum"] + 1
    if kind == "string":
        if "maxLength" in node:
            yield "a" * (node["maxLength"] + 1)
        if node.get("minLength"):
            yield ""
        if str(node.get("pattern", "")).endswith("]+$"):
            yield from ("has blank", "汉字", 'quote"', "slash/", "line\n")
    if kind == "array":
        if "maxItems" in node:
            yield ["a"] * (node["maxItems"] + 1)
        if node.get("minItems"):
            yield []


def _resolve(root: JsonObject, node: JsonObject) -> JsonObject:
    while "$ref" in node or "anyOf" in node:
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rsplit("/", 1)[1]]
        else:
            node = next(choice for choice in node["anyOf"] if choice.get("type") != "null")
    return node


def _with(body: JsonObject, path: Path, value: Any) -> JsonObject:
    changed = copy.deepcopy(body)
    place: Any = changed
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return changed


def _without(body: JsonObject, path: Path) -> JsonObject:
    changed = copy.deepcopy(body)
    place: Any = changed
    for part in path[:-1]:
        place = place[part]
    del place[path[-1]]
    return changed
