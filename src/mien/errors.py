"""The one error every layer may raise to a person at the command line."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend, in a plain sentence that says how. The command line prints no traceback."""
