"""Text as it is read aloud."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.speech.normalise import language_of, speakable


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        (
            "今天是2024-05-01，气温-5℃到12℃，降水概率30%。",
            "今天是二零二四年五月一日，气温零下五摄氏度到十二摄氏度，降水概率百分之三十。",
        ),
        ("会议在14:30开始，2点结束，下午3:05。", "会议在十四点三十分开始，两点结束，下午三点零五分。"),
        ("价格是¥1,299，大约$20。", "价格是一千二百九十九元，大约二十美元。"),
        ("电话13812345678。", "电话幺三八幺二三四五六七八。"),
        (
            "2个苹果，2米，200人，10010元，2024年，12年，3-5天，1/2",
            "两个苹果，两米，二百人，一万零一十元，二零二四年，十二年，三到五天，二分之一",
        ),
        ("1万2千，1.5亿，3.14，110000", "一万二千，一点五亿，三点一四，十一万"),
        ("第1名，24年5月3日，10%-20%", "第一名，二四年五月三日，百分之十到二十"),
        ("比分是3:2，102:98", "比分是三比二，一百零二比九十八"),
        ("打开 https://www.example.com/a?b=1 看看", "打开 example 点 com 看看"),
        ("**你好！** 😊 我是`小艾`。\n- 第一点\n- 第二点", "你好！ 我是小艾。 第一点。第二点"),
        ("真的吗？？！！好……", "真的吗？好…"),
        ("😀", ""),
        ("……", ""),
        ("```python\nprint(1)\n```", ""),
    ],
)
def test_chinese(text: str, spoken: str) -> None:
    assert speakable(text, "zh") == spoken


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("On 2024-05-01 at 3:05 pm.", "On May first, twenty twenty four at three oh five P M."),
        ("It was -5°C, i.e. cold.", "It was minus five degrees Celsius, that is cold."),
        ("Dr. Smith paid $5.50 for 3/4.", "Doctor Smith paid five dollars fifty cents for three quarters."),
        ("Call 555-123-4567 at 9 a.m.", "Call five five five, one two three, four five six seven at nine A M"),
        (
            "In the 1990s and 1905 it cost $3 million.",
            "In the nineteen nineties and nineteen oh five it cost three million dollars.",
        ),
        ("It is 10:00. At 14:00 we go.", "It is ten o'clock. At fourteen hundred we go."),
        ("21st place, 3-5 days, 100%", "twenty first place, three to five days, one hundred percent"),
        ("**Hello** _world_! 😊 :) See [docs](http://a.b/c).", "Hello world! See docs."),
        ("1. First\n2. Second", "one. First. two. Second"),
        ("Mail me@example.com & wait... now!!!", "Mail me at example dot com and wait… now!"),
        ("<b>bold</b> &amp; snake_case", "bold and snake case"),
        (
            "1,234,567 and 0.5",
            "one million two hundred and thirty four thousand five hundred and sixty seven and zero point five",
        ),
        ("either/or", "either or"),
    ],
)
def test_english(text: str, spoken: str) -> None:
    assert speakable(text, "en") == spoken


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("你好 OK", "zh"),
        ("用Python写代码", "zh"),
        ("hello", "en"),
        ("I love 北京", "en"),
        ("The word 你好 means hello in Chinese", "en"),
        ("123", "zh"),
    ],
)
def test_language_of(text: str, language: str) -> None:
    assert language_of(text) == language


@given(
    text=st.text(alphabet=st.sampled_from("0123456789.,:/-%$¥℃°年月日点个元kmgs aA你好*_`#[]()<>😀\n！？"), max_size=40)
)
def test_never_fails_and_leaves_no_digit_or_markup(text: str) -> None:
    for language in ("zh", "en"):
        spoken = speakable(text, language)  # type: ignore[arg-type]
        assert not re.search(r"[0-9*`#<>\[\]😀\n]", spoken)
        assert spoken == spoken.strip()
