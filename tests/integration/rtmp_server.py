"""A real RTMP server on loopback, nginx with its RTMP module, and a viewer that plays what is published there."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

MODULES = (Path("/usr/lib/nginx/modules"), Path("/usr/lib64/nginx/modules"), Path("/usr/local/lib/nginx/modules"))
START_LIMIT_S = 20.0

CONFIG = """\
load_module {module};
{user}
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 64; }}
rtmp {{
    server {{
        listen 127.0.0.1:{port};
        application live {{
            live on;
            wait_key on;
            wait_video on;
            record all;
            record_path {folder};
            record_unique on;
        }}
        application closed {{
            live on;
            deny publish all;
        }}
    }}
}}
"""


def rtmp_module() -> Path:
    """Where nginx's RTMP module lies; the test fails, in words, where there is none."""
    module = next(
        (folder / "ngx_rtmp_module.so" for folder in MODULES if (folder / "ngx_rtmp_module.so").is_file()), None
    )
    if shutil.which("nginx") is None or module is None:
        pytest.fail(
            "The tests of the CDN output need nginx with its RTMP module: "
            "apt-get install --no-install-recommends nginx libnginx-mod-rtmp (it need not run as a service)"
        )
    return module


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RtmpServer:
    """nginx of the test's own, on a free port, with everything it writes in `folder`. A context manager."""

    def __init__(self, folder: Path) -> None:
        self._config = folder / "nginx.conf"
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        user = "user root;" if os.geteuid() == 0 else ""
        self._config.write_text(CONFIG.format(module=rtmp_module(), user=user, folder=folder, port=self.port))

    def url(self, app: str = "live", key: str = "key-1234") -> str:
        return f"rtmp://127.0.0.1:{self.port}/{app}/{key}"

    def __enter__(self) -> RtmpServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Returns when it takes connections."""
        self._process = subprocess.Popen(
            ["nginx", "-p", str(self._folder), "-c", str(self._config), "-e", str(self._folder / "error.log")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                log = self._folder / "error.log"
                raise RuntimeError(f"nginx did not start: {log.read_text()[-2000:] if log.exists() else 'no log'}")
            time.sleep(0.02)

    def kill(self) -> None:
        """Without a goodbye to its clients."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=10)


@dataclass
class Seen:
    """What a viewer got. Times in seconds of the stream."""

    codecs: dict[str, str] = field(default_factory=dict)
    video: list[float] = field(default_factory=list)
    keys: list[float] = field(default_factory=list)
    audio: list[float] = field(default_factory=list)
    pictures: list[tuple[float, NDArray[np.uint8]]] = field(default_factory=list)
    sounds: list[tuple[float, NDArray[np.float32]]] = field(default_factory=list)

    def loudness(self) -> list[tuple[float, float]]:
        """Every packet of sound: its time and how loud it is, 0..1."""
        return [(at, float(np.sqrt((samples**2).mean()))) for at, samples in self.sounds]

    def loud(self) -> list[float]:
        return [at for at, level in self.loudness() if level > 0.02]


class Viewer(threading.Thread):
    """Plays a stream until `stop`, or until it ends."""

    def __init__(self, url: str) -> None:
        super().__init__(name="viewer", daemon=True)
        self._url = url
        self._stopped = threading.Event()
        self.seen = Seen()
        self.error: Exception | None = None
        self.start()

    def stop(self) -> Seen:
        """Ends playing, and gives what was seen."""
        self._stopped.set()
        self.join(15)
        return self.seen

    def until(self, condition: Callable[[Seen], bool], within_s: float) -> None:
        """Waits, in this thread, for something to be seen."""
        deadline = time.monotonic() + within_s
        while not condition(self.seen):
            if time.monotonic() > deadline or not self.is_alive():
                raise AssertionError(f"not seen in time: {self.error or self._summary()}")
            time.sleep(0.02)

    def _summary(self) -> str:
        seen = self.seen
        return f"{len(seen.video)} pictures, {len(seen.audio)} packets of sound, loud at {seen.loud()[:3]}"

    def run(self) -> None:
        try:
            with av.open(self._url, options={"fflags": "nobuffer"}, timeout=(10, 5)) as container:
                self.seen.codecs = {stream.type: stream.codec_context.name for stream in container.streams}
                for packet in container.demux():
                    if self._stopped.is_set():
                        return
                    self._take(packet)
        except (av.FFmpegError, OSError) as error:
            self.error = error

    def _take(self, packet: av.Packet) -> None:
        if packet.pts is None:
            return
        seen, at = self.seen, float(packet.pts * packet.time_base)
        if packet.stream.type == "video":
            seen.video.append(at)
            if packet.is_keyframe:
                seen.keys.append(at)
            seen.pictures += [(float(frame.time), frame.to_ndarray(format="gray")) for frame in packet.decode()]
        else:
            seen.audio.append(at)
            seen.sounds += [(float(frame.time), frame.to_ndarray()[0]) for frame in packet.decode()]
