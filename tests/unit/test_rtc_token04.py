"""Token04: the published vector, the round trip, and a clear reason for every refusal."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.rtc.token04 import Claims, TokenError, TokenFault, decode, encode, issue, verify

SECRET = "9193cc662a4c0ec135ec71fb57194b38"
VECTOR = (
    "04AAAAAGVT/xAAEDAxMjM0NTY3ODlhYmNkZWYAcCNYnkTh/LpUEyrNMa/LbBPLf7rLJl19CJXilqkPSkVCFGAMo0PNX265r7KGAFqDx/wmP4nb"
    "i9oBKBnTcIdPhY9qGSoetMgE8HeFqZBs398lfl9xWjkyUU1etP267BumTexNxmXlNVJnRClS9i9kBbo="
)
CLAIMS = Claims(app_id=12345, user_id="user_1", nonce=-1234567, ctime=1700000000, expire=1700003600, payload="")


def fault(token: str, *, secret: str = SECRET, app_id: int = 12345, user_id: str = "user_1", now: float = 1.7e9) -> str:
    with pytest.raises(TokenError) as caught:
        verify(token, secret, app_id=app_id, user_id=user_id, now=now)
    assert str(caught.value), "every refusal says why"
    return caught.value.fault


def test_published_vector() -> None:
    assert encode(CLAIMS, SECRET, iv="0123456789abcdef") == VECTOR
    assert decode(VECTOR, SECRET) == CLAIMS
    assert verify(VECTOR, SECRET, app_id=12345, user_id="user_1", now=1700003599.9) == CLAIMS


def test_reasons() -> None:
    assert fault("03" + VECTOR[2:]) == TokenFault.PREFIX
    assert fault("") == TokenFault.PREFIX
    assert fault(VECTOR.replace("/", " ")) == TokenFault.BASE64
    assert fault(VECTOR[:-40]) == TokenFault.LAYOUT
    assert fault("04" + "A" * 9000) == TokenFault.LAYOUT
    assert fault(VECTOR, secret="0" * 32) == TokenFault.SECRET
    assert fault(VECTOR, app_id=1) == TokenFault.APP
    assert fault(VECTOR, user_id="user_2") == TokenFault.USER
    assert fault(VECTOR, now=1700003600) == TokenFault.EXPIRED


def test_outer_expiry_cannot_be_stretched() -> None:
    block = bytearray(base64.b64decode(VECTOR[2:]))
    block[7] ^= 1
    assert fault("04" + base64.b64encode(block).decode()) == TokenFault.CONTENT


def test_privileges() -> None:
    def claims(**payload: object) -> Claims:
        return Claims(1, "u", 2, payload=json.dumps(payload))

    everything = Claims(1, "u", 2)
    everything.check_publish("any", "any")
    Claims(1, "u", 2, payload="a note of the business").check_publish("any", "any")
    narrow = claims(room_id="r", privilege={"1": 1, "2": 0}, stream_id_list=None)
    narrow.check_login("r")
    for check, expected in (
        (lambda: narrow.check_login("other"), TokenFault.ROOM),
        (lambda: narrow.check_publish("r", "s"), TokenFault.PUBLISH),
        (lambda: claims(room_id="r", privilege={"1": 0}).check_login("r"), TokenFault.LOGIN),
        (lambda: claims(stream_id_list=["a"]).check_publish("r", "b"), TokenFault.STREAM),
    ):
        with pytest.raises(TokenError) as caught:
            check()
        assert caught.value.fault == expected
    claims(stream_id_list=["a"]).check_publish("r", "a")


def test_secret_must_have_32_characters() -> None:
    with pytest.raises(ValueError, match="32 ASCII"):
        encode(CLAIMS, "short")


@settings(deadline=None)
@given(
    app_id=st.integers(1, 2**32 - 1),
    user_id=st.text(st.characters(codec="utf-8"), min_size=1, max_size=32),
    payload=st.text(st.characters(codec="utf-8"), max_size=200),
    secret=st.text("0123456789abcdef", min_size=32, max_size=32),
    seconds=st.integers(1, 10**6),
)
def test_round_trip(app_id: int, user_id: str, payload: str, secret: str, seconds: int) -> None:
    token = issue(app_id, user_id, secret, now=1.7e9, seconds=seconds, payload=payload)
    claims = verify(token, secret, app_id=app_id, user_id=user_id, now=1.7e9)
    assert (claims.payload, claims.expire) == (payload, 1_700_000_000 + seconds)


@settings(deadline=None)
@given(st.one_of(st.text(), st.binary().map(lambda b: "04" + base64.b64encode(b).decode())))
def test_no_text_crashes(text: str) -> None:
    with pytest.raises(TokenError):
        decode(text, SECRET)


@settings(deadline=None)
@given(at=st.integers(0, 153), flip=st.integers(1, 255))
def test_a_changed_byte_never_passes_unnoticed_as_another_user(at: int, flip: int) -> None:
    block = bytearray(base64.b64decode(VECTOR[2:]))
    block[at % len(block)] ^= flip
    try:
        claims = verify("04" + base64.b64encode(block).decode(), SECRET, app_id=12345, user_id="user_1", now=1700000000)
    except TokenError:
        return
    assert claims.user_id == "user_1"


@settings(deadline=None)
@given(st.recursive(st.none() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)))
def test_any_payload_is_judged_without_a_crash(payload: object) -> None:
    claims = Claims(1, "u", 2, payload=json.dumps(payload))
    try:
        claims.check_publish("r", "s")
    except TokenError:
        pass
