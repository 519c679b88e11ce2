"""SEC Rule 18a-3 standardized margin of single-name credit default swaps, vectorised.

The requirement is a share of notional by grid cell: what is left to maturity and the quoted spread that the mark
stands for. A netting set is one reference entity. Within a cell protection bought and sold offsets in full; between
adjacent cells a pair is charged for its greater side; entities do not offset. The plain twin is
:mod:`engine.rules.sec_18a_3_plain`; parameters and their sources are in ``data/sec-18a-3.toml``; the clerk's page is
``docs/rulebooks/sec-18a-3.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.market.credit import credit_spreads, months_left
from engine.market.credit_pricing import BASIS_POINT
from engine.market.instruments import Instrument
from engine.market.view import MarketView
from engine.rules.account_sums import sum_by_account
from engine.rules.covered import require_covered
from engine.rules.interface import LINEAR, Float64s, Holding, Int64s
from engine.rules.requirement import Explained
from engine.rules.sec_18a_3_parameters import Parameters
from engine.rules.sec_18a_3_plain import COVERED, explain_account


class Sec18a3:
    """Standardized margin as a :class:`engine.rules.interface.SiloRulebook`.

    Exposure columns: notional in USD of each grid cell, maturity by maturity; protection bought positive.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.silo = parameters.silo
        self.scenario_names: tuple[str, ...] = ()
        self._rates = np.array(parameters.grid.rates)
        self._months = np.array(parameters.grid.months_at_most, np.int64)
        self._spreads = np.array(parameters.grid.spread_at_most_bp, np.int64)
        self.column_kinds = np.full(self._rates.size, LINEAR, np.int8)

    def netting_set(self, instrument: Instrument) -> str:
        """The reference entity.

        Raises:
            MarginError: NO_RULEBOOK for products that are not covered.
        """
        require_covered(self, instrument, COVERED)
        return instrument.reference_entity

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Nothing to learn: entities are charged alike and do not offset one another."""

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, cells]: notional of one contract, USD, in the cell that it lies in today."""
        rows = np.zeros((len(slots), self._rates.size))
        priced = np.flatnonzero(market.priced[slots])
        taken = slots[priced]
        basis_points = np.rint(credit_spreads(market, taken) / BASIS_POINT)
        spread = np.searchsorted(self._spreads, basis_points)
        maturity = np.searchsorted(self._months, months_left(market, taken))
        notional_usd = market.multiplier[taken] * market.fx_rate(taken)
        rows[priced, maturity * self._rates.shape[1] + spread] = notional_usd
        return rows

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """float64[m, 1]: requirement of each entity, USD."""
        charges = np.empty((len(exposures), 1))
        _charge(
            exposures, self._rates, self.parameters.long_share, self.parameters.adjacent_maturities,
            self.parameters.adjacent_spreads, charges,
        )  # fmt: skip
        return charges

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: the sum over entities; initial equals maintenance."""
        return np.repeat(sum_by_account(charges, offsets), 2, axis=1)

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin."""
        return explain_account(self.parameters, holdings, market)


@kernel
def _charge(
    exposures: Float64s,
    rates: Float64s,
    long_share: float,
    maturities_apart: int,
    spreads_apart: int,
    charges: Float64s,
) -> None:
    left = np.empty(rates.shape)
    for unit in range(len(exposures)):
        total = 0.0
        for maturity in range(rates.shape[0]):
            for spread in range(rates.shape[1]):
                net = exposures[unit, maturity * rates.shape[1] + spread]
                left[maturity, spread] = net
                total += rates[maturity, spread] * (long_share * net if net > 0.0 else -net)
        for apart in range(1, maturities_apart + spreads_apart + 1):
            total -= _offset(left, rates, long_share, maturities_apart, spreads_apart, apart)
        charges[unit, 0] = total


@in_place
def _offset(
    left: Float64s, rates: Float64s, long_share: float, maturities_apart: int, spreads_apart: int, apart: int
) -> float:
    """Pair what is left of protection bought with protection sold so many categories away; the smaller sides, USD."""
    smaller = 0.0
    for maturity in range(left.shape[0]):
        for spread in range(left.shape[1]):
            for other in range(
                max(maturity - maturities_apart, 0), min(maturity + maturities_apart + 1, left.shape[0])
            ):
                steps = apart - abs(other - maturity)
                for sign in (-1, 1):
                    near = spread + sign * steps
                    if left[maturity, spread] <= 0.0 or steps < 0 or steps > spreads_apart:
                        continue
                    if near < 0 or near >= left.shape[1] or left[other, near] >= 0.0:
                        continue
                    paired = min(left[maturity, spread], -left[other, near])
                    left[maturity, spread] -= paired
                    left[other, near] += paired
                    smaller += paired * min(long_share * rates[maturity, spread], rates[other, near])
    return smaller
