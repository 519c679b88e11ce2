"""Adding up the netting sets of each account, for rulebooks without offsets between sets."""

from __future__ import annotations

import numpy as np

from engine.base.kernel import kernel
from engine.rules.interface import Float64s, Int64s


@kernel
def sum_by_account(charges: Float64s, offsets: Int64s) -> Float64s:
    """Column sums of consecutive groups of rows, each group added in row order.

    Args:
        charges: float64[u, c], grouped by account.
        offsets: int64[a + 1]; account i owns rows ``offsets[i]:offsets[i + 1]`` (may be none).

    Returns:
        float64[a, c]; zeros for an account without rows.
    """
    sums = np.zeros((len(offsets) - 1, charges.shape[1]))
    for account in range(len(sums)):
        for row in range(offsets[account], offsets[account + 1]):
            for column in range(charges.shape[1]):
                sums[account, column] += charges[row, column]
    return sums
