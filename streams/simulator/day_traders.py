"""Day traders on margin: they buy more than their money covers and sell it again, so that intraday deficits show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from streams.contracts.hot import HotOpeningCash, HotPositions, HotTrade
from streams.contracts.reference import AccountRecord
from streams.simulator.accounts import owner_name
from streams.simulator.agenda import Agenda
from streams.simulator.market import SimulatedMarket, business_date
from streams.simulator.record import SimulatedRecord, hot, reference

_NS: Final = 1_000_000_000
_ACCOUNTS_EACH: Final = 100  # one of so many accounts
_FIRST_NUMBER: Final = 800_001
_CASH_USD: Final = (10_000.0, 80_000.0)
# Long stock is maintained at 25 %: what costs more than four times the cash is not covered.
_BOUGHT_OVER_CASH: Final = (3.2, 5.2)
_STOCKS: Final = ("AAPL", "MSFT", "BAC", "XOM")
_FIRST_AFTER_S: Final = (3.0, 30.0)
_HELD_S: Final = (10.0, 40.0)
_PAUSE_S: Final = (60.0, 240.0)


class DayTraders:
    """Accounts without portfolio margin that hold cash only, but for what they bought seconds ago.

    Attributes:
        counts: purchases so far.
    """

    def __init__(
        self,
        accounts: int,
        market: SimulatedMarket,
        draws: np.random.Generator,
        agenda: Agenda,
        run_id: str,
        opening_date: str,
    ) -> None:
        """``accounts``: of the firm; there is a day trader to every hundred. ``opening_date``: of their cash."""
        self._market, self._draws, self._agenda, self._run_id = market, draws, agenda, run_id
        self._opening_date = opening_date
        cash = draws.uniform(*_CASH_USD, accounts // _ACCOUNTS_EACH)
        self._cash = {
            f"ACC-{_FIRST_NUMBER + number:06d}": round(float(amount), 2) for number, amount in enumerate(cash)
        }
        self._number = 0
        self.counts = {"purchases": 0}

    def opening(self, now_ns: int) -> Iterator[SimulatedRecord]:
        """Their accounts and cash; from now on they trade."""
        for place, (account_id, cash_usd) in enumerate(self._cash.items()):
            record = AccountRecord(
                account_id=account_id, owner=owner_name(_FIRST_NUMBER + place), desk="Retail margin"
            )
            cash = HotOpeningCash("securities", cash_usd)
            yield reference("accounts", account_id, record)
            yield hot(
                "positions", account_id, HotPositions(account_id, self._opening_date, now_ns, cash=(cash,))
            )
            self._wait(account_id, now_ns, _FIRST_AFTER_S)

    def _wait(self, account_id: str, now_ns: int, pause_s: tuple[float, float]) -> None:
        self._agenda.put(self._later(now_ns, pause_s), lambda at_ns: self._buy(account_id, at_ns))

    def _buy(self, account_id: str, now_ns: int) -> list[SimulatedRecord]:
        stock = _STOCKS[int(self._draws.integers(len(_STOCKS)))]
        wanted_usd = float(self._draws.uniform(*_BOUGHT_OVER_CASH)) * self._cash[account_id]
        shares = float(max(round(wanted_usd / self._price(stock, now_ns)), 1))
        self.counts["purchases"] += 1
        self._agenda.put(
            self._later(now_ns, _HELD_S), lambda at_ns: self._sell(account_id, stock, shares, at_ns)
        )
        return [self._trade(account_id, stock, shares, now_ns)]

    def _sell(self, account_id: str, stock: str, shares: float, now_ns: int) -> list[SimulatedRecord]:
        self._wait(account_id, now_ns, _PAUSE_S)
        return [self._trade(account_id, stock, -shares, now_ns)]

    def _trade(self, account_id: str, stock: str, quantity: float, now_ns: int) -> SimulatedRecord:
        self._number += 1
        trade = HotTrade(
            f"D-{self._run_id}-{self._number}", 1, account_id, stock, quantity, self._price(stock, now_ns),
            business_date(now_ns), now_ns,
        )  # fmt: skip
        return hot("trades", account_id, trade)

    def _price(self, stock: str, now_ns: int) -> float:
        place = self._market.index_of[stock]
        return round(float(self._market.fair(np.array([place]), now_ns)[0][0]), 2)

    def _later(self, now_ns: int, delay_s: tuple[float, float]) -> int:
        return now_ns + int(float(self._draws.uniform(*delay_s)) * _NS)
