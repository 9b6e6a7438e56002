"""Text pipeline, rounds and errors: pure functions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit.agents import APIConnectionError, APIStatusError, llm

from mien.conversation.errors import Part, describe
from mien.conversation.history import request_context, to_messages
from mien.conversation.rounds import Averages, Origin, RoundNumbers, RoundTimings
from mien.conversation.spec import MetaInfoSpec
from mien.conversation.text import (
    Clause,
    ClauseReader,
    MetaExtractor,
    SentenceReader,
    is_backchannel,
    objects,
    plain_text,
    speakable,
)

META = MetaInfoSpec("[[", "]]", ("action",))


def read(text: str, step: int = 3, **options: object) -> list[Clause]:
    reader = ClauseReader(**options)  # type: ignore[arg-type]
    clauses = [clause for i in range(0, len(text), step) for clause in reader.push(text[i : i + step])]
    return clauses + reader.finish()


def test_an_opener_is_said_before_anything_follows_it() -> None:
    for opener in ("Well,", "嗯，", "Hello!", "I see."):
        reader = ClauseReader(openers=frozenset([opener]))
        assert [clause.display for clause in reader.push(opener)] == [opener]
        assert [clause.display for clause in reader.push(" it depends.")] == []
        assert [clause.display for clause in reader.finish()] == [" it depends."]
    clauses = read("Let me think, I believe that it works because of the sun.", openers=frozenset(["Let me think,"]))
    assert [clause.display for clause in clauses][:2] == ["Let me think,", " I believe that it works "], "as early"
    assert ClauseReader(openers=frozenset()).push("Well,") == [], "nobody else's comma ends a clause so early"


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("你好，我是小面。很高兴认识你！", ["你好，我是小面。", "很高兴认识你！"]),
        ("今天天气不错，我们出去走走吧。", ["今天天气不错，", "我们出去走走吧。"]),
        ("价格是3.5元，约1,000米。", ["价格是3.5元，", "约1,000米。"]),
        ("Hello, Dr. Smith. It is 3.5 km, or 1,000 m.", ["Hello, Dr. Smith.", " It is 3.5 km,", " or 1,000 m."]),
        ('"Really?" she said. Yes!', ['"Really?"', " she said.", " Yes!"]),
        ("真的吗？！太好了……", ["真的吗？！", "太好了……"]),
        ("1. First step. 2. Second step.", ["1. First step.", " 2. Second step."]),
        ("At 10:30, see https://example.com/a.b for it.", ["At 10:30,", " see https://example.com/a.b for it."]),
        ("第一行\n第二行", ["第一行\n", "第二行"]),
    ],
)
def test_clauses(text: str, expected: list[str], step: int) -> None:
    assert [clause.display for clause in read(text, step)] == expected


def test_a_clause_leaves_as_soon_as_one_more_character_is_known() -> None:
    reader = ClauseReader()
    assert reader.push("今天天气不错，") == []
    assert [clause.display for clause in reader.push("我")] == ["今天天气不错，"]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I can use meditation and deep breathing.", ["I can use meditation ", "and deep breathing."]),
        ("Sure, you can try a soup with eggs and rice.", ["Sure,", " you can try a soup ", "with eggs and rice."]),
        ("My name is Mien.", ["My name is Mien."]),
        ("Go to bed early, and read in bed.", ["Go to bed early,", " and read in bed."]),
        ("Well, I am fine.", ["Well, I am fine."]),
        ("好的，我来讲一个故事。", ["好的，", "我来讲一个故事。"]),
        ("好吧，我来讲一个故事。", ["好吧，我来讲一个故事。"]),
        ("你可以做一些运动或者听听音乐，早点睡。", ["你可以做一些运动", "或者听听音乐，", "早点睡。"]),
        ("我希望世界和平，大家都开心。", ["我希望世界和平，", "大家都开心。"]),
    ],
)
def test_a_slow_voice_begins_with_a_few_words(text: str, expected: list[str], step: int) -> None:
    openers = frozenset(["Sure,", "好的，"])
    assert [clause.display for clause in read(text, step, openers=openers)] == expected


def test_only_the_first_words_are_cut_short() -> None:
    long = "Then you walk slowly along the river and look at the boats."
    clauses = read(f"I like it very much. {long}", openers=frozenset())
    assert [clause.display for clause in clauses] == ["I like it very much.", f" {long}"]


def test_long_text_without_punctuation_is_cut() -> None:
    clauses = read("and then " * 100)
    assert len(clauses) >= 3
    assert "".join(clause.display for clause in clauses) == "and then " * 100


@pytest.mark.parametrize("step", [1, 2, 5, 100])
def test_metadata_vanishes_and_belongs_to_its_sentence(step: int) -> None:
    text = '[[{"action":"wave","path":[[1]]}]]你好呀朋友！今天[[不是数据]]怎么样？[[{"action":"nod"}]]好的没问题。'
    clauses = read(text, step, meta=META)
    assert [(clause.display, clause.meta.get("action")) for clause in clauses] == [
        ("你好呀朋友！", "wave"),
        ("今天[[不是数据]]怎么样？", None),
        ("好的没问题。", "nod"),
    ]
    assert plain_text(text, META) == "你好呀朋友！今天[[不是数据]]怎么样？好的没问题。"


def test_an_opening_mark_that_is_never_closed_is_text() -> None:
    assert plain_text('数组[[{"a": 1', META) == '数组[[{"a": 1'


def test_filters_hide_from_the_voice_only() -> None:
    clauses = read("（笑）你好{内心}朋友。再见(小声，慢慢地)吧。", filters=[("（", "）"), ("{", "}"), ("(", ")")])
    assert [(clause.display, clause.speech) for clause in clauses] == [
        ("（笑）你好{内心}朋友。", "你好朋友。"),
        ("再见(小声，慢慢地)吧。", "再见吧。"),
    ]


def test_terminator_silences_the_rest_of_the_round() -> None:
    clauses = read("先说这一句。然后##不说了。也不说。", terminator="##")
    assert [clause.speech for clause in clauses] == ["先说这一句。", "然后", ""]


@pytest.mark.parametrize(
    ("text", "speech"),
    [
        ("**很好**！😀", "很好！"),
        ("# 标题", "标题"),
        ("- item one", "item one"),
        ("see [here](https://x.y)", "see here"),
        ("😀🎉", ""),
        ("……", ""),
        ("`code` a * b", "code a b"),
    ],
)
def test_what_cannot_be_said_is_left_out(text: str, speech: str) -> None:
    assert speakable(text) == speech


@settings(deadline=None)
@given(
    st.lists(st.text(alphabet="你好，。！? a1.,[]{}\"':\n（）", max_size=8), max_size=12),
    st.booleans(),
)
def test_nothing_is_lost_however_the_stream_is_cut(pieces: list[str], meta: bool) -> None:
    options = {"meta": META if meta else None, "filters": [("（", "）")]}
    whole = "".join(pieces)
    reader = ClauseReader(**options)  # type: ignore[arg-type]
    clauses = [clause for piece in pieces for clause in reader.push(piece)] + reader.finish()
    once = read(whole, 10**6, **options)
    assert [c.display for c in clauses] == [c.display for c in once]
    shown = "".join(clause.display for clause in clauses)
    assert shown.split() == plain_text(whole, META if meta else None).split()


@given(st.text(alphabet='[]{}":a1 ', max_size=40))
def test_the_metadata_reader_takes_any_text(text: str) -> None:
    extractor = MetaExtractor(META)
    parts = [part for letter in text for part in extractor.push(letter)] + extractor.finish()
    assert all(isinstance(part, dict) or part for part in parts)


def test_sentences() -> None:
    reader = SentenceReader(META)
    assert reader.push('[[{"action":"x"}]]你好，朋友们。今天天') == ["你好，朋友们。"]
    assert reader.push("气很不错，对") == []
    assert reader.so_far() == ["今天天气很不错，"]
    assert reader.finish() == ["对"]


@pytest.mark.parametrize("text", ["嗯", "嗯，对。", "uh-huh", "Okay.", "yeah, right"])
def test_backchannels(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize("text", ["", "停", "好的停一下", "no", "okay stop", "嗯嗯我知道", "对 对 对 对"])
def test_not_backchannels(text: str) -> None:
    assert not is_backchannel(text)


@pytest.mark.parametrize("text", ["等一下", "停", "不对", "什么", "Wait.", "No!", "hold on", "What?"])
def test_words_that_interrupt_however_short(text: str) -> None:
    assert objects(text)


@pytest.mark.parametrize("text", ["无对", "母队", "first high", "know", "nothing", "the whatnot"])
def test_words_that_a_murmur_may_be_taken_for(text: str) -> None:
    assert not objects(text)


def test_the_request_has_prompt_window_question_and_tool_calls() -> None:
    context = llm.ChatContext.empty()
    context.add_message(role="system", content="old prompt")
    for i in range(4):
        context.add_message(role="user" if i % 2 == 0 else "assistant", content=str(i))
    context.add_message(role="user", content="question")
    context.items.append(llm.FunctionCall(call_id="1", name="tool", arguments="{}"))
    context.items.append(llm.FunctionCallOutput(call_id="1", name="tool", output="result", is_error=False))
    request = request_context(context, system_prompt="prompt", window_size=2)
    told = [getattr(item, "text_content", item.type) for item in request.items]
    assert told == ["prompt", "2", "3", "question", "function_call", "function_call_output"]
    assert [m.content for m in to_messages(context)] == ["0", "1", "2", "3", "question"]
    bare = request_context(context, system_prompt=" ", window_size=0)
    told = [getattr(item, "text_content", item.type) for item in bare.items]
    assert told == ["question", "function_call", "function_call_output"]


@given(st.lists(st.sampled_from(["user", "assistant", "call", "result"]), max_size=12), st.integers(0, 6))
def test_no_window_separates_a_call_from_its_result(kinds: list[str], window: int) -> None:
    context = llm.ChatContext.empty()
    calls = results = 0
    for kind in kinds:
        if kind == "call":
            calls += 1
            context.items.append(llm.FunctionCall(call_id=str(calls), name="tool", arguments="{}"))
        elif kind == "result":
            results += 1
            output = llm.FunctionCallOutput(call_id=str(results), name="tool", output="x", is_error=False)
            context.items.append(output)
        else:
            context.add_message(role="user" if kind == "user" else "assistant", content=kind)
    context.add_message(role="user", content="question")
    items = request_context(context, system_prompt="", window_size=window).items
    called = {item.call_id for item in items if item.type == "function_call"}
    assert called == {item.call_id for item in items if item.type == "function_call_output"}
    assert len([item for item in items if item.type == "message"]) <= window + 1


def test_round_numbers_ascend() -> None:
    numbers = RoundNumbers(1_790_411_000.5)
    assert [numbers.next(), numbers.next(), numbers.latest] == [411000001, 411000002, 411000002]


def test_latency_data() -> None:
    averages = Averages()
    assert averages.wire() == {"LLMTTFT": 0, "LLMTPS": 0.0, "TTSAudioFirstFrameTime": 0, "TotalCost": 0}
    for total in (1.0, 2.0):
        averages.add(
            RoundTimings(
                1,
                Origin.USER,
                began_at=10.0,
                llm_request_at=10.2,
                llm_first_token_at=10.5,
                llm_done_at=11.5,
                llm_tokens=21,
                tts_first_audio_at=10.9,
                voice_at=10.0 + total,
            )
        )
    assert averages.wire() == {"LLMTTFT": 300, "LLMTPS": 20.0, "TTSAudioFirstFrameTime": 400, "TotalCost": 1500}


def test_errors_in_words() -> None:
    wrapped = APIConnectionError("failed after 2 attempts")
    wrapped.__cause__ = APIStatusError("the key is wrong", status_code=401)
    assert describe(Part.LLM, wrapped) == (2203, "the language model failed: the key is wrong (check the API key)")
    assert describe(Part.TTS, TimeoutError())[0] == 2301
    assert describe(Part.ASR, ValueError("no model"))[1] == "speech recognition failed: no model"
