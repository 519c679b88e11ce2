"""Reference data that comes too late: what refers to it waits in parking until it is there."""

from __future__ import annotations

from typing import Final

import numpy as np

from streams.contracts.hot import HotOpeningCash, HotPositions, HotTrade
from streams.contracts.reference import AccountRecord
from streams.simulator.accounts import owner_name
from streams.simulator.agenda import Agenda
from streams.simulator.market import SimulatedMarket, business_date
from streams.simulator.quotes import QuoteFlow
from streams.simulator.record import SimulatedRecord, hot, reference

_NS: Final = 1_000_000_000
_EVERY_S: Final = (30.0, 60.0)
_PUBLISHED_AFTER_S: Final = (5.0, 15.0)
_FIRST_NUMBER: Final = 900_001
_CASH_USD: Final = 500_000.0
_SHARES: Final = 1000.0
_STOCK: Final = "BAC"


class Latecomers:
    """New listings and new accounts whose prices and trades overtake their reference data.

    Attributes:
        counts: listings and accounts that came late so far.
    """

    def __init__(
        self,
        market: SimulatedMarket,
        quotes: QuoteFlow,
        draws: np.random.Generator,
        agenda: Agenda,
        run_id: str,
        opening_date: str,
    ) -> None:
        """``opening_date``: business date of the start-of-day records."""
        self._market = market
        self._quotes = quotes
        self._draws = draws
        self._agenda = agenda
        self._run_id = run_id
        self._opening_date = opening_date
        self._unlisted = [place for place, listing in enumerate(market.listings) if listing.late]
        self._accounts = 0
        self.counts = dict.fromkeys(("listings", "accounts"), 0)

    def begin(self, now_ns: int) -> None:
        """From now on one comes late every now and then."""
        self._agenda.put(self._later(now_ns, _EVERY_S), self._come)

    def _come(self, now_ns: int) -> list[SimulatedRecord]:
        self.begin(now_ns)
        if self._unlisted and self._draws.random() < 0.5:
            return self._list(self._unlisted.pop(0), now_ns)
        return self._open_account(now_ns)

    def _list(self, place: int, now_ns: int) -> list[SimulatedRecord]:
        """Prices first, the instrument some seconds later."""
        self.counts["listings"] += 1
        self._agenda.put(self._later(now_ns, _PUBLISHED_AFTER_S), lambda _: self._publish(place))
        return [record for _, record in self._quotes.quotes(np.array([place, place]), now_ns)]

    def _publish(self, place: int) -> list[SimulatedRecord]:
        self._quotes.listed[place] = True
        listing = self._market.listings[place]
        return [reference("instruments", listing.instrument_id, listing.record)]

    def _open_account(self, now_ns: int) -> list[SimulatedRecord]:
        """The first trade of an account, then the account and its cash."""
        self.counts["accounts"] += 1
        number = _FIRST_NUMBER + self._accounts
        self._accounts += 1
        account_id = f"ACC-{number:06d}"
        self._agenda.put(
            self._later(now_ns, _PUBLISHED_AFTER_S), lambda at_ns: self._introduce(account_id, number, at_ns)
        )
        place = self._market.index_of[_STOCK]
        price = round(float(self._market.fair(np.array([place]), now_ns)[0][0]), 2)
        trade = HotTrade(
            f"N-{self._run_id}-{number}", 1, account_id, _STOCK, _SHARES, price, business_date(now_ns), now_ns
        )
        return [hot("trades", account_id, trade)]

    def _introduce(self, account_id: str, number: int, now_ns: int) -> list[SimulatedRecord]:
        account = AccountRecord(
            account_id=account_id,
            owner=owner_name(number),
            desk="Prime brokerage",
            approvals=("portfolio_margin", "cross_margin"),
        )
        cash = HotOpeningCash("securities", _CASH_USD)
        opening = HotPositions(account_id, self._opening_date, now_ns, cash=(cash,))
        return [reference("accounts", account_id, account), hot("positions", account_id, opening)]

    def _later(self, now_ns: int, delay_s: tuple[float, float]) -> int:
        return now_ns + int(float(self._draws.uniform(*delay_s)) * _NS)
