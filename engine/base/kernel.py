"""The one way numeric kernels are compiled: numba, cached on disk, without the interpreter lock.

Fast-math stays off: kernels must carry NaN and give the same bits on every run. Division by zero gives inf
or NaN as in numpy instead of raising. Numba's cache looks only at the file of the function itself: after a
change in a kernel that other files call, delete the `__pycache__` folders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile `function` on first call; its type for callers stays the Python one."""
    return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
