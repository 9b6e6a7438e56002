"""Phones to visemes: which mouth shape each sound has.

A viseme is what a sound looks like. Symbols are those of Kokoro's vocabulary: IPA for English (with capitals for
diphthongs: A as in day, I as in my, O as in go, W as in now, Y as in boy) and the IPA spelling of pinyin with tone
arrows for Chinese. Shapes follow the 15-viseme set known from lip-sync engines, with the sounds split off that look
different in Chinese: u-umlaut, the apical vowel of zi and zhi, and the spread j, q, x.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from mien.face.motion.timing import SHORT_PAUSE
from mien.speech.phones import Phone

Jaw = TypeVar("Jaw", float, np.floating, NDArray[np.floating])


class Viseme(StrEnum):
    """Mouth shapes, named by a typical sound."""

    SIL = "sil"
    PP = "pp"
    MM = "mm"
    FF = "ff"
    TH = "th"
    DD = "dd"
    NN = "nn"
    LL = "ll"
    KK = "kk"
    HH = "hh"
    SS = "ss"
    CH = "ch"
    XI = "xi"
    RR = "rr"
    YY = "yy"
    WW = "ww"
    AA = "aa"
    AE = "ae"
    EH = "eh"
    UH = "uh"
    SCHWA = "schwa"
    IH = "ih"
    EE = "ee"
    ER = "er"
    ZI = "zi"
    OH = "oh"
    OU = "ou"
    OO = "oo"
    UE = "ue"


class Shape(NamedTuple):
    """A viseme's targets, and how strongly it insists on them against its neighbours (0 not at all, 1 fully)."""

    jaw: float = 0.0
    wide: float = 0.0
    pucker: float = 0.0
    upper_up: float = 0.0
    lower_down: float = 0.0
    tongue: float = 0.0
    jaw_weight: float = 1.0
    lip_weight: float = 1.0


SHAPES: dict[Viseme, Shape] = {
    Viseme.SIL: Shape(jaw_weight=1.0, lip_weight=0.6),
    # Closures: the gate in `coarticulation` makes them reach their target; a weight here would only keep the vowels
    # beside them from opening.
    Viseme.PP: Shape(jaw=0.05, jaw_weight=0.3, lip_weight=0.1),
    Viseme.MM: Shape(jaw=0.05, jaw_weight=0.3, lip_weight=0.1),
    Viseme.FF: Shape(jaw=0.10, upper_up=0.15, jaw_weight=0.35, lip_weight=0.15),
    Viseme.TH: Shape(jaw=0.18, wide=0.15, upper_up=0.15, lower_down=0.30, tongue=0.95, jaw_weight=0.8, lip_weight=0.4),
    Viseme.DD: Shape(jaw=0.16, wide=0.20, upper_up=0.15, lower_down=0.25, tongue=0.60, jaw_weight=0.6, lip_weight=0.2),
    Viseme.NN: Shape(jaw=0.22, wide=0.15, upper_up=0.12, lower_down=0.22, tongue=0.60, jaw_weight=0.5, lip_weight=0.15),
    Viseme.LL: Shape(jaw=0.24, wide=0.15, upper_up=0.12, lower_down=0.25, tongue=0.85, jaw_weight=0.6, lip_weight=0.2),
    Viseme.KK: Shape(jaw=0.24, wide=0.10, upper_up=0.10, lower_down=0.15, jaw_weight=0.35, lip_weight=0.1),
    Viseme.HH: Shape(jaw=0.28, wide=0.05, upper_up=0.05, lower_down=0.10, jaw_weight=0.15, lip_weight=0.05),
    Viseme.SS: Shape(jaw=0.12, wide=0.35, upper_up=0.25, lower_down=0.45, jaw_weight=0.9, lip_weight=0.45),
    Viseme.CH: Shape(jaw=0.13, pucker=0.50, upper_up=0.35, lower_down=0.45, jaw_weight=0.9, lip_weight=0.7),
    Viseme.XI: Shape(jaw=0.10, wide=0.50, upper_up=0.25, lower_down=0.40, jaw_weight=0.9, lip_weight=0.5),
    Viseme.RR: Shape(jaw=0.18, pucker=0.40, upper_up=0.10, lower_down=0.20, jaw_weight=0.5, lip_weight=0.5),
    Viseme.YY: Shape(jaw=0.18, wide=0.60, upper_up=0.15, lower_down=0.25, jaw_weight=0.6, lip_weight=0.5),
    Viseme.WW: Shape(jaw=0.12, pucker=1.00, upper_up=0.05, lower_down=0.05, jaw_weight=0.8, lip_weight=1.0),
    Viseme.AA: Shape(jaw=0.82, wide=0.15, upper_up=0.22, lower_down=0.30, jaw_weight=1.0, lip_weight=0.6),
    Viseme.AE: Shape(jaw=0.64, wide=0.45, upper_up=0.30, lower_down=0.35, jaw_weight=1.0, lip_weight=0.8),
    Viseme.EH: Shape(jaw=0.44, wide=0.50, upper_up=0.25, lower_down=0.32, jaw_weight=0.9, lip_weight=0.8),
    Viseme.UH: Shape(jaw=0.48, wide=0.15, upper_up=0.15, lower_down=0.25, jaw_weight=0.9, lip_weight=0.5),
    Viseme.SCHWA: Shape(jaw=0.36, wide=0.15, upper_up=0.12, lower_down=0.20, jaw_weight=0.6, lip_weight=0.3),
    Viseme.IH: Shape(jaw=0.30, wide=0.50, upper_up=0.20, lower_down=0.30, jaw_weight=0.8, lip_weight=0.7),
    Viseme.EE: Shape(jaw=0.22, wide=0.90, upper_up=0.25, lower_down=0.35, jaw_weight=0.9, lip_weight=1.0),
    Viseme.ER: Shape(jaw=0.30, pucker=0.30, upper_up=0.10, lower_down=0.20, jaw_weight=0.8, lip_weight=0.6),
    Viseme.ZI: Shape(jaw=0.16, wide=0.35, upper_up=0.22, lower_down=0.42, jaw_weight=0.9, lip_weight=0.5),
    Viseme.OH: Shape(jaw=0.56, pucker=0.50, upper_up=0.10, lower_down=0.10, jaw_weight=1.0, lip_weight=0.9),
    Viseme.OU: Shape(jaw=0.38, pucker=0.75, upper_up=0.05, lower_down=0.05, jaw_weight=1.0, lip_weight=1.0),
    Viseme.OO: Shape(jaw=0.24, pucker=1.00, upper_up=0.02, lower_down=0.02, jaw_weight=0.9, lip_weight=1.0),
    Viseme.UE: Shape(jaw=0.18, pucker=0.90, upper_up=0.05, lower_down=0.05, jaw_weight=0.9, lip_weight=1.0),
}

_TALK_WIDEST, _TALK_BENDS = 0.68, 0.6


def in_conversation(jaw: Jaw) -> Jaw:
    """How far the jaw opens in talk for `jaw` of a carefully said sound, 0..1: small openings stay, 0.82 becomes 0.60.

    `SHAPES` keeps sounds apart as in a lesson. A face that opens so wide at every a looks as if it shouted.
    """
    return cast(Jaw, _TALK_WIDEST * np.tanh(jaw / _TALK_BENDS))


Parts = tuple[tuple[Viseme, float], ...]
"""Visemes of one symbol, in order, with the share of its time each takes."""


def _whole(symbols: str, viseme: Viseme) -> dict[str, Parts]:
    return dict.fromkeys(symbols, ((viseme, 1.0),))


SYMBOLS: dict[str, Parts] = {
    **_whole("bpβɸᵝ", Viseme.PP),
    **_whole("m", Viseme.MM),
    **_whole("fvʋ", Viseme.FF),
    **_whole("θð", Viseme.TH),
    **_whole("tdɾTʈɖɟ", Viseme.DD),
    **_whole("nŋɲɳɴ", Viseme.NN),
    **_whole("lɽʎ", Viseme.LL),
    **_whole("kɡgqcxχɣʁɰç", Viseme.KK),
    **_whole("hʔʰ", Viseme.HH),
    **_whole("szʦʣS", Viseme.SS),
    **_whole("ʃʒʂʐʧʤꭧ", Viseme.CH),
    **_whole("ɕʑʨʥʝ", Viseme.XI),
    **_whole("ɹrɻ", Viseme.RR),
    **_whole("j", Viseme.YY),
    **_whole("w", Viseme.WW),
    **_whole("aɑ", Viseme.AA),
    **_whole("æ", Viseme.AE),
    **_whole("eɛ", Viseme.EH),
    **_whole("ʌɐɤɜ", Viseme.UH),
    **_whole("əᵊ", Viseme.SCHWA),
    **_whole("ɪᵻ", Viseme.IH),
    **_whole("i", Viseme.EE),
    **_whole("ɚ", Viseme.ER),
    **_whole("ɨɯ", Viseme.ZI),
    **_whole("ɔɒ", Viseme.OH),
    **_whole("o", Viseme.OU),
    **_whole("uʊ", Viseme.OO),
    **_whole("yøœɥ", Viseme.UE),
    "A": ((Viseme.EH, 0.55), (Viseme.EE, 0.45)),
    "I": ((Viseme.AA, 0.6), (Viseme.IH, 0.4)),
    "O": ((Viseme.OU, 0.5), (Viseme.OO, 0.5)),
    "Q": ((Viseme.UH, 0.4), (Viseme.OO, 0.6)),
    "W": ((Viseme.AA, 0.55), (Viseme.OO, 0.45)),
    "Y": ((Viseme.OH, 0.55), (Viseme.EE, 0.45)),
}

CLUSTERS: dict[str, Parts] = {
    **dict.fromkeys(("tʃ", "dʒ", "ʈʂ", "ɖʐ", "tʂ", "dʐ"), ((Viseme.CH, 1.0),)),
    **dict.fromkeys(("tɕ", "dʑ", "dʝ"), ((Viseme.XI, 1.0),)),
    **dict.fromkeys(("ts", "dz"), ((Viseme.SS, 1.0),)),
    "eɪ": SYMBOLS["A"],
    "aɪ": SYMBOLS["I"],
    "oʊ": SYMBOLS["O"],
    "əʊ": SYMBOLS["Q"],
    "aʊ": SYMBOLS["W"],
    "ɔɪ": SYMBOLS["Y"],
    "ɜː": ((Viseme.ER, 1.0),),
}
"""Sounds that other engines write with two letters."""

_GLIDES = frozenset("jwɥ")
_GLIDE_SHARE = 0.5
"""A glide inside a longer symbol takes half the time of the vowel behind it."""

PAUSES = frozenset(" ;:,.!?—–-…\"'()“”‘’«»、，。！？；：（）《》")
"""Punctuation and space: silence when it lasts, nothing when it does not."""

LENGTHENING = frozenset("ː→↗↓↘ʲ̩̯̃˞")
"""Marks that belong to the sound before them; their time is its time."""

STRESS = {"ˈ": 1.0, "ˌ": 0.4}
"""Marks in front of a stressed sound, and how strong the stress is. Their time belongs to the sound after them."""

TONES = frozenset("→↗↓↘")

_RHYME = frozenset("jwɥaɑæeɛʌɐɤɜəɪiɨɯɔouʊyøœɚ")
"""Glides and vowels of a Chinese syllable."""

TONE_STRESS = {"↘": 0.55, "→": 0.3}
"""Chinese has no stress marks; a falling or high tone is the nearest thing to a beat."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A time during which the mouth heads for one viseme; seconds from the clip's start."""

    viseme: Viseme
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Accent:
    """A stressed moment, for head and brows. `strength` 0..1."""

    time: float
    strength: float


@dataclass(frozen=True, slots=True)
class Score:
    """What the mouth has to do in one clip."""

    spells: tuple[Spell, ...]
    accents: tuple[Accent, ...]


def parts(symbol: str) -> Parts:
    """The visemes of one symbol with their shares of its time; of an unknown one a neutral mouth."""
    known = SYMBOLS.get(symbol) or CLUSTERS.get(symbol)
    if known is not None:
        return known
    sounds: list[tuple[Parts, float]] = []
    at = 0
    while at < len(symbol):
        cluster = CLUSTERS.get(symbol[at : at + 2])
        at += 1 if cluster is None else 2
        found = cluster or SYMBOLS.get(symbol[at - 1])
        # Aspiration is heard but not seen, and takes no time of its own from the sound it belongs to.
        if found is not None and not (found[0][0] is Viseme.HH and sounds):
            sounds.append((found, _GLIDE_SHARE if symbol[at - 1] in _GLIDES else 1.0))
    if not sounds:
        return ((Viseme.SCHWA, 1.0),)
    whole = sum(weight for _, weight in sounds)
    return tuple((viseme, share * weight / whole) for sound, weight in sounds for viseme, share in sound)


def score(phones: Iterable[Phone]) -> Score:
    """Reads a clip's phones. Phones of no or negative length are skipped; order is by time whatever was given."""
    spells: list[Spell] = []
    accents: list[Accent] = []
    stress_from: float | None = None
    rhyme = 0
    stress = 0.0
    for phone in sorted((p for p in phones if p.end > p.start), key=lambda p: p.start):
        symbol, start = phone.symbol, phone.start
        if symbol in STRESS:
            stress_from = start if stress_from is None else stress_from
            stress = max(stress, STRESS[symbol])
            continue
        if symbol and all(letter in LENGTHENING for letter in symbol):
            if spells and spells[-1].viseme is not Viseme.SIL:
                spells[-1] = Spell(spells[-1].viseme, spells[-1].start, phone.end)
                if (tone := TONE_STRESS.get(symbol)) is not None:
                    accents.append(Accent(spells[-1].start, tone))
                if symbol in TONES:
                    _share_out(spells, rhyme)
            continue
        if not symbol or all(letter in PAUSES for letter in symbol):
            _add_pause(spells, start, phone.end)
            continue
        if stress_from is not None:
            accents.append(Accent(start, stress))
            start, stress_from, stress = stress_from, None, 0.0
        if symbol not in _RHYME:
            rhyme = len(spells) + 1
        elif rhyme > len(spells) or (spells and spells[-1].end < start - 0.001):
            rhyme = len(spells)
        length = phone.end - start
        for viseme, share in parts(symbol):
            spells.append(Spell(viseme, start, start + share * length))
            start += share * length
    return Score(tuple(_without_short_pauses(spells)), tuple(accents))


def _share_out(spells: list[Spell], first: int) -> None:
    """Divides the time of a rhyme, `spells` from `first` on, anew among its vowels.

    A voice gives its tone mark half of the rhyme's time; all of it counted to the last vowel, the first would hardly be
    seen: the a of "hao" would last 25 ms.
    """
    parts_of_it = spells[first:]
    if len(parts_of_it) < 2:
        return
    weights = [_GLIDE_SHARE if spell.viseme in (Viseme.YY, Viseme.WW) else 1.0 for spell in parts_of_it]
    start, scale = parts_of_it[0].start, (parts_of_it[-1].end - parts_of_it[0].start) / sum(weights)
    for i, (spell, weight) in enumerate(zip(parts_of_it, weights, strict=True)):
        spells[first + i] = Spell(spell.viseme, start, start + scale * weight)
        start += scale * weight


def _add_pause(spells: list[Spell], start: float, end: float) -> None:
    if spells and spells[-1].viseme is Viseme.SIL:
        spells[-1] = Spell(Viseme.SIL, spells[-1].start, end)
    else:
        spells.append(Spell(Viseme.SIL, start, end))


def _without_short_pauses(spells: Sequence[Spell]) -> list[Spell]:
    last = len(spells) - 1
    return [
        spell
        for i, spell in enumerate(spells)
        if spell.viseme is not Viseme.SIL or spell.end - spell.start >= SHORT_PAUSE or i in (0, last)
    ]
