"""Equity by account and silo: cash, market value, collateral after haircut; and what it could not know."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow, longer
from engine.base.kernel import kernel
from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.instruments import SILOS
from engine.market.view import MarketView
from engine.portfolio.collateral import CollateralSchedule
from engine.portfolio.holding_kernels import INSTRUMENT_SHIFT, HoldingColumns
from engine.portfolio.holdings import Holdings

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

_FILLS: dict[str, Fill] = {"value_usd": (np.float64, 0.0), "doubtful": (np.bool_, True)}


def start_of_day(time_ns: int) -> int:
    """Midnight UTC at or before an instant."""
    return time_ns - time_ns % NANOSECONDS_PER_DAY


class ValueColumns(NamedTuple):
    """What the kernel values holdings with, by instrument slot.

    Attributes:
        value_usd: float64, of one contract; 0 without a price.
        doubtful: bool, without a price or with a stale one.
        kept: float64[instrument, silo], 1 - haircut of the instrument as collateral.
    """

    value_usd: Float64s
    doubtful: Bools
    kept: Float64s


class CashColumns(NamedTuple):
    """What the kernel counts cash with.

    Attributes:
        cash: float64[account, silo, currency].
        rate: float64[currency], USD per unit; 0 where it is not known.
        kept: float64[silo, currency], 1 - haircut of a credit balance.
    """

    cash: Float64s
    rate: Float64s
    kept: Float64s


class CashRates(NamedTuple):
    """What balances count.

    Attributes:
        rate: float64[currency], USD per unit; 0 where it is not known. USD itself stands at 0 and has none.
        kept: float64[silo, currency], 1 - haircut of a credit balance.
    """

    rate: Float64s
    kept: Float64s

    def worth_usd(self, silo: int, currency: int, balance: float) -> float:
        """Of one balance; ``currency`` is its index."""
        if currency == 0:
            return balance
        worth = balance * float(self.rate[currency])
        return worth * float(self.kept[silo, currency]) if worth > 0.0 else worth


@kernel
def _value(
    h: HoldingColumns,
    values: ValueColumns,
    cash: CashColumns,
    accounts: Int64s,
    equity: Float64s,
    trusted: Bools,
) -> None:
    """Set the rows of accounts in equity float64[account, silo] and trusted bool[account, silo]."""
    for i in range(len(accounts)):
        account = accounts[i]
        for silo in range(equity.shape[1]):
            equity[account, silo] = cash.cash[account, silo, 0]
            trusted[account, silo] = True
            for currency in range(1, len(cash.rate)):
                balance = cash.cash[account, silo, currency] * cash.rate[currency]
                equity[account, silo] += balance * cash.kept[silo, currency] if balance > 0.0 else balance
                if cash.rate[currency] == 0.0 and cash.cash[account, silo, currency] != 0.0:
                    trusted[account, silo] = False
        for slot in range(h.first[account], h.first[account] + h.held[account]):
            key = h.key[slot]
            instrument, silo = key >> INSTRUMENT_SHIFT, (key >> 1) & 7
            worth = h.quantity[slot] * values.value_usd[instrument]
            if key & 1 and h.quantity[slot] > 0.0:
                worth *= values.kept[instrument, silo]
            equity[account, silo] += worth
            if values.doubtful[instrument]:
                trusted[account, silo] = False


class EquityBook:
    """Values of one contract by instrument, and equity of accounts from their holdings and cash."""

    value_usd: Float64s
    doubtful: Bools

    def __init__(self, collateral: CollateralSchedule) -> None:
        self.collateral = collateral
        for name, column in filled(_FILLS, 64).items():
            setattr(self, name, column)
        self._kept: Float64s = np.full((64, len(SILOS)), np.nan)
        self._haircut_day_ns = 0

    def reserve(self, instruments: int) -> None:
        """Make room for so many instrument slots."""
        if instruments > len(self.value_usd):
            size = max(instruments, 2 * len(self.value_usd))
            grow(self, _FILLS, size)
            self._kept = longer(self._kept, size, np.nan)

    def know_collateral(self, instruments: Int64s, silos: Int64s, market: MarketView) -> None:
        """Look up the haircuts of collateral holdings that are new."""
        keys = np.unique(instruments * len(SILOS) + silos)
        for key in keys[np.isnan(self._kept.ravel()[keys])].tolist():
            instrument, silo = divmod(key, len(SILOS))
            self._kept[instrument, silo] = self._kept_share(market, instrument, silo)

    def renew_haircuts(self, market: MarketView) -> Int64s:
        """Haircuts follow the time to maturity: look all of them up again; int64[n] instruments concerned."""
        instruments, silos = np.nonzero(~np.isnan(self._kept))
        for instrument, silo in zip(instruments.tolist(), silos.tolist(), strict=True):
            self._kept[instrument, silo] = self._kept_share(market, instrument, silo)
        return np.unique(instruments)

    def _kept_share(self, market: MarketView, instrument: int, silo: int) -> float:
        """1 - haircut. Time to maturity counts from the start of the UTC day, so that a haircut does not depend on
        when within the day a holding was first seen.
        """
        at_ns = start_of_day(market.valuation_time_ns)
        return 1.0 - self.collateral.haircut(market.instruments[instrument], SILOS[silo], at_ns)

    def revalue(self, market: MarketView, slots: Int64s, stale: Bools) -> Int64s:
        """New values of instruments; ``stale`` bool[n], their price is older than its limit.

        Returns:
            the slots whose value or trust changed.
        """
        priced = market.priced[slots]
        value = np.where(priced, market.unit_value_usd(slots), 0.0)
        doubtful = ~priced | stale
        changed: Int64s = slots[(value != self.value_usd[slots]) | (doubtful != self.doubtful[slots])]
        self.value_usd[slots] = value
        self.doubtful[slots] = doubtful
        return changed

    def forget(self, slot: int) -> None:
        """The instrument is gone: its slot is as new."""
        self._kept[slot] = np.nan
        for name, (_, value) in _FILLS.items():
            getattr(self, name)[slot] = value

    def value(
        self, accounts: Int64s, holdings: Holdings, market: MarketView, equity: Float64s, trusted: Bools
    ) -> None:
        """Renew the accounts' rows of equity float64[account, silo] in USD and trusted bool[account, silo]: every
        price it rests on is there and fresh.

        A balance in another currency counts at the FX mark, a credit balance after the silo's FX haircut; one
        without a rate counts nothing and is not trusted.
        """
        values = ValueColumns(self.value_usd, self.doubtful, self._kept)
        cash = CashColumns(holdings.cash, *self.cash_rates(holdings, market))
        _value(holdings.columns, values, cash, accounts, equity, trusted)

    def cash_rates(self, holdings: Holdings, market: MarketView) -> CashRates:
        """What a balance in each currency counts now."""
        rate, kept = np.zeros(len(holdings.currencies)), np.ones((len(SILOS), len(holdings.currencies)))
        for currency, index in holdings.currencies.items():
            slot = market.slot_of.get(f"{currency}USD", -1)
            if index and slot >= 0 and market.priced[slot]:
                rate[index] = max(float(market.mark[slot]), 0.0)
                kept[:, index] = [1.0 - self.collateral.fx_haircut(currency, silo) for silo in SILOS]
        return CashRates(rate, kept)

    def pledged_usd(self, instrument: int, silo: int, quantity: float) -> float:
        """What so much of an instrument counts as collateral; it must be known as such there."""
        worth = quantity * float(self.value_usd[instrument])
        return worth * float(self._kept[instrument, silo]) if quantity > 0.0 else worth
