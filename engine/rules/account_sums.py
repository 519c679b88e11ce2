"""Adding up the netting sets of each account, for rulebooks without offsets between sets."""

from __future__ import annotations

import numpy as np

from engine.rules.interface import Float64s, Int64s


def sum_by_account(charges: Float64s, offsets: Int64s) -> Float64s:
    """Column sums of consecutive groups of rows, each group added in row order.

    Args:
        charges: float64[u, c], grouped by account.
        offsets: int64[a + 1]; account i owns rows ``offsets[i]:offsets[i + 1]`` (may be none).

    Returns:
        float64[a, c]; zeros for an account without rows.
    """
    accounts = len(offsets) - 1
    owner = np.repeat(np.arange(accounts), np.diff(offsets))
    sums = [np.bincount(owner, weights=column, minlength=accounts) for column in charges.T]
    return np.column_stack(sums)
