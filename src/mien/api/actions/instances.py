"""Actions that create, change and end agent instances."""

from __future__ import annotations

import base64
import json

from mien.api.actions.registry import Call, action
from mien.api.errors import ApiError, ReturnCode, invalid
from mien.api.extras import extras_update
from mien.api.humans import find_human
from mien.api.schemas import results
from mien.api.schemas.base import JsonObject
from mien.api.schemas.engines import Tts
from mien.api.schemas.instances import (
    CreateAgentInstance,
    CreateDigitalHumanAgentInstance,
    CreateLiveDigitalHumanAgentInstance,
    DeleteAgentInstance,
    UpdateAgentInstance,
)
from mien.api.specs import (
    LISTEN_ONLY,
    asr_spec,
    instance_spec,
    live_spec,
    llm_spec,
    tells_turns,
    tts_spec,
    vad_spec,
    video_kind,
)
from mien.conversation.port import Instance, ShuttingDownError
from mien.conversation.spec import InstanceSpec, TtsSpec
from mien.rtc.port import VideoKind

GROUP = "Instances"


@action(GROUP, CreateAgentInstance, failure=ReturnCode.CREATE_FAILED, result=results.InstanceCreated)
async def create_agent_instance(call: Call, body: CreateAgentInstance) -> JsonObject:
    """Starts a voice agent in a room; it is usable from the callback AgentInstanceCreated on."""
    agent = await call.deps.store.agents.get(call.app.app_id, body.AgentId)
    spec = instance_spec(call.app.app_id, call.deps.ids.next(), agent, body)
    await call.deps.instances.create(spec)
    return {"AgentInstanceId": spec.instance_id, "RequestId": call.request_id}


@action(
    GROUP,
    CreateDigitalHumanAgentInstance,
    failure=ReturnCode.CREATE_DIGITAL_HUMAN_FAILED,
    result=results.DigitalHumanInstanceCreated,
    digital_human=True,
)
async def create_digital_human_agent_instance(call: Call, body: CreateDigitalHumanAgentInstance) -> JsonObject:
    """Starts an agent with a face in a room."""
    video_kind(body.DigitalHuman)  # refuses before anything is looked up
    human = await find_human(call.deps, call.app.app_id, body.DigitalHuman.DigitalHumanId)
    agent = await call.deps.store.agents.get(call.app.app_id, body.AgentId)
    spec = instance_spec(call.app.app_id, call.deps.ids.next(), agent, body, human.id)
    answer = _answer(call, spec, body.DigitalHuman.DigitalHumanId)
    await call.deps.instances.create(spec)
    return answer


@action(
    GROUP,
    CreateLiveDigitalHumanAgentInstance,
    failure=ReturnCode.CREATE_DIGITAL_HUMAN_FAILED,
    result=results.DigitalHumanInstanceCreated,
    digital_human=True,
)
async def create_live_digital_human_agent_instance(call: Call, body: CreateLiveDigitalHumanAgentInstance) -> JsonObject:
    """Starts a face, in a room or pushed to a CDN, that speaks what SendAgentInstanceTTS sends and hears nobody."""
    video_kind(body.DigitalHuman)
    human = await find_human(call.deps, call.app.app_id, body.DigitalHuman.DigitalHumanId)
    agent = await call.deps.store.agents.get(call.app.app_id, body.AgentId)
    spec = live_spec(call.app.app_id, call.deps.ids.next(), agent, body, human.id)
    answer = _answer(call, spec, body.DigitalHuman.DigitalHumanId)
    await call.deps.instances.create(spec)
    return answer


@action(GROUP, UpdateAgentInstance, failure=ReturnCode.UPDATE_FAILED)
async def update_agent_instance(call: Call, body: UpdateAgentInstance) -> None:
    """Changes a running instance from the next turn on: engines, or the stream it listens to."""
    instance = find(call, body.AgentInstanceId)
    if instance.spec.live:
        raise ApiError(ReturnCode.LIVE_INSTANCE)
    tts = _updated_tts(instance, body.TTS) if body.TTS else None
    mode = body.AdvancedConfig.CommunicationMode if body.AdvancedConfig else None
    if mode is not None and instance.spec.advanced.walkie_talkie:
        raise invalid("AdvancedConfig.CommunicationMode", "nothing, because a walkie-talkie instance stays one")
    await instance.update(
        llm=llm_spec(body.LLM) if body.LLM else None,
        tts=tts,
        asr=asr_spec(body.ASR) if body.ASR else None,
        vad=vad_spec(body.VAD, body.ASR) if body.VAD or tells_turns(body.ASR) else None,
        user_stream_id=body.RTC.UserStreamId if body.RTC else None,
        extras=extras_update(body.Mien),
        listen_only=None if mode is None else mode == LISTEN_ONLY,
    )


@action(GROUP, DeleteAgentInstance, failure=ReturnCode.DELETE_FAILED)
async def delete_agent_instance(call: Call, body: DeleteAgentInstance) -> None:
    """Ends an instance, at once or after it has finished speaking."""
    await call.deps.instances.delete(
        call.app.app_id,
        body.AgentInstanceId,
        graceful=body.GracefulShutdown,
        timeout_s=float(body.GracefulShutdownTimeout),
    )


def find(call: Call, instance_id: str, *, also_ending: bool = False) -> Instance:
    """The running instance. Raises InstanceNotFoundError, and ShuttingDownError unless `also_ending`."""
    instance = call.deps.instances.get(call.app.app_id, instance_id)
    if instance.shutting_down and not also_ending:
        raise ShuttingDownError("the instance is being shut down and takes no more requests")
    return instance


def digital_human_config(spec: InstanceSpec, digital_human_id: str, package_url: str) -> str:
    """What a drawing SDK needs to know, as Base64 of compact JSON. `digital_human_id` is the id the caller used.

    An instance on a CDN has no stream in a room, and its push address is not for clients: it holds the stream key.
    """
    assert spec.digital_human is not None
    stream = {"RoomId": spec.rtc.room_id, "StreamId": spec.rtc.agent_stream_id, "EncodeCode": "H264"}
    if package_url:
        stream["PackageUrl"] = package_url
    stream["ConfigId"] = spec.digital_human.config_id.value
    config = {"DigitalHumanId": digital_human_id, "Streams": [] if spec.cdn_url else [stream]}
    return base64.b64encode(json.dumps(config, separators=(",", ":")).encode()).decode()


def _answer(call: Call, spec: InstanceSpec, digital_human_id: str) -> JsonObject:
    # Put together before the instance runs: a damaged package must not leave one behind that nobody knows of.
    human = spec.digital_human
    package = ""
    if human is not None and human.config_id is VideoKind.MOTION:
        package = call.base_url + call.deps.digital_humans.package_url(human.digital_human_id)
    config = digital_human_config(spec, digital_human_id, package)
    return {"AgentInstanceId": spec.instance_id, "DigitalHumanConfig": config, "RequestId": call.request_id}


def _updated_tts(instance: Instance, wanted: Tts) -> TtsSpec:
    """The new voice of a running instance: its vendor and text filters stay as they were created. Other filters are
    passed over, as the compatible service does; another vendor is refused, for its parameters would mean nothing."""
    now, new = instance.spec.tts, tts_spec(wanted)
    if new.vendor and now.vendor and new.vendor != now.vendor:
        raise invalid("TTS.Vendor", f"{now.vendor}, because the vendor of a running instance cannot change")
    return TtsSpec(new.vendor, new.url, new.params, now.filter_text, now.terminator_text, now.character_filter)
