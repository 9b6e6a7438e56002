"""How loops over samples and pixels become machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba as nb

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compiles without the GIL; the machine code is kept beside the source or in NUMBA_CACHE_DIR.

    Numbers from other modules are frozen into it, and it is not made anew when only they change: hand them in.
    """
    compiled = nb.njit(cache=True, fastmath=True, nogil=True, boundscheck=False, error_model="numpy")(function)
    return cast("_Function", compiled)
