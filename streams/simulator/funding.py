"""Cash and collateral of the start: as much as the real engine says that each account needs, times its cover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import FUTURES_STYLE, SILO_INDEX, SILOS, Product
from engine.market.prices import PriceColumns
from engine.portfolio.accounts import Account
from engine.portfolio.opening import Opening
from engine.state.engine import Engine
from engine.state.policy import Policy
from streams.contracts.codec import days
from streams.contracts.hot import (
    HotOpeningCash,
    HotOpeningCollateral,
    HotOpeningPosition,
    HotPositions,
    HotPrice,
)
from streams.simulator.accounts import SimulatedAccount
from streams.simulator.listing import Listing
from streams.simulator.shelf import Shelf

_LEAST_USD: Final = 10_000.0
_SMALL_CHANGE_USD: Final = 25_000.0
_PARTITION: Final = 0
# What may be pledged in a silo, and the chance that an account pledges it.
_LIMITED_SHARE: Final = 0.25  # of what is pledged of other assets, where a group of assets has a limit
_LESS_COMMON: Final = (("TOKEN-UST-BILL-3M", 0.06), ("GOV-MMF", 0.06), ("XAU", 0.03), ("BAC-BOND-9Y", 0.02))
_PLEDGES: Final = {
    "securities": (("UST-NOTE-5Y", 0.25), ("UST-NOTE-10Y", 0.10)),
    "futures": (("UST-BILL-3M", 0.30), ("UST-NOTE-2Y", 0.15), ("USDC", 0.10), ("BTC", 0.05), *_LESS_COMMON),
    "digital_assets": (("USDC", 0.20), ("UST-BILL-3M", 0.10), ("ETH", 0.05)),
}
# Swaps settle in euros, too: a balance of theirs would take part of the haircut of euros paid in.
_DOLLARS_ONLY: Final = frozenset({"digital_assets", "event_contracts", "cleared_swaps", "uncleared_swaps"})
_BY_CLASSIFICATION: Final = -1
_EURO_SHARE: Final = 0.05  # accounts that keep some of their cash in EUR


class StartOfDay:
    """Draws up start-of-day records.

    The engine values the books without any cash once; what it then finds missing in a silo to reach
    cover x maintenance is paid in as cash and collateral.
    """

    def __init__(
        self, policy: Policy, listings: Sequence[Listing], quotes: Sequence[HotPrice], now_ns: int
    ) -> None:
        """``quotes``: of every listing, as they are published."""
        self._policy = policy
        prices = self._prices = {quote.instrument_id: quote.mark or 0.0 for quote in quotes}
        self._now_ns = now_ns
        self._shelf = Shelf(listings, prices)
        self._engine = Engine(policy)
        for listing in listings:
            self._engine.put_instrument(listing.record.to_engine())
        self._apply_prices(quotes)

    def _apply_prices(self, quotes: Sequence[HotPrice]) -> None:
        n = len(quotes)
        missing = np.full(n, np.nan)
        volatility = [np.nan if quote.implied_vol is None else quote.implied_vol for quote in quotes]
        self._engine.apply_prices(
            PriceColumns(
                slots=self._engine.instrument_slots(list(self._prices)),
                bid=missing,
                ask=missing,
                mark=np.array(list(self._prices.values())),
                implied_volatility=np.array(volatility),
                source_time_ns=np.full(n, self._now_ns),
                sequence=np.zeros(n, np.int64),
            )
        )

    def records(
        self,
        accounts: Sequence[SimulatedAccount],
        business_date: str,
        draws: np.random.Generator,
    ) -> list[HotPositions]:
        """One record per account, drawn up now for the end of ``business_date``."""
        requirement, value = self._requirements(accounts, days[business_date])
        return [
            self._record(account, maintenance, silo_value, business_date, draws)
            for account, maintenance, silo_value in zip(
                accounts, requirement.tolist(), value.tolist(), strict=True
            )
        ]

    def _requirements(
        self, accounts: Sequence[SimulatedAccount], day: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Maintenance and value of the positions, float64[accounts, silo], in USD."""
        engine = self._engine
        engine.take_partition(_PARTITION)
        for account in accounts:
            record = account.record
            owner = Account(
                record.account_id,
                type=record.type,
                approvals=frozenset(record.approvals),
                past_charges_usd=record.past_charges_usd,
            )
            engine.put_account(owner, _PARTITION)
            engine.open_day(self._opening(account, day))
        engine.go_live(_PARTITION)
        engine.evaluate(self._now_ns)
        slots = engine.account_slots([account.account_id for account in accounts])
        figures = engine.maintenance[slots].copy(), engine.equity[slots].copy()
        engine.drop_partition(_PARTITION)
        return figures

    def _opening(self, account: SimulatedAccount, day: int) -> Opening:
        names = list(account.positions)
        nothing = np.zeros(0, np.int64)
        silos = [self._silo(account, name) for name in names]
        return Opening(
            account=int(self._engine.account_slots([account.account_id])[0]),
            business_day=day,
            as_of_ns=self._now_ns,
            instrument=self._engine.instrument_slots(names),
            quantity=np.array(list(account.positions.values())),
            reference_price=np.array([self._prices[name] for name in names]),
            silo=np.array([SILO_INDEX[silo] if silo else _BY_CLASSIFICATION for silo in silos], np.int64),
            cash=(),
            collateral_instrument=nothing,
            collateral_quantity=np.zeros(0),
            collateral_silo=nothing,
        )

    def _record(
        self,
        account: SimulatedAccount,
        maintenance_usd: list[float],
        value_usd: list[float],
        business_date: str,
        draws: np.random.Generator,
    ) -> HotPositions:
        cash: list[HotOpeningCash] = []
        collateral: list[HotOpeningCollateral] = []
        for index, silo in enumerate(SILOS):
            if maintenance_usd[index] == 0.0 and value_usd[index] == 0.0:
                continue
            account.silos = (*account.silos, silo.value)
            wanted_usd = max(account.cover * maintenance_usd[index], _LEAST_USD) - value_usd[index]
            currency = account.archetype.currency_of(silo.value)
            if currency != "USD":
                cash.append(self._wallet(silo.value, currency, wanted_usd))
                continue
            pledged_usd = self._pledge(silo.value, wanted_usd, draws, collateral)
            cash += self._cash(silo.value, wanted_usd - pledged_usd, draws)
        return HotPositions(
            account.account_id,
            business_date,
            self._now_ns,
            positions=tuple(
                HotOpeningPosition(name, quantity, self._reference_price(name), self._silo(account, name))
                for name, quantity in account.positions.items()
            ),
            cash=tuple(cash),
            collateral=tuple(collateral),
        )

    def _silo(self, account: SimulatedAccount, instrument_id: str) -> str | None:
        return account.archetype.silo_of(self._shelf.records[instrument_id].product)

    def _reference_price(self, instrument_id: str) -> float:
        """Settlement price of what settles daily; others carry none."""
        product = self._shelf.records[instrument_id].product
        return self._prices[instrument_id] if Product(product) in FUTURES_STYLE else 0.0

    def _pledge(
        self,
        silo: str,
        wanted_usd: float,
        draws: np.random.Generator,
        collateral: list[HotOpeningCollateral],
    ) -> float:
        """Pledge assets worth up to most of what is wanted; returns their value after haircut."""
        pledged_usd = 0.0
        for name, chance in _PLEDGES.get(silo, ()):
            if draws.random() >= chance or wanted_usd < _SMALL_CHANGE_USD:
                continue
            asset, schedule = self._shelf.records[name].to_engine(), self._policy.collateral
            share = float(draws.uniform(0.2, 0.4))
            if schedule.group(asset, silo) >= 0:
                share *= _LIMITED_SHARE
            haircut = schedule.haircut(asset, silo, self._now_ns)
            unit_usd = self._shelf.notional_usd(name) * (1.0 - haircut)
            units = float(round(share * wanted_usd / unit_usd, 2))
            collateral.append(HotOpeningCollateral(silo, name, units))
            pledged_usd += units * unit_usd
        return pledged_usd

    def _wallet(self, silo: str, currency: str, wanted_usd: float) -> HotOpeningCash:
        """A balance in a coin that counts as much as is wanted after its haircut; nothing else is kept there."""
        kept = 1.0 - self._policy.collateral.fx_haircut(currency, silo) if wanted_usd > 0.0 else 1.0
        coins = wanted_usd / (self._prices[f"{currency}USD"] * kept)
        return HotOpeningCash(silo, round(coins, 8), currency)

    def _cash(self, silo: str, amount_usd: float, draws: np.random.Generator) -> list[HotOpeningCash]:
        if amount_usd < _SMALL_CHANGE_USD or silo in _DOLLARS_ONLY or draws.random() >= _EURO_SHARE:
            return [HotOpeningCash(silo, round(amount_usd, 2))]
        kept = 1.0 - self._policy.collateral.fx_haircut("EUR", silo)
        if kept <= 0.0:  # the silo takes no euro
            return [HotOpeningCash(silo, round(amount_usd, 2))]
        euros = round(0.3 * amount_usd / (self._prices["EURUSD"] * kept), 2)
        rest_usd = amount_usd - euros * self._prices["EURUSD"] * kept
        return [HotOpeningCash(silo, round(rest_usd, 2)), HotOpeningCash(silo, euros, "EUR")]
