"""Netting sets of options, with stock or without: charged many at once, from columns to requirements.

Strategies are not named on the way: that is for the explanation, and whatever they are called, they ask for what the
uses of the programme ask for (its rows are Hall's conditions). What is not an option or the stock that it delivers goes
the long way.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.errors import MarginError
from engine.market.instruments import Instrument, Product, check_instrument
from engine.market.view import MarketView
from engine.rules.strategy.holdings import BROAD, CASH, DELIVERABLE, SETTLEMENTS
from engine.rules.strategy.legs import Legs
from engine.rules.strategy.parameters import Parameters
from engine.rules.strategy.rates import rate_table
from engine.rules.strategy.reading import months_later
from engine.rules.strategy.risk_part import risk_part_usd
from engine.rules.strategy.set_charges import Roots, published_of_sets
from engine.rules.strategy.tableau import Bools, Float64s, Int64s

_OTHER, _STOCK, _OPTION = range(3)


class _Terms(NamedTuple):
    """What prices do not change: of a position, and of the underlying that it is charged with."""

    kind: int
    root: int
    european: bool = False
    cash_european: bool = False
    leverage: float = 1.0
    broad: bool = False


class PairedSets:
    """Charges netting sets of options; keeps the terms of the instruments it has seen."""

    def __init__(self, parameters: Parameters) -> None:
        self._table = rate_table(parameters)
        self._loan_beyond_months = parameters.option.loan_beyond_months
        self._known: dict[int, tuple[Instrument, Instrument, _Terms]] = {}

    def charge(
        self, market: MarketView, instruments: Int64s, quantities: Float64s, first: Int64s
    ) -> tuple[Int64s, Float64s]:
        """(units, float64[n, 5]): those that could be charged, and their charges.

        Charges as of :meth:`engine.rules.strategy.live.RegT.charge_positions`, which has the arguments too.
        """
        slots, place = np.unique(instruments, return_inverse=True)
        terms = [self._of(market, slot) for slot in slots.tolist()]
        kind = np.array([one.kind for one in terms])[place]
        root = np.array([one.root for one in terms])[place]
        prices = market.mark[root] * market.fx_rate(root)
        option, values = kind == _OPTION, market.mark[instruments] * market.fx_rate(instruments)
        good = (kind != _OTHER) & market.priced[instruments] & _usable(prices) & _usable(values)
        good &= ~option | (market.expiry_ns[instruments] > market.valuation_time_ns)
        good &= (quantities != 0.0) & (~option | (quantities == np.rint(quantities)))
        begin, counts = first[:-1], np.add.reduceat(option.astype(np.int64), first[:-1])
        broad = np.array([one.broad for one in terms])[place]
        good &= broad == np.repeat(broad[begin], np.diff(first))  # options of an index may say it one by one
        units = np.flatnonzero(np.logical_and.reduceat(good, begin) & (counts > 0))
        if len(units) == 0:
            return units, np.zeros((0, 5))
        leverage = np.array([one.leverage for one in terms])[place]
        multiplier = market.multiplier[instruments]
        amounts = quantities * multiplier * values
        shares = np.add.reduceat(np.where(option, 0.0, quantities * multiplier), begin)
        head = first[units]
        roots = Roots(prices[head], leverage[head], broad[head], shares[units])
        mine = option & np.isin(np.repeat(np.arange(len(counts)), np.diff(first)), units)
        own = instruments[mine]
        expiry_ns = market.expiry_ns[own]
        legs = Legs(
            market.is_call[own],
            market.strike[own] * market.fx_rate(own),
            expiry_ns,
            market.multiplier[own],
            values[mine],
            np.array([one.european for one in terms])[place[mine]],
            expiry_ns > months_later(market.valuation_time_ns, self._loan_beyond_months),
            np.array([one.cash_european for one in terms])[place[mine]],
            quantities[mine],
        )
        published = published_of_sets(
            legs, np.concatenate([[0], np.cumsum(counts[units])]), roots, self._table
        )
        short: Float64s = np.add.reduceat(np.maximum(-amounts, 0.0), begin)[units]
        maintenance = risk_part_usd(published[:, 1], short)
        charges = np.column_stack(
            [
                np.maximum(risk_part_usd(published[:, 0], short), maintenance),
                maintenance,
                short > 0.0,
                np.add.reduceat(amounts, begin)[units],
                np.zeros(len(units)),
            ]
        )
        return units, charges

    def _of(self, market: MarketView, slot: int) -> _Terms:
        instrument = market.instruments[slot]
        root = int(market.underlying[slot]) if instrument.is_option else slot
        delivered = market.instruments[max(root, 0)]
        known = self._known.get(slot)
        if known is None or known[0] is not instrument or known[1] is not delivered or known[2].root != root:
            known = self._known[slot] = instrument, delivered, _read(instrument, delivered, root)
        return known[2]


def _read(instrument: Instrument, delivered: Instrument, root: int) -> _Terms:
    try:
        check_instrument(instrument)
    except MarginError:
        return _Terms(_OTHER, root)
    if instrument.product in {Product.EQUITY, Product.ETF}:
        return _Terms(_STOCK, root, leverage=delivered.leverage, broad=delivered.index_class in BROAD)
    listed = instrument.product in {Product.EQUITY_OPTION, Product.INDEX_OPTION}
    known = root >= 0 and delivered.product in DELIVERABLE
    if not (listed and known and instrument.settlement in SETTLEMENTS):
        return _Terms(_OTHER, root)
    european = instrument.exercise == "european"
    cash = instrument.settlement == CASH or instrument.product is Product.INDEX_OPTION
    own_class = instrument.index_class if delivered.product is Product.INDEX else ""
    broad = (delivered.index_class or own_class) in BROAD
    return _Terms(_OPTION, root, european, european and cash, delivered.leverage, broad)


def _usable(prices: Float64s) -> Bools:
    usable: NDArray[np.bool_] = np.isfinite(prices) & (prices > 0.0)
    return usable
