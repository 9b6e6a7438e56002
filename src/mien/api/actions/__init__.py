"""One function for each Action; importing this package fills the table."""

from mien.api.actions import agents, control, humans, instances, own, points, streams
from mien.api.actions.registry import ACTIONS, Action, Call, find_action, perform

__all__ = [
    "ACTIONS",
    "Action",
    "Call",
    "agents",
    "control",
    "find_action",
    "humans",
    "instances",
    "own",
    "perform",
    "points",
    "streams",
]
