"""Netting sets of options, with stock or without: charged many at once, from columns to requirements.

Strategies are not named on the way: that is for the explanation, and whatever they are called, they ask for what the
uses of the programme ask for (its rows are Hall's conditions). What is not an option or the stock that it delivers goes
the long way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.market.view import MarketView
from engine.rules.strategy.legs import Legs
from engine.rules.strategy.parameters import Parameters
from engine.rules.strategy.rates import rate_table
from engine.rules.strategy.reading import months_later
from engine.rules.strategy.risk_part import risk_part_usd
from engine.rules.strategy.set_charges import Roots, published_of_sets
from engine.rules.strategy.set_terms import OPTION, OTHER, SetTerms
from engine.rules.strategy.simplex import load_optimise
from engine.rules.strategy.tableau import Bools, Float64s, Int64s


class PairedSets:
    """Charges netting sets of options."""

    def __init__(self, parameters: Parameters) -> None:
        self._table = rate_table(parameters)
        self._loan_beyond_months = parameters.option.loan_beyond_months
        self._terms = SetTerms()

    def charge(
        self, market: MarketView, instruments: Int64s, quantities: Float64s, first: Int64s
    ) -> tuple[Int64s, Float64s]:
        """(units, float64[n, 5]): those that could be charged, and their charges.

        Charges as of :meth:`engine.rules.strategy.live.RegT.charge_positions`, which has the arguments too.
        """
        terms = self._terms.of(market, instruments)
        root = terms["root"]
        prices = market.mark[root] * market.fx_rate(root)
        option, values = terms["kind"] == OPTION, market.mark[instruments] * market.fx_rate(instruments)
        good = (terms["kind"] != OTHER) & market.priced[instruments] & _usable(prices) & _usable(values)
        good &= ~option | (market.expiry_ns[instruments] > market.valuation_time_ns)
        good &= (quantities != 0.0) & (~option | (quantities == np.rint(quantities)))
        begin, counts = first[:-1], np.add.reduceat(option.astype(np.int64), first[:-1])
        broad = terms["broad"]
        good &= broad == np.repeat(broad[begin], np.diff(first))  # options of an index may say it one by one
        units = np.flatnonzero(np.logical_and.reduceat(good, begin) & (counts > 0))
        if len(units) == 0:
            return units, np.zeros((0, 5))
        multiplier = market.multiplier[instruments]
        amounts = quantities * multiplier * values
        shares = np.add.reduceat(np.where(option, 0.0, quantities * multiplier), begin)
        head = first[units]
        roots = Roots(prices[head], terms["leverage"][head], broad[head], shares[units])
        mine = option & np.isin(np.repeat(np.arange(len(counts)), np.diff(first)), units)
        own = instruments[mine]
        expiry_ns = market.expiry_ns[own]
        legs = Legs(
            market.is_call[own],
            market.strike[own] * market.fx_rate(own),
            expiry_ns,
            market.multiplier[own],
            values[mine],
            terms["european"][mine],
            expiry_ns > months_later(market.valuation_time_ns, self._loan_beyond_months),
            terms["cash_european"][mine],
            quantities[mine],
        )
        load_optimise()
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


def _usable(prices: Float64s) -> Bools:
    usable: NDArray[np.bool_] = np.isfinite(prices) & (prices > 0.0)
    return usable
