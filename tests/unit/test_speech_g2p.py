"""Latin words in Chinese sentences: spelled with the names letters have there, or said as everybody says them."""

from __future__ import annotations

import pytest

from mien.speech.local.g2p import shared
from mien.speech.normalise import speakable
from mien.speech.phones import Phone

APP, API, GPT = "ei→ pʰi→ pʰi→", "ei→ pʰi→ ai↘", "ʨi↘ pʰi→ tʰi→"


def read(text: str) -> str:
    return shared()(speakable(text, "zh"), language="zh")


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("请下载我们的APP，然后登录。", f" {APP}, "),
        ("这个App很好用。", f" {APP} "),
        ("打开app看看", f" {APP} "),
        ("很多apps", f" {APP}"),
        ("我们调用API来查询天气。", f" {API} "),
        ("这些APIs", f" {API}"),
        ("我用的是GPT-4模型。", f" {GPT} sɨ↘ "),
        ("ChatGPT很强", f"ʧˈæt {GPT} "),
        ("现在5G信号很好。", "u↓ ʨi↘ "),
        ("USB-C接口", "jou→ ai↗sɨ pi↘ sei→ "),
        ("T恤", "tʰi→ "),
        ("ios系统", "ai↘ ou→ ai↗sɨ "),
        ("他在IT公司。", " ai↘ tʰi→ "),
        ("他是公司的CEO。", " sei→ i→ ou→."),
        ("家里的Wi-Fi断了。", " wai↗fai→ "),
        ("家里的WIFI断了。", " wai↗fai→ "),
        ("我买了一部iPhone 15。", " ai↘fə→ŋ ʂɨ↗u↓."),
        ("NASA发射了火箭。", "na↘sa→ "),
        ("OK，没问题。", "ˌOkˈA,"),
    ],
)
def test_in_a_chinese_sentence(text: str, sounds: str) -> None:
    assert sounds in read(text)


@pytest.mark.parametrize("text", ["Use the API or GPT.", "She said 你好 to the CEO and me, which is API talk."])
def test_letters_are_english_in_an_english_sentence(text: str) -> None:
    sounds = shared()(text)
    assert not any(mark in sounds for mark in ("ei→", "pʰi→", "sei→"))
    assert "ˌApˌiˈI" in sounds


def test_every_letter_has_a_name_and_a_mouth() -> None:
    from mien.face.motion.visemes import Viseme, score

    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        sounds = shared()(letter, language="zh")
        spells = score([Phone(symbol, i * 0.1, i * 0.1 + 0.1) for i, symbol in enumerate(sounds)]).spells
        assert any(spell.viseme is not Viseme.SIL for spell in spells)
        assert sounds.isprintable()
        assert not sounds.isascii()


@pytest.mark.parametrize("text", ["3.5%", "2026年", "25℃", "120km/h"])
def test_numbers_and_units_leave_nothing_unread(text: str) -> None:
    spoken = speakable(text, "zh")
    assert not any(character.isascii() and character.isalnum() for character in spoken)
    assert read(text)
