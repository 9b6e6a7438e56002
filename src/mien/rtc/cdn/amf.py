"""AMF0 (Action Message Format 0), as far as RTMP commands and metadata use it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

Value = float | bool | str | None | dict[str, "Value"] | list["Value"]
"""Numbers are doubles; objects and ECMA arrays are dicts, undefined is None, a date is its milliseconds."""

_NUMBER, _BOOLEAN, _STRING, _OBJECT, _NULL, _UNDEFINED = 0, 1, 2, 3, 5, 6
_ECMA_ARRAY, _OBJECT_END, _STRICT_ARRAY, _DATE, _LONG_STRING = 8, 9, 10, 11, 12
MAX_DEPTH: Final = 16


class AmfError(ValueError):
    """The bytes are no AMF0."""


def encode(*values: Value) -> bytes:
    """The values one after the other. An object is written for a dict."""
    return b"".join(map(_encode, values))


def encode_array(members: Mapping[str, Value]) -> bytes:
    """An ECMA array, which is how metadata are written."""
    return struct.pack(">BI", _ECMA_ARRAY, len(members)) + _members(members)


def decode(data: bytes) -> list[Value]:
    """Every value in `data`. Raises AmfError."""
    reader = _Reader(data)
    values: list[Value] = []
    try:
        while reader.at < len(data):
            values.append(reader.value(0))
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise AmfError(f"damaged AMF0 at byte {reader.at}") from error
    return values


def _encode(value: Value) -> bytes:
    if value is None:
        return bytes([_NULL])
    if isinstance(value, bool):
        return bytes([_BOOLEAN, value])
    if isinstance(value, int | float):
        return struct.pack(">Bd", _NUMBER, value)
    if isinstance(value, str):
        data = value.encode()
        if len(data) > 0xFFFF:
            return struct.pack(">BI", _LONG_STRING, len(data)) + data
        return struct.pack(">BH", _STRING, len(data)) + data
    if isinstance(value, list):
        return struct.pack(">BI", _STRICT_ARRAY, len(value)) + encode(*value)
    return bytes([_OBJECT]) + _members(value)


def _members(members: Mapping[str, Value]) -> bytes:
    named = (struct.pack(">H", len(name.encode())) + name.encode() + _encode(value) for name, value in members.items())
    return b"".join(named) + bytes([0, 0, _OBJECT_END])


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def value(self, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise AmfError("AMF0 nested too deeply")
        marker = self._take(1)[0]
        if marker == _NUMBER:
            return float(struct.unpack(">d", self._take(8))[0])
        if marker == _BOOLEAN:
            return self._take(1)[0] != 0
        if marker == _STRING:
            return self._text(2)
        if marker == _LONG_STRING:
            return self._text(4)
        if marker in (_NULL, _UNDEFINED):
            return None
        if marker == _OBJECT:
            return self._object(depth)
        if marker == _ECMA_ARRAY:
            self._take(4)
            return self._object(depth)
        if marker == _STRICT_ARRAY:
            (count,) = struct.unpack(">I", self._take(4))
            if count > len(self._data):
                raise AmfError("an AMF0 array longer than its message")
            return [self.value(depth + 1) for _ in range(count)]
        if marker == _DATE:
            return float(struct.unpack(">dh", self._take(10))[0])
        raise AmfError(f"AMF0 type {marker} is not known")

    def _object(self, depth: int) -> dict[str, Value]:
        members: dict[str, Value] = {}
        while name := self._text(2):
            members[name] = self.value(depth + 1)
        if self._take(1)[0] != _OBJECT_END:
            raise AmfError("an AMF0 object does not end")
        return members

    def _text(self, size: int) -> str:
        length = int.from_bytes(self._take(size), "big")
        return self._take(length).decode()

    def _take(self, count: int) -> bytes:
        if self.at + count > len(self._data):
            raise IndexError(count)
        taken = self._data[self.at : self.at + count]
        self.at += count
        return taken
