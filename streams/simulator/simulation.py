"""The whole simulated firm and its market: from a seed and instants of time to records, and nothing else.

No Kafka, no clock: the caller says what time it is. The same seed, settings, instants and calls heard give the
same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec
import numpy as np

from engine.base.units import NANOSECONDS_PER_SECOND
from engine.state.policy import Policy
from streams.contracts.hot import HotPrice
from streams.contracts.results import CallEvent
from streams.simulator.accounts import make_accounts
from streams.simulator.agenda import Agenda
from streams.simulator.customers import Customers
from streams.simulator.day_traders import DayTraders
from streams.simulator.faults import FaultyProducers
from streams.simulator.funding import StartOfDay
from streams.simulator.latecomers import Latecomers
from streams.simulator.market import SimulatedMarket
from streams.simulator.quotes import QuoteFlow
from streams.simulator.record import SimulatedRecord, hot, reference
from streams.simulator.settings import SimulationSettings
from streams.simulator.shelf import Shelf
from streams.simulator.trading import TradeFlow
from streams.simulator.universe import universe

_SATURDAY: Final = 5
# After a pause (the opening, a suspended machine, a broker away) the market goes on from where it was.
_LONGEST_STEP_S: Final = 1.0


class Simulation:
    """Records of a firm's day: :meth:`opening` first, then :meth:`advance` as time goes by."""

    def __init__(self, settings: SimulationSettings, policy: Policy, start_ns: int) -> None:
        """``start_ns``: instant of the start; expiries and ids are counted from it."""
        self.settings = settings
        self._policy = policy
        self._now_ns = start_ns
        self._opening_date = business_day_before(start_ns)
        # Every part draws from a stream of its own: a change in one leaves the others as they were.
        streams = np.random.SeedSequence(settings.seed).spawn(9)
        market, quotes, books, self._cash, trades, money, bad, late, day = map(np.random.default_rng, streams)
        run_id = f"{start_ns // NANOSECONDS_PER_SECOND:x}"
        listings = universe(datetime.fromtimestamp(start_ns // NANOSECONDS_PER_SECOND, UTC).date())
        self.market = SimulatedMarket(listings, policy.rate, market, policy.rate_conventions)
        # Sequences of a later run are higher: an instrument is quoted less than a million times a second.
        self.quotes = QuoteFlow(
            self.market, quotes, start_ns // 1000, settings.duplicate_share, settings.late_share
        )
        listed = np.flatnonzero(self.quotes.listed)
        self._opening_prices = [record for _, record in self.quotes.quotes(listed, start_ns)]
        self._opening_quotes = [
            msgspec.json.decode(record.value, type=HotPrice) for record in self._opening_prices
        ]
        marks = {quote.instrument_id: quote.mark or 0.0 for quote in self._opening_quotes}
        self.accounts = make_accounts(settings.accounts, Shelf(listings, marks), books)
        self._agenda = Agenda()
        self.trading = TradeFlow(settings, self.market, self.accounts, trades, self._agenda, run_id)
        self.customers = Customers(settings, self.accounts, money, self._agenda, run_id)
        self.faults = FaultyProducers(self.market, self.accounts, bad)
        self.latecomers = Latecomers(self.market, self.quotes, late, self._agenda, run_id, self._opening_date)
        self.day_traders = DayTraders(
            settings.accounts, self.market, day, self._agenda, run_id, self._opening_date
        )
        self._due = {"prices": 0.0, "trades": 0.0, "faults": 0.0}

    def opening(self) -> Iterator[SimulatedRecord]:
        """Instruments, prices, accounts and their start-of-day records, in this order."""
        listed = [listing for listing in self.market.listings if not listing.late]
        for listing in listed:
            yield reference("instruments", listing.instrument_id, listing.record)
        yield from self._opening_prices
        for account in self.accounts:
            yield reference("accounts", account.account_id, account.record)
        start_of_day = StartOfDay(self._policy, listed, self._opening_quotes, self._now_ns)
        for opening in start_of_day.records(self.accounts, self._opening_date, self._cash):
            yield hot("positions", opening.account_id, opening)
        yield from self.day_traders.opening(self._now_ns)
        if self.settings.bad_share > 0.0:
            self.latecomers.begin(self._now_ns)

    def advance(self, now_ns: int) -> list[SimulatedRecord]:
        """What happens between the last instant and this one."""
        elapsed_s = min(max(now_ns - self._now_ns, 0) / NANOSECONDS_PER_SECOND, _LONGEST_STEP_S)
        self._now_ns = max(now_ns, self._now_ns)
        self.market.advance(elapsed_s, self.settings.market_speed)
        settings = self.settings
        bad_per_s = settings.bad_share * (settings.prices_per_s + settings.trades_per_s)
        records = self.quotes.next_quotes(self._count("prices", settings.prices_per_s, elapsed_s), now_ns)
        records += self.trading.next_trades(self._count("trades", settings.trades_per_s, elapsed_s), now_ns)
        records += self.faults.next_faults(self._count("faults", bad_per_s, elapsed_s), now_ns)
        records += self.customers.move_money(elapsed_s, now_ns)
        records += self._agenda.due(now_ns)
        return records

    def hear(self, call: CallEvent) -> None:
        """A margin call reaches its customer."""
        self.customers.hear(call, self._now_ns)

    def _count(self, kind: str, rate_per_s: float, elapsed_s: float) -> int:
        """Whole number that is due; the fraction waits for the next time."""
        due = self._due[kind] + rate_per_s * elapsed_s
        self._due[kind] = due - int(due)
        return int(due)


def business_day_before(time_ns: int) -> str:
    """The last weekday before the UTC day of an instant, YYYY-MM-DD."""
    day: date = datetime.fromtimestamp(time_ns // NANOSECONDS_PER_SECOND, UTC).date() - timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day -= timedelta(days=1)
    return day.isoformat()
