"""Numbers, dates, times, money and units read aloud in Chinese."""

from __future__ import annotations

import re
from decimal import Decimal

_DIGITS = "零一二三四五六七八九"
_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_UNITS = {
    "km/h": "公里每小时", "m/s": "米每秒", "km": "公里", "cm": "厘米", "mm": "毫米", "kg": "公斤", "mg": "毫克",
    "ml": "毫升", "mL": "毫升", "GB": "G B", "MB": "M B", "TB": "T B", "KB": "K B", "kWh": "度", "kW": "千瓦",
    "℃": "摄氏度", "°C": "摄氏度", "℉": "华氏度", "°F": "华氏度", "°": "度", "m²": "平方米", "㎡": "平方米",
    "km²": "平方公里", "m³": "立方米", "Hz": "赫兹", "kHz": "千赫", "MHz": "兆赫", "GHz": "吉赫", "min": "分钟",
    "ms": "毫秒", "h": "小时", "s": "秒", "m": "米", "g": "克", "L": "升", "W": "瓦", "V": "伏",
}  # fmt: skip
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_MONEY = {"¥": "元", "￥": "元", "$": "美元", "€": "欧元", "£": "英镑", "HK$": "港元", "US$": "美元", "RMB": "元"}
_COUNTED = "个位名只条本台次年天岁人块元件张家种倍点分小周月层楼遍句套颗杯瓶斤公米里步回"
"""Measure words and units before which 2 is 两."""


def read(text: str) -> str:
    """`text` with every number in Chinese words."""
    text = re.sub(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)", _date, text)
    text = re.sub(r"(?<!\d)(\d{4}(?=\s*年)|\d{2}(?=\s*年\s*\d{1,2}\s*月))", lambda m: digits(m[1]), text)
    text = re.sub(r"(?<![\d:：])(\d{1,2})[:：](\d{2})(?:[:：](\d{2}))?(?!\d)", _time, text)
    text = re.sub(r"(?<![\d:：])(\d{1,3})[:：](\d{1,3})(?![\d:：])", lambda m: f"{number(m[1])}比{number(m[2])}", text)
    text = re.sub(r"(?<!\d)1[3-9]\d{9}(?!\d)", lambda m: digits(m[0]).replace("一", "幺"), text)
    text = re.sub(r"(?<!\d)(\d{3,4})-(\d{7,8})(?!\d)", lambda m: f"{digits(m[1])}，{digits(m[2])}", text)
    text = re.sub(rf"(HK\$|US\$|RMB|[¥￥$€£])\s?({_NUMBER})([万亿千百]?)", _money, text)
    text = re.sub(rf"({_NUMBER})\s*[%％]?\s*[-~～–—至到]\s*({_NUMBER})\s*[%％]", _percent_range, text)
    text = re.sub(rf"(-?)({_NUMBER})\s*[%％]", lambda m: f"{_sign(m[1])}百分之{number(m[2])}", text)
    text = re.sub(rf"(-?)({_NUMBER})\s*‰", lambda m: f"{_sign(m[1])}千分之{number(m[2])}", text)
    text = re.sub(r"(?<![\d/.])(\d{1,3})/(\d{1,3})(?![\d/])", lambda m: f"{number(m[2])}分之{number(m[1])}", text)
    text = re.sub(rf"(?<=\d)\s*[-~～–](?={_NUMBER})", "到", text)
    text = re.sub(rf"(-?)({_NUMBER})\s*({_UNIT})(?![A-Za-z])", _with_unit, text)
    text = re.sub(r"(?<=[A-Za-z])(\d+(?:\.\d+)+)", lambda m: " " + _version(m[1]), text)
    text = re.sub(r"(?<=[A-Za-z])-?(\d+)", lambda m: " " + number(m[1]), text)
    text = re.sub(r"(?<!\d)\d+(?:\.\d+){2,}", lambda m: _version(m[0]), text)
    text = re.sub(rf"(?<=第)({_NUMBER})", lambda m: number(m[1]), text)
    text = re.sub(rf"(?<![\w.])2(?=\s*[{_COUNTED}])", "两", text)
    text = re.sub(rf"(?<![\w)）])-(?={_NUMBER})", "负", text)
    return re.sub(_NUMBER, _plain, text)


def digits(text: str) -> str:
    """A number digit by digit: 2024 → 二零二四."""
    return "".join(_DIGITS[int(digit)] for digit in text if digit.isdecimal())


def number(text: str) -> str:
    """A number as a quantity: 1200.5 → 一千二百点五. Leading zeros and very long ones digit by digit."""
    whole, _, fraction = text.replace(",", "").partition(".")
    by_digit = (len(whole) > 1 and whole[0] == "0") or len(whole) > 16
    words = digits(whole) if by_digit else _integer(int(whole))
    return f"{words}点{digits(fraction)}" if fraction else words


def _integer(value: int) -> str:
    if value < 10:
        return _DIGITS[value]
    for size, name in ((10**12, "万亿"), (10**8, "亿"), (10**4, "万")):
        if value >= size:
            high, low = divmod(value, size)
            return _integer(high) + name + _rest(low, size // 10)
    for size, name in ((1000, "千"), (100, "百"), (10, "十")):
        if value >= size:
            high, low = divmod(value, size)
            head = "" if size == 10 and high == 1 else _DIGITS[high]
            return head + name + _rest(low, size // 10)
    raise AssertionError(value)


def _rest(low: int, place: int) -> str:
    """What follows a higher place: 零 where places are skipped, and 一十 inside a number."""
    if not low:
        return ""
    words = _integer(low)
    if 10 <= low < 20:
        words = "一" + words
    return ("零" if low < place else "") + words


def _sign(mark: str) -> str:
    return "负" if mark else ""


def _plain(match: re.Match[str]) -> str:
    text = match[0]
    bare = text.replace(",", "")
    # Room numbers, codes and other long runs of digits are read one by one, round numbers are not.
    if "." not in bare and "," not in text and len(bare) >= 7 and Decimal(bare) % 10000:
        return digits(bare)
    return number(text)


def _date(match: re.Match[str]) -> str:
    year, month, day = match[1], int(match[2]), int(match[3])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return f"{digits(year)}年{_integer(month)}月{_integer(day)}日"


def _time(match: re.Match[str]) -> str:
    hour, minute, second = int(match[1]), int(match[2]), match[3]
    if hour > 24 or minute > 59:
        return f"{number(match[1])}比{number(match[2])}"
    words = ("两" if hour == 2 else _integer(hour)) + "点"
    if minute or second:
        words += ("零" if minute < 10 else "") + (_integer(minute) if minute else "") + "分"
    return words + (f"{_integer(int(second))}秒" if second and int(second) else "")


def _money(match: re.Match[str]) -> str:
    return f"{number(match[2])}{match[3]}{_MONEY[match[1]]}"


def _percent_range(match: re.Match[str]) -> str:
    return f"百分之{number(match[1])}到{number(match[2])}"


def _with_unit(match: re.Match[str]) -> str:
    amount = "两" if match[2] == "2" else number(match[2])
    degrees = match[3] in {"℃", "°C", "℉", "°F"}
    return f"{('零下' if degrees else '负') if match[1] else ''}{amount}{_UNITS[match[3]]}"


def _version(text: str) -> str:
    return "点".join(number(part) for part in text.split("."))
