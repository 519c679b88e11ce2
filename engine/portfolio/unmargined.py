"""Positions that no rulebook margins where they are held."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place
from engine.portfolio.holding_kernels import INSTRUMENT_SHIFT, HoldingColumns

Bools = NDArray[np.bool_]


@in_place
def mark_unmargined(
    h: HoldingColumns,
    accounts: NDArray[np.int64],
    approved: Bools,
    product: NDArray[np.int8],
    margined: NDArray[np.bool_],
    out: Bools,
) -> None:
    """``out[account, silo] = True`` where an account holds a position that ``margined`` does not name.

    Args:
        approved: bool by account slot. product: int8 by instrument slot.
        margined: bool[2, silo, product], margined without and with approval. out: bool[account, silo].
    """
    for account in accounts:
        row = margined[1 if approved[account] else 0]
        for key in h.key[h.first[account] : h.first[account] + h.held[account]]:
            silo = (key >> 1) & 7
            if not key & 1 and not row[silo, product[key >> INSTRUMENT_SHIFT]]:
                out[account, silo] = True
