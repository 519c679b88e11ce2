"""An engine with accounts under the intraday margin rule, driven transaction by transaction in offsets and times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.base.units import NANOSECONDS_PER_DAY, NANOSECONDS_PER_SECOND
from engine.market.instruments import SILO_INDEX
from engine.portfolio.accounts import Account
from engine.portfolio.opening import Opening
from engine.shortfall.intraday_parameters import IntradayRule
from engine.shortfall.intraday_standing import Standing
from engine.state.engine import Engine
from engine.state.intraday_book import Arrivals
from engine.state.intraday_pass import IntradayMove
from engine.state.policy import Policy
from streams.parameters import load_policy
from tests.engine_book import INSTRUMENTS, MARKS, NOW_NS, TODAY, movements, prices, trades
from tests.intraday_oracle import parameters

SECURITIES = SILO_INDEX["securities"]
_POLICY = load_policy()


def policy(**values: Any) -> Policy:
    """The shipped policy with other parameters of the intraday rule, e.g. ``method="end_of_day"``."""
    assert _POLICY.intraday is not None
    return replace(_POLICY, intraday=IntradayRule(parameters(**values), _POLICY.intraday.trading))


@dataclass(frozen=True)
class Trade:
    """One version of a trade of account A."""

    trade_id: str
    instrument: str
    quantity: float
    price: float
    version: int = 1
    cancelled: bool = False


@dataclass(frozen=True)
class Cash:
    """One version of a movement of cash of account A."""

    collateral_id: str
    amount: float
    version: int = 1
    currency: str = "USD"


class Firm:
    """Account A with cash in the securities silo at the start of day, without portfolio margin.

    Attributes:
        log: what came, with topic, offset and time. events: all that was published.
    """

    def __init__(self, cash_usd: float, held: Mapping[str, float] | None = None, **values: Any) -> None:
        self.policy = policy(**values)
        self.cash_usd, self.held = cash_usd, dict(held or {})
        self.marks = dict(MARKS)
        self.now_ns = NOW_NS
        self.log: list[tuple[Trade | Cash, int, int]] = []
        self.events: list[IntradayMove] = []
        self._offsets = {Trade: -1, Cash: -1}
        self._sequence = 0
        self.start()

    def start(self, restored: Standing | None = None) -> None:
        """A worker takes the partition: the last event of the account, then its day from the log."""
        self.engine = engine = Engine(self.policy)
        engine.put_account(Account("A"), 0)
        for instrument in INSTRUMENTS:
            engine.put_instrument(instrument)
        engine.advance_time(self.now_ns)
        self.price({})
        engine.take_partition(0)
        if restored is not None:
            engine.intraday.put(0, restored)
        none = np.zeros(0, np.int64)
        engine.open_day(
            Opening(
                0, TODAY - 1, 1, engine.instrument_slots(list(self.held)), np.array(list(self.held.values())),
                np.zeros(len(self.held)), np.full(len(self.held), -1, np.int64),
                ((SECURITIES, "USD", self.cash_usd),), none, np.zeros(0), none,
            )
        )  # fmt: skip
        for kind in (Cash, Trade):  # in batches, as a restore reads them
            self._apply([entry for entry in self.log if isinstance(entry[0], kind)])
        engine.go_live(0)

    def restart(self) -> None:
        """The worker ends; another one begins from what was published."""
        self.start(self.events[-1].standing if self.events else None)

    def price(self, moves: Mapping[str, float]) -> None:
        """Marks move; all prices are sent again."""
        self._sequence += 1
        self.marks |= moves
        self.engine.apply_prices(prices(self.engine, self.marks, self._sequence, self.now_ns))

    def send(self, *entries: Trade | Cash) -> None:
        """Entries come one second after the other, in one batch a topic."""
        self._send(entries, NANOSECONDS_PER_SECOND)

    def send_at_once(self, *entries: Trade | Cash) -> None:
        """Entries have one time."""
        self._send(entries, 0)

    def _send(self, entries: Sequence[Trade | Cash], step_ns: int) -> None:
        new = []
        for entry in entries:
            self._offsets[type(entry)] += 1
            self.now_ns += step_ns
            new.append((entry, self._offsets[type(entry)], self.now_ns))
        self.log += new
        for kind in (Cash, Trade):
            self._apply([entry for entry in new if isinstance(entry[0], kind)])

    def _apply(self, entries: Sequence[tuple[Trade | Cash, int, int]]) -> None:
        if not entries:
            return
        engine = self.engine
        offsets = np.array([offset for _, offset, _ in entries], np.int64)
        arrivals = Arrivals(np.array([time_ns for _, _, time_ns in entries], np.int64), offsets)
        if isinstance(entries[0][0], Trade):
            rows = [
                (t.trade_id, t.version, "A", t.instrument, t.quantity, t.price, t.cancelled, TODAY)
                for t, _, _ in entries
                if isinstance(t, Trade)
            ]
            engine.apply_trades(0, trades(engine, rows), arrivals)
            engine.note_inputs(0, trades_offset=int(offsets[-1]))
        else:
            money = [
                (c.collateral_id, c.version, "A", "", c.currency, c.amount, False, TODAY, SECURITIES)
                for c, _, _ in entries
                if isinstance(c, Cash)
            ]
            engine.apply_collateral(0, movements(engine, money), arrivals)
            engine.note_inputs(0, collateral_offset=int(offsets[-1]))

    def run(self) -> list[IntradayMove]:
        """A pass; what it published."""
        new = self.engine.evaluate(self.now_ns).intraday
        self.events += new
        return new

    def next_day(self, days: int = 1) -> list[IntradayMove]:
        """So many days later the same time; a pass."""
        self.now_ns += days * NANOSECONDS_PER_DAY
        self.price({})
        return self.run()

    @property
    def standing(self) -> Standing:
        found = self.engine.intraday.standing(0, "A")
        assert found is not None
        return found


def reasons(moves: Sequence[IntradayMove]) -> list[str]:
    return [move.event.reason.value for move in moves]
