"""Records, with the local voice, what the benchmarks say to the digital human and the apology a voice that fails cannot
speak itself.

    .venv/bin/python scripts/record_clips.py [NAME ...]

The clips are kept in the repository, so that two versions are measured with the same sound. Other voices than the
digital humans' own ask the questions. Without names everything is recorded anew.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from mien.conversation import apology
from mien.settings import Settings
from mien.speech.say import say

CLIPS = Path(__file__).parents[1] / "src/mien/bench/clips"
RATE = 48_000
BITRATE = 32_000
SMALL_BITRATE = 20_000
TEXTS: dict[str, tuple[str, str]] = {
    "zh-question-1": ("zm_yunxi", "你好，请问你叫什么名字？"),
    "zh-question-2": ("zf_xiaoyi", "今天天气不错，你觉得适合去公园散步吗？"),
    "zh-question-3": ("zm_yunjian", "我周末想学做一道简单的菜，你有什么推荐？"),
    "zh-question-4": ("zf_xiaoyi", "我晚上总是睡不好，有什么办法可以放松一下呢？"),
    "zh-interrupt": ("zm_yunxi", "等一下，我想问你另外一件事情。"),
    "zh-backchannel": ("zf_xiaoyi", "嗯，对。"),
    "en-question-1": ("am_michael", "Hello, what is your name?"),
    "en-question-2": ("bf_emma", "What can I cook for dinner tonight if I have only twenty minutes?"),
    "en-question-3": ("am_adam", "Can you tell me how to sleep better at night?"),
    "en-question-4": ("bm_george", "I have a job interview tomorrow. What should I say about myself?"),
    "en-interrupt": ("am_michael", "Wait a moment, I would like to ask you something else."),
    "en-backchannel": ("bf_emma", "Okay, right."),
}
"""For `mien bench latency`."""
SITUATIONS: dict[str, tuple[str, str]] = {
    "zh-wait": ("zm_yunjian", "等一下。"),
    "zh-yes": ("zf_xiaoyi", "是的，可以。"),
    "zh-um": ("zm_yunxi", "嗯，这个嘛。"),
    "zh-first-half": ("zf_xiaoxiao", "我想问一下，明天上午，"),
    "zh-second-half": ("zf_xiaoxiao", "北京会不会下雨？"),
    "zh-date": ("zm_yunjian", "我的生日是二零二六年十一月二十六号。"),
    "zh-mixed": ("zf_xiaoyi", "请帮我打开 Windows 电脑，再放一首 Michael Jackson 的歌。"),
    "en-stop": ("am_michael", "Stop! Stop talking."),
    "en-yes": ("bf_emma", "Yes."),
    "en-uhhuh": ("am_adam", "Uh-huh."),
    "en-um": ("am_adam", "Um."),
    "en-first-half": ("af_bella", "I would like to know,"),
    "en-second-half": ("af_bella", "how far it is to the airport."),
    "en-number": ("bm_george", "My phone number is five five five, zero one four seven."),
    "en-url": ("af_bella", "The address is www dot example dot com slash help."),
    "en-monologue": (
        "am_adam",
        "Last summer I went to the mountains with my brother and two of his friends. We wanted to walk from one hut to "
        "the next, but on the second day it rained so hard that the path was gone. So we stayed in the hut, played "
        "cards, and listened to an old man who told us about the winters up there, and I have been thinking about that "
        "ever since. Do you know any other stories about the mountains?",
    ),
}
"""For `mien bench situations`."""
APOLOGIES = {("zh", "female"): "zf_xiaoxiao", ("zh", "male"): "zm_yunxi", ("en", "female"): "af_heart",
             ("en", "male"): "am_michael"}  # fmt: skip


def main() -> None:
    wanted = sys.argv[1:]
    jobs = [(CLIPS / f"{name}.ogg", name[:2], voice, text, BITRATE) for name, (voice, text) in TEXTS.items()]
    jobs += [
        (CLIPS / f"{name}.ogg", name[:2], voice, text, SMALL_BITRATE) for name, (voice, text) in SITUATIONS.items()
    ]
    jobs += [
        (apology.packaged(language, gender), language, voice, apology.TEXTS[language], SMALL_BITRATE)
        for (language, gender), voice in APOLOGIES.items()
    ]
    for path, language, voice, text, bitrate in jobs:
        if wanted and path.stem not in wanted:
            continue
        sound = asyncio.run(say(text, language, Settings(), rate=RATE, voice=voice))
        path.parent.mkdir(exist_ok=True)
        write(path, sound, bitrate)
        print(f"{path.stem}: {len(sound) / RATE:.1f} s", flush=True)


def write(path: Path, sound: NDArray[np.int16], bitrate: int) -> None:
    """Opus in Ogg."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=RATE)
        stream.layout = "mono"
        stream.bit_rate = bitrate
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
