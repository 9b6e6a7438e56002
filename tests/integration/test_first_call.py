"""The whole product at once: `mien call` against its own server, with real models, real HTTP and real WebRTC."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from mien.bench.lips_of_calls import planned_opening
from mien.face.motion.frame import FPS
from mien.settings import Settings
from mien.viewer.lips import correlate, lipsync_of_mp4
from mien.viewer.own_server import OwnServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(420)]

QUESTIONS = {"zh": "今天天气怎么样？", "en": "What can you do for me today?"}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mien")


@pytest.fixture(scope="module")
def server(data_dir: Path) -> Iterator[OwnServer]:
    with OwnServer(data_dir=data_dir) as running:
        running.wait_ready()
        yield running


def mien(*arguments: str, data_dir: Path, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*prefix, sys.executable, "-m", "mien.cli.main", *arguments],
        env=os.environ | {"MIEN_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )


def error_rate(expected: str, heard: str, lang: str) -> float:
    """Character error rate for Chinese, word error rate for English."""

    def tokens(text: str) -> list[str]:
        plain = re.sub(r"[^\w\s]", "", text.lower())
        return list(plain.replace(" ", "")) if lang == "zh" else plain.split()

    a, b = tokens(expected), tokens(heard)
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[:], i
        for j, y in enumerate(b, 1):
            row[j] = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (x != y))
    return row[-1] / max(1, len(a))


@pytest.mark.parametrize(("lang", "config_id"), [("zh", "web"), ("en", "web"), ("en", "mobile")])
def test_a_question_is_answered_by_a_moving_face(
    server: OwnServer, data_dir: Path, tmp_path: Path, lang: str, config_id: str
) -> None:
    video, report, motion = tmp_path / "answer.mp4", tmp_path / "report.json", tmp_path / "motion.csv"
    done = mien(
        *("call", "--say", QUESTIONS[lang], "--lang", lang, "--config-id", config_id, "--url", server.url),
        *("--output", str(video), "--report", str(report), "--motion", str(motion)),
        data_dir=data_dir,
    )
    assert done.returncode == 0, done.stderr + server.log_tail()
    found = json.loads(report.read_text())
    assert error_rate(QUESTIONS[lang], found["question"], lang) < 0.3
    assert found["answer"]
    assert found["latency_ms"]["total"] > 0
    assert found["config_id"] == config_id
    if config_id == "web":
        assert min(found["video"]["width"], found["video"]["height"]) >= 720
    lips = lipsync_of_mp4(video, Settings().models_dir)
    assert lips.r > 0.5, f"r {lips.r:.2f} at {lips.lag_ms:.0f} ms"
    assert abs(lips.lag_ms) <= 80, f"r {lips.r:.2f} at {lips.lag_ms:.0f} ms"
    planned = correlate(lips.opening, planned_opening(motion)[lips.first :], FPS)
    assert planned.r > 0.9, f"r {planned.r:.2f} at {planned.lag_ms:.0f} ms"
    assert abs(planned.lag_ms) <= 40, f"r {planned.r:.2f} at {planned.lag_ms:.0f} ms"


def test_mien_call_starts_its_own_server_without_any_network(tmp_path: Path) -> None:
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("taking the network away needs unshare and root")
    done = mien(
        *("call", "--say", "Hello, who are you?", "--lang", "en", "--config-id", "mobile"),
        data_dir=tmp_path,
        prefix=("unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"),
    )
    assert done.returncode == 0, done.stderr


def test_nothing_is_lost_or_left_behind_when_the_server_is_killed_in_a_call(tmp_path: Path) -> None:
    env = {"MIEN_APP_ID": "4242", "MIEN_SERVER_SECRET": "0123456789abcdef0123456789abcdef"}
    with OwnServer(data_dir=tmp_path, env=env) as first:
        first.wait_ready()
        call = subprocess.Popen(
            [sys.executable, "-m", "mien.cli.main", "call", "--say", "Tell me a story.", "--url", first.url],
            env=os.environ | {"MIEN_DATA_DIR": str(tmp_path)} | env,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for_instance(first, env)
        children = [child.pid for child in psutil.Process(first.pid).children(recursive=True)]
        first.kill()
        call.communicate(timeout=120)
        assert call.returncode != 0
        assert not [pid for pid in children if psutil.pid_exists(pid)]
    with OwnServer(data_dir=tmp_path, env=env) as second:
        second.wait_ready()
        answer = signed(second.url, "QueryAgents", {"AgentIds": ["mien-call-en"]}, env)
        assert [agent["AgentId"] for agent in answer["Data"]["Agents"]] == ["mien-call-en"]


def wait_for_instance(server: OwnServer, env: dict[str, str]) -> None:
    import time

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if "instance" in server.log_path.read_text(errors="replace").lower():
            return
        time.sleep(0.1)
    raise AssertionError("no instance was created:\n" + server.log_tail())


def signed(url: str, action: str, body: dict[str, object], env: dict[str, str]) -> dict[str, object]:
    import hashlib
    import time

    now = int(time.time())
    signature = hashlib.md5(f"{env['MIEN_APP_ID']}n{env['MIEN_SERVER_SECRET']}{now}".encode()).hexdigest()
    query = {
        "Action": action,
        "AppId": env["MIEN_APP_ID"],
        "SignatureNonce": "n",
        "Timestamp": str(now),
        "SignatureVersion": "2.0",
        "Signature": signature,
    }
    return httpx.post(url, params=query, json=body, trust_env=False).json()


def test_a_port_in_use_is_said_in_words(server: OwnServer, tmp_path: Path) -> None:
    done = mien("serve", "--port", str(server.port), data_dir=tmp_path)
    assert done.returncode == 2
    assert f"Port {server.port} is already in use" in done.stderr


def test_a_data_directory_without_space_is_said_in_words(tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("mounting a tiny file system needs root")
    full = tmp_path / "full"
    full.mkdir()
    script = (
        f"mount -t tmpfs -o size=16k tmpfs {full} && head -c 16384 /dev/zero > {full}/fill; "
        f"exec {sys.executable} -m mien.cli.main serve --port 0 --data-dir {full}"
    )
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "cannot be written to" in done.stderr
    assert "Free some space" in done.stderr
