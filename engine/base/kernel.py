"""The one way numeric kernels are compiled: numba, cached on disk, without the interpreter lock.

Fast-math stays off: kernels must carry NaN and give the same bits on every run. Division by zero gives inf
or NaN as in numpy instead of raising. Numba's cache looks only at the file of the function itself: after a
change in a kernel that other files call, delete the `__pycache__` folders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
# Said for every kernel, since else one has it from the first kernel that calls it.
_COUNTED, _NOT_COUNTED = _OPTIONS | {"_nrt": True}, _OPTIONS | {"_nrt": False}


def kernel(function: Function) -> Function:
    """Compile `function` on first call; its type for callers stays the Python one."""
    return cast(Function, numba.njit(**_COUNTED)(function))


def in_place(function: Function) -> Function:
    """Like :func:`kernel`, for what allocates nothing and calls nothing that returns an array.

    Numba counts who holds an array, by two locked operations on memory for each array at each call, two more for each
    use of a tuple's. A function that gets tuples of thirty arrays, some hundred times in a millisecond, does little
    else. This one does not count; it does not compile if it allocates (decision 24).
    """
    return cast(Function, numba.njit(**_NOT_COUNTED)(function))


def not_literal(number: int) -> int:
    """The same number as numpy has it: numba compiles what a kernel calls anew for each Python constant in the call."""
    return cast(int, np.int64(number))
