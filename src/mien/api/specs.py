"""From wire objects to the specifications a conversation reads: defaults, older spellings and trial credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from mien.api.errors import ApiError, ReturnCode, invalid
from mien.api.extras import apology_spec, extras_of, mcp_specs, tool_specs, welcome_spec
from mien.api.schemas.engines import Asr, Llm, Sensitivity, Tts, TurnDetect, Vad
from mien.api.schemas.instances import (
    Advanced,
    AdvancedLive,
    Callbacks,
    CallbacksLive,
    CreateAgentInstance,
    CreateDigitalHumanAgentInstance,
    CreateLiveDigitalHumanAgentInstance,
    Face,
    History,
    LlmMetaInfo,
)
from mien.api.trial import is_trial_llm, is_trial_tts
from mien.conversation.spec import (
    AdvancedSpec,
    AsrSpec,
    CallbackSpec,
    DigitalHumanSpec,
    HistorySpec,
    InstanceSpec,
    LlmSpec,
    Message,
    MetaInfoSpec,
    RtcSpec,
    TtsSpec,
    VadSpec,
)
from mien.rtc.port import VideoKind
from mien.store import AgentRecord

SENSITIVITY = {0: (0.2, 0), 1: (0.4, 100), 2: (0.1, 0)}
"""VAD level → (EnergyThreshold, MinSpeechDur in ms)."""
DEFAULT_SILENCE_MS = 500
CUSTOM_LEVEL = 3
LISTEN_ONLY, WALKIE_TALKIE = 1, 2
DEFAULT_MARKS = ("[[", "]]")
"""Around metadata that only steers the voice, where LLMMetaInfo names none."""

N = TypeVar("N", int, float)


def llm_spec(llm: Llm | None) -> LlmSpec:
    """Raises ApiError 410001047 for the trial credential at a foreign address."""
    if llm is None:
        return LlmSpec()
    ours = is_trial_llm(llm) or (llm.Vendor == "Local" and not llm.Url)
    return LlmSpec(
        url="" if ours else llm.Url,
        api_key="" if ours else llm.ApiKey,
        model="" if ours else llm.Model,
        vendor="OpenAIChat" if llm.Vendor == "Local" else llm.Vendor,
        system_prompt=llm.SystemPrompt,
        temperature=llm.Temperature,
        top_p=llm.TopP,
        params=llm.Params,
        add_agent_info=llm.AddAgentInfo,
        agent_extra_info=llm.AgentExtraInfo,
    )


def tts_spec(tts: Tts | None) -> TtsSpec:
    """The voice; a trial credential makes it this server's own."""
    if tts is None:
        return TtsSpec()
    params = tts.Params or {}
    trial = is_trial_tts(params)
    return TtsSpec(
        vendor="" if trial else tts.Vendor,
        url="" if trial else tts.Url,
        params={} if trial else params,
        filter_text=tuple((marks.BeginCharacters, marks.EndCharacters) for marks in tts.FilterText),
        terminator_text=tts.TerminatorText,
        character_filter=tuple(tts.CharacterFilter),
    )


def asr_spec(asr: Asr | None) -> AsrSpec:
    """The recogniser."""
    return AsrSpec(asr.Vendor or "", asr.Params, asr.HotWord) if asr else AsrSpec()


def vad_spec(vad: Vad | None, asr: Asr | None) -> VadSpec:
    """Turn and voice detection; members of `vad` win over their older spellings in `asr`."""
    asr = asr or Asr()
    turn = (vad.TurnDetectConfig if vad else None) or TurnDetect()
    voice = (vad.VoiceDetectConfig.SensitiveConfig if vad and vad.VoiceDetectConfig else None) or Sensitivity()
    silence = _first(turn.SilenceSegmentation, asr.VADSilenceSegmentation, 0)
    pause = _first(turn.PauseInterval, asr.PauseInterval, 0)
    if pause and not silence:
        silence = DEFAULT_SILENCE_MS
    level = _first(voice.Level, asr.VADSensitiveLevel, 0)
    threshold, min_speech = SENSITIVITY.get(level, SENSITIVITY[0])
    if level == CUSTOM_LEVEL:
        threshold = _first(voice.EnergyThreshold, asr.VADEnergyThreshold, threshold)
        min_speech = _first(voice.MinSpeechDur, asr.VADMinSpeechDur, min_speech)
    # A pause no longer than the silence that ends a sentence merges nothing.
    return VadSpec(silence or None, pause if pause > silence else None, threshold, min_speech)


def tells_turns(asr: Asr | None) -> bool:
    """Whether `asr` has members of turn and voice detection, in their older spelling."""
    return asr is not None and any(
        value is not None
        for value in (
            asr.VADSilenceSegmentation,
            asr.PauseInterval,
            asr.VADSensitiveLevel,
            asr.VADMinSpeechDur,
            asr.VADEnergyThreshold,
        )
    )


def _first(given: N | None, older: N | None, default: N) -> N:
    return given if given is not None else older if older is not None else default


def instance_spec(
    app_id: int, instance_id: str, agent: AgentRecord, body: CreateAgentInstance, resolved_human: str = ""
) -> InstanceSpec:
    """An instance of `agent` as `body` wants it; objects in the body replace the agent's.

    `resolved_human` is the id of the digital human behind `body.DigitalHuman`. Raises ApiError.
    """
    tts = body.TTS or (Tts.parse(agent.tts) if agent.tts else None)
    asr = body.ASR or (Asr.parse(agent.asr) if agent.asr else None)
    advanced = body.AdvancedConfig or Advanced()
    human = body.DigitalHuman if isinstance(body, CreateDigitalHumanAgentInstance) else None
    if body.RTC.AgentUserId == body.UserId:
        raise invalid("RTC.AgentUserId", "another id than UserId, because a user id is in a room once")
    if body.RTC.AgentStreamId == body.RTC.UserStreamId:
        raise invalid("RTC.AgentStreamId", "another id than RTC.UserStreamId, because a stream has one publisher")
    if human and advanced.DisableTTS:
        raise invalid("AdvancedConfig.DisableTTS", "false, because a digital human speaks")
    extras = extras_of(agent.extras, body.Mien)
    return InstanceSpec(
        app_id=app_id,
        instance_id=instance_id,
        agent_id=agent.agent_id,
        agent_name=agent.name,
        rtc=RtcSpec(
            room_id=body.RTC.RoomId,
            agent_user_id=body.RTC.AgentUserId,
            agent_stream_id=body.RTC.AgentStreamId,
            user_stream_id=body.RTC.UserStreamId,
            stream_extra_info=body.RTC.StreamExtraInfo,
        ),
        user_id=body.UserId,
        llm=llm_spec(body.LLM or (Llm.parse(agent.llm) if agent.llm else None)),
        tts=tts_spec(tts),
        asr=replace(asr_spec(asr), language=extras.Language or ""),
        vad=vad_spec(body.VAD or (Vad.parse(agent.vad) if agent.vad else None), asr),
        history=_history(body.MessageHistory or History()),
        callbacks=_callbacks(body.CallbackConfig or Callbacks()),
        advanced=_advanced(advanced),
        digital_human=DigitalHumanSpec(resolved_human, video_kind(human)) if human else None,
        tools=tool_specs(extras.Tools),
        mcp_servers=mcp_specs(extras.McpServers),
        welcome=welcome_spec(extras.Welcome, speaks=not advanced.DisableTTS),
        apology=apology_spec(extras.Apology),
    )


def live_spec(
    app_id: int,
    instance_id: str,
    agent: AgentRecord,
    body: CreateLiveDigitalHumanAgentInstance,
    resolved_human: str,
) -> InstanceSpec:
    """A live digital human: it has a voice and a face, but no model and no recogniser. Raises ApiError.

    With a CDN it is in no room, and always drawn: a CDN plays pictures whatever ConfigId says.
    """
    kind = video_kind(body.DigitalHuman)
    if body.CDN is not None:
        place, kind = RtcSpec("", "", ""), VideoKind.PICTURE
    elif (rtc := body.RTC) is not None:
        place = RtcSpec(rtc.RoomId, rtc.AgentUserId, rtc.AgentStreamId, stream_extra_info=rtc.StreamExtraInfo)
    else:
        raise ApiError(ReturnCode.INVALID_PARAMETER, "RTC is required: expected an object, or CDN in its place")
    advanced = body.AdvancedConfig or AdvancedLive()
    if advanced.DisableTTS:
        raise invalid("AdvancedConfig.DisableTTS", "false, because a live digital human does nothing but speak")
    wanted = body.CallbackConfig or CallbacksLive()
    return InstanceSpec(
        app_id=app_id,
        instance_id=instance_id,
        agent_id=agent.agent_id,
        agent_name=agent.name,
        rtc=place,
        tts=tts_spec(body.TTS or (Tts.parse(agent.tts) if agent.tts else None)),
        asr=AsrSpec(language=extras_of(agent.extras, None).Language or ""),
        callbacks=CallbackSpec(
            interrupted=bool(wanted.Interrupted),
            agent_instance_status=bool(wanted.AgentInstanceStatus),
            host_tag=wanted.HostTag,
        ),
        advanced=AdvancedSpec(
            max_idle_s=advanced.MaxIdleTime,
            meta_info=MetaInfoSpec(*DEFAULT_MARKS),
            tts_param_paths=dict(advanced.TTSParamPaths),
        ),
        digital_human=DigitalHumanSpec(resolved_human, kind),
        live=True,
        cdn_url=body.CDN.Url if body.CDN is not None else "",
    )


def video_kind(human: Face) -> VideoKind:
    """What travels of the face. Raises ApiError for a ConfigId or EncodeCode there is not."""
    if human.EncodeCode.upper() != "H264":
        raise ApiError(
            ReturnCode.DIGITAL_HUMAN_PARAMETER, "DigitalHuman.EncodeCode is invalid: expected H264, the only one"
        )
    try:
        return {"mobile": VideoKind.MOTION, "web": VideoKind.PICTURE}[human.ConfigId.lower()]
    except KeyError:
        raise ApiError(ReturnCode.CONFIG_ID, "DigitalHuman.ConfigId is not supported: expected mobile or web") from None


def _history(history: History) -> HistorySpec:
    messages = history.Messages if history.SyncMode == 1 else []
    return HistorySpec(history.WindowSize, tuple(Message(message.Role, message.Content) for message in messages))


def _callbacks(wanted: Callbacks) -> CallbackSpec:
    return CallbackSpec(
        asr_result=bool(wanted.ASRResult),
        llm_result=bool(wanted.LLMResult),
        interrupted=bool(wanted.Interrupted),
        user_speak_action=bool(wanted.UserSpeakAction),
        agent_speak_action=bool(wanted.AgentSpeakAction),
        agent_instance_status=bool(wanted.AgentInstanceStatus),
        user_audio_data=bool(wanted.UserAudioData),
        host_tag=wanted.HostTag,
    )


def _advanced(config: Advanced) -> AdvancedSpec:
    return AdvancedSpec(
        voice_interrupts=config.InterruptMode == 0,
        max_idle_s=config.MaxIdleTime,
        disable_tts=config.DisableTTS,
        walkie_talkie=config.CommunicationMode == WALKIE_TALKIE,
        listen_only=config.CommunicationMode == LISTEN_ONLY,
        meta_info=_meta_info(config.LLMMetaInfo, config.TTSParamPaths),
        add_asr_info=config.AddASRInfo,
        tts_param_paths=dict(config.TTSParamPaths),
    )


def _meta_info(meta: LlmMetaInfo | None, tts_param_paths: Mapping[str, str]) -> MetaInfoSpec | None:
    if meta is not None:
        return MetaInfoSpec(meta.BeginCharacters, meta.EndCharacters, tuple(meta.SendMetaKeys))
    return MetaInfoSpec(*DEFAULT_MARKS) if tts_param_paths else None
