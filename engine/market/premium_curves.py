"""Which curve of premium tables an American option stands on, and the tables of the valuation times in use.

A node belongs to one valuation time. Those of the next one are made ahead, a few at each pass, so that a step of time
does not wait for thousands of them; what is made ahead has the bits it would have had later.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow, longer
from engine.base.units import NANOSECONDS_PER_YEAR
from engine.market.instruments import Instrument, Product
from engine.market.premium_tables import Tables, empty_tables, forget, make_like

NO_CURVE = -1
_CURVES = 16  # at first
_LOOKED_AT = 64  # curves: of thousands, a look at all would be felt by every pass
_FILLS: dict[str, Fill] = {
    "_expiry_ns": (np.int64, 0),
    "_carry": (np.float64, 0.0),
    "_is_call": (np.bool_, False),
}


class PremiumCurves:
    """Curves by expiry, carry and right, and their nodes at two valuation times: those asked for last."""

    _expiry_ns: NDArray[np.int64]
    _carry: NDArray[np.float64]
    _is_call: NDArray[np.bool_]

    def __init__(self) -> None:
        self._index: dict[tuple[int, float, bool], int] = {}
        self._tables = [empty_tables(_CURVES), empty_tables(_CURVES)]
        self._times_ns = [-1, -1]
        self._newest = 0  # which of the two was asked for last
        self._ahead = 0  # curve to go on with making the other one
        for name, column in filled(_FILLS, _CURVES).items():
            setattr(self, name, column)

    def curve_of(self, instrument: Instrument) -> int:
        """Index of an American option's curve, -1 for everything else.

        Options on futures are carried at the rate, which is one for all: their yield does not matter.
        """
        if not instrument.is_option or instrument.exercise != "american":
            return NO_CURVE
        on_future = instrument.product is Product.FUTURE_OPTION
        key = (
            instrument.expiry_ns,
            float(np.inf if on_future else instrument.dividend_yield),
            instrument.right == "call",
        )
        index = self._index.setdefault(key, len(self._index))
        if index == len(self._carry):
            self._grow()
        self._expiry_ns[index], self._carry[index], self._is_call[index] = key
        return index

    def _grow(self) -> None:
        """Twice as many curves; what is made stays."""
        count = len(self._carry)
        grow(self, _FILLS, 2 * count)
        for which, old in enumerate(self._tables):
            self._tables[which] = Tables(*(longer(nodes, 2 * count, 0.0) for nodes in old))
            forget(self._tables[which], count)

    def at(self, valuation_time_ns: int) -> Tables:
        """Tables that hold nodes of this instant only; those of the instant asked for before stay."""
        if valuation_time_ns not in self._times_ns:
            self._begin(valuation_time_ns)
        self._newest = self._times_ns.index(valuation_time_ns)
        return self._tables[self._newest]

    def _begin(self, valuation_time_ns: int) -> None:
        """Give the tables that were not asked for last to another instant."""
        other = 1 - self._newest
        self._times_ns[other] = valuation_time_ns
        self._ahead = 0
        forget(self._tables[other])

    def prepare(self, now_ns: int, next_ns: int, rate: float, most: int) -> None:
        """Make at most so many of the nodes that a later instant will need: those that the present one has so far.

        Looks at a few curves, at the next ones with the next call.

        Args:
            rate: what options on futures are carried at, and all are discounted with.
        """
        now = self.at(now_ns)
        if next_ns not in self._times_ns:
            self._begin(next_ns)
        count, first = len(self._index), self._ahead
        curves = slice(first, min(first + _LOOKED_AT, count))
        years = (self._expiry_ns[curves] - next_ns) / NANOSECONDS_PER_YEAR
        is_call, carry = self._is_call[curves], self._carry[curves]
        carry = np.where(np.isinf(carry), rate, carry)
        puts = np.where(is_call, carry, rate), np.where(is_call, rate, carry)
        reached = make_like(now, self._tables[1 - self._newest], first, years, *puts, most)
        self._ahead = reached if reached < count else 0
