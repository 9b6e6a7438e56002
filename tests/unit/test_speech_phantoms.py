"""What Whisper makes up is dropped, what people say is kept."""

from __future__ import annotations

import pytest

from mien.speech.local.phantoms import clean


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for watching!",
        "Thanks for watching.",
        "Please subscribe to my channel.",
        "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
        "字幕由Amara.org社区提供",
        "谢谢大家的观看",
        "作词 李宗盛",
        "[Music]",
        "♪♪",
        "(applause)",
        "...",
        "",
    ],
)
def test_never_said(text: str) -> None:
    assert clean(text, "zh", 3.0, 0.9, 0.1) == ""


@pytest.mark.parametrize("text", ["Thank you.", "谢谢大家。", "Bye.", "嗯。"])
def test_kept_only_when_speech_was_sure(text: str) -> None:
    assert clean(text, "en", 1.0, 0.8, 0.2) == text
    assert clean(text, "en", 1.0, 0.8, 0.6) == ""
    assert clean(text, "en", 1.0, 0.2, 0.2) == ""


@pytest.mark.parametrize(
    "text",
    [
        "今天天气怎么样？",
        "What is the weather in Paris?",
        "作词是什么意思",
        "See you next time.",
        "哈哈哈哈",
        "一共100000元",
    ],
)
def test_kept(text: str) -> None:
    assert clean(text, "zh", 3.0, 0.6, 0.3) == text


def test_noise() -> None:
    assert clean("The book is there", "en", 2.0, 0.2, 0.7) == ""
    assert clean("anything", "en", 2.0, 0.4, 0.9) == ""


def test_a_loop_is_said_once_and_too_much_text_not_at_all() -> None:
    assert clean("你好吗，你好吗，你好吗，你好吗，你好吗", "zh", 3.0, 0.8, 0.1) == "你好吗，"[:3]
    assert clean("word " * 40 + "end of many different things said here at once", "en", 1.0, 0.8, 0.1) == ""
