"""Netting sets whose options cannot be paired: one option, or long ones only. Charged by what one contract asks.

What a contract asks by itself is worked out as for any other netting set, once for all accounts that hold it, and again
when its row or its terms have changed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import Instrument, Product
from engine.market.market import PRODUCT_CODE
from engine.market.view import MarketView
from engine.rules.strategy.tableau import Float64s, Int64s

Charge = tuple[float, float, float, float, float]
Terms = tuple[bytes, Instrument, Instrument | None]
_OPTIONS = np.array([PRODUCT_CODE[Product.EQUITY_OPTION], PRODUCT_CODE[Product.INDEX_OPTION]])
_SIDES = (1.0, -1.0)


class OptionSets:
    """What one contract of each option asks for by itself, long and short."""

    def __init__(self, alone: Callable[[list[int], list[float]], Charge]) -> None:
        """``alone``: charges one netting set, from slots and quantities."""
        self._alone = alone
        self._known: dict[int, tuple[Terms, Charge]] = {}  # by slot and side

    @staticmethod
    def found(market: MarketView, instruments: Int64s, quantities: Float64s, first: Int64s) -> Int64s:
        """Those of the units that hold whole option contracts only, all of them long unless there is but one."""
        if len(first) == 1:
            return np.zeros(0, np.int64)
        whole = np.isin(market.product[instruments], _OPTIONS) & (quantities == np.rint(quantities))
        good: NDArray[np.bool_] = np.logical_and.reduceat(whole, first[:-1])
        long = np.logical_and.reduceat(quantities > 0.0, first[:-1])
        found: Int64s = np.flatnonzero(good & (long | (np.diff(first) == 1)))
        return found

    def charge(
        self, market: MarketView, rows: Float64s, instruments: Int64s, quantities: Float64s, first: Int64s
    ) -> Float64s:
        """float64[u, 5], as :meth:`engine.rules.strategy.live.RegT.charge_positions`."""
        keys, place = np.unique(2 * instruments + (quantities < 0.0), return_inverse=True)
        one = np.array([self._of_one(market, rows, key) for key in keys.tolist()])[place]
        one[:, [0, 1, 3]] *= np.abs(quantities)[:, None]
        charges: Float64s = np.add.reduceat(one, first[:-1])
        return charges

    def _of_one(self, market: MarketView, rows: Float64s, key: int) -> Charge:
        slot, short = divmod(key, 2)
        underlying = int(market.underlying[slot])
        root = market.instruments[underlying] if underlying >= 0 else None
        terms = rows[slot].tobytes(), market.instruments[slot], root
        known = self._known.get(key)
        if known is None or known[0] != terms:
            known = self._known[key] = terms, self._alone([slot], [_SIDES[short]])
        return known[1]
