"""Every setting of Mien, once.

Values come from, in this order: command-line flags, `MIEN_*` environment variables, `mien.toml` in the working
directory, the defaults below.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_data_path
from pydantic import BeforeValidator, Field
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


def _number(value: Any) -> Any:
    """The number an environment variable's text stands for; a choice of numbers does not read texts by itself."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class Settings(BaseSettings):
    """All of Mien's configuration. Field names are the `MIEN_` variables in lower case."""

    model_config = SettingsConfigDict(env_prefix="MIEN_", toml_file="mien.toml", extra="ignore")

    # Where it listens
    host: str = Field("127.0.0.1", description="Address the HTTP server binds")
    port: int = Field(8700, ge=0, le=65535, description="Port of the HTTP server; 0 picks a free one")
    public_url: str = Field("", description="Base URL clients reach this server at; empty: taken from the request")
    cors_origins: Annotated[list[str], NoDecode] = Field(["*"], description="Origins allowed to call from a browser")

    # What it keeps
    data_dir: Path = Field(default_factory=lambda: user_data_path("mien"), description="Database, avatars, logs")
    models_dir: Path = Field(
        default_factory=lambda: user_data_path("mien") / "models", description="Model files fetched by `make setup`"
    )
    database_url: str = Field("", description="SQLAlchemy async URL; empty: SQLite in data_dir")

    # Who may use it
    app_id: int | None = Field(None, ge=1, le=2**32 - 1, description="Pins the demo project's AppId")
    server_secret: str = Field("", description="Pins the demo project's ServerSecret (32 characters)")
    callback_url: str = Field("", description="Callback address of the demo project")
    rate_limit: int = Field(10, ge=0, description="Requests per second for each action and app; 0: unlimited")
    demo: bool = Field(True, description="Serve the call page and its helper routes under /api/demo")

    # How much it takes on
    max_voice_instances: int = Field(10, ge=0, description="Voice instances per app")
    max_digital_human_instances: int = Field(10, ge=0, description="Digital-human instances per app")
    min_free_memory_mb: int = Field(400, ge=0, description="Refuse a new instance below this much free memory")
    max_load: float = Field(
        0.0, ge=0, description="Cores that talking faces may use together; 0: all cores of the machine but half of one"
    )

    # Media
    ice_servers: list[dict[str, str | list[str]]] = Field(
        default_factory=list, description='STUN/TURN servers, e.g. [{"urls": "stun:stun.example.com:3478"}]'
    )
    ice_host: str = Field("", description="Advertise this address in ICE candidates (a server behind 1:1 NAT)")
    video_size: Annotated[Literal[480, 720, 1080], BeforeValidator(_number)] = Field(
        720, description="Shorter side of the picture of ConfigId `web`, px: 720 is 720x1280 for a portrait"
    )
    video_fps: int = Field(25, ge=10, le=30, description="Frames per second of the face")
    video_bitrate: int = Field(2_000_000, ge=100_000, description="Highest video bitrate, bit/s")

    echo_guard: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Take the agent's own voice out of what microphones send; auto: where clients do not do it",
    )
    apology: bool = Field(
        True, description="Say a few words when the model or the voice fails; an agent's Mien.Apology can turn it off"
    )
    cdn_retry_s: float = Field(
        60.0, ge=0, description="Seconds for which a broken push to a CDN is tried again before the instance ends"
    )

    # Default engines
    model_threads: int = Field(2, ge=1, description="Threads of each local model")
    whisper_model: Path | None = Field(None, description="Folder of another CTranslate2 Whisper model")
    kokoro_model: Path | None = Field(None, description="Another Kokoro ONNX file")
    llm_model: Path | None = Field(None, description="Another GGUF file for the local language model")
    llm_url: str = Field("", description="OpenAI-compatible chat completions URL used as this server's default LLM")
    llm_api_key: str = Field("", description="Its API key")
    llm_name: str = Field("", description="Its model name")
    vendor_fallback: bool = Field(
        True, description="Speak with the local voice when an agent names a TTS vendor this server lacks; false: fail"
    )

    metrics: bool = Field(True, description="Serve Prometheus figures at /metrics; they contain nothing that was said")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool = False

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def resolved_database_url(self) -> str:
        """The database URL, or SQLite in `data_dir`."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'mien.sqlite3'}"

    @property
    def avatars_dir(self) -> Path:
        """Where digital-human packages lie, one zip each."""
        return self.data_dir / "avatars"
