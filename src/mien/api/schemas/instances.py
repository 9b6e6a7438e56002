"""Bodies of the actions that create, change and end agent instances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from mien.api.schemas.base import (
    AgentIdText,
    AgentUserIdText,
    Checked,
    Flag,
    InstanceIdText,
    RtcIdText,
    UserIdText,
    Wire,
    not_blank,
    utf8,
)
from mien.api.schemas.engines import Asr, Llm, Tts, Vad
from mien.api.schemas.extras import Extras, ExtrasUpdate
from mien.rtc.cdn.address import FORM, AddressError, RtmpAddress

ExtraInfo = Annotated[str, utf8(1024)]
Mark = Annotated[str, not_blank(64)]


def _without_null(paths: Any) -> Any:
    return {key: path for key, path in paths.items() if path is not None} if isinstance(paths, dict) else paths


ParamPaths = Annotated[dict[str, str], BeforeValidator(_without_null)]
PARAM_PATHS: Final = "Member of the metadata → dotted path in TTS.Params it is written to"


class Rtc(Wire):
    """Where the agent sits and whom it hears."""

    RoomId: RtcIdText
    AgentStreamId: RtcIdText
    AgentUserId: AgentUserIdText
    UserStreamId: RtcIdText
    StreamExtraInfo: ExtraInfo = ""


class RtcLive(Wire):
    """Where a live digital human sits; it hears nobody."""

    RoomId: RtcIdText
    AgentStreamId: RtcIdText
    AgentUserId: AgentUserIdText
    StreamExtraInfo: ExtraInfo = ""


def _is_rtmp(value: str) -> bool:
    try:
        RtmpAddress.parse(value)
    except AddressError:
        return False
    return len(value) <= 2048


_RTMP: Final = (("maxLength", 2048), ("pattern", r"^[Rr][Tt][Mm][Pp][Ss]?://\S+$"))


class Cdn(Wire):
    """Where a live digital human is pushed to instead of a room, as H.264 and AAC."""

    Url: Annotated[str, Checked(_is_rtmp, FORM, _RTMP)] = Field(
        description="rtmp://host/application/stream-key, or rtmps:// for a server with TLS"
    )


class RtcUpdate(Wire):
    """The stream a running instance shall listen to from now on."""

    UserStreamId: RtcIdText | None = None


class HistoryMessage(Wire):
    """One message of the memory."""

    Role: Literal["user", "assistant"] = Field(description="Who said it")
    Content: str = Field(description="What was said")


class Zim(Wire):
    """Members of the compatible service's own message store; there is none here, so the memory begins empty."""

    RobotId: str = Field(
        default="", pattern="^(@RBT#.*)?$", json_schema_extra={"x-expected": "a text beginning with @RBT#"}
    )
    LoadMessageCount: int | None = Field(default=None, ge=0, le=500, description="Accepted and without effect")


class History(Wire):
    """What the agent remembers at the beginning and how far back the model sees."""

    SyncMode: Flag = Field(default=0, description="1: begin with Messages")
    Messages: list[HistoryMessage] = Field(default_factory=list, max_length=100, description="Oldest first")
    WindowSize: int = Field(default=20, ge=0, le=500, description="How many messages of the memory the model is sent")
    ZIM: Zim | None = None


class CallbacksLive(Wire):
    """Which of the optional callbacks a live digital human sends, and to which of the app's addresses."""

    Interrupted: Flag = Field(default=0, description="1: send what was cut short, and how far it was heard")
    AgentInstanceStatus: Flag = Field(default=0, description="1: send each change of status")
    HostTag: str = Field(
        default="",
        max_length=128,
        description="Which of the app's callback addresses; `mien app set-callback --host-tag` sets them",
    )


class Callbacks(CallbacksLive):
    """Which of the optional callbacks are sent, and to which of the app's addresses."""

    ASRResult: Flag = Field(default=0, description="1: send what the user said")
    LLMResult: Flag = Field(default=0, description="1: send each sentence of the model")
    UserSpeakAction: Flag = Field(default=0, description="1: send when the user begins and ends to speak")
    AgentSpeakAction: Flag = Field(
        default=0, description="1: send when the agent begins and ends to speak (older spelling of AgentInstanceStatus)"
    )
    UserAudioData: Flag = Field(default=0, description="1: send the first second or so of each turn of the user")


class LlmMetaInfo(Wire):
    """Metadata in the model's text."""

    BeginCharacters: Mark
    EndCharacters: Mark
    SendMetaKeys: list[str] = Field(
        default_factory=list, description="Members that are sent on when their place is heard"
    )


class Advanced(Wire):
    """How the instance behaves."""

    InterruptMode: Flag = Field(default=0, description="1: the user's voice does not interrupt")
    MaxIdleTime: int = Field(default=120, ge=10, le=1800, description="s without the user before the instance ends")
    DisableTTS: bool = Field(default=False, description="Text only; nothing is spoken")
    CommunicationMode: int = Field(
        default=0, ge=0, le=2, description="0 full duplex, 1 listens and does not answer, 2 walkie-talkie"
    )
    LLMMetaInfo: LlmMetaInfo | None = None
    AddASRInfo: bool = Field(default=False, description="Accepted; no recogniser here has anything to add")
    TTSParamPaths: ParamPaths = Field(default_factory=dict, description=PARAM_PATHS)


class Face(Wire):
    """Which face, and what of it travels. Values out of place have return codes of their own."""

    DigitalHumanId: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="As GetDigitalHumanList gives it"
    )
    ConfigId: str = Field(
        default="mobile",
        json_schema_extra={"enum": ["mobile", "web"]},
        description="mobile: its motion, which the client draws; web: the drawn picture",
    )
    EncodeCode: str = Field(default="H264", json_schema_extra={"enum": ["H264"]}, description="Of the picture")


class CreateAgentInstance(Wire):
    """CreateAgentInstance: a voice agent."""

    aliases: ClassVar[Mapping[str, str]] = {"rtcinfo": "RTC"}

    AgentId: AgentIdText
    UserId: UserIdText
    RTC: Rtc
    LLM: Llm | None = None
    TTS: Tts | None = None
    ASR: Asr | None = None
    VAD: Vad | None = None
    MessageHistory: History | None = None
    CallbackConfig: Callbacks | None = None
    AdvancedConfig: Advanced | None = None
    Mien: Extras | None = None


class CreateDigitalHumanAgentInstance(CreateAgentInstance):
    """CreateDigitalHumanAgentInstance: an agent with a face."""

    DigitalHuman: Face


class AdvancedLive(Wire):
    """How a live digital human behaves."""

    MaxIdleTime: int = Field(default=900, ge=30, le=86400, description="s without a text to speak before it ends")
    DisableTTS: bool = Field(default=False, description="Must be false: it does nothing but speak")
    TTSParamPaths: ParamPaths = Field(default_factory=dict, description=PARAM_PATHS)


class CreateLiveDigitalHumanAgentInstance(Wire):
    """CreateLiveDigitalHumanAgentInstance: a face that speaks what it is sent and listens to nobody."""

    model_config = ConfigDict(json_schema_extra={"if": {"not": {"required": ["CDN"]}}, "then": {"required": ["RTC"]}})

    aliases: ClassVar[Mapping[str, str]] = {"rtcinfo": "RTC"}

    AgentId: AgentIdText
    DigitalHuman: Face
    RTC: RtcLive | None = Field(default=None, description="Required unless CDN is given")
    CDN: Cdn | None = Field(default=None, description="Wins when RTC is given too; ConfigId then counts as web")
    TTS: Tts | None = None
    CallbackConfig: CallbacksLive | None = None
    AdvancedConfig: AdvancedLive | None = None

    @model_validator(mode="before")
    @classmethod
    def _cdn_wins(cls, data: Any) -> Any:
        """With a CDN the room does not matter, whatever is in it."""
        if not isinstance(data, dict) or not any(name.lower() == "cdn" and data[name] is not None for name in data):
            return data
        return {name: value for name, value in data.items() if name.lower() not in ("rtc", "rtcinfo")}


class AdvancedUpdate(Wire):
    """What of a running instance's behaviour can change."""

    CommunicationMode: Flag | None = Field(
        default=None, description="0 full duplex, 1 listens and does not answer; not for walkie-talkie instances"
    )


class UpdateAgentInstance(Wire):
    """UpdateAgentInstance: each object that is given replaces the current one as a whole."""

    aliases: ClassVar[Mapping[str, str]] = {"rtcinfo": "RTC"}

    AgentInstanceId: InstanceIdText
    LLM: Llm | None = None
    TTS: Tts | None = None
    ASR: Asr | None = None
    VAD: Vad | None = None
    RTC: RtcUpdate | None = None
    AdvancedConfig: AdvancedUpdate | None = None
    Mien: ExtrasUpdate | None = None


class DeleteAgentInstance(Wire):
    """DeleteAgentInstance."""

    AgentInstanceId: InstanceIdText
    GracefulShutdown: bool = Field(default=False, description="Finish what is being said first")
    GracefulShutdownTimeout: int = Field(default=30, ge=1, le=120, description="s")
