"""Equity by account and silo: cash, market value, collateral after haircut; and what it could not know."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow, longer
from engine.base.units import start_of_day
from engine.market.instruments import SILO_INDEX, SILOS
from engine.market.view import MarketView
from engine.portfolio.collateral import HOME_CURRENCY, CollateralSchedule
from engine.portfolio.holdings import Holdings
from engine.portfolio.names import RiskNames
from engine.state.equity_kernel import CashColumns, LimitColumns, ValueColumns, value_accounts

Float64s = NDArray[np.float64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

_FILLS: dict[str, Fill] = {
    "value_usd": (np.float64, 0.0),
    "doubtful": (np.bool_, True),
    "currency": (np.int16, 0),
    "in_balance": (np.bool_, False),
}


class CashRates(NamedTuple):
    """What balances count.

    Attributes:
        rate: float64[currency], USD per unit; 0 where it is not known. USD itself stands at 0 and has none.
        kept: float64[settlement, silo, currency], 1 - haircut of a credit balance.
    """

    rate: Float64s
    kept: Float64s

    def worth_usd(self, silo: int, currency: int, balance: float) -> float:
        """Of one balance of an account that settles in USD; ``currency`` is its index."""
        if currency == 0:
            return balance
        worth = balance * float(self.rate[currency])
        return worth * float(self.kept[0, silo, currency]) if worth > 0.0 else worth


class EquityBook:
    """Values of one contract by instrument, and equity of accounts from their holdings and cash."""

    value_usd: Float64s
    doubtful: Bools
    currency: NDArray[np.int16]
    in_balance: Bools

    def __init__(self, collateral: CollateralSchedule) -> None:
        self.collateral = collateral
        self.names = RiskNames()
        self._settlements = {HOME_CURRENCY: 0}  # currencies that accounts settle in, by number
        self._asset_currencies = {HOME_CURRENCY: 0}
        self._mismatch = np.zeros((1, len(SILOS), 1))
        for name, column in filled(_FILLS, 64).items():
            setattr(self, name, column)
        self._haircut: Float64s = np.full((64, len(SILOS)), np.nan)
        self._most: Float64s = np.full((64, len(SILOS)), np.inf)
        self._group: NDArray[np.int16] = np.full((64, len(SILOS)), -1, np.int16)
        limits = collateral.limits
        wrong_way = [limits.of_silo(silo) for silo in SILOS]
        self._own_issuer = np.array([rates.own_issuer for rates in wrong_way])
        self._same_name = np.array([rates.same_name for rates in wrong_way])
        self._group_silo = np.array([SILO_INDEX[group.silo] for group in limits.groups], np.int64)
        self._group_share = np.array([group.largest_share for group in limits.groups], np.float64)
        self._group_usd = np.array([group.largest_usd for group in limits.groups], np.float64)

    def reserve(self, instruments: int) -> None:
        """Make room for so many instrument slots."""
        self.names.reserve(instruments)
        if instruments > len(self.value_usd):
            size = max(instruments, 2 * len(self.value_usd))
            grow(self, _FILLS, size)
            self._haircut = longer(self._haircut, size, np.nan)
            self._most = longer(self._most, size, np.inf)
            self._group = longer(self._group, size, -1)

    def settlement(self, currency: str) -> int:
        """Number of a currency that an account settles in."""
        return self._settlements.setdefault(currency, len(self._settlements))

    def learn(self, slot: int, market: MarketView) -> None:
        """An instrument is new or has changed: so may its name, and its terms as collateral where it is pledged."""
        self.names.learn(slot, market)
        instrument, currencies = market.instruments[slot], self._asset_currencies
        self.currency[slot] = currencies.setdefault(instrument.currency, len(currencies))
        self.in_balance[slot] = instrument.settles_in_foreign_balance
        for silo in np.flatnonzero(~np.isnan(self._haircut[slot])).tolist():
            self._look_up(market, slot, silo)

    def know_collateral(self, instruments: Int64s, silos: Int64s, market: MarketView) -> None:
        """Look up the terms of collateral holdings that are new."""
        keys = np.unique(instruments * len(SILOS) + silos)
        for key in keys[np.isnan(self._haircut.ravel()[keys])].tolist():
            self._look_up(market, *divmod(key, len(SILOS)))

    def renew_haircuts(self, market: MarketView) -> Int64s:
        """Haircuts follow the time to maturity: look all of them up again; int64[n] instruments concerned."""
        instruments, silos = np.nonzero(~np.isnan(self._haircut))
        for instrument, silo in zip(instruments.tolist(), silos.tolist(), strict=True):
            self._look_up(market, instrument, silo)
        return np.unique(instruments)

    def _look_up(self, market: MarketView, slot: int, silo: int) -> None:
        """Terms of an instrument as collateral. Time to maturity counts from the start of the UTC day, so that a
        haircut does not depend on when within the day a holding was first seen.
        """
        instrument, name = market.instruments[slot], SILOS[silo]
        at_ns = start_of_day(market.valuation_time_ns)
        self._haircut[slot, silo] = self.collateral.terms(instrument, name, at_ns).uncapped
        self._most[slot, silo] = self.collateral.most_units(instrument, name)
        self._group[slot, silo] = self.collateral.group(instrument, name)

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

    def forget(self, slot: int, market: MarketView) -> None:
        """The instrument is gone: its slot is as new."""
        self.names.forget(slot, market)
        self._haircut[slot], self._most[slot], self._group[slot] = np.nan, np.inf, -1
        for name, (_, value) in _FILLS.items():
            getattr(self, name)[slot] = value

    def value(
        self,
        accounts: Int64s,
        owner: Int32s,
        settlement: NDArray[np.int16],
        holdings: Holdings,
        market: MarketView,
        equity: Float64s,
        trusted: Bools,
    ) -> None:
        """Renew the accounts' rows of equity float64[account, silo] in USD and trusted bool[account, silo]: every
        price it rests on is there and fresh.

        A balance in another currency counts at the FX mark, a credit balance after the silo's FX haircut, contracts
        that settle in it daily included; one without a rate counts nothing and is not trusted. ``owner`` int32 by
        account slot, its name as an issuer; ``settlement`` int16, the number of its currency.
        """
        values = ValueColumns(
            self.value_usd, self.doubtful, self._haircut, self.currency, self.in_balance, self._most, self._group,
            self.names.name, self.names.side,
        )  # fmt: skip
        rates = self.cash_rates(holdings, market)
        number = [holdings.currencies.get(currency, 0) for currency in self._asset_currencies]
        cash = CashColumns(
            holdings.cash, rates.rate, rates.kept, settlement, self._mismatches(), np.array(number, np.int64)
        )
        limits = LimitColumns(
            owner, self._own_issuer, self._same_name, self._group_silo, self._group_share, self._group_usd
        )
        value_accounts(holdings.columns, values, cash, limits, accounts, equity, trusted)

    def cash_rates(self, holdings: Holdings, market: MarketView) -> CashRates:
        """What a balance in each currency counts now."""
        rate = np.zeros(len(holdings.currencies))
        kept = np.ones((len(self._settlements), len(SILOS), len(holdings.currencies)))
        for currency, index in holdings.currencies.items():
            slot = market.slot_of.get(f"{currency}USD", -1)
            if index and slot >= 0 and market.priced[slot]:
                rate[index] = max(float(market.mark[slot]), 0.0)
            for settlement, home in self._settlements.items():
                kept[home, :, index] = [
                    1.0 - self.collateral.fx_haircut(currency, silo, settlement) for silo in SILOS
                ]
        return CashRates(rate, kept)

    def _mismatches(self) -> Float64s:
        """float64[settlement, silo, asset currency]; made anew as currencies come."""
        shape = (len(self._settlements), len(SILOS), len(self._asset_currencies))
        if self._mismatch.shape != shape:
            self._mismatch = np.zeros(shape)
            for (settlement, home), (currency, number) in product(
                self._settlements.items(), self._asset_currencies.items()
            ):
                self._mismatch[home, :, number] = [
                    self.collateral.mismatch(currency, silo, settlement).other_assets
                    - self.collateral.mismatch(currency, silo, HOME_CURRENCY).other_assets
                    for silo in SILOS
                ]
        return self._mismatch

    def pledged_usd(self, instrument: int, silo: int, quantity: float) -> float:
        """What so much of an instrument counts as collateral by its own haircut and volume; it must be known as such
        there. Limits on groups and wrong-way risk, which depend on all that an account has, are left out.
        """
        unit_usd = float(self.value_usd[instrument])
        if quantity <= 0.0:
            return quantity * unit_usd
        counted = min(quantity, float(self._most[instrument, silo]))
        return counted * unit_usd * (1.0 - min(float(self._haircut[instrument, silo]), 1.0))
