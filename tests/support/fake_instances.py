"""Stand-ins for the conversation and the digital humans: they keep what they were asked and answer from a script."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mien.conversation.port import (
    InstanceLimitError,
    InstanceNotFoundError,
    NoCapacityError,
    NotWalkieTalkieError,
    OutdatedSequenceError,
    ShuttingDownError,
    StreamTakenError,
)
from mien.conversation.spec import ExtrasUpdate, InstanceSpec, Message, Priority, SamePriority, Status, VadSpec
from mien.face.create.edit import Edits, IrisEdit
from mien.speech.spec import AsrSpec, LlmSpec, TtsSpec


@dataclass
class FakeInstance:
    """An instance that only remembers. `fail_with` is raised by the next call."""

    spec: InstanceSpec
    status: Status = Status.IDLE
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    fail_with: Exception | None = None
    shutting_down: bool = False
    history: list[Message] = field(default_factory=list)
    round: int = 510359000
    sequence: int = -1
    timings: list[dict[str, Any]] = field(default_factory=list)

    def _called(self, name: str, **arguments: Any) -> int:
        if self.fail_with is not None:
            error, self.fail_with = self.fail_with, None
            raise error
        if self.shutting_down:
            raise ShuttingDownError("the instance is being shut down")
        self.calls.append((name, arguments))
        self.round += 1
        return self.round

    async def say(
        self,
        text: str,
        *,
        add_history: bool = True,
        priority: Priority = Priority.MEDIUM,
        same_priority: SamePriority = SamePriority.CLEAR_AND_INTERRUPT,
        enqueue_user_speech: bool = False,
    ) -> int:
        return self._called(
            "say",
            text=text,
            add_history=add_history,
            priority=priority,
            same_priority=same_priority,
            enqueue_user_speech=enqueue_user_speech,
        )

    async def ask(
        self,
        text: str,
        *,
        system_prompt: str | None = None,
        add_question: bool = False,
        add_answer: bool = True,
        priority: Priority = Priority.MEDIUM,
        same_priority: SamePriority = SamePriority.CLEAR_AND_INTERRUPT,
        enqueue_user_speech: bool = False,
    ) -> int:
        return self._called(
            "ask",
            text=text,
            system_prompt=system_prompt,
            add_question=add_question,
            add_answer=add_answer,
            priority=priority,
            same_priority=same_priority,
            enqueue_user_speech=enqueue_user_speech,
        )

    async def interrupt(self) -> int:
        return self._called("interrupt")

    async def update(
        self,
        *,
        llm: LlmSpec | None = None,
        tts: TtsSpec | None = None,
        asr: AsrSpec | None = None,
        vad: VadSpec | None = None,
        user_stream_id: str | None = None,
        listen_only: bool | None = None,
        extras: ExtrasUpdate | None = None,
    ) -> None:
        self._called(
            "update",
            llm=llm,
            tts=tts,
            asr=asr,
            vad=vad,
            user_stream_id=user_stream_id,
            listen_only=listen_only,
            extras=extras,
        )

    async def start_listening(self, user_id: str | None = None, sequence: int | None = None) -> int:
        return self._listen("start_listening", user_id, sequence)

    async def stop_listening(
        self, user_id: str | None = None, sequence: int | None = None, *, cancel: bool = False
    ) -> int:
        return self._listen("stop_listening", user_id, sequence, cancel=cancel)

    def _listen(self, name: str, user_id: str | None, sequence: int | None, **more: Any) -> int:
        if not self.spec.advanced.walkie_talkie:
            raise NotWalkieTalkieError("the instance listens all the time")
        if sequence is not None:
            if sequence < self.sequence:
                raise OutdatedSequenceError(f"Sequence {sequence} comes after {self.sequence}")
            self.sequence = sequence
        return self._called(name, user_id=user_id, sequence=sequence, **more)

    def messages(self) -> Sequence[Message]:
        self._called("messages")
        return list(self.history)

    def add_messages(self, messages: Sequence[Message]) -> None:
        self._called("add_messages", messages=tuple(messages))
        self.history.extend(messages)

    def reset_messages(self) -> None:
        self._called("reset_messages")
        self.history.clear()


class FakeManager:
    """Keeps instances in a dictionary and has the limits of a real manager."""

    def __init__(self, voice_limit: int = 10, digital_human_limit: int = 10) -> None:
        self.instances: dict[tuple[int, str], FakeInstance] = {}
        self.voice_limit = voice_limit
        self.digital_human_limit = digital_human_limit
        self.no_capacity = False
        self.fail_with: Exception | None = None
        self.deleted: list[tuple[str, bool, float]] = []

    async def create(self, spec: InstanceSpec) -> FakeInstance:
        await asyncio.sleep(0)
        if self.fail_with is not None:
            raise self.fail_with
        if self.no_capacity:
            raise NoCapacityError("no headroom: 12 MB of memory are free")
        same_kind = [
            instance
            for (app_id, _), instance in self.instances.items()
            if app_id == spec.app_id and (instance.spec.digital_human is None) == (spec.digital_human is None)
        ]
        limit = self.voice_limit if spec.digital_human is None else self.digital_human_limit
        if len(same_kind) >= limit:
            raise InstanceLimitError(f"the app already runs {limit} instances of this kind")
        if any(i.spec.rtc.agent_stream_id == spec.rtc.agent_stream_id for i in self.instances.values()):
            raise StreamTakenError(f"stream {spec.rtc.agent_stream_id} is in use")
        instance = FakeInstance(spec, history=list(spec.history.messages))
        self.instances[spec.app_id, spec.instance_id] = instance
        return instance

    def get(self, app_id: int, instance_id: str) -> FakeInstance:
        try:
            return self.instances[app_id, instance_id]
        except KeyError:
            raise InstanceNotFoundError(f"there is no instance {instance_id}") from None

    async def delete(self, app_id: int, instance_id: str, *, graceful: bool = False, timeout_s: float = 30.0) -> None:
        instance = self.get(app_id, instance_id)
        if graceful and instance.shutting_down:
            raise ShuttingDownError("the instance is already being shut down")
        self.deleted.append((instance_id, graceful, timeout_s))
        if graceful:
            instance.shutting_down = True
        else:
            del self.instances[app_id, instance_id]

    async def close(self) -> None:
        self.instances.clear()


@dataclass(frozen=True)
class FakeDigitalHuman:
    """A digital human by name only."""

    id: str
    name: Mapping[str, str]
    voices: Mapping[str, str] = field(default_factory=dict)
    default: bool = True
    gestures: Sequence[str] = ()


class FakeDigitalHumans:
    """Two digital humans whose package is one small file; pictures become more of them."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "package.zip"
        self._file.write_bytes(b"PK\x05\x06" + b"\0" * 18)
        self.all = [
            FakeDigitalHuman("lin", {"en": "Lin", "zh": "林"}, {"zh": "zf_xiaoxiao", "en": "af_heart"}),
            FakeDigitalHuman("yu", {"en": "Yu", "zh": "雨"}),
        ]
        self.created: list[tuple[bytes, dict[str, Any]]] = []
        self.edited: list[tuple[str, Edits, bool]] = []
        self.fail_with: Exception | None = None

    def get(self, digital_human_id: str) -> FakeDigitalHuman | None:
        return next((human for human in self.all if human.id == digital_human_id), None)

    def list(self) -> Sequence[FakeDigitalHuman]:
        return self.all

    def package_url(self, digital_human_id: str) -> str:
        return f"/avatars/{digital_human_id}/{'ab' * 32}.zip"

    def version(self, digital_human_id: str, content_hash: str) -> Path | None:
        return self._file if content_hash == "ab" * 32 else None

    def preview(self, digital_human_id: str) -> bytes:
        return b"\xff\xd8\xff\xd9"

    async def create(self, digital_human_id: str, picture: bytes, **how: Any) -> Sequence[str]:
        await asyncio.sleep(0)
        if self.fail_with is not None:
            raise self.fail_with
        self.created.append((picture, how))
        self.all.append(FakeDigitalHuman(digital_human_id, {"en": how["name"], "zh": how["name"]}, default=False))
        return ["the face is small"]

    async def points(self, digital_human_id: str) -> Edits:
        await asyncio.sleep(0)
        if self.fail_with is not None:
            raise self.fail_with
        eye = IrisEdit(centre=(12.5, 20), radius=4)
        return Edits(canvas=(100, 200), style="photo", points={1: (30, 40.5), 0: (10, 20)}, irises={"r": eye})

    async def edit(self, digital_human_id: str, edits: Edits, *, keep_all: bool) -> Sequence[str]:
        await asyncio.sleep(0)
        if self.fail_with is not None:
            raise self.fail_with
        self.edited.append((digital_human_id, edits, keep_all))
        return ["the jaw opens less"]

    async def delete(self, digital_human_id: str) -> None:
        self.all = [human for human in self.all if human.id != digital_human_id]
