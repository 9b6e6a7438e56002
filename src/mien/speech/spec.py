"""Which engines an agent uses, already validated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LlmSpec:
    """Which language model and how it is asked. An empty `url` means this server's default model."""

    url: str = ""
    api_key: str = ""
    model: str = ""
    vendor: str = "OpenAIChat"
    system_prompt: str = ""
    temperature: float | None = None
    top_p: float | None = None
    params: JsonObject = field(default_factory=dict)
    add_agent_info: bool = False
    agent_extra_info: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class TtsSpec:
    """Which voice. Vendor "Local" (any spelling) or "" is this server's own; `params` belong to the vendor."""

    vendor: str = ""
    url: str = ""
    params: JsonObject = field(default_factory=dict)
    filter_text: tuple[tuple[str, str], ...] = ()
    terminator_text: str = ""
    character_filter: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AsrSpec:
    """Which recogniser. Vendor "Local" or "" is this server's own.

    `language` "zh", "en" or "auto" is what the user speaks, whatever `params` say; "" leaves it to them.
    """

    vendor: str = ""
    params: JsonObject = field(default_factory=dict)
    hot_word: str = ""
    language: str = ""
