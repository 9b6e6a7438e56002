"""Numbers, dates, times, money and units read aloud in English."""

from __future__ import annotations

import re

from num2words import num2words

_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
_MONTH = "|".join((*_MONTHS, "Jan", "Feb", "Mar", "Apr", "Jun", "Jul", "Aug", "Sept", "Sep", "Oct", "Nov", "Dec"))
_UNITS = {
    "km/h": "kilometre per hour", "mph": "mile per hour", "m/s": "metre per second", "km": "kilometre",
    "cm": "centimetre", "mm": "millimetre", "kg": "kilogram", "mg": "milligram", "ml": "millilitre",
    "mL": "millilitre", "lb": "pound", "lbs": "pound", "oz": "ounce", "ft": "foot", "GB": "gigabyte",
    "MB": "megabyte", "TB": "terabyte", "KB": "kilobyte", "kW": "kilowatt", "kWh": "kilowatt hour",
    "°C": "degree Celsius", "℃": "degree Celsius", "°F": "degree Fahrenheit", "℉": "degree Fahrenheit",
    "°": "degree", "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "min": "minute",
    "mins": "minute", "ms": "millisecond", "sec": "second", "hrs": "hour", "hr": "hour", "m": "metre",
    "g": "gram", "L": "litre",
}  # fmt: skip
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_MONEY = {
    "$": ("dollar", "cent"),
    "US$": ("dollar", "cent"),
    "€": ("euro", "cent"),
    "£": ("pound", "p"),
    "¥": ("yuan", ""),
}
_SHORT = {
    "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miss", "Dr.": "Doctor", "Prof.": "Professor", "St.": "Saint",
    "vs.": "versus", "etc.": "et cetera", "e.g.": "for example", "i.e.": "that is", "approx.": "approximately",
    "No.": "number", "Inc.": "Incorporated", "Ltd.": "Limited", "Jr.": "Junior", "Sr.": "Senior",
}  # fmt: skip
_SHORT_PATTERN = re.compile(
    r"(?<![\w.])(?:" + "|".join(re.escape(word) for word in _SHORT if word != "No.") + r")(?=[\s,;:)]|$)|No\.(?=\s?\d)",
    re.IGNORECASE,
)
_SHORT_LOWER = {short.lower(): long for short, long in _SHORT.items()}


def read(text: str) -> str:
    """`text` with every number and common abbreviation in English words."""
    text = _SHORT_PATTERN.sub(_abbreviation, text)
    text = re.sub(r"(?<!\d)(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)", _date, text)
    text = re.sub(rf"\b({_MONTH})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)", _month_day, text)
    text = re.sub(r"(?<![\d:])(\d{1,2}):(\d{2})(?::\d{2})?(?:\s*([AaPp]\.[Mm]\b\.?|[AaPp][Mm]\b))?(?!\d)", _time, text)
    text = re.sub(r"\b(\d{1,2})\s*([AaPp])(?:\.[Mm]\b\.?|[Mm]\b)", lambda m: f"{_words(m[1])} {m[2].upper()} M", text)
    text = re.sub(rf"(US\$|[$€£¥])\s?({_NUMBER})(?:\s?(thousand|million|billion|trillion|[kKmMbB])\b)?", _money, text)
    text = re.sub(r"(?<!\d)(?:\+?\d{1,2}[ -])?\(?\d{3}\)?[ -]\d{3}[ -]\d{4}(?!\d)", _telephone, text)
    text = re.sub(rf"(-?)({_NUMBER})\s*%", lambda m: f"{_sign(m[1])}{_words(m[2])} percent", text)
    text = re.sub(r"\b(\d+)(?:st|nd|rd|th)\b", lambda m: _ordinal(m[1]), text)
    text = re.sub(r"\b((?:1[1-9]|20)\d)0s\b|\b(\d)0s\b", _decade, text)
    text = re.sub(rf"(?<=\d)\s*[-–]\s*(?={_NUMBER})", " to ", text)
    text = re.sub(r"(?<![\d/.])(\d{1,2})/(\d{1,2})(?![\d/])", _fraction, text)
    text = re.sub(rf"(?<![\w.])(-?)({_NUMBER})\s*({_UNIT})(?![A-Za-z/])", _with_unit, text)
    text = re.sub(r"(?<=[A-Za-z])-?(?=\d)|(?<=\d)(?=[A-Za-z])", " ", text)
    text = re.sub(r"(?<![\d.])\d+(?:\.\d+){2,}(?![\d.])", lambda m: " point ".join(map(_words, m[0].split("."))), text)
    text = re.sub(r"(?<![\d,.])((?:1[1-9]|20)\d\d)(?![\d%]|[.,]\d)", lambda m: _year(m[1]), text)
    text = re.sub(rf"(?<![\w)])-(?={_NUMBER})", "minus ", text)
    return re.sub(_NUMBER, lambda m: _words(m[0]), text)


def _words(number: str) -> str:
    """A number as a quantity; leading zeros and very long ones digit by digit."""
    bare = number.replace(",", "")
    whole, _, fraction = bare.partition(".")
    if (len(whole) > 1 and whole[0] == "0") or len(whole) > 15 or ("," not in number and len(whole) > 8):
        words = _digits(whole)
    else:
        words = str(num2words(int(whole))).replace("-", " ").replace(",", "")
    return f"{words} point {_digits(fraction)}" if fraction else words


def _digits(text: str) -> str:
    return " ".join(_DIGITS[int(digit)] for digit in text if digit.isdecimal())


def _ordinal(number: str) -> str:
    return str(num2words(int(number), to="ordinal")).replace("-", " ").replace(",", "")


def _year(number: str) -> str:
    value = int(number)
    high, low = divmod(value, 100)
    if 2000 <= value < 2010 or (low == 0 and high % 10 == 0):
        return _words(number)
    if low == 0:
        return f"{_words(str(high))} hundred"
    return f"{_words(str(high))} {'oh ' if low < 10 else ''}{_words(str(low))}"


def _sign(mark: str) -> str:
    return "minus " if mark else ""


def _abbreviation(match: re.Match[str]) -> str:
    return _SHORT_LOWER[match[0].lower()]


def _date(match: re.Match[str]) -> str:
    month, day = int(match[2]), int(match[3])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return f"{_MONTHS[month - 1]} {_ordinal(match[3])}, {_year(match[1])}"


def _month_day(match: re.Match[str]) -> str:
    name = next((month for month in _MONTHS if month.startswith(match[1][:3])), match[1])
    return f"{name} {_ordinal(match[2])}"


def _time(match: re.Match[str]) -> str:
    hour, minute, half = int(match[1]), int(match[2]), match[3]
    if hour > 24 or minute > 59:
        return f"{_words(match[1])} to {_words(match[2])}"
    spoken = (
        "o'clock" if not minute and not half else f"oh {_words(str(minute))}" if minute < 10 else _words(str(minute))
    )
    if not minute and (half or hour > 12):
        spoken = "" if half else "hundred"
    return " ".join(filter(None, (_words(str(hour)), spoken, f"{half[0].upper()} M" if half else "")))


def _money(match: re.Match[str]) -> str:
    coin, small = _MONEY[match[1]]
    scale = {"k": "thousand", "m": "million", "b": "billion"}.get((match[3] or "").lower(), match[3] or "")
    whole, _, fraction = match[2].partition(".")
    plural = coin if coin == "yuan" or (match[2] in {"1", "1.00"} and not scale) else f"{coin}s"
    if scale or not fraction or len(fraction) != 2 or not small:
        return " ".join(filter(None, (_words(match[2]), scale, plural)))
    cents = int(fraction)
    head = f"{_words(whole)} {coin if whole == '1' else f'{coin}s'}"
    if not cents:
        return head
    ending = small if small == "p" or cents == 1 else f"{small}s"
    return f"{head} {_words(str(cents))} {ending}" if int(whole.replace(",", "")) else f"{_words(str(cents))} {ending}"


def _telephone(match: re.Match[str]) -> str:
    return ", ".join(_digits(group) for group in re.findall(r"\d+", match[0]))


def _decade(match: re.Match[str]) -> str:
    century, tens = (match[1][:2], match[1][2]) if match[1] else ("", match[2])
    if tens == "0":
        return f"{_words(match[1] + '0')}s"
    head = f"{_words(century)} " if century else ""
    return head + ("tens" if tens == "1" else _words(f"{tens}0")[:-1] + "ies")


def _fraction(match: re.Match[str]) -> str:
    top, bottom = int(match[1]), int(match[2])
    if (top, bottom) == (1, 2):
        return "one half"
    if not bottom or top >= bottom or bottom > 20:
        return f"{_words(match[1])} slash {_words(match[2])}"
    name = {2: "half", 4: "quarter"}.get(bottom) or _ordinal(match[2])
    return f"{_words(match[1])} {name}{'' if top == 1 else 's'}"


def _with_unit(match: re.Match[str]) -> str:
    one = match[2] == "1"
    unit = _UNITS[match[3]]
    if not one:
        head, _, tail = unit.partition(" ")
        head = {"foot": "feet", "hertz": "hertz"}.get(head) or (head if head.endswith("hertz") else f"{head}s")
        unit = f"{head} {tail}".strip()
    return f"{_sign(match[1])}{_words(match[2])} {unit}"
