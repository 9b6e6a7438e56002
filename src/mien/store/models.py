"""The tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite counts up by itself only in a column declared INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Base of all tables."""


class AppRow(Base):
    """A project: who may call the API."""

    __tablename__ = "apps"

    app_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(256))
    server_secret: Mapped[str] = mapped_column(String(64))
    callback_secret: Mapped[str] = mapped_column(String(64))
    callback_urls: Mapped[dict[str, str]] = mapped_column(JSON)
    """Callback address by HostTag; "" is the default address."""
    demo: Mapped[bool]
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class AgentRow(Base):
    """A registered agent; the objects are kept exactly as they were sent."""

    __tablename__ = "agents"
    __table_args__ = (UniqueConstraint("app_id", "agent_id", name="uq_agents_app_agent"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    app_id: Mapped[int] = mapped_column(ForeignKey("apps.app_id", ondelete="CASCADE"))
    agent_id: Mapped[str] = mapped_column(String(128))
    name: Mapped[str] = mapped_column(String(256))
    llm: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    tts: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    asr: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    vad: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    extras: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """The member `Mien`."""


class DigitalHumanRow(Base):
    """A digital human an app made. It outlives its app: a package nobody owns would be everybody's."""

    __tablename__ = "digital_humans"
    __table_args__ = (Index("ix_digital_humans_app", "app_id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    app_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(256))
    voices: Mapped[dict[str, str]] = mapped_column(JSON)
    """Its voice for each language, "zh" and "en"; may be empty."""
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class OutboxRow(Base):
    """A callback that has not been delivered yet."""

    __tablename__ = "callback_outbox"
    __table_args__ = (Index("ix_callback_outbox_instance", "instance_id", "id"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    app_id: Mapped[int] = mapped_column(BigInteger)
    instance_id: Mapped[str] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(64))
    url: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int]
    next_at: Mapped[float] = mapped_column(Float)
    """Unix seconds before which the next attempt must not happen."""
