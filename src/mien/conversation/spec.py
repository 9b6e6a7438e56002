"""What an agent instance is made of, already validated. The HTTP layer builds these; the conversation reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Literal

from mien.rtc.port import VideoKind
from mien.speech.spec import AsrSpec, JsonObject, LlmSpec, TtsSpec

EchoGuardMode = Literal["auto", "on", "off"]
"""Whether the agent's own voice is taken out of the user's; auto: where the client does not do it."""


class Status(IntEnum):
    """What the agent is doing; the numbers are those of room message Cmd 6, the names those of callbacks."""

    IDLE = 0
    LISTENING = 1
    THINKING = 2
    SPEAKING = 3


class Priority(StrEnum):
    """Priority of proactive speech."""

    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"


class SamePriority(StrEnum):
    """What proactive speech does when something of its own priority is being said."""

    CLEAR_AND_INTERRUPT = "ClearAndInterrupt"
    ENQUEUE = "Enqueue"


class InterruptReason(IntEnum):
    """Why a round was cut short (callback `Interrupted`)."""

    USER_SPEECH = 1
    SEND_LLM = 2
    SEND_TTS = 3
    API = 4


@dataclass(frozen=True, slots=True)
class VadSpec:
    """Turn detection and voice detection, in ms; thresholds 0..1 (higher: less sensitive).

    Where neither `silence_segmentation_ms` nor `pause_interval_ms` is set, what was said counts too (`turn_end.py`).
    """

    silence_segmentation_ms: int | None = None
    pause_interval_ms: int | None = None
    energy_threshold: float = 0.2
    min_speech_ms: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation's memory."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class HistorySpec:
    """Memory: what it begins with and how many recent messages the model sees."""

    window_size: int = 20
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class CallbackSpec:
    """Which optional callbacks are wanted."""

    asr_result: bool = False
    llm_result: bool = False
    interrupted: bool = False
    user_speak_action: bool = False
    agent_speak_action: bool = False
    agent_instance_status: bool = False
    user_audio_data: bool = False
    host_tag: str = ""


@dataclass(frozen=True, slots=True)
class MetaInfoSpec:
    """Marks around metadata in the model's text, and the keys that are reported when their sentence is played."""

    begin: str
    end: str
    send_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdvancedSpec:
    """AdvancedConfig."""

    voice_interrupts: bool = True
    max_idle_s: int = 120
    disable_tts: bool = False
    walkie_talkie: bool = False
    listen_only: bool = False
    """The user's turns are recognised, told and remembered, and get no answer."""
    meta_info: MetaInfoSpec | None = None
    add_asr_info: bool = False
    tts_param_paths: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RtcSpec:
    """Where the agent sits and whom it hears."""

    room_id: str
    agent_user_id: str
    agent_stream_id: str
    user_stream_id: str = ""
    stream_extra_info: str = ""


@dataclass(frozen=True, slots=True)
class DigitalHumanSpec:
    """Which face, and what of it travels."""

    digital_human_id: str
    config_id: VideoKind = VideoKind.MOTION


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A function the model may call, run by posting to `url`. `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: JsonObject
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class McpServerSpec:
    """An MCP server reached by streamable HTTP. `allowed` None: all of its tools."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    allowed: tuple[str, ...] | None = None
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class WelcomeSpec:
    """What is spoken once when the user has come: `text` as given, or the model's answer to `prompt`."""

    text: str = ""
    prompt: str = ""
    priority: Priority = Priority.HIGH
    delay_s: float = 0.5


@dataclass(frozen=True, slots=True)
class ApologySpec:
    """What is said when an answer fails: `text`, or where that is empty a sentence in the language of the turn."""

    enabled: bool = True
    text: str = ""


@dataclass(frozen=True, slots=True)
class ExtrasUpdate:
    """What of Mien's own members changes on a running instance; None stays as it is."""

    tools: tuple[ToolSpec, ...] | None = None
    mcp_servers: tuple[McpServerSpec, ...] | None = None
    language: str | None = None
    apology: ApologySpec | None = None


@dataclass(frozen=True, slots=True)
class InstanceSpec:
    """Everything one agent instance needs."""

    app_id: int
    instance_id: str
    agent_id: str
    agent_name: str
    rtc: RtcSpec
    user_id: str = ""
    llm: LlmSpec = field(default_factory=LlmSpec)
    tts: TtsSpec = field(default_factory=TtsSpec)
    asr: AsrSpec = field(default_factory=AsrSpec)
    vad: VadSpec = VadSpec()
    history: HistorySpec = HistorySpec()
    callbacks: CallbackSpec = CallbackSpec()
    advanced: AdvancedSpec = AdvancedSpec()
    digital_human: DigitalHumanSpec | None = None
    live: bool = False
    cdn_url: str = field(default="", repr=False)
    """RTMP address it is pushed to; then the ids in `rtc` are empty. Holds a stream key, which is a password."""
    tools: tuple[ToolSpec, ...] = ()
    mcp_servers: tuple[McpServerSpec, ...] = ()
    welcome: WelcomeSpec | None = None
    apology: ApologySpec = ApologySpec()


__all__ = [
    "AdvancedSpec",
    "ApologySpec",
    "AsrSpec",
    "CallbackSpec",
    "DigitalHumanSpec",
    "ExtrasUpdate",
    "HistorySpec",
    "InstanceSpec",
    "InterruptReason",
    "JsonObject",
    "LlmSpec",
    "McpServerSpec",
    "Message",
    "MetaInfoSpec",
    "Priority",
    "RtcSpec",
    "SamePriority",
    "Status",
    "ToolSpec",
    "TtsSpec",
    "VadSpec",
    "WelcomeSpec",
]
