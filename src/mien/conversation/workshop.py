"""Makes the engines of one instance, keeps what they have to say until it may be told, and closes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from livekit.agents import llm, stt, tts

from mien.conversation.events import Reporter
from mien.conversation.parts import Engines, Media
from mien.conversation.spec import InstanceSpec
from mien.speech.spec import AsrSpec, LlmSpec, TtsSpec


class Workshop:
    """Engines for `spec`. Every method that makes one raises RuntimeError where a vendor is refused."""

    def __init__(
        self,
        spec: InstanceSpec,
        engines: Engines,
        media: Media,
        reporter: Reporter,
        *,
        agent_info: Callable[[], dict[str, Any]],
    ) -> None:
        self._spec = spec
        self._engines = engines
        self._media = media
        self._report = reporter
        self._agent_info = agent_info
        self.asr = spec.asr
        """The recogniser in use; voices speak its language."""
        self._made: list[stt.STT[Any] | tts.TTS[Any] | llm.LLM[Any]] = []
        self._notices: list[tuple[int, str]] | None = []

    def recogniser(self, spec: AsrSpec, language: str | None = None) -> stt.STT[Any]:
        """A recogniser, and from now on voices in its language; None keeps the language there is."""
        asr = replace(spec, language=self.asr.language if language is None else language)
        engine = self._engines.stt(asr, on_notice=self._notice)
        self.asr = asr
        self._made.append(engine)
        return engine

    def model(self, spec: LlmSpec) -> llm.LLM[Any]:
        engine = self._engines.llm(spec, agent_info=self._agent_info)
        self._made.append(engine)
        return engine

    def voice(self, spec: TtsSpec) -> tts.TTS[Any]:
        """A voice in the language the user speaks, with the face's own voice where the agent chooses none."""
        language = self._engines.language_of(self.asr)
        engine = self._engines.tts(
            spec,
            default_voices=self._media.voices,
            language="" if language == "auto" else language,
            on_notice=self._notice,
        )
        self._made.append(engine)
        return engine

    def tell_notices(self) -> None:
        """Reports what engines had to say so far; from now on such notices are reported at once."""
        notices, self._notices = self._notices or [], None
        for code, message in notices:
            self._report.exception(code, message)

    async def aclose(self) -> None:
        """Closes every engine it made. Models they share stay."""
        made, self._made = self._made, []
        for engine in made:
            await engine.aclose()

    def _notice(self, code: int, message: str) -> None:
        if self._notices is None:
            self._report.exception(code, message)
        else:
            self._notices.append((code, message))
