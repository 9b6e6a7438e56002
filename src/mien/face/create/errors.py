"""Why a picture cannot become a digital human, in words and as a code."""

from __future__ import annotations

from typing import Literal

from mien.errors import UserError

Reason = Literal[
    "corrupt",
    "too_large",
    "too_small",
    "unsupported",
    "no_face",
    "face_too_small",
    "face_turned",
    "mouth_hidden",
    "not_human",
    "background",
    "edit",
    "models_missing",
]


class PictureError(UserError):
    """A picture that cannot be used. `reason` is stable for programs; the message is a sentence for the user with the
    measured values and what picture would do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason
