"""The store: what survives, what is refused, and what a broken database says."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.command import upgrade
from alembic.config import Config
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from mien import store
from mien.cli.app import app as command
from mien.settings import Settings
from mien.store import AgentExistsError, AgentRecord, OwnedHuman, StoreError, UnknownAgentError, UnknownAppError
from mien.store.database import MIGRATIONS

SECRET = "9193cc662a4c0ec135ec71fb57194b38"


def settings(folder: Path, **given: object) -> Settings:
    return Settings(data_dir=folder, **given)


async def test_everything_survives_closing(tmp_path: Path) -> None:
    opened = await store.open(settings(tmp_path))
    app = await opened.apps.create("Shop", callback_urls={"": "http://a.test"})
    await opened.agents.add(app.app_id, AgentRecord("a", "A", llm={"z": 1, "a": None}, asr={}))
    await opened.close()
    again = await store.open(settings(tmp_path))
    assert await again.apps.get(app.app_id) == app
    assert await again.agents.get(app.app_id, "a") == AgentRecord("a", "A", llm={"z": 1, "a": None}, asr={})
    assert list((await again.agents.get(app.app_id, "a")).llm or {}) == ["z", "a"]
    await again.close()


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, signal, sys\n"
        "from pathlib import Path\n"
        "from mien import store\n"
        "from mien.settings import Settings\n"
        "async def main():\n"
        "    opened = await store.open(Settings(data_dir=Path(sys.argv[1])))\n"
        "    app = await opened.apps.create('x', app_id=5)\n"
        "    for n in range(20):\n"
        "        await opened.agents.add(5, store.AgentRecord(f'a{n}'))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], timeout=60, check=False)
    assert ended.returncode == -9
    connection = sqlite3.connect(tmp_path / "mien.sqlite3")
    assert connection.execute("select count(*) from agents where app_id = 5").fetchone() == (20,)
    connection.close()


async def test_agents_of_apps_are_apart(tmp_path: Path) -> None:
    opened = await store.open(settings(tmp_path))
    one, two = await opened.apps.create("1"), await opened.apps.create("2")
    await opened.agents.add(one.app_id, AgentRecord("a"))
    await opened.agents.add(two.app_id, AgentRecord("a"))
    with pytest.raises(AgentExistsError):
        await opened.agents.add(one.app_id, AgentRecord("a"))
    await opened.apps.delete(one.app_id)
    with pytest.raises(UnknownAgentError):
        await opened.agents.get(one.app_id, "a")
    assert (await opened.agents.get(two.app_id, "a")).agent_id == "a"
    with pytest.raises(UnknownAppError):
        await opened.apps.delete(one.app_id)
    await opened.close()


async def test_secrets_are_32_characters(tmp_path: Path) -> None:
    opened = await store.open(settings(tmp_path))
    app = await opened.apps.create("x")
    assert len(app.server_secret) == len(app.callback_secret) == 32
    assert app.server_secret != app.callback_secret
    assert 10**9 <= app.app_id < 2**32
    for secret in ("short", "x" * 33, "ü" * 32, "\n" * 32):
        with pytest.raises(StoreError, match="32 ASCII"):
            await opened.apps.create("y", server_secret=secret)
    with pytest.raises(StoreError, match="already taken"):
        await opened.apps.create("z", app_id=app.app_id)
    await opened.close()


async def test_demo_app(tmp_path: Path) -> None:
    opened = await store.open(settings(tmp_path))
    first = await opened.apps.ensure_demo(settings(tmp_path))
    assert first.demo
    assert await opened.apps.ensure_demo(settings(tmp_path)) == first
    pinned = settings(tmp_path, app_id=12345, server_secret=SECRET, callback_url="http://cb.test")
    second = await opened.apps.ensure_demo(pinned)
    assert (second.app_id, second.server_secret, second.callback_url()) == (12345, SECRET, "http://cb.test")
    assert await opened.apps.ensure_demo(pinned) == second
    assert [app.app_id for app in await opened.apps.list() if app.demo] == [12345]
    other = await opened.apps.ensure_demo(settings(tmp_path, app_id=12345, server_secret="s" * 32))
    assert (other.server_secret, other.callback_secret) == ("s" * 32, second.callback_secret)
    with pytest.raises(StoreError, match="MIEN_SERVER_SECRET"):
        await opened.apps.ensure_demo(settings(tmp_path, server_secret="short"))
    await opened.close()


async def test_callback_addresses(tmp_path: Path) -> None:
    opened = await store.open(settings(tmp_path))
    app = await opened.apps.create("x", callback_urls={"": "http://a.test", "b": "http://b.test"})
    assert [app.callback_url(tag) for tag in ("", "b", "c")] == ["http://a.test", "http://b.test", "http://a.test"]
    assert (await opened.apps.set_callback(app.app_id, "", "")).callback_urls == {"b": "http://b.test"}
    assert (await opened.apps.get(app.app_id)).callback_url() == ""
    await opened.close()


async def test_a_locked_database_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.store.database.BUSY_TIMEOUT_MS", 50)
    opened = await store.open(settings(tmp_path))
    holder = sqlite3.connect(tmp_path / "mien.sqlite3", isolation_level=None)
    holder.execute("begin immediate")
    with pytest.raises(StoreError, match="locked by another program"):
        await opened.apps.create("x")
    holder.execute("rollback")
    holder.close()
    await opened.apps.create("x")
    await opened.close()


def test_the_sentence_for_a_full_disk(tmp_path: Path) -> None:
    """`max_page_count` makes SQLite report the same error as a disk without space."""
    from sqlalchemy.exc import OperationalError

    from mien.store.database import explain

    connection = sqlite3.connect(tmp_path / "small.sqlite3")
    connection.execute("create table t (x)")
    connection.execute("pragma max_page_count = 3")
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("insert into t values (zeroblob(100000))")
    connection.close()
    told = str(explain(OperationalError("insert", {}, caught.value), "/data/mien.sqlite3"))
    assert told == "The disk holding the database /data/mien.sqlite3 is full. Free some space and try again."


async def test_databases_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "mien.sqlite3").write_bytes(b"this is no database at all" * 100)
    for given, words in (
        (settings(tmp_path), "damaged or not a database"),
        (settings(tmp_path / "file" / "below"), "cannot be made"),
        (settings(tmp_path, database_url="nonsense"), "MIEN_DATABASE_URL"),
        (settings(tmp_path, database_url="nosuchdb+driver://host/x"), "MIEN_DATABASE_URL"),
        (settings(tmp_path, database_url=f"sqlite+aiosqlite:///{tmp_path}"), "cannot be opened"),
    ):
        with pytest.raises(StoreError, match=words):
            await store.open(given)


def test_commands(tmp_path: Path) -> None:
    runner = CliRunner()
    where = ["--data-dir", str(tmp_path)]
    os.environ.pop("MIEN_DATABASE_URL", None)
    assert "no projects yet" in runner.invoke(command, ["list", *where]).output
    made = runner.invoke(
        command, ["create", "Shop", "--callback-url", "http://a.test/cb", "--callback-url", "b=http://b.test", *where]
    )
    assert made.exit_code == 0, made.output
    app_id = made.output.split()[1]
    assert "ServerSecret" in made.output
    shown = runner.invoke(command, ["show", app_id, "--json", *where]).output
    assert '"b": "http://b.test"' in shown
    assert app_id in runner.invoke(command, ["list", *where]).output
    assert "http://c.test" in runner.invoke(command, ["set-callback", app_id, "http://c.test", *where]).output
    refused = runner.invoke(command, ["delete", app_id, *where], input="n\n")
    assert refused.exit_code == 1
    assert runner.invoke(command, ["delete", app_id, "--yes", *where]).exit_code == 0
    missing = runner.invoke(command, ["show", app_id, *where])
    assert isinstance(missing.exception, UnknownAppError)
    wrong = runner.invoke(command, ["create", "x", "--callback-url", "ftp://x", *where])
    assert "is not an address" in str(wrong.exception)


async def test_a_database_of_the_first_version_gets_its_new_column(tmp_path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with create_engine(f"sqlite:///{tmp_path / 'mien.sqlite3'}").begin() as connection:
        config.attributes["connection"] = connection
        upgrade(config, "0001")
    opened = await store.open(settings(tmp_path))
    app = await opened.apps.create("Shop")
    await opened.agents.add(app.app_id, AgentRecord("a", extras={"b": 1, "a": None}))
    await opened.agents.update(app.app_id, "a", name="A")
    assert await opened.agents.get(app.app_id, "a") == AgentRecord("a", "A", extras={"b": 1, "a": None})
    await opened.close()


async def test_a_database_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'mien.sqlite3'}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO apps (app_id, name, server_secret, callback_secret, callback_urls, demo, created) "
                "VALUES (7, 'old', :secret, :secret, '{}', 0, '2026-01-01 00:00:00')"
            ),
            {"secret": "s" * 32},
        )
    engine.dispose()
    opened = await store.open(settings(tmp_path))
    assert (await opened.apps.get(7)).name == "old"
    human = OwnedHuman("h", 7, "Ming", {"zh": "zf_xiaoxiao"})
    await opened.digital_humans.add(human)
    await opened.close()
    again = await store.open(settings(tmp_path))
    assert await again.digital_humans.list() == [human]
    await again.digital_humans.update("h", name="Mei")
    await again.digital_humans.update("nobody", name="x")
    assert await again.digital_humans.find("h") == OwnedHuman("h", 7, "Mei", {"zh": "zf_xiaoxiao"})
    await again.digital_humans.remove("h")
    assert await again.digital_humans.find("h") is None
    await again.close()
