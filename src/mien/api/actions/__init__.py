"""One function for each Action; importing this package fills the table."""

from mien.api.actions import agents, control, instances, own
from mien.api.actions.registry import ACTIONS, Action, Call, perform

__all__ = ["ACTIONS", "Action", "Call", "agents", "control", "instances", "own", "perform"]
