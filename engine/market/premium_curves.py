"""Which curve of premium tables an American option stands on, and the tables of one valuation time."""

from __future__ import annotations

import numpy as np

from engine.market.instruments import Instrument, Product
from engine.market.premium_tables import Tables, empty_tables, forget

NO_CURVE = -1


class PremiumCurves:
    """Curves by expiry, carry and right; the tables forget their nodes when the valuation time moves."""

    def __init__(self) -> None:
        self._index: dict[tuple[int, float, bool], int] = {}
        self._tables = empty_tables(16)
        self._valuation_time_ns = -1

    def curve_of(self, instrument: Instrument) -> int:
        """Index of an American option's curve, -1 for everything else.

        Options on futures are carried at the rate, which is one for all: their yield does not matter.
        """
        if not instrument.is_option or instrument.exercise != "american":
            return NO_CURVE
        on_future = instrument.product is Product.FUTURE_OPTION
        carry = np.inf if on_future else instrument.dividend_yield
        key = (instrument.expiry_ns, float(carry), instrument.right == "call")
        index = self._index.setdefault(key, len(self._index))
        if index == len(self._tables.boundary):
            self._grow()
        return index

    def _grow(self) -> None:
        """Twice as many curves; what is made stays."""
        old, count = self._tables, len(self._tables.boundary)
        self._tables = empty_tables(2 * count)
        self._tables.boundary[:count] = old.boundary
        self._tables.premium[:count] = old.premium

    def at(self, valuation_time_ns: int) -> Tables:
        """Tables that hold nodes of this instant only."""
        if valuation_time_ns != self._valuation_time_ns:
            self._valuation_time_ns = valuation_time_ns
            forget(self._tables)
        return self._tables
