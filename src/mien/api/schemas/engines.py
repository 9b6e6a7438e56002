"""LLM, TTS, ASR and VAD: which engines an agent uses and how it listens."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, model_validator

from mien.api.schemas.base import Checked, JsonObject, Wire, any_case, member_required

LLM_VENDORS = ("OpenAIChat", "OpenAIResponses", "Local")
TTS_VENDORS = (
    "Aliyun", "ByteDanceV3", "ByteDanceFlowing", "MiniMax", "CosyVoice", "ByteDance", "Local",
)  # fmt: skip
ASR_VENDORS = (
    "Tencent", "AliyunParaformer", "Microsoft", "AliyunFunASR", "AliyunQwenASR", "VolcSeedASR", "AliyunGummy", "Local",
)  # fmt: skip

LlmVendor = Annotated[Literal["OpenAIChat", "OpenAIResponses", "Local"], any_case(*LLM_VENDORS)]
TtsVendor = Annotated[
    Literal["Aliyun", "ByteDanceV3", "ByteDanceFlowing", "MiniMax", "CosyVoice", "ByteDance", "Local"],
    any_case(*TTS_VENDORS),
]
AsrVendor = Annotated[
    Literal[
        "Tencent",
        "AliyunParaformer",
        "Microsoft",
        "AliyunFunASR",
        "AliyunQwenASR",
        "VolcSeedASR",
        "AliyunGummy",
        "Local",
    ],
    any_case(*ASR_VENDORS),
]


def is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return not value or (
            parts.scheme in ("http", "https", "ws", "wss") and bool(parts.hostname) and parts.port != 0
        )
    except ValueError:
        return False


WebUrl = Annotated[
    str,
    Checked(is_url, "an address such as https://host/path", (("pattern", r"^((https?|wss?)://[0-9A-Za-z][^\s]*)?$"),)),
]
_LOCAL: JsonObject = {"properties": {"Vendor": {"const": "Local"}}, "required": ["Vendor"]}


class Llm(Wire):
    """The language model. With Vendor `Local` this server's default model answers and Url and Model may be left out."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": _LOCAL,
            "else": {
                "properties": {"Url": {"minLength": 1}, "Model": {"minLength": 1}},
                "required": ["Url", "Model"],
            },
        }
    )

    Vendor: LlmVendor = Field(default="OpenAIChat", description="The protocol of Url; Local: this server's own model")
    Url: WebUrl = Field(default="", description="Full path of the streaming endpoint; required unless Vendor is Local")
    ApiKey: str = Field(default="", description="Sent as a bearer token; `zego_test` means this server's default model")
    Model: str = Field(default="", description="Required unless Vendor is Local")
    SystemPrompt: str = Field(default="", description="Who the agent is and how it speaks")
    Temperature: float = Field(default=0.7, ge=0, le=2, description="Sent to the model")
    TopP: float = Field(default=0.9, ge=0, le=1, description="Sent to the model")
    Params: JsonObject = Field(default_factory=dict, description="Merged into the request body")
    AddAgentInfo: bool = Field(default=False, description="Send agent_info (OpenAIChat)")
    AgentExtraInfo: JsonObject | None = Field(default=None, description="Sent as agent_extra_info (OpenAIChat)")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.Vendor != "Local":
            if not self.Url:
                raise member_required("Url", "the address of the model's endpoint")
            if not self.Model:
                raise member_required("Model", "the name of the model")
        return self


class FilterMarks(Wire):
    """Marks around text that is shown but not spoken."""

    BeginCharacters: Annotated[str, Field(min_length=1)] = Field(description="Where it begins")
    EndCharacters: Annotated[str, Field(min_length=1)] = Field(description="Where it ends")


class Tts(Wire):
    """The voice."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": _LOCAL,
            "else": {
                "properties": {"Params": {"properties": {"app": {"type": "object"}}, "required": ["app"]}},
                "required": ["Params"],
            },
        }
    )

    Vendor: TtsVendor = Field(description="Local: this server's own voice")
    Url: WebUrl = ""
    Params: JsonObject | None = Field(
        default=None,
        description="Required unless Vendor is Local; `app` holds the credentials, the rest goes to the vendor",
    )
    FilterText: list[FilterMarks] = Field(default_factory=list, description="Shown and not spoken")
    TerminatorText: str = Field(default="", max_length=4, description="Nothing from here on is spoken in this round")
    CharacterFilter: list[Annotated[str, Field(min_length=1, max_length=2)]] = Field(
        default_factory=list, description="Removed before speaking"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.Vendor != "Local":
            if self.Params is None:
                raise member_required("Params", "an object with the vendor's parameters")
            if not isinstance(self.Params.get("app"), dict):
                raise member_required("Params.app", "an object with the vendor's credentials")
        return self


class TurnDetect(Wire):
    """When the user has finished, ms."""

    SilenceSegmentation: int | None = Field(
        default=None, ge=200, le=2000, description="Silence after which the user has finished"
    )
    PauseInterval: int | None = Field(
        default=None, ge=200, le=2000, description="Sentences within this pause are one turn"
    )


class Sensitivity(Wire):
    """How easily sound counts as speech."""

    Level: int | None = Field(default=None, ge=0, le=3, description="0 medium, 1 low, 2 high, 3 custom")
    MinSpeechDur: int | None = Field(default=None, ge=0, le=1000, description="ms; only with Level 3")
    EnergyThreshold: float | None = Field(default=None, ge=0, le=1, description="only with Level 3")


class VoiceDetect(Wire):
    """Voice detection."""

    SensitiveConfig: Sensitivity | None = None


class Vad(Wire):
    """Turn and voice detection."""

    TurnDetectConfig: TurnDetect | None = None
    VoiceDetectConfig: VoiceDetect | None = None


class Asr(Wire):
    """The recogniser. The members beginning with VAD and PauseInterval are older spellings of VAD's."""

    Vendor: AsrVendor | None = Field(default=None, description="Default: this server's own recogniser")
    Params: JsonObject = Field(
        default_factory=dict, description="What the vendor takes; of the local recogniser `language`"
    )
    HotWord: str = Field(default="", description="Accepted; the local recogniser does without")
    VADSilenceSegmentation: int | None = Field(
        default=None, ge=200, le=2000, description="VAD.TurnDetectConfig.SilenceSegmentation"
    )
    PauseInterval: int | None = Field(default=None, ge=200, le=2000, description="VAD.TurnDetectConfig.PauseInterval")
    VADSensitiveLevel: int | None = Field(
        default=None, ge=0, le=3, description="VAD.VoiceDetectConfig.SensitiveConfig.Level"
    )
    VADMinSpeechDur: int | None = Field(
        default=None, ge=0, le=1000, description="VAD.VoiceDetectConfig.SensitiveConfig.MinSpeechDur"
    )
    VADEnergyThreshold: float | None = Field(
        default=None, ge=0, le=1, description="VAD.VoiceDetectConfig.SensitiveConfig.EnergyThreshold"
    )
