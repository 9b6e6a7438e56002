"""What every wire object shares: member names, `null`, strictness, and errors in words.

Attributes of these models are called exactly like the members on the wire (`AgentId`, `RTC`), so that an error's
location is already the path a caller knows. Types are strict: a number in quotes is not a number. As in JSON, 5.0 is
the integer 5.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ClassVar, Self, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from mien.api.errors import ApiError, ReturnCode

JsonObject = dict[str, Any]


class Wire(BaseModel):
    """A JSON object of the API.

    Members that are `null` count as absent, unknown members are ignored, and the spelling of member names may differ in
    upper and lower case (published examples do).
    """

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    aliases: ClassVar[Mapping[str, str]] = {}
    """Other names of members, in lower case."""

    @model_validator(mode="before")
    @classmethod
    def _tidy(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        tidy = {name: value for name, value in data.items() if name in cls.model_fields and value is not None}
        spellings = {name.lower(): name for name in cls.model_fields} | dict(cls.aliases)
        for name, value in data.items():
            known = spellings.get(str(name).lower())
            if known and value is not None:
                tidy.setdefault(known, value)
        for name in _integers(cls):
            value = tidy.get(name)
            if isinstance(value, float) and value.is_integer():
                tidy[name] = int(value)
        return tidy

    @classmethod
    def parse(cls, data: Any) -> Self:
        """Reads `data`. Raises ApiError 410000003 that names the members that are wrong and what was expected."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            problems = [_describe(cls, detail) for detail in error.errors(include_url=False)]
            raise ApiError(ReturnCode.INVALID_PARAMETER, "; ".join(dict.fromkeys(problems[:3]))) from error


def kinds(annotation: Any) -> set[Any]:
    """The plain types inside an annotation: `Annotated[str, …] | None` → {str}."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return kinds(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return set().union(*(kinds(choice) for choice in get_args(annotation)))
    if origin is not None and not isinstance(origin, type):  # Literal
        return {type(value) for value in get_args(annotation)}
    return {origin or annotation}


@cache
def _integers(model: type[Wire]) -> frozenset[str]:
    return frozenset(name for name, field in model.model_fields.items() if int in kinds(field.annotation))


def expected(text: str) -> PydanticCustomError:
    """The error of a validator: `text` says what would have been right."""
    return PydanticCustomError("expected", "{text}", {"text": text})


def member_required(name: str, text: str) -> PydanticCustomError:
    """The error of a model validator that misses member `name`."""
    return PydanticCustomError("member_required", "{text}", {"member": name, "text": text})


def identifier(characters: str, words: str, longest: int) -> Any:
    """Annotation of an identifier: `characters` is the inside of a regular expression's class, `words` says it."""
    expectation: dict[str, JsonValue] = {"x-expected": f"1 to {longest} characters out of {words}"}
    return Field(
        min_length=1,
        max_length=longest,
        pattern=f"^[{characters}]+$",
        json_schema_extra=expectation,
    )


@dataclass(frozen=True)
class Checked:
    """Annotation of a text that must pass `test`; `words` says what does, `limits` what JSON schema can say of it."""

    test: Callable[[str], bool]
    words: str
    limits: tuple[tuple[str, int | str], ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonObject:
        return {**handler(schema), **dict(self.limits), "x-expected": self.words}

    def _check(self, value: str) -> str:
        if not self.test(value):
            raise expected(self.words)
        return value


def not_blank(longest: int = 0) -> Checked:
    """A text of 1 to `longest` characters that are not all blank; 0 for no limit but that of the body."""
    most = longest or sys.maxsize
    words = f"a text of 1 to {longest} characters, not all of them blank" if longest else "a text that is not blank"
    limits: tuple[tuple[str, int | str], ...] = (("maxLength", longest),) if longest else ()
    return Checked(lambda value: bool(value.strip()) and len(value) <= most, words, (*limits, ("pattern", r"\S")))


def utf8(longest: int) -> Checked:
    """A text of at most `longest` bytes in UTF-8, without NUL."""
    words = f"a text of at most {longest} bytes in UTF-8"
    return Checked(lambda value: len(value.encode()) <= longest and "\0" not in value, words, (("maxLength", longest),))


def any_case(*names: str) -> Any:
    """Validator that brings any spelling of `names` into the documented one."""
    spellings = {name.lower(): name for name in names}
    return BeforeValidator(lambda value: spellings.get(value.lower(), value) if isinstance(value, str) else value)


AgentIdText = Annotated[
    str,
    identifier(r"0-9A-Za-z!#$%&()+\-:;\\<=.>?@\[\]^_{}|~,", r"letters, digits and !#$%&()+-:;\<=.>?@[]^_{}|~,", 128),
]
UserIdText = Annotated[str, identifier(r"0-9A-Za-z_\-", "letters, digits, - and _", 32)]
AgentUserIdText = Annotated[str, identifier(r"0-9A-Za-z_\-.@#", "letters, digits, -, _, ., @ and #", 32)]
RtcIdText = Annotated[str, identifier(r"0-9A-Za-z_\-.", "letters, digits, -, _ and .", 128)]
InstanceIdText = Annotated[str, Field(min_length=1, max_length=64, description="As a Create action answered it")]
Flag = Annotated[int, Field(ge=0, le=1)]


def member(data: Any, name: str) -> Any:
    """Member `name` of a JSON object whatever its case, exactly as sent; None if absent."""
    if not isinstance(data, dict):
        return None
    if data.get(name) is not None:
        return data[name]
    return next((value for key, value in data.items() if key.lower() == name.lower() and value is not None), None)


def _describe(model: type[Wire], detail: ErrorDetails) -> str:
    location = list(detail["loc"])
    context = detail.get("ctx", {})
    if detail["type"] == "member_required":
        return f"{_path([*location, context['member']])} is required: expected {context['text']}"
    path = _path(location) or "The body"
    if detail["type"] == "missing":
        return f"{path} is required: expected {_words(model, location)}"
    if detail["type"] == "expected":
        return f"{path} is invalid: expected {context['text']}"
    if detail["input"] == "" and location[-1:] == ["Priority"]:
        # The one sentence of the compatible service that is known, and that clients look for.
        return f"{path} is invalid"
    return f"{path} is invalid: expected {_words(model, location)}"


def _path(location: Sequence[int | str]) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).removeprefix(".")


@cache
def _schema(model: type[Wire]) -> JsonObject:
    return model.model_json_schema()


def _words(model: type[Wire], location: Sequence[int | str]) -> str:
    root = _schema(model)
    node = root
    for part in location:
        node = _resolve(root, node)
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(part) or node.get("additionalProperties") or {}
    return _expectation(_resolve(root, node))


def _resolve(root: JsonObject, node: JsonObject) -> JsonObject:
    while "$ref" in node or "anyOf" in node:
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rsplit("/", 1)[1]]
        else:
            node = next(choice for choice in node["anyOf"] if choice.get("type") != "null")
    return node


def _expectation(node: JsonObject) -> str:
    if "x-expected" in node:
        return str(node["x-expected"])
    if "enum" in node or "const" in node:
        values = [str(value) for value in node.get("enum", [node.get("const")])]
        return f"one of {', '.join(values)}" if len(values) > 1 else values[0]
    kind = node.get("type")
    if kind in ("integer", "number"):
        name = "an integer" if kind == "integer" else "a number"
        low, high = node.get("minimum"), node.get("maximum")
        if low is not None and high is not None:
            return f"{name} from {low} to {high}"
        return name if low is None else f"{name} of at least {low}"
    if kind == "string":
        most = node.get("maxLength")
        if node.get("minLength") == 1 and most:
            return f"a text of 1 to {most} characters"
        return (
            "a text"
            + (" that is not empty" if node.get("minLength") else "")
            + (f" of at most {most} characters" if most else "")
        )
    if kind == "array":
        most = node.get("maxItems")
        return ("a non-empty array" if node.get("minItems") else "an array") + (f" of at most {most}" if most else "")
    return {"boolean": "true or false", "object": "an object"}.get(str(kind), "another value")
