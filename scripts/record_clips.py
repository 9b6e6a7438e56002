"""Records what `mien bench latency` says to the digital human, with the local voice, into src/mien/bench/clips/.

    .venv/bin/python scripts/record_clips.py

The clips are kept in the repository, so that two versions are measured with the same sound. Other voices than the
digital humans' own speak them.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import av
import numpy as np

from mien.settings import Settings
from mien.speech.say import say

CLIPS = Path(__file__).parents[1] / "src/mien/bench/clips"
RATE = 48_000
BITRATE = 32_000
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


def main() -> None:
    CLIPS.mkdir(parents=True, exist_ok=True)
    for name, (voice, text) in TEXTS.items():
        sound = asyncio.run(say(text, name[:2], Settings(), rate=RATE, voice=voice))
        with av.open(str(CLIPS / f"{name}.ogg"), "w") as container:
            stream = container.add_stream("libopus", rate=RATE)
            stream.layout = "mono"
            stream.bit_rate = BITRATE
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound).reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        print(f"{name}: {len(sound) / RATE:.1f} s")


if __name__ == "__main__":
    main()
