"""LiveKit's AgentSession for an instance: how its options follow from the instance's specs."""

from __future__ import annotations

from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, TurnHandlingOptions, vad
from livekit.agents.voice.agent_session import SessionConnectOptions

from mien.conversation.agent import LLM_OPTIONS, TTS_OPTIONS
from mien.conversation.parts import Engines
from mien.conversation.spec import InstanceSpec, VadSpec
from mien.conversation.turn_end import TurnEnd

MIN_INTERRUPTION_S = 0.15
"""Speech this long silences the agent; it goes on again when the speech turns out to be none."""
RESUME_AFTER_S = 1.5
"""After a false interruption the agent goes on when this much silence has passed: longer than recognition takes."""
NO_TEXT_AFTER_S = 4.0
"""Voice without recognised words is given up after this time."""
MAX_TOOL_STEPS = 5
"""Times in one turn the model may call tools; then it must answer with what it knows."""
MIN_SPEECH_S = 0.05


def detector(vad_spec: VadSpec, engines: Engines) -> vad.VAD:
    """Voice detection for a VAD spec."""
    return engines.vad(
        min_speech_s=max(MIN_SPEECH_S, vad_spec.min_speech_ms / 1000),
        min_silence_s=TurnEnd(vad_spec).noticed_s,
        # The API's thresholds are 0.1 (keen) to 0.4 (dull) with 0.2 in the middle, where a speech probability has 0.5.
        threshold=min(0.9, 0.35 + 0.75 * vad_spec.energy_threshold),
    )


def turn_handling(spec: InstanceSpec) -> TurnHandlingOptions:
    """Turn detection, interruption and early generation for an instance."""
    delay = TurnEnd(spec.vad).unheard_s
    return {
        "turn_detection": "manual" if spec.advanced.walkie_talkie else "vad",
        "endpointing": {"mode": "fixed", "min_delay": delay, "max_delay": delay},
        "interruption": {
            "enabled": True,
            "mode": "vad",
            # What must not be heard is silenced before it comes here (`UserVoice`); the rest is to be recognised.
            "discard_audio_if_uninterruptible": False,
            "min_duration": max(MIN_INTERRUPTION_S, spec.vad.min_speech_ms / 1000),
            "min_words": 0,
            "resume_false_interruption": True,
            "false_interruption_timeout": RESUME_AFTER_S,
            "backchannel_boundary": None,
        },
        "preemptive_generation": {
            "enabled": True,
            "preemptive_tts": True,
            "max_speech_duration": 30.0,
            "max_retries": 5,
        },
    }


class Session(AgentSession[None]):
    """A session that keeps no record of its events. LiveKit's would hold every answer of a call, with its tasks."""

    def emit(self, event: Any, arg: Any) -> None:
        """Tells those who listen, and nobody else."""
        rtc.EventEmitter.emit(self, event, arg)


def build_session(spec: InstanceSpec, engines: Engines) -> AgentSession[None]:
    """A session that needs no LiveKit server; its input and output are set by the caller."""
    return Session(
        vad=None if spec.live else detector(spec.vad, engines),
        turn_handling=turn_handling(spec),
        # Our own text pipeline does this, clause by clause.
        tts_text_transforms=None,
        aec_warmup_duration=None,
        max_tool_steps=MAX_TOOL_STEPS,
        user_away_timeout=None,
        transcription_timeout=None if spec.live else NO_TEXT_AFTER_S,
        session_close_transcript_timeout=0.0,
        conn_options=SessionConnectOptions(
            llm_conn_options=LLM_OPTIONS,
            tts_conn_options=TTS_OPTIONS,
            # A call goes on whatever fails; the business backend hears of it and decides.
            max_unrecoverable_errors=2**31,
        ),
    )
