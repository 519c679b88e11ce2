"""What sets of options are charged by and prices do not change: terms of options and of what they deliver, by slot."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import longer
from engine.base.errors import MarginError
from engine.market.instruments import Instrument, Product, check_instrument
from engine.market.view import MarketView
from engine.rules.strategy.holdings import BROAD, CASH, DELIVERABLE, SETTLEMENTS
from engine.rules.strategy.tableau import Int64s

OTHER, STOCK, OPTION = range(3)
# Of a position: its kind and exercise; of the underlying that it is charged with: slot, leverage and index class.
_TERMS: Final = np.dtype(
    [
        ("kind", np.int8),
        ("root", np.int64),
        ("european", np.bool_),
        ("cash_european", np.bool_),
        ("leverage", np.float64),
        ("broad", np.bool_),
    ]
)
_Terms = tuple[int, int, bool, bool, float, bool]


class SetTerms:
    """The terms of the slots that were asked for, read anew where an instrument is another one."""

    def __init__(self) -> None:
        self._terms: NDArray[Any] = np.zeros(0, _TERMS)
        self._known: list[tuple[Instrument, Instrument] | None] = []

    def of(self, market: MarketView, slots: Int64s) -> NDArray[Any]:
        """Records [n] of ``kind`` (OTHER is not charged here), ``root``, ``european``, ``cash_european``, ``leverage``
        and ``broad``."""
        if market.count > len(self._known):
            capacity = max(market.count, 2 * len(self._known))
            self._terms = longer(self._terms, capacity, 0)
            self._known += [None] * (capacity - len(self._known))
        unique = np.unique(slots)
        underlying, instruments = market.underlying[unique], market.instruments
        roots = np.where(underlying >= 0, underlying, unique)
        for slot, root in zip(unique.tolist(), roots.tolist(), strict=True):
            instrument, delivered, known = instruments[slot], instruments[root], self._known[slot]
            if known is None or known[0] is not instrument or known[1] is not delivered:
                self._known[slot] = instrument, delivered
                self._terms[slot] = _read(instrument, delivered, slot, root)
        terms: NDArray[Any] = self._terms[slots]
        return terms


def _read(instrument: Instrument, delivered: Instrument, slot: int, root: int) -> _Terms:
    try:
        check_instrument(instrument)
    except MarginError:
        return OTHER, slot, False, False, 1.0, False
    if instrument.product in {Product.EQUITY, Product.ETF}:
        return STOCK, slot, False, False, instrument.leverage, instrument.index_class in BROAD
    listed = instrument.product in {Product.EQUITY_OPTION, Product.INDEX_OPTION}
    if not (listed and delivered.product in DELIVERABLE and instrument.settlement in SETTLEMENTS):
        return OTHER, slot, False, False, 1.0, False
    european = instrument.exercise == "european"
    cash = instrument.settlement == CASH or instrument.product is Product.INDEX_OPTION
    own_class = instrument.index_class if delivered.product is Product.INDEX else ""
    broad = (delivered.index_class or own_class) in BROAD
    return OPTION, root, european, european and cash, delivered.leverage, broad
