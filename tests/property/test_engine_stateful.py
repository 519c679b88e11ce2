"""Whatever happens in whatever order: incremental figures equal a plain model's.

The model keeps trades, collateral and start-of-day records as dictionaries and asks the plain twins.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.market.instruments import SILO_INDEX, SILOS
from engine.portfolio.accounts import Account
from engine.portfolio.ledger import EntryOutcome
from engine.portfolio.opening import Opening
from engine.rules.interface import Holding
from engine.state.equity import start_of_day
from streams.parameters import read_toml, take_policy
from tests.engine_book import (
    APPROVED,
    HELD,
    INSTRUMENTS,
    MARKS,
    MORE_HELD,
    NOW_NS,
    TODAY,
    movements,
    new_engine,
    prices,
    trades,
)
from tests.policy_book import CLEARED, RULEBOOKS, SECURITY_BASED, UNCLEARED, with_swaps_in

ACCOUNTS = ("A", "B", "C")
BY_ID = {instrument.instrument_id: instrument for instrument in INSTRUMENTS}
accounts = st.sampled_from(ACCOUNTS)
instruments = st.sampled_from([*HELD, *MORE_HELD])
quantities = st.integers(-50, 50).map(float) | st.sampled_from([0.1, 0.2, -0.3])


@dataclass
class Opened:
    """The model's start-of-day record."""

    day: int = -(10**9)
    as_of_ns: int = -1
    positions: dict[str, tuple[float, float]] = field(default_factory=dict)
    cash: dict[tuple[str, str], float] = field(default_factory=dict)


@dataclass
class Booked:
    """The model's trade or collateral movement."""

    version: int
    account: str
    instrument: str
    quantity: float
    price: float
    cancelled: bool
    day: int
    silo: str = ""
    currency: str = "USD"


class EngineMachine(RuleBasedStateMachine):
    """Random trades, corrections, cancels, duplicates, prices, deposits, openings, rule changes, restarts; accounts
    that are closed, leave when they are empty, and come back."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = new_engine(ACCOUNTS)
        self.marks = dict(MARKS)
        self.trades: dict[str, Booked] = {}
        self.deposits: dict[str, Booked] = {}
        self.opened = {account: Opened() for account in ACCOUNTS}
        self.approved = dict.fromkeys(ACCOUNTS, True)
        self.sequence = 0
        self.now_ns = NOW_NS
        self.log: list[tuple[str, Any]] = []
        self.rates_version = 0

    @initialize()
    def first_prices(self) -> None:
        self._price(self.marks)

    def _price(self, marks: dict[str, float]) -> None:
        self.sequence += 1
        outcome = self.engine.apply_prices(prices(self.engine, marks, self.sequence, self.now_ns))
        assert not outcome.any()

    @rule(name=st.sampled_from(sorted(MARKS)), move=st.floats(-0.2, 0.25))
    def price_moves(self, name: str, move: float) -> None:
        self.marks[name] *= 1.0 + move
        self._price({name: self.marks[name]})

    @rule(move=st.floats(-0.1, 0.1))
    def everything_moves(self, move: float) -> None:
        self.marks = {name: mark * (1.0 + move) for name, mark in self.marks.items()}
        self._price(self.marks)

    @rule(
        number=st.integers(0, 12), version=st.integers(1, 4), account=accounts, instrument=instruments,
        quantity=quantities, price_ratio=st.floats(0.8, 1.2), cancelled=st.booleans(), age=st.integers(-1, 1),
    )  # fmt: skip
    def trade(
        self, number: int, version: int, account: str, instrument: str, quantity: float, price_ratio: float,
        cancelled: bool, age: int,
    ) -> None:  # fmt: skip
        price = MARKS[instrument] * price_ratio
        new = Booked(version, account, instrument, quantity, price, cancelled, TODAY - age)
        row = (f"T{number}", version, account, instrument, quantity, price, cancelled, TODAY - age)
        self.log.append(("trade", row))
        outcome = self.engine.apply_trades(0, trades(self.engine, [row]))[0]
        assert outcome == self._book(self.trades, f"T{number}", new)

    @rule(
        number=st.integers(0, 5), version=st.integers(1, 3), account=accounts,
        asset=st.sampled_from(["", "T-NOTE", "AAPL", "BTC"]), currency=st.sampled_from(["USD", "EUR"]),
        quantity=st.floats(-1e5, 1e6), cancelled=st.booleans(), silo=st.sampled_from(["securities", "futures"]),
    )  # fmt: skip
    def deposit(
        self, number: int, version: int, account: str, asset: str, currency: str, quantity: float,
        cancelled: bool, silo: str,
    ) -> None:  # fmt: skip
        new = Booked(version, account, asset, quantity, 0.0, cancelled, TODAY, silo, currency)
        row = (
            f"C{number}", version, account, asset, currency, quantity, cancelled, TODAY, SILO_INDEX[silo],
        )  # fmt: skip
        self.log.append(("deposit", row))
        outcome = self.engine.apply_collateral(0, movements(self.engine, [row]))[0]
        assert outcome == self._book(self.deposits, f"C{number}", new)

    def _book(self, book: dict[str, Booked], entry_id: str, new: Booked) -> EntryOutcome:
        """Who wins, once more, in plain words."""
        old = book.get(entry_id)
        if new.day <= self.opened[new.account].day:
            return EntryOutcome.COVERED
        if old and old.account != new.account:
            return EntryOutcome.MOVED
        if old and new.version == old.version:
            return EntryOutcome.DUPLICATE
        if old and new.version < old.version:
            return EntryOutcome.LATE
        book[entry_id] = new
        return EntryOutcome.APPLIED

    @rule(
        account=accounts, age=st.integers(0, 2), later=st.integers(0, 2), quantity=quantities,
        instrument=instruments, cash=st.floats(-1e5, 1e6),
    )  # fmt: skip
    def start_of_day(
        self, account: str, age: int, later: int, quantity: float, instrument: str, cash: float
    ) -> None:
        day, as_of_ns = TODAY - age, NOW_NS + later
        self._open(account, day, as_of_ns, {instrument: (quantity, MARKS[instrument])}, cash)

    @rule(account=accounts, age=st.integers(-1, 0), later=st.integers(0, 2))
    def start_of_day_with_nothing(self, account: str, age: int, later: int) -> None:
        self._open(account, TODAY - age, NOW_NS + later, {}, 0.0)

    def _open(
        self, account: str, day: int, as_of_ns: int, positions: dict[str, tuple[float, float]], cash: float
    ) -> None:
        row = (account, day, as_of_ns, positions, cash)
        self.log.append(("opening", row))
        outcome = self.engine.open_day(self._opening(*row))
        held = self.opened[account]
        if (day, as_of_ns) <= (held.day, held.as_of_ns):
            assert outcome in {EntryOutcome.DUPLICATE, EntryOutcome.LATE}
            return
        assert outcome is EntryOutcome.APPLIED
        for book in (self.trades, self.deposits):
            for entry_id, entry in list(book.items()):
                if entry.account == account and entry.day <= day:
                    del book[entry_id]
        self.opened[account] = Opened(day, as_of_ns, positions, {("securities", "USD"): cash})

    def _opening(
        self, account: str, day: int, as_of_ns: int, positions: dict[str, tuple[float, float]], cash: float
    ) -> Opening:
        none = np.zeros(0, np.int64)
        return Opening(
            int(self.engine.slots_to_book([account])[0]), day, as_of_ns,
            self.engine.instrument_slots(list(positions)),
            np.array([q for q, _ in positions.values()]), np.array([p for _, p in positions.values()]),
            np.full(len(positions), -1, np.int64), ((SILO_INDEX["securities"], "USD", cash),),
            none, np.zeros(0), none,
        )  # fmt: skip

    @rule(account=accounts)
    def approval_changes(self, account: str) -> None:
        """Securities move between portfolio margin and strategy-based margin."""
        self.approved[account] = not self.approved[account]
        self.engine.put_account(self._record(account), 0)

    @rule(account=accounts)
    def account_is_closed(self, account: str) -> None:
        self.engine.close_account(self._record(account), 0)

    @rule(account=accounts)
    def record_is_taken_back(self, account: str) -> None:
        self.engine.withdraw_account(account)

    def _record(self, account: str) -> Account:
        return Account(account, approvals=APPROVED if self.approved[account] else frozenset[str]())

    @rule(factor=st.floats(0.5, 2.0))
    def futures_rates_change(self, factor: float) -> None:
        parameters = copy.deepcopy(read_toml("span-futures.toml"))
        self.rates_version += 1
        parameters["version"] = f"test-{self.rates_version}"
        parameters["commodities"]["ES"]["price_scan_usd"] *= factor
        self.engine.put_rulebook("span-futures", parameters)

    @rule(
        credit=st.sampled_from(
            [
                (SECURITY_BASED, "sec-18a-3"),
                (UNCLEARED, "sec-18a-3"),
                (UNCLEARED, "schedule-im"),
                (CLEARED, "schedule-im"),
            ]
        ),
        equity=st.sampled_from(
            [
                (SECURITY_BASED, "sec-18a-3-equity"),
                (UNCLEARED, "sec-18a-3-equity"),
                (CLEARED, "sec-18a-3-equity"),
            ]
        ),
    )
    def policy_changes(self, credit: tuple[str, str], equity: tuple[str, str]) -> None:
        """Swaps move between silos and rulebooks; everything that follows its product goes with it."""
        homes = {"credit_default_swap": credit, "equity_swap": equity}
        take_policy(self.engine, with_swaps_in(homes), RULEBOOKS)

    @rule()
    def restart_from_the_log(self) -> None:
        """Lose the partition and take it again: openings first, then the day's entries, as a worker does."""
        self.engine.drop_partition(0)
        self.engine.take_partition(0)
        for kind in ("opening", "deposit", "trade"):
            for logged, row in self.log:
                if logged != kind:
                    continue
                if kind == "trade":
                    self.engine.apply_trades(0, trades(self.engine, [row]))
                elif kind == "deposit":
                    self.engine.apply_collateral(0, movements(self.engine, [row]))
                else:
                    self.engine.open_day(self._opening(*row))
        self.engine.go_live(0)

    @rule(seconds=st.integers(1, 4000))
    def time_passes(self, seconds: int) -> None:
        self.now_ns += seconds * 1_000_000_000
        self._price(self.marks)

    @precondition(lambda self: self.sequence > 0)
    @invariant()
    def incremental_equals_plain(self) -> None:
        engine = self.engine
        engine.evaluate(self.now_ns, options=False)
        engine.evaluate(self.now_ns)
        for account_id in ACCOUNTS:
            account = int(engine.account_slots([account_id])[0])
            holdings = self._holdings(account_id)
            if account < 0:
                assert not holdings
                assert all(self._equity(account_id, silo) == 0.0 for silo in SILOS)
                assert engine.knows_account(account_id)
                continue
            plain, outside = dict.fromkeys(SILOS, 0.0), 0.0
            for book in engine.silo_books.values():
                margined = [h for h in holdings if self._under(account_id, h, book.rulebook.rulebook_id)]
                explained = book.rulebook.explain(margined, engine.market)
                assert explained.tree.largest_residual_usd() < 1e-6
                plain[SILOS[SILO_INDEX[book.rulebook.silo]]] += explained.requirement.maintenance_usd
                if not book.products & engine.unified.rulebook.eligible_products:
                    outside += explained.requirement.maintenance_usd
            for silo, expected in plain.items():
                self._same(engine.maintenance[account, SILO_INDEX[silo]], expected)
                self._same(engine.equity[account, SILO_INDEX[silo]], self._equity(account_id, silo))
            if self.approved[account_id]:
                pot = [
                    h for h in holdings if h.instrument.product in engine.unified.rulebook.eligible_products
                ]
                total = sum(plain.values()) - outside
                unified = engine.unified.rulebook.explain(pot, engine.market, total)
                self._same(engine.unified.result[account, 0], unified.requirement.maintenance_usd)
            gap = engine.statement(account_id, self.now_ns).gap
            assert abs(gap.residual_usd) < 1e-4
            assert all(term.amount_usd > -1e-4 for term in gap.terms if term.name == "netting")

    def _under(self, account: str, holding: Holding, rulebook_id: str) -> bool:
        return any(
            assignment.rulebook_id == rulebook_id
            and assignment.silo == holding.silo
            and holding.instrument.product in assignment.products
            and assignment.admits(self.approved[account])
            for assignment in self.engine.policy.assignments
        )

    @staticmethod
    def _same(value: float, expected: float) -> None:
        assert math.isclose(value, expected, rel_tol=1e-9, abs_tol=0.01), (value, expected)

    def _live(self, book: dict[str, Booked], account: str) -> list[Booked]:
        return [
            entry
            for entry in book.values()
            if entry.account == account and not entry.cancelled and entry.day > self.opened[account].day
        ]

    def _holdings(self, account: str) -> list[Holding]:
        quantity: dict[str, float] = {name: q for name, (q, _) in self.opened[account].positions.items()}
        for entry in self._live(self.trades, account):
            quantity[entry.instrument] = quantity.get(entry.instrument, 0.0) + entry.quantity
        policy = self.engine.policy
        return [
            Holding(BY_ID[name], q, policy.classification[BY_ID[name].product].value)
            for name, q in quantity.items()
            if abs(q) > 1e-9
        ]

    def _equity(self, account: str, silo: str) -> float:
        """Cash moved by every trade, market value of what is held, collateral after haircut."""
        engine, opened = self.engine, self.opened[account]
        classification = engine.policy.classification
        cash: dict[str, list[float]] = {"USD": [opened.cash.get((silo, "USD"), 0.0)], "EUR": [0.0]}
        for name, (quantity, reference) in opened.positions.items():
            instrument = BY_ID[name]
            if classification[instrument.product] == silo and instrument.is_futures_style:
                cash[instrument.currency].append(-quantity * instrument.multiplier * reference)
        for entry in self._live(self.trades, account):
            instrument = BY_ID[entry.instrument]
            if classification[instrument.product] == silo:
                cash[instrument.currency].append(-entry.quantity * instrument.multiplier * entry.price)
        pledged: dict[str, float] = {}
        for entry in self._live(self.deposits, account):
            if entry.silo != silo:
                continue
            if entry.instrument:
                pledged[entry.instrument] = pledged.get(entry.instrument, 0.0) + entry.quantity
            else:
                cash[entry.currency].append(entry.quantity)
        value = [self._value(h) for h in self._holdings(account) if h.silo == silo]
        for name, quantity in pledged.items():
            instrument = BY_ID[name]
            haircut = engine.policy.collateral.haircut(
                instrument, silo, start_of_day(engine.market.valuation_time_ns)
            )
            worth = quantity * instrument.multiplier * self.marks[name]
            value.append(worth * (1.0 - haircut) if quantity > 0 else worth)
        euros = math.fsum(cash["EUR"]) * self.marks["EURUSD"]
        if euros > 0:
            euros *= 1.0 - engine.policy.collateral.fx_haircut("EUR", silo)
        return math.fsum([*cash["USD"], euros, *value])

    def _value(self, holding: Holding) -> float:
        instrument = holding.instrument
        fx = 1.0 if instrument.currency == "USD" else self.marks["EURUSD"]
        return holding.quantity * instrument.multiplier * self.marks[instrument.instrument_id] * fx


TestEngine = EngineMachine.TestCase
TestEngine.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
