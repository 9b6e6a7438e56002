"""What a call can raise."""

from __future__ import annotations

from mien.codes import WORDS, ReturnCode
from mien.errors import UserError


class MienError(UserError):
    """The server answered with a code that is not 0.

    `code` is the return code, `message` the server's sentence, `advice` what can be done, `request_id` what to look for
    in the server's log.
    """

    def __init__(self, action: str, code: int, message: str, request_id: str) -> None:
        self.action = action
        self.code = code
        self.message = message
        self.request_id = request_id
        try:
            self.advice = WORDS[ReturnCode(code)].advice
        except (ValueError, KeyError):
            self.advice = ""
        # What is wrong about one member only the message can say.
        told = not self.advice or self.advice.startswith("the message") or self.advice in message
        super().__init__(f"{action} answered {code}: {message}" + ("" if told else f" ({self.advice})"))


class UnreachableError(UserError):
    """No server answered, or something that is not Mien did."""
