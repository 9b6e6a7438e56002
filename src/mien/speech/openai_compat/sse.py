"""Server-sent events as language models really send them.

By the standard an event ends with an empty line; some servers leave that out and put one JSON document on each `data:`
line. So a data line that is complete JSON (or `[DONE]`) is an event at once, and only other data lines wait for the
empty line and are joined. Comments, `event:`, `id:` and `retry:` lines are skipped. What is no event stream at all
(an error page, a plain JSON answer) is kept in `rest`.
"""

from __future__ import annotations

import codecs
import json
import re

DONE = "[DONE]"
MAX_REST = 64_000
"""Characters kept of a body that is no event stream."""

_FIELD = re.compile(r"^(data|event|id|retry)(?::\s?(.*))?$", re.DOTALL)
_LINE_END = re.compile(r"\r\n|\n|\r")


class SseParser:
    """Feed it bytes as they arrive; it returns the payloads that are complete, `DONE` included."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._line = ""
        self._data: list[str] = []
        self.rest = ""

    def feed(self, data: bytes) -> list[str]:
        """Payloads completed by `data`."""
        return self._read(self._decoder.decode(data))

    def finish(self) -> list[str]:
        """Payloads completed by the end of the stream."""
        events = self._read(self._decoder.decode(b"", final=True) + "\n")
        if self._line:
            events += self._take_line(self._line)
            self._line = ""
        return events + self._flush()

    def _read(self, text: str) -> list[str]:
        events: list[str] = []
        text = self._line + text
        start = 0
        for match in _LINE_END.finditer(text):
            if match[0] == "\r" and match.end() == len(text):
                break  # its line feed may come with the next bytes
            events += self._take_line(text[start : match.start()])
            start = match.end()
        self._line = text[start:]
        return events

    def _take_line(self, line: str) -> list[str]:
        line = line.removeprefix("\ufeff")
        if not line.strip():
            return self._flush()
        if line.startswith(":"):
            return []
        field = _FIELD.match(line)
        if field is None:
            if len(self.rest) < MAX_REST:
                self.rest += line + "\n"
            return []
        if field[1] != "data":
            return []
        value = (field[2] or "").strip()
        if not self._data and _is_complete(value):
            return [value]
        self._data.append(value)
        joined = "\n".join(self._data)
        if len(self._data) > 1 and _is_complete(joined):
            self._data.clear()
            return [joined]
        return []

    def _flush(self) -> list[str]:
        joined = "\n".join(self._data).strip()
        self._data.clear()
        return [joined] if joined else []


def _is_complete(text: str) -> bool:
    if text == DONE:
        return True
    if not text.startswith("{"):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
