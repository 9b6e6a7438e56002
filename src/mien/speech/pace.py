"""What a conversation does for engines that are slow to begin. Engines that are not simply lack these."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from livekit.agents import llm


@runtime_checkable
class ReadsAhead(Protocol):
    """A model that answers sooner what it has seen the beginning of."""

    def read_ahead(self, context: llm.ChatContext) -> None:
        """`context` is likely to be the beginning of the next request. Returns at once; may be ignored."""


@runtime_checkable
class OpensAtOnce(Protocol):
    """A model that can say how its answer begins before it has read the question, and goes on behind that."""

    def opening(self, context: llm.ChatContext) -> str:
        """First words of the answer to `context`, or "". Asked for the answer, it gets them as the assistant's last
        message."""


@runtime_checkable
class StartsSlowly(Protocol):
    """A voice that takes longer to begin, the longer the text is."""

    @property
    def openers(self) -> frozenset[str]:
        """Beginnings of answers, with their punctuation, that it says at once."""
