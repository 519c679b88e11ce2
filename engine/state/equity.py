"""Equity by account and silo: cash, market value, collateral after haircut; and what it could not know."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.units import NANOSECONDS_PER_SECOND
from engine.market.instruments import SILOS
from engine.market.market import Market
from engine.portfolio.collateral import CollateralSchedule
from engine.portfolio.holdings import Holdings
from engine.risk.exposures import Exposures
from engine.risk.kinds import HAIRCUT, HELD

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

VALUE, UNPRICED, STALE = 0, 1, 2

_DAY_NS = 86_400 * NANOSECONDS_PER_SECOND


def start_of_day(time_ns: int) -> int:
    """Midnight UTC at or before an instant."""
    return time_ns - time_ns % _DAY_NS


class EquityBook:
    """Market value and collateral as an exposure of one column, beside counts of holdings without a fresh price."""

    def __init__(self, collateral: CollateralSchedule) -> None:
        self.collateral = collateral
        self.exposures = Exposures(np.array([HAIRCUT, HELD, HELD], np.int8))
        self._haircuts: dict[tuple[int, int], float] = {}

    def place(self, slots: Int64s, holdings: Holdings, market: Market) -> None:
        """Give new holdings their unit (account, silo) and their weight."""
        weights = self._weights(slots, holdings, market)
        self.exposures.place(slots, holdings.account[slots], holdings.silo[slots], weights)

    def renew_haircuts(self, holdings: Holdings, market: Market) -> None:
        """Haircuts follow the time to maturity: look all of them up again."""
        self._haircuts.clear()
        slots = np.flatnonzero(holdings.collateral[: holdings.count])
        self.exposures.haircut_weight[slots] = self._weights(slots, holdings, market)
        units = np.unique(self.exposures.unit_of_holding[slots])
        self.exposures.rebuild(units, holdings)
        self.exposures.dirty[units] = True

    def _weights(self, slots: Int64s, holdings: Holdings, market: Market) -> Float64s:
        """float64[n]: 1 - haircut of collateral, 1 of positions.

        Time to maturity counts from the start of the UTC day, so that a haircut does not depend on when within
        the day a holding was first seen.
        """
        weights = np.ones(len(slots))
        for place in np.flatnonzero(holdings.collateral[slots]).tolist():
            slot = slots[place]
            key = (int(holdings.instrument[slot]), int(holdings.silo[slot]))
            if key not in self._haircuts:
                self._haircuts[key] = self.collateral.haircut(
                    market.instruments[key[0]], SILOS[key[1]], start_of_day(market.valuation_time_ns)
                )
            weights[place] = 1.0 - self._haircuts[key]
        return weights

    def revalue(self, market: Market, slots: Int64s, stale: Bools, holdings: Holdings) -> None:
        """New rows for instruments; ``stale`` is bool[n], their price is older than its limit."""
        priced = market.priced[slots]
        rows = np.zeros((len(slots), 3))
        rows[:, VALUE] = np.where(priced, market.unit_value_usd(slots), 0.0)
        rows[:, UNPRICED] = ~priced
        rows[:, STALE] = stale & priced
        self.exposures.change_rows(slots, rows, holdings)

    def change_quantities(self, slots: Int64s, instruments: Int64s, old: Float64s, new: Float64s) -> None:
        """Quantities of holdings moved, in order."""
        self.exposures.change_quantities(slots, instruments, old, new)

    def rebuild_accounts(self, accounts: Int64s, holdings: Holdings) -> None:
        """Sum the units of the accounts anew."""
        self.exposures.rebuild_accounts(accounts, holdings)

    def dirty_accounts(self) -> Int64s:
        """int64[m] accounts whose value changed (may repeat); they count as clean from now on."""
        return self.exposures.account[self.exposures.take_dirty()]

    def of_accounts(self, accounts: Int64s, holdings: Holdings, market: Market) -> tuple[Float64s, Bools]:
        """Equity float64[a, silo] in USD and bool[a, silo]: every price it rests on is there and fresh."""
        units, offsets = self.exposures.units_of(accounts)
        row = np.repeat(np.arange(len(accounts)), np.diff(offsets))
        silo = self.exposures.netting_set[units]
        equity, trusted = self._cash_usd(holdings.cash[accounts], holdings, market)
        equity[row, silo] += self.exposures.values[units, VALUE]
        # Counts of whole holdings; half absorbs what float addition may leave.
        trusted[row, silo] &= (self.exposures.values[units, UNPRICED] < 0.5) & (
            self.exposures.values[units, STALE] < 0.5
        )
        return equity, trusted

    def _cash_usd(self, cash: Float64s, holdings: Holdings, market: Market) -> tuple[Float64s, Bools]:
        """float64[a, silo]: balances at the FX mark, credit balances after the silo's FX haircut; a balance
        without a rate counts nothing and makes bool[a, silo] False.
        """
        total = np.array(cash[:, :, 0])
        known = np.ones(total.shape, np.bool_)
        for currency, index in holdings.currencies.items():
            if index == 0:
                continue
            slot = market.slot_of.get(f"{currency}USD", -1)
            rate = float(market.mark[slot]) if slot >= 0 and market.priced[slot] else 0.0
            known &= (rate > 0.0) | (cash[:, :, index] == 0.0)
            keep = np.array([1.0 - self.collateral.fx_haircut(currency, silo) for silo in SILOS])
            balance = cash[:, :, index] * rate
            total += np.where(balance > 0, balance * keep, balance)
        return total, known
