"""The event-stream parser, with bytes cut anywhere."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.speech.openai_compat.sse import DONE, SseParser


def parse(blocks: list[bytes]) -> tuple[list[str], str]:
    parser = SseParser()
    events = [event for block in blocks for event in parser.feed(block)]
    return events + parser.finish(), parser.rest


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b'data: {"a":1}\n\ndata: [DONE]\n\n', ['{"a":1}', DONE]),
        (b'data:{"a":1}\ndata:{"b":2}\ndata:[DONE]\n', ['{"a":1}', '{"b":2}', DONE]),
        (b': keep-alive\n\ndata: {"a":1}\r\n\r\n: keep-alive\r\n', ['{"a":1}']),
        (b'event: message\nid: 7\nretry: 10\ndata: {"a":1}\n\n', ['{"a":1}']),
        (b'data: {"a":\ndata: 1}\n\n', ['{"a":\n1}']),
        (b'data: {"a":1}\rdata: {"b":2}\r\r', ['{"a":1}', '{"b":2}']),
        (b'data: {"a":1}', ['{"a":1}']),
        (b'\xef\xbb\xbfdata: {"a":1}\n\n', ['{"a":1}']),
        (b"data: not json\n\n", ["not json"]),
        (b"data\n\n", []),
        (b"", []),
    ],
)
def test_streams_as_servers_send_them(stream: bytes, events: list[str]) -> None:
    assert parse([stream]) == (events, "")
    assert parse([stream[i : i + 1] for i in range(len(stream))]) == (events, "")


def test_what_is_no_event_stream_is_kept() -> None:
    events, rest = parse([b'{\n  "error": {"message": "no"}\n}'])
    assert events == []
    assert json.loads(rest) == {"error": {"message": "no"}}


def test_rest_is_bounded() -> None:
    _, rest = parse([b"x" * 1000 + b"\n"] * 1000)
    assert len(rest) < 70_000


payloads = st.lists(
    st.dictionaries(st.text(min_size=1, max_size=4), st.text(max_size=12) | st.integers() | st.none(), min_size=1),
    max_size=6,
)


@given(
    payloads=payloads,
    ends=st.lists(st.sampled_from(["\n", "\n\n", "\r\n", "\r\n\r\n", "\n: ping\n\n"]), min_size=1),
    space=st.booleans(),
    ascii_only=st.booleans(),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_any_cut_gives_the_same_events(
    payloads: list[dict[str, object]], ends: list[str], space: bool, ascii_only: bool, cuts: list[int]
) -> None:
    texts = [json.dumps(payload, ensure_ascii=ascii_only) for payload in payloads]
    lines = "".join(
        f"data:{' ' if space else ''}{text}{ends[i % len(ends)]}" for i, text in enumerate([*texts, DONE])
    ).encode("utf-8", "surrogatepass")
    edges = sorted({0, len(lines), *(cut % (len(lines) + 1) for cut in cuts)})
    blocks = [lines[a:b] for a, b in itertools.pairwise(edges)]
    whole, _ = parse([lines])
    pieces, rest = parse(blocks)
    assert pieces == whole
    assert rest == ""
    assert [json.loads(event) for event in pieces[:-1]] == [json.loads(text) for text in texts]
    assert pieces[-1] == DONE
