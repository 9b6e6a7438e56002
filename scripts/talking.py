"""Makes the films of docs/gallery: a minute of a digital human that idles, listens, thinks, talks and is interrupted.

.venv/bin/python scripts/talking.py yuki astronaut=path/astronaut.png            # films, and captions beside them
.venv/bin/python scripts/talking.py yuki --sheets /tmp/sheets --no-film          # only pictures to look at closely

The local voice speaks, the real stage moves the face and the real renderer draws it, on a clock that does not wait:
every run of one version makes the same film. A sheet shows the face around one moment, a picture every 40 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import selectors
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from livekit import rtc
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mien.errors import UserError
from mien.face.create import create_package
from mien.face.format import Package, read_package
from mien.face.motion.emotion import ExpressionName, Feeling
from mien.face.motion.frame import FPS, INDEX, MotionVector
from mien.face.motion.gestures import GestureName
from mien.face.motion.life import StatusName
from mien.face.render import Renderer, height_for
from mien.face.stage import MEDIA_RATE, Stage, StageEvents
from mien.face.store import default_humans
from mien.settings import Settings
from mien.speech.engines import Engines
from mien.speech.phones import VOICE_RATE, SpokenText, attach
from mien.viewer.mp4 import write_mp4

GALLERY = Path(__file__).resolve().parent.parent / "docs" / "gallery"
MAX_BITRATE = 640_000
"""Of the pictures; a minute with its sound stays below 6 MB."""
OTHER_VOICES = {"zh": "zf_xiaoxiao", "en": "af_heart"}
"""For a picture that does not come with Mien."""
SEED = 7
TILE, COLUMNS, BEFORE, AFTER = 320, 6, 6, 18
"""Of a sheet: px of a face, faces in a row, and how many motion frames before and after its moment."""
SHEET_SCALE = 0.7
"""Of the package's own size, at which faces are drawn for a sheet."""
OPEN, SHUT_AFTER = 0.02, 0.3
"""A jaw is open from here on; so many seconds behind the voice it must be shut."""


class Scene(NamedTuple):
    """What happens next: for `seconds` of `status`, or as long as `text` takes, at most `seconds` of it."""

    status: StatusName
    seconds: float = 0.0
    language: Literal["", "zh", "en"] = ""
    text: str = ""
    gesture: GestureName | None = None
    feeling: ExpressionName | None = None


SCENES = (
    Scene("idle", 4.0),
    Scene("speaking", language="zh", text="你好，很高兴见到你！我可以陪你聊天，也可以回答你的问题。", gesture="greet"),
    Scene("idle", 2.0),
    Scene("listening", 4.0, gesture="nod"),
    Scene("thinking", 2.6),
    Scene(
        "speaking",
        language="en",
        text="Of course, I also speak English. My lips follow every sound: maybe, five, few, mother, problem.",
    ),
    Scene("idle", 2.0),
    Scene("listening", 3.0),
    Scene("speaking", 2.6, "zh", "今天的会议主要讨论三个问题，第一个问题是关于下个月的计划，第二个问题是预算。"),
    Scene("listening", 2.8, gesture="tilt"),
    Scene("thinking", 1.6),
    Scene("speaking", language="zh", text="对不起，我说得太多了。请你先说吧。", feeling="sad"),
    Scene("listening", 2.0),
    Scene(
        "speaking",
        language="en",
        text="Wonderful! That is a great idea. Let me know if you need anything else.",
        feeling="happy",
        gesture="nod",
    ),
    Scene("idle", 3.5),
    Scene("speaking", language="zh", text="再见，祝你一切顺利！", gesture="greet"),
    Scene("idle", 7.0),
)
"""Ends in the idle it began with; the third speaking scene is cut off in the middle of a sentence."""


@dataclass
class Take:
    """What a stage sent out, and what happened when."""

    frames: list[MotionVector] = field(default_factory=list)
    speaking: list[bool] = field(default_factory=list)
    sound: list[NDArray[np.int16]] = field(default_factory=list)
    captions: list[tuple[float, str]] = field(default_factory=list)
    moments: list[tuple[float, str]] = field(default_factory=list)

    def voice(self, pcm: NDArray[np.int16], pts: int) -> None:
        self.sound.append(pcm)

    def motion(self, frame: MotionVector, pts: int, speaking: bool) -> None:
        self.frames.append(frame)
        self.speaking.append(speaking)


class _NoWaiting(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Moves the loop's clock forward by the time it was asked to wait."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += max(timeout or 0.0, 0.0)
        return super().select(0)


class _FilmLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _NoWaiting()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


Spoken = list[tuple[NDArray[np.int16], SpokenText | None]]


async def spoken(voices: Mapping[str, str]) -> dict[str, Spoken]:
    """The sound of every text, made beforehand."""
    engines = Engines(Settings())
    try:
        voice = await engines.voice()
        return {
            scene.text: [piece async for piece in voice.stream(scene.text, scene.language, voices[scene.language])]
            for scene in SCENES
            if scene.text
        }
    finally:
        await engines.close()


def perform(sounds: Mapping[str, Spoken]) -> Take:
    """Plays every scene on a clock that does not wait."""
    take = Take()

    async def main() -> None:
        now = asyncio.get_running_loop().time
        events = StageEvents(clause_started=lambda clip: take.captions.append((stage.media_time, clip.text)))
        stage = Stage(take, seed=SEED, events=events)
        await stage.start()
        before: Scene | None = None
        for scene in SCENES:
            if before is not None:
                cut = "cut " if before.text and before.seconds else ""
                take.moments.append((now(), f"{before.status} {cut}to {scene.status}"))
            before = scene
            stage.set_status(scene.status)
            if scene.feeling is not None:
                stage.express(Feeling(scene.feeling, 0.8))
                take.moments.append((now() + 0.4, scene.feeling))
            if scene.gesture is not None:
                stage.gesture(scene.gesture)
                take.moments.append((now() + 0.5, scene.gesture))
            if scene.text:
                for pcm, text in sounds[scene.text]:
                    frame = rtc.AudioFrame(pcm.tobytes(), VOICE_RATE, 1, len(pcm))
                    await stage.capture_frame(attach(frame, text) if text is not None else frame)
                stage.flush()
                await asyncio.sleep(scene.seconds or stage.waiting + 0.05)
                stage.clear_buffer()
                stage.express(None)
            else:
                await asyncio.sleep(scene.seconds)
        await stage.aclose()

    with asyncio.Runner(loop_factory=_FilmLoop) as runner:
        runner.run(main())
    return take


def faults(take: Take) -> Iterator[str]:
    """What can be counted rather than seen: a mouth that is open in silence, jumps, quiver, a frozen face."""
    frames = np.array(take.frames)
    jaw = frames[:, INDEX["jaw"]]
    quiet = 0
    for i, speaking in enumerate(take.speaking):
        quiet = 0 if speaking or any(take.speaking[i : i + 4]) else quiet + 1
        if quiet > SHUT_AFTER * FPS and jaw[i] > OPEN:
            yield f"{i / FPS:.2f} s: the jaw is {jaw[i]:.2f} open in silence"
    for name, limit in (("yaw", 1.2), ("pitch", 1.4), ("roll", 1.0), ("tx", 0.02), ("ty", 0.02), ("smile", 0.25)):
        step = np.abs(np.diff(frames[:, INDEX[name]]))
        for i in np.flatnonzero(step > limit):
            yield f"{i / FPS:.2f} s: {name} jumps by {step[i]:.2f}"
    for name in ("yaw", "pitch", "roll"):
        turns = np.diff(np.sign(np.diff(frames[:, INDEX[name]]))) != 0
        for i in range(0, len(turns) - FPS, FPS):
            if (count := int(turns[i : i + FPS].sum())) > 8:
                yield f"{i / FPS:.2f} s: {name} turns back {count} times in a second"
    alike = 0
    for i, (one, next_) in enumerate(itertools.pairwise(frames)):
        alike = alike + 1 if np.array_equal(one, next_) else 0
        if alike > 2:
            yield f"{i / FPS:.2f} s: the face stands still"


def sheet(package: Package, take: Take, at: float) -> Image.Image:
    """The face every 40 ms around one moment, which has a frame around it; the time below a face that speaks is red."""
    frame = package.frame
    # As wide as 2.4 eye distances, around the middle between eyes and chin.
    middle = np.array(frame.o) + 0.25 * frame.sc * np.array(frame.uy)
    half = 1.2 * frame.sc
    renderer = Renderer(package, height=round(package.size[1] * SHEET_SCALE))
    box = tuple(SHEET_SCALE * edge for edge in (*(middle - half), *(middle + half)))
    first = round(at * FPS) - BEFORE
    rows = -(-(BEFORE + AFTER) // COLUMNS)
    out = Image.new("RGB", (COLUMNS * TILE, rows * TILE), "white")
    font = ImageFont.load_default(size=16)
    for n in range(BEFORE + AFTER):
        i = min(max(first + n, 0), len(take.frames) - 1)
        picture = Image.fromarray(renderer.rgb(take.frames[i]))
        face = picture.transform((TILE - 4, TILE - 4), Image.Transform.EXTENT, box, Image.Resampling.BICUBIC)
        draw = ImageDraw.Draw(face)
        color = "#ff4040" if take.speaking[i] else "white"
        draw.text((6, 4), f"{i / FPS:.2f}", color, font, stroke_width=2, stroke_fill="#202020")
        if n == BEFORE:
            draw.rectangle((0, 0, TILE - 5, TILE - 5), outline="#20a0ff", width=4)
        out.paste(face, ((n % COLUMNS) * TILE, (n // COLUMNS) * TILE))
    return out


def captions(take: Take) -> str:
    """WebVTT of what is said."""
    lines = ["WEBVTT", ""]
    for i, (start, text) in enumerate(take.captions):
        end = take.captions[i + 1][0] if i + 1 < len(take.captions) else len(take.frames) / FPS
        lines += [f"{_clock(start)} --> {_clock(min(end, start + 6))}", text.strip(), ""]
    return "\n".join(lines)


def _clock(seconds: float) -> str:
    return f"00:{int(seconds // 60):02}:{seconds % 60:06.3f}"


@dataclass(frozen=True)
class Subject:
    """Whose film it is."""

    name: str
    picture: Path
    style: Literal["auto", "photo", "illustration"]
    voices: Mapping[str, str]


def subjects(named: Sequence[str], parser: argparse.ArgumentParser) -> list[Subject]:
    humans = {human.name.lower(): human for human in default_humans()}
    found = []
    for given in named:
        name, _, path = given.partition("=")
        if path:
            found.append(Subject(name, Path(path), "auto", OTHER_VOICES))
        elif name in humans:
            found.append(Subject(name, humans[name].picture, humans[name].style, humans[name].voices))
        else:
            parser.error(f"{given}: write NAME=PATH, or one of {', '.join(humans)}")
    return found


def make(subject: Subject, options: Any) -> None:
    """Film, captions and sheets of one digital human. Raises UserError, OSError."""
    with tempfile.TemporaryDirectory() as folder:
        info = create_package(subject.picture, Path(folder) / "face.zip", name=subject.name, style=subject.style)
        package = read_package(info.path)
    take = perform(asyncio.run(spoken(subject.voices)))
    print(f"{subject.name}: {len(take.frames) / FPS:.1f} s")
    for fault in faults(take):
        print(f"  {fault}")
    if options.sheets is not None:
        options.sheets.mkdir(parents=True, exist_ok=True)
        for number, (at, what) in enumerate(take.moments):
            if options.moments and number not in options.moments:
                continue
            path = options.sheets / f"{subject.name}-{number:02}-{what.replace(' ', '-')}.png"
            sheet(package, take, at).save(path)
            print(f"  {path}")
    if options.film:
        options.output.mkdir(parents=True, exist_ok=True)
        path = options.output / f"{subject.name}.mp4"
        renderer = Renderer(package, height=height_for(package, options.size))
        pictures = (renderer.frame(frame) for frame in take.frames)
        sound = np.concatenate(take.sound)[: round(len(take.frames) / FPS * MEDIA_RATE)]
        write_mp4(
            path,
            pictures,
            sound,
            width=renderer.width,
            height=renderer.height,
            fps=FPS,
            max_bitrate=MAX_BITRATE,
        )
        path.with_suffix(".vtt").write_text(captions(take), "utf-8")
        print(f"  {path}: {renderer.width} × {renderer.height}, {path.stat().st_size / 1e6:.1f} MB")


def main() -> int:
    """Command line; says what it made. 1 when a picture cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("humans", nargs="+", metavar="NAME[=PATH]", help="a digital human of Mien's, or a picture")
    parser.add_argument("--output", type=Path, default=GALLERY, help="folder of the films")
    parser.add_argument("--size", type=int, default=540, help="px of the shorter side")
    parser.add_argument("--sheets", type=Path, help="folder of the sheets; without it there are none")
    parser.add_argument("--moments", type=int, nargs="*", help="numbers of the sheets to make; without it all")
    parser.add_argument("--no-film", dest="film", action="store_false")
    options = parser.parse_args()
    for subject in subjects(options.humans, parser):
        try:
            make(subject, options)
        except (UserError, OSError) as error:
            print(f"{subject.picture}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
