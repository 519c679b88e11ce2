"""Trades of the accounts: around what each of them wants to hold, with everything that happens to a trade."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from streams.contracts.hot import HotTrade
from streams.contracts.reference import InstrumentRecord
from streams.simulator.accounts import SimulatedAccount
from streams.simulator.agenda import Agenda
from streams.simulator.market import SimulatedMarket, business_date
from streams.simulator.record import SimulatedRecord, hot
from streams.simulator.settings import SimulationSettings
from streams.simulator.shelf import is_divisible

_NS: Final = 1_000_000_000
_MAKER_WEIGHT: Final = 8.0  # market makers trade more often than others
_LARGEST_TRADE_SHARE: Final = 0.06  # of what the account wants to hold
_CHANGE_AFTER_S: Final = (2.0, 20.0)  # a correction or cancel follows within this time


class TradeFlow:
    """Accounts trade around their book, so hedges stay hedges.

    Attributes:
        counts: trades, duplicates, corrections, cancels and late ones so far.
    """

    def __init__(
        self,
        settings: SimulationSettings,
        market: SimulatedMarket,
        accounts: Sequence[SimulatedAccount],
        draws: np.random.Generator,
        agenda: Agenda,
        run_id: str,
    ) -> None:
        """``run_id`` keeps trade ids of one run apart from those of another."""
        self._settings = settings
        self._market = market
        self._accounts = list(accounts)
        self._draws = draws
        self._agenda = agenda
        self._run_id = run_id
        self._number = 0
        weights = np.array(
            [_MAKER_WEIGHT if account.archetype.name == "market_maker" else 1.0 for account in accounts]
        )
        self._cumulative = np.cumsum(weights / weights.sum())
        self.counts = dict.fromkeys(("trades", "duplicates", "corrections", "cancels", "late"), 0)

    def next_trades(self, count: int, now_ns: int) -> list[SimulatedRecord]:
        """The next ``count`` new trades and the duplicates among them."""
        places = np.searchsorted(self._cumulative, self._draws.random(count), side="right")
        last = len(self._accounts) - 1
        records: list[SimulatedRecord] = []
        for place in places.tolist():
            records += self._trade(self._accounts[min(place, last)], now_ns)
        return records

    def _trade(self, account: SimulatedAccount, now_ns: int) -> list[SimulatedRecord]:
        names = list(account.target)
        name = names[int(self._draws.integers(len(names)))]
        quantity = self._quantity(account, name)
        price = self._price(name, quantity, now_ns)
        self._number += 1
        trade = HotTrade(
            f"T-{self._run_id}-{self._number}",
            1,
            account.account_id,
            name,
            quantity,
            price,
            business_date(now_ns),
            now_ns,
            silo=account.archetype.silo_of(self._listed(name).product),
        )
        self.counts["trades"] += 1
        return self._with_fate(account, trade, now_ns)

    def _quantity(self, account: SimulatedAccount, name: str) -> float:
        """Away from the target or back to it, and back the likelier the further it is away."""
        target, held = account.target[name], account.positions.get(name, 0.0)
        largest = abs(target) * _LARGEST_TRADE_SHARE
        size = float(self._draws.uniform(0.1, 1.0)) * largest
        size = self._whole(name, size)
        back = 0.5 + 0.5 * min(abs(held - target) / max(2.0 * largest, size), 1.0)
        towards = 1.0 if target >= held else -1.0
        return size * towards if self._draws.random() < back else -size * towards

    def _whole(self, name: str, size: float) -> float:
        """A size that trades: hundredths of crypto, whole contracts and shares, at least one of them."""
        return max(round(size, 2), 0.01) if is_divisible(self._listed(name)) else max(float(round(size)), 1.0)

    def _listed(self, name: str) -> InstrumentRecord:
        return self._market.listings[self._market.index_of[name]].record

    def _price(self, name: str, quantity: float, now_ns: int) -> float:
        """Half a spread worse than fair, on a tick."""
        place = self._market.index_of[name]
        listing = self._market.listings[place]
        fair = float(self._market.fair(np.array([place]), now_ns)[0][0])
        paid = fair + abs(fair) * listing.half_spread * (1.0 if quantity > 0 else -1.0)
        steps = round(paid / listing.tick)
        if not listing.record.negative_price_allowed:
            steps = max(steps, 1)
        return round(steps * listing.tick, 10)

    def _with_fate(self, account: SimulatedAccount, trade: HotTrade, now_ns: int) -> list[SimulatedRecord]:
        """What becomes of a new trade: mostly nothing more."""
        settings, chance = self._settings, float(self._draws.random())
        record = _record(trade)
        if chance < settings.late_share:
            # The correction overtakes the trade that it corrects; the lower version comes too late.
            self.counts["late"] += 1
            corrected = msgspec.structs.replace(trade, version=2)
            self._hold(account, trade.instrument_id, trade.quantity)
            self._agenda.put(now_ns + _NS, lambda _: [record])
            return [_record(corrected)]
        self._hold(account, trade.instrument_id, trade.quantity)
        chance -= settings.late_share
        if chance < settings.duplicate_share:
            self.counts["duplicates"] += 1
            return [record, record]
        chance -= settings.duplicate_share
        if chance < settings.correction_share + settings.cancel_share:
            cancel = chance >= settings.correction_share
            delay_s = float(self._draws.uniform(*_CHANGE_AFTER_S))
            change = self._cancel if cancel else self._correct
            self._agenda.put(now_ns + int(delay_s * _NS), lambda _: [change(account, trade)])
        return [record]

    def _correct(self, account: SimulatedAccount, trade: HotTrade) -> SimulatedRecord:
        """The next version: a tenth less."""
        self.counts["corrections"] += 1
        less = self._whole(trade.instrument_id, 0.9 * abs(trade.quantity))
        less = less if trade.quantity > 0 else -less
        self._hold(account, trade.instrument_id, less - trade.quantity)
        return _record(msgspec.structs.replace(trade, version=trade.version + 1, quantity=less))

    def _cancel(self, account: SimulatedAccount, trade: HotTrade) -> SimulatedRecord:
        self.counts["cancels"] += 1
        self._hold(account, trade.instrument_id, -trade.quantity)
        return _record(msgspec.structs.replace(trade, version=trade.version + 1, status="cancelled"))

    @staticmethod
    def _hold(account: SimulatedAccount, name: str, change: float) -> None:
        account.positions[name] = account.positions.get(name, 0.0) + change


def _record(trade: HotTrade) -> SimulatedRecord:
    return hot("trades", trade.account_id, trade)
