"""What is documented of every member of every action, written down by hand and not read off this program's schemas.

A body is a tree of rules. `cases` turns it into single members that are wrong, right at their limits, or missing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.mutations import WRONG_TYPES

JsonObject = dict[str, Any]
ID_SIGNS = "-_"
AGENT_SIGNS = r"!#$%&()+-:;\<=.>?@[]^_{}|~,"


@dataclass(frozen=True)
class Rule:
    """A member: its JSON type, and values of that type that are refused and taken."""

    kind: str
    refused: tuple[Any, ...] = ()
    taken: tuple[Any, ...] = ()
    required: bool = False
    members: Mapping[str, Rule] = field(default_factory=dict)
    items: Rule | None = None


def text(*, refused: tuple[Any, ...] = (), taken: tuple[Any, ...] = (), required: bool = False) -> Rule:
    return Rule("string", refused, taken, required)


def identifier(longest: int, *, signs: str = ID_SIGNS, required: bool = True) -> Rule:
    foreign = tuple(f"a{sign}b" for sign in " /\"'\\汉\n*" if sign not in signs)
    return text(refused=("", "x" * (longest + 1), *foreign), taken=("x" * longest, f"aZ09{signs}"), required=required)


def choice(*names: str, required: bool = False) -> Rule:
    return text(refused=("", "Nonsense"), taken=names, required=required)


def whole(low: int, high: int) -> Rule:
    return Rule("integer", (low - 1, high + 1), (low, high))


def number(low: float, high: float) -> Rule:
    return Rule("number", (low - 0.01, high + 0.01), (low, high))


def obj(members: Mapping[str, Rule] | None = None, *, required: bool = False) -> Rule:
    return Rule("object", required=required, members=members or {})


def many(items: Rule, *, most: int = 0, at_least_one: bool = False, required: bool = False) -> Rule:
    """An array; `most` of 0 for no limit."""
    return Rule("array", (most,) if most else (), (0,) if at_least_one else (), required, items=items)


FLAG = whole(0, 1)
BOOLEAN = Rule("boolean", (), (True, False))
INSTANCE_ID = text(refused=("",), required=True)
AGENT_ID = identifier(128, signs=AGENT_SIGNS)
NAME = text(refused=("x" * 257, "汉" * 86), taken=("", "x" * 256, "汉" * 85))

LLM = obj(
    {
        "Vendor": choice("OpenAIChat", "OpenAIResponses", "openaichat"),
        "Url": text(refused=("", "llm.example.com/v1", "ftp://llm.example.com"), required=True),
        "ApiKey": text(taken=("",)),
        "Model": text(refused=("",), required=True),
        "SystemPrompt": text(taken=("",)),
        "Temperature": number(0, 2),
        "TopP": number(0, 1),
        "Params": obj(),
        "AddAgentInfo": BOOLEAN,
        "AgentExtraInfo": obj(),
    }
)
_TTS = {
    "Url": text(refused=("tts.example.com",), taken=("",)),
    "Params": obj({"app": obj(required=True)}, required=True),
    "FilterText": many(
        obj(
            {
                "BeginCharacters": text(refused=("",), required=True),
                "EndCharacters": text(refused=("",), required=True),
            }
        )
    ),
    "TerminatorText": text(refused=("12345",), taken=("", "1234", "汉汉汉汉")),
    "CharacterFilter": many(text(refused=("abc",), taken=("ab", "。"))),
}
TTS_VENDORS = ("Aliyun", "ByteDanceV3", "ByteDanceFlowing", "MiniMax", "CosyVoice")
TTS = obj({"Vendor": choice(*TTS_VENDORS, "ByteDance", "Minimax", "BytedanceFlowing", required=True), **_TTS})
TTS_UPDATE = obj({"Vendor": choice("MiniMax", "Minimax", required=True), **_TTS})
ASR_VENDORS = ("Tencent", "AliyunParaformer", "Microsoft", "AliyunFunASR", "AliyunQwenASR", "VolcSeedASR")
ASR = obj(
    {
        "Vendor": choice(*ASR_VENDORS, "AliyunGummy", "tencent"),
        "Params": obj(),
        "VADSilenceSegmentation": whole(200, 2000),
        "PauseInterval": whole(200, 2000),
        "VADSensitiveLevel": whole(0, 3),
        "VADMinSpeechDur": whole(0, 1000),
        "VADEnergyThreshold": number(0, 1),
        "HotWord": text(taken=("",)),
    }
)
SENSITIVITY = {"Level": whole(0, 3), "MinSpeechDur": whole(0, 1000), "EnergyThreshold": number(0, 1)}
VAD = obj(
    {
        "TurnDetectConfig": obj({"SilenceSegmentation": whole(200, 2000), "PauseInterval": whole(200, 2000)}),
        "VoiceDetectConfig": obj({"SensitiveConfig": obj(SENSITIVITY)}),
    }
)
_ROOM = {
    "RoomId": identifier(128, signs="_-."),
    "AgentStreamId": identifier(128, signs="_-."),
    "AgentUserId": identifier(32, signs="_-.@#"),
    "StreamExtraInfo": text(refused=("x" * 1025, "汉" * 342), taken=("", "x" * 1024, "汉" * 341)),
}
RTC = obj({**_ROOM, "UserStreamId": identifier(128, signs="_-.")}, required=True)
MESSAGE = obj({"Role": choice("user", "assistant", required=True), "Content": text(taken=("",), required=True)})
HISTORY = obj(
    {
        "SyncMode": FLAG,
        "Messages": many(MESSAGE, most=100),
        "WindowSize": whole(0, 500),
        "ZIM": obj({"RobotId": text(refused=("x",), taken=("@RBT#x",)), "LoadMessageCount": whole(0, 500)}),
    }
)
_LIVE_CALLBACKS = {"Interrupted": FLAG, "AgentInstanceStatus": FLAG, "HostTag": text(taken=("",))}
_MORE = ("ASRResult", "LLMResult", "UserSpeakAction", "UserAudioData", "AgentSpeakAction")
CALLBACKS = obj(_LIVE_CALLBACKS | dict.fromkeys(_MORE, FLAG))
MARK = text(refused=("", " "), required=True)
PATHS = obj({"emotion": text()})
ADVANCED = obj(
    {
        "InterruptMode": FLAG,
        "MaxIdleTime": whole(10, 1800),
        "DisableTTS": BOOLEAN,
        "CommunicationMode": whole(0, 2),
        "LLMMetaInfo": obj({"BeginCharacters": MARK, "EndCharacters": MARK, "SendMetaKeys": many(text())}),
        "AddASRInfo": BOOLEAN,
        "TTSParamPaths": PATHS,
    }
)
SILENT = Rule("boolean", (), (False,))
"""DisableTTS where there is nothing but a voice: true has a refusal of its own."""
FACE = obj(
    {
        "DigitalHumanId": text(refused=("",), required=True),
        "ConfigId": text(taken=("mobile", "web")),
        "EncodeCode": text(taken=("H264",)),
    },
    required=True,
)
ENGINES = {"LLM": LLM, "TTS": TTS, "ASR": ASR, "VAD": VAD}
AGENT = {"AgentId": AGENT_ID, "Name": NAME, **ENGINES}
CALL = {
    "AgentId": AGENT_ID,
    "UserId": identifier(32),
    "RTC": RTC,
    **ENGINES,
    "MessageHistory": HISTORY,
    "CallbackConfig": CALLBACKS,
    "AdvancedConfig": ADVANCED,
}
SPOKEN = {
    "AgentInstanceId": INSTANCE_ID,
    "Priority": choice("Low", "Medium", "High"),
    "SamePriorityOption": choice("ClearAndInterrupt", "Enqueue"),
    "EnqueueUserSpeech": BOOLEAN,
}
ONE = {"AgentInstanceId": INSTANCE_ID}
LISTEN = {"AgentInstanceId": INSTANCE_ID, "UserId": identifier(32, required=False), "Sequence": whole(0, 2**63 - 1)}

BODIES: dict[str, Mapping[str, Rule]] = {
    "RegisterAgent": AGENT,
    "UpdateAgent": AGENT,
    "UnregisterAgent": {"AgentId": AGENT_ID},
    "ListAgents": {"Limit": whole(0, 10), "Cursor": text(refused=("!",), taken=("",))},
    "QueryAgents": {"AgentIds": many(AGENT_ID, most=10, at_least_one=True, required=True)},
    "CreateAgentInstance": CALL,
    "CreateDigitalHumanAgentInstance": CALL
    | {"DigitalHuman": FACE, "AdvancedConfig": obj({**ADVANCED.members, "DisableTTS": SILENT})},
    "CreateLiveDigitalHumanAgentInstance": {
        "AgentId": AGENT_ID,
        "DigitalHuman": FACE,
        "RTC": obj(_ROOM, required=True),
        "TTS": TTS,
        "CallbackConfig": obj(_LIVE_CALLBACKS),
        "AdvancedConfig": obj({"MaxIdleTime": whole(30, 86400), "DisableTTS": SILENT, "TTSParamPaths": PATHS}),
    },
    "UpdateAgentInstance": {
        "AgentInstanceId": INSTANCE_ID,
        **ENGINES,
        "TTS": TTS_UPDATE,
        "RTC": obj({"UserStreamId": identifier(128, signs="_-.", required=False)}),
        "AdvancedConfig": obj({"CommunicationMode": FLAG}),
    },
    "DeleteAgentInstance": ONE | {"GracefulShutdown": BOOLEAN, "GracefulShutdownTimeout": whole(1, 120)},
    "SendAgentInstanceTTS": SPOKEN
    | {
        "Text": text(refused=("", " ", "x" * 301), taken=("x" * 300, "汉" * 300), required=True),
        "AddHistory": BOOLEAN,
        "InterruptMode": FLAG,
    },
    "SendAgentInstanceLLM": SPOKEN
    | {
        "Text": text(refused=("", " "), taken=("x" * 5000,), required=True),
        "SystemPrompt": text(taken=("",)),
        "AddQuestionToHistory": BOOLEAN,
        "AddAnswerToHistory": BOOLEAN,
    },
    "InterruptAgentInstance": ONE,
    "QueryAgentInstanceStatus": ONE,
    "GetAgentInstanceMsgList": ONE,
    "ResetAgentInstanceMsgList": ONE,
    "AddAgentInstanceMsg": ONE | {"Messages": many(MESSAGE, required=True)},
    "StartListening": LISTEN,
    "StopListening": LISTEN | {"CancelFlag": BOOLEAN},
}
"""The 19 public actions."""


@dataclass(frozen=True)
class Case:
    """`body` differs from a valid one in the member at `path`; it is `taken`, or refused with words that name it."""

    path: str
    what: str
    body: JsonObject
    taken: bool


def cases(members: Mapping[str, Rule], body: JsonObject) -> Iterator[Case]:
    """Every case of every member. Raises KeyError when `body` lacks one, so that none is passed over."""
    return _of_object(members, body, "", body, ())


def _of_object(
    members: Mapping[str, Rule], value: Any, path: str, body: JsonObject, keys: tuple[Any, ...]
) -> Iterator[Case]:
    for name, rule in members.items():
        at, inside = f"{path}.{name}".lstrip("."), (*keys, name)
        for what, changed in (("missing", _without(body, inside)), ("null", _with(body, inside, None))):
            yield Case(at, what, changed, taken=not rule.required)
        yield from _of_value(rule, value[name], at, body, inside)


def _of_value(rule: Rule, value: Any, path: str, body: JsonObject, keys: tuple[Any, ...]) -> Iterator[Case]:
    for wrong in WRONG_TYPES[rule.kind]:
        yield Case(path, f"ill-typed {wrong!r}", _with(body, keys, wrong), taken=False)
    if rule.kind == "array":
        assert rule.items is not None
        for most in rule.refused:
            yield Case(path, f"more than {most}", _with(body, keys, [value[0]] * (most + 1)), taken=False)
            yield Case(path, f"all of {most}", _with(body, keys, [value[0]] * most), taken=True)
        yield Case(path, "empty", _with(body, keys, []), taken=not (rule.taken or rule.required))
        yield Case(f"{path}[0]", "null in an array", _with(body, (*keys, 0), None), taken=False)
        yield from _of_value(rule.items, value[0], f"{path}[0]", body, (*keys, 0))
        return
    for wrong in rule.refused:
        yield Case(path, f"refused {str(wrong)[:20]!r}", _with(body, keys, wrong), taken=False)
    for right in rule.taken:
        yield Case(path, f"taken {str(right)[:20]!r}", _with(body, keys, right), taken=True)
    yield from _of_object(rule.members, value, path, body, keys)


def _place(body: JsonObject, keys: tuple[Any, ...]) -> tuple[JsonObject, Any]:
    changed = copy.deepcopy(body)
    place: Any = changed
    for key in keys[:-1]:
        place = place[key]
    return changed, place


def _with(body: JsonObject, keys: tuple[Any, ...], value: Any) -> JsonObject:
    changed, place = _place(body, keys)
    place[keys[-1]] = value
    return changed


def _without(body: JsonObject, keys: tuple[Any, ...]) -> JsonObject:
    changed, place = _place(body, keys)
    del place[keys[-1]]
    return changed
