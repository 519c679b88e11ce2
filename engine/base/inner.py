"""The inner product for kernels: numba's own ``@`` needs scipy, which nothing else here does when it runs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place

Float64s = NDArray[np.float64]


@in_place
def inner(left: Float64s, right: Float64s) -> float:
    """Sum of the products of two arrays of one length, added in their order."""
    total = 0.0
    for i in range(len(left)):
        total += left[i] * right[i]
    return total
