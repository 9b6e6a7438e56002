"""What the training voices say: sentences from small grammars of ours and strings of dictionary words, zh and en.

Lips do not care for sense, so half of the lines are words drawn at random: they bring every sound beside every other.
The Chinese words come from jieba's dictionary (MIT), the English ones from misaki's (Apache-2.0), both installed with
Mien. Words with m, b, p, f or v are drawn more often, because closures are what a viewer notices first.
"""

# ruff: noqa: SIM905 - lists of words read better so

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

_ZH = {
    "who": "我们 你们 妈妈 爸爸 老板 朋友 医生 老师 服务员 小宝 王芳 大伯 邻居 客服 婆婆 司机 我 你 他 大家".split(),
    "when": "今天 明天 后天 早上 晚上 平时 马上 八点半 下个月 放学以后 比赛之前 昨天 这会儿 每年".split(),
    "do": (
        "买苹果 发邮件 办手续 听音乐 爬山 跑步 放风筝 写报告 学英文 泡茶 拍照片 订机票 修电脑 陪奶奶 打喷嚏 煮面条 "
        "骑马 喝咖啡 看电影 付房费 问问题 跳舞 睡觉 洗衣服 遛弯儿 玩儿游戏 做数学题 补办护照 吃葡萄 背单词"
    ).split(),
    "where": "北京 飞机场 公园门口 办公室 图书馆 马路边 超市 我家附近 浦东 湖边 医院 杭州 学校 饭馆儿".split(),
    "how": "慢慢地 赶快 一起 非常 偷偷 认真地 不怕麻烦地 高高兴兴地 匆匆忙忙 勉勉强强 放心".split(),
    "end": "好吗 吧 了 就行 怎么样 没问题 真不容易 别忘了 你觉得呢 谢谢 不客气 请稍等".split(),
}
_ZH_FORMS = (
    "{who}{when}去{where}{do}{end}", "{when}{who}{how}{do}，{end}？", "请问，{where}能不能{do}？",
    "{who}说{when}要{do}，{how}就{do}。", "{when}，{who}在{where}{do}，{who}{how}{do}。",
    "您好，{where}一共{n}个人，{m}块钱。", "{who}的号码是{n}，{m}号楼。",
    "{who}喜欢 {brand}，{how}{do}。", "{who}，{end}！",
)  # fmt: skip
_EN = {
    "who": "my mother|the boss|Bob|Phoebe|our family|a big brown bear|every member|you|we|the people from Wembley|"
    "five old friends|nobody|the man with the umbrella|Pam and Bill|she|the pilot|their lawyer".split("|"),
    "do": "bought|moved|opened|found|painted|put away|left behind|wanted|measured|believed in|wove|pushed|kept|asked"
    " about|laughed at|threw out|might remember|could have forgotten|will bring|should never improve".split("|"),
    "what": "the apple pie|five blue boxes|a pair of gloves|the map of Paris|his favourite movie|some warm bread|that"
    " very problem|a cup of coffee|the number seven bus|my problem with the phone|three yellow flowers|this above all"
    "|an empty boat|the whole weather report|bubbles|a few good ideas|what you mean|the zoo".split("|"),
    "when": "this morning|before breakfast|in February|at half past five|for a while|twice a week|when it rains|every "
    "evening|without any fuss|in the middle of the park|on the roof|over there|as soon as possible".split("|"),
    "lead": "well|sure|of course|maybe|to be fair|by the way|oh no|I am afraid|yes please|in fact".split("|"),
}
_EN_FORMS = (
    "{Who} {do} {what} {when}.", "{Lead}, {who} {do} {what}.", "{When}, {who} {do} {what}, and {who} {do} {what}.",
    "Would {who} bring {what} {when}?", "{Who} {do} {n} of them.", "{Lead}!", "{What}? {Lead}, {who} {do} it {when}.",
)  # fmt: skip
_BRANDS = "iPhone Wifi email PPT VIP Python app Bob Vivo KFC coffee baby party bye-bye".split()
_LIPS_ZH = frozenset("bpmf")
_LIPS_EN = frozenset("bpmfv")


@cache
def _zh_words() -> tuple[list[str], list[float]]:
    from pypinyin import Style, lazy_pinyin

    words, weights = [], []
    for line in files("jieba").joinpath("dict.txt").read_text("utf-8").splitlines():
        word, count, *_ = line.split(" ")
        if int(count) < 30 or not all("\u4e00" <= c <= "\u9fff" for c in word) or len(word) > 4:
            continue
        labial = any(i in _LIPS_ZH for i in lazy_pinyin(word, style=Style.INITIALS, strict=False))
        words.append(word)
        weights.append(int(count) ** 0.4 * (1.6 if labial else 1.0))
    return words, weights


@cache
def _en_words() -> tuple[list[str], list[float]]:
    lexicon = json.loads(files("misaki").joinpath("data/us_gold.json").read_text("utf-8"))
    words = [word for word in lexicon if word.isalpha() and word.islower() and 2 <= len(word) <= 11]
    return words, [(2.0 if _LIPS_EN & set(word) else 1.0) / len(word) for word in words]


def _sentence(rng: random.Random, language: str) -> str:
    slots, forms = (_ZH, _ZH_FORMS) if language == "zh" else (_EN, _EN_FORMS)

    class Fill(dict[str, str]):
        def __missing__(self, key: str) -> str:
            if key in "nm":
                return str(rng.randrange(10 ** rng.randint(1, 4)))
            if key == "brand":
                return rng.choice(_BRANDS)
            word = rng.choice(slots[key.lower()])
            return word[0].upper() + word[1:] if key[0].isupper() else word

    return rng.choice(forms).format_map(Fill())


def _salad(rng: random.Random, language: str) -> str:
    words, weights = _zh_words() if language == "zh" else _en_words()
    drawn = rng.choices(words, weights, k=rng.randint(3, 9))
    if rng.random() < 0.08:
        drawn.insert(rng.randrange(len(drawn)), f" {rng.choice(_BRANDS)} " if language == "zh" else rng.choice(_BRANDS))
    space, comma, end = ("", "，", "。") if language == "zh" else (" ", ",", ".")
    out = ""
    for i, word in enumerate(drawn):
        out += word + (comma if rng.random() < 0.15 and i + 1 < len(drawn) else "") + space
    return out.strip() + rng.choice((end, end, "?" if language == "en" else "？"))


def sentences(language: str, seed: int) -> Iterator[str]:
    """Endless lines in "zh" or "en"; equal seeds give equal lines."""
    rng = random.Random(f"{language}{seed}")
    while True:
        yield (_sentence if rng.random() < 0.5 else _salad)(rng, language)
