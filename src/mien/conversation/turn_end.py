"""When the user's turn is over: how long they must be silent, by what they have said so far.

A caller who sets `SilenceSegmentation` or `PauseInterval` is taken at their word. Otherwise silence decides together
with the words: a question that is asked out is answered soon, a sentence that breaks off in the middle is waited for.
Chinese and English; other languages wait as long as the API's default says.
"""

from __future__ import annotations

import re
from enum import Enum

from mien.conversation.spec import VadSpec

COMPLETE_S = 0.3
"""Silence behind what clearly asks for an answer."""
DEFAULT_S = 0.5
"""Silence where the words do not tell; the API's default."""
OPEN_S = 1.2
"""Silence behind what clearly goes on."""
NOTICED_S = 0.25
"""Silence that is noticed at all, long before a turn is over."""
UNHEARD_S = 1.5
"""While words of the latest speech are still being recognised nothing is decided, for this long at most."""


class Ending(Enum):
    """What the words say about whether more will come."""

    COMPLETE = COMPLETE_S
    UNSURE = DEFAULT_S
    OPEN = OPEN_S


class TurnEnd:
    """The rule of one instance."""

    def __init__(self, spec: VadSpec) -> None:
        given = spec.silence_segmentation_ms is not None or spec.pause_interval_ms is not None
        wanted = max(spec.silence_segmentation_ms or DEFAULT_S * 1000, spec.pause_interval_ms or 0)
        self.fixed_s: float | None = wanted / 1000 if given else None
        """Silence that ends a turn whatever was said; None when the words count."""

    def silence_s(self, text: str) -> float:
        """Seconds of silence after which a turn with this text is over."""
        return ending(text).value if self.fixed_s is None else self.fixed_s

    @property
    def noticed_s(self) -> float:
        """Silence after which voice detection says that the user is silent, and their words are recognised."""
        return NOTICED_S if self.fixed_s is None else min(NOTICED_S, self.fixed_s)

    @property
    def unheard_s(self) -> float:
        """The same while words may still be missing from the text."""
        return UNHEARD_S if self.fixed_s is None else self.fixed_s


def ending(text: str) -> Ending:
    """How `text`, a transcript of everything said in a turn, ends. Recognisers set full stops freely; they count for
    nothing, but commas, question marks and dots do."""
    text = text.strip().rstrip("”’\"')）」』")
    words = _WORD.findall(text)
    if not words:
        return Ending.UNSURE
    if _GOES_ON.search(text):
        return Ending.OPEN
    return _chinese(text) if "\u3400" <= words[-1] <= "\u9fff" else _english(text)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*|\d+|[\u3400-\u9fff]")
_GOES_ON = re.compile(r"(?:[,，、:：;；—–-]|\.\.\.?|…)$")
_ASKED = re.compile(r"[?？]$")
_MARKS = re.compile(r"[\s,，。.!！?？、;；:：…]+")

_ZH_FILLER = re.compile(r"(?:嗯|呃|额|唔|那个|这个|就是|就是说|怎么说)$")
_ZH_OPEN = re.compile(
    r"(?:和|跟|与|或|或者|还有|以及|并且|然后|接着|但|但是|可是|不过|而且|而|因为|所以|因此|如果|要是|假如|虽然|尽管|即使|只要|除非"
    r"|比如|比如说|例如|包括|关于|对于|至于|根据|为了|除了"
    r"|请问|问你|(?:问|请教)(?:你|您)?(?:一下|个问题)?|我是想|我想|我想要|我要|我觉得|我认为|我希望|我打算|我需要|我听说"
    r"|想请你|请你|请帮我|帮我|帮忙|麻烦你|给我|告诉我|你能|你可以|能不能|可不可以|可以不可以|是不是|有没有|要不要"
    r"|把|被|让|在|从|往|向|对|给|用|当|(?:一|某|每|哪)(?:个|家|种|些|位|张|本|条|只|件|部|首|座|道|款|辆|台)|这种|那种|的话|的时候|之前|以前|之后|以后|特别是|尤其是)$"
)
_ZH_HALF = re.compile(r"^(?:那|那么|我说)?(?:如果|要是|假如|因为|由于|虽然|尽管|即使|既然|除了|为了|当|每当|自从)")
"""A clause that begins like this is half a sentence, unless its other half is in the same clause."""
_ZH_OTHER_HALF = re.compile(r"就|都|才|也|还|吗|呢|怎么|什么|谁|哪|几|多少|该|会不会|能不能|可不可以")
_ZH_ASKS_ABOUT = re.compile(r"(?:问一下|问问|想问|请问|请教|想知道|想了解)(.*)", re.DOTALL)
_ZH_WHEN = re.compile(
    r"(?:[今明后昨前当每]天|[今明去后]年|周末|周[一二三四五六日]|星期[一二三四五六日天]|早上|上午|中午|下午|傍晚|晚上|夜里|凌晨)$"
)
"""A question that has only come as far as its time: "我想问一下，明天上午"."""
_ZH_QUESTION = re.compile(
    r"什么|怎么|怎样|咋|哪|谁|几(?:点|个|岁|号|次|天|年|位|块|度|月|时|分|种)|多少|多大|多长|多久|多远|为何|为什么|如何|何时"
    r"|能不能|可不可以|会不会|是不是|有没有|要不要|好不好|行不行|对不对|知不知道|[吗呢吧嘛]$"
)
_ZH_DONE = re.compile(
    r"(?:谢谢|谢谢你|谢谢您|多谢|再见|拜拜|你好|您好|没有了|没了|就这样|就这些|算了|不用了|不要了|不是|没事|好了|可以了|够了"
    r"|一下|听听|看看|说说|讲讲|聊聊|试试|吧|一个故事|一个笑话|一首歌)$"
)

_EN_ASKS_ABOUT = re.compile(
    r"\b(?:(?:like|want|wanted|need|love) to (?:know|ask)(?: you)?|wondering)\W*$", re.IGNORECASE
)
_EN_LEADS = _words("and but or so because if when while although though unless until since whether than as")
_EN_NEVER_LAST = _words("the a an my your our their its every and but or because um uh er erm hmm")
"""Words no sentence ends with, not even one with a question mark."""
_EN_OPEN = _EN_LEADS | _words("""
    to of in on at for with from by about into near between without like is are was were be been am i'm you're he's
    she's it's we're they're that's there's can could will would shall should may might must do does did has have had i
    he she we they this these those that which who whose what how where why his her some any more most very really
    also then maybe perhaps actually basically not don't can't i'd i'll i've let's want need going gonna tell give
    """)
_EN_HALF = _words("if because although though while since unless until whenever")
_EN_ASKS = _words("""
    what what's who who's whose whom which where where's when how how's why do does did is are was were am can could
    will would shall should may might must have has had isn't aren't don't doesn't didn't can't couldn't won't wouldn't
    """)
_EN_AUXILIARIES = _words("do does did is are was were am can could will would shall should may have has had")
_EN_ASKED_FOR = (["tell", "me"], ["give", "me"], ["show", "me"], ["ask", "you"], ["me", "think"])
_EN_DONE = _words("thanks you bye goodbye hello hi stop please")
_EN_ORDERS = _words("tell show give sing play explain describe repeat say help recommend suggest stop")


def _chinese(text: str) -> Ending:
    clauses = [clause for clause in _MARKS.split(text) if clause]
    last = clauses[-1]
    if _ZH_FILLER.search(last) or (_ZH_OPEN.search(last) and not _ASKED.search(text)):
        return Ending.OPEN
    if _ZH_HALF.search(last) and not _ZH_OTHER_HALF.search(last):
        return Ending.OPEN
    asked = _ASKED.search(text) or _ZH_QUESTION.search(last) or _ZH_DONE.search(last)
    about = _ZH_ASKS_ABOUT.search(text)
    if about and _ZH_WHEN.search(last) and not _ZH_QUESTION.search(about[1]):
        return Ending.OPEN
    return Ending.COMPLETE if asked else Ending.UNSURE


def _english(text: str) -> Ending:
    words = [word.lower().replace("’", "'") for word in re.findall(r"[A-Za-z]+(?:['’][A-Za-z]+)?|\d+", text)]
    asked = _ASKED.search(text) is not None
    if words[-2:] in _EN_ASKED_FOR or words[-1] in _EN_NEVER_LAST or (words[-1] in _EN_OPEN and not asked):
        return Ending.OPEN
    if _EN_ASKS_ABOUT.search(text) and not asked:
        return Ending.OPEN
    sentence = re.findall(r"[A-Za-z]+(?:['’][A-Za-z]+)?|\d+", re.split(r"[.!?]\s+", text.rstrip(" .!?"))[-1])
    first = [word.lower().replace("’", "'") for word in sentence[:3]]
    while first[:1] and first[0] in ("so", "and", "but", "then", "well", "okay", "ok", "hello", "hi"):
        first = first[1:]
    if asked:
        return Ending.COMPLETE
    if first[:1] and "," not in text and (first[0] in _EN_HALF or (first[0] == "when" and _no_question(first))):
        return Ending.OPEN
    asks = first[:1] and first[0] in _EN_ASKS and len(sentence) >= 4
    orders = first[:1] and first[0] in _EN_ORDERS and len(sentence) >= 3
    return Ending.COMPLETE if asks or orders or words[-1] in _EN_DONE else Ending.UNSURE


def _no_question(first: list[str]) -> bool:
    return len(first) < 2 or first[1] not in _EN_AUXILIARIES
