"""One function for each Action; importing this package fills the table."""

from mien.api.actions import agents, control, humans, instances, own, points, streams
from mien.api.actions.registry import ACTIONS, Action, Call, perform

__all__ = [
    "ACTIONS",
    "Action",
    "Call",
    "agents",
    "control",
    "humans",
    "instances",
    "own",
    "perform",
    "points",
    "streams",
]
