"""The engine's day under the intraday margin rule, passes and restarts anywhere, equals the day gone through by hand.

By hand: every transaction in its order, levels from the rulebook's plain twin right before and right after it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules.interface import Holding
from engine.shortfall.intraday_activity import ActivityKind, Level, trade_kind
from engine.shortfall.intraday_deficit import DayDeficit, Observed, deficit_as_observed
from engine.shortfall.intraday_order import OpeningBook, deficit_of_worst_order
from engine.shortfall.intraday_reach import Activity
from tests.engine_book import INSTRUMENTS
from tests.intraday_firm import Cash, Firm, Trade, reasons
from tests.intraday_oracle import parameters

BY_ID = {instrument.instrument_id: instrument for instrument in INSTRUMENTS}
TRADED = ("AAPL", "AAPL-C", "SPY")
CASH_USD = 20_000.0

entries = st.builds(
    Trade,
    trade_id=st.sampled_from([f"T{number}" for number in range(8)]),
    instrument=st.just("AAPL") | st.sampled_from(TRADED),
    quantity=st.integers(-3, 3).filter(bool).map(lambda lots: 60.0 * lots),
    price=st.sampled_from([190.0, 200.0]),
    version=st.integers(1, 3),
    cancelled=st.sampled_from([False, False, False, True]),
) | st.builds(
    Cash,
    collateral_id=st.sampled_from(["C0", "C1", "C2"]),
    amount=st.integers(-6, 6).filter(bool).map(lambda thousands: 1000.0 * thousands),
    version=st.integers(1, 2),
)


@dataclass
class Desk:
    """The account on paper."""

    firm: Firm
    cash: float = CASH_USD
    held: dict[str, float] = field(default_factory=lambda: dict.fromkeys(TRADED, 0.0))
    booked: dict[str, Trade | Cash] = field(default_factory=dict)
    observed: list[Observed] = field(default_factory=list)
    deposits: list[float] = field(default_factory=list)

    def margin(self, held: Mapping[str, float]) -> float:
        """Of the positions, without the minimum equity of an account."""
        holdings = [Holding(BY_ID[name], q, "securities") for name, q in held.items() if q]
        tree = self.firm.engine.silo_books["reg-t"].rulebook.explain(holdings, self.firm.engine.market).tree
        return next(part.amount_usd for part in tree.parts if part.name == "positions")

    def worth(self, name: str, quantity: float) -> float:
        return quantity * BY_ID[name].multiplier * self.firm.marks[name]

    def level(self) -> Level:
        equity = self.cash + math.fsum(self.worth(name, q) for name, q in self.held.items())
        return Level(equity, self.margin(self.held))

    def book(self, entry: Trade | Cash) -> list[tuple[str, float, float]]:
        """What an entry changes: (instrument or nothing, quantity, cash) each."""
        name = entry.trade_id if isinstance(entry, Trade) else entry.collateral_id
        old = self.booked.get(name)
        if old is not None and entry.version <= old.version:
            return []
        self.booked[name] = entry
        changes: dict[str, list[float]] = {}
        for each, sign in ((old, -1.0), (entry, 1.0)):
            if isinstance(each, Cash):
                changes.setdefault("", [0.0, 0.0])[1] += sign * each.amount
            elif each is not None and not each.cancelled:
                change = changes.setdefault(each.instrument, [0.0, 0.0])
                change[0] += sign * each.quantity
                change[1] -= sign * each.quantity * BY_ID[each.instrument].multiplier * each.price
        return [(instrument, q, cash) for instrument, (q, cash) in changes.items() if q or cash]

    def play(self, entry: Trade | Cash) -> None:
        changes = self.book(entry)
        for instrument, quantity, cash in changes:
            before = self.level()
            kind = ActivityKind.OTHER
            if not instrument:
                kind = ActivityKind.DEPOSIT if cash >= 0 else ActivityKind.WITHDRAWAL
                self.deposits.append(cash)
            elif quantity:
                is_option = bool(BY_ID[instrument].right)
                kind = trade_kind(self.held[instrument], quantity, is_option=is_option)
                self.held[instrument] += quantity
            self.cash += cash
            self.observed.append(Observed(kind, before, self.level()))


def same(firm: Firm, by_hand: DayDeficit, deposits: Sequence[float]) -> None:
    standing = firm.standing
    assert math.isclose(standing.amount_usd, by_hand.amount_usd, abs_tol=0.01)
    if by_hand.tree is None:
        assert standing.worst is None
    else:
        assert standing.worst is not None
        assert math.isclose(standing.worst.shortfall_usd, by_hand.tree.amount_usd, abs_tol=0.01)
        assert math.isclose(standing.worst.equity_usd, by_hand.equity_usd, abs_tol=0.01)
    assert math.isclose(standing.net_deposits_usd, math.fsum(deposits), abs_tol=0.01)


def one_instrument_an_entry(batch: Sequence[Trade | Cash]) -> list[Trade | Cash]:
    """Versions of a trade keep its instrument: the parts of one that changes it have no order."""
    return [
        entry if isinstance(entry, Cash) else Trade(
            entry.trade_id, TRADED[int(entry.trade_id[1:]) % 3], entry.quantity, entry.price, entry.version,
            entry.cancelled,
        )
        for entry in batch
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(st.tuples(entries, st.floats(-0.1, 0.1), st.booleans(), st.booleans()), max_size=10),
)
def test_live_equals_the_day_gone_through_by_hand(
    batches: list[tuple[Trade | Cash, float, bool, bool]],
) -> None:
    """After each transaction a pass, prices move between passes; the worker may end before or after a pass."""
    firm = Firm(CASH_USD)
    desk = Desk(firm)
    for entry, move, ends_before, ends_after in batches:
        (entry,) = one_instrument_an_entry([entry])
        firm.price({"AAPL": firm.marks["AAPL"] * (1.0 + move)})
        firm.run()
        firm.send(entry)
        if ends_before:
            firm.restart()
        firm.run()
        desk.play(entry)
        if ends_after:
            known = firm.events[-1].standing if firm.events else None
            firm.restart()
            assert firm.run() == []
            assert known is None or firm.standing == known
    if desk.observed:
        same(firm, deficit_as_observed(desk.observed, parameters()), desk.deposits)
    assert [move.event.sequence for move in firm.events] == list(range(1, len(firm.events) + 1))


@settings(max_examples=40, deadline=None)
@given(
    day=st.lists(entries, min_size=1, max_size=8),
    cuts=st.lists(st.integers(0, 8), max_size=3),
    restart=st.booleans(),
)
def test_passes_and_restarts_do_not_change_a_day_of_still_prices(
    day: list[Trade | Cash], cuts: list[int], restart: bool
) -> None:
    """Any number of transactions a pass, each version of an entry once; a worker that ends now and then."""
    firm, day = Firm(CASH_USD), one_instrument_an_entry(day)
    day = list({(e.trade_id if isinstance(e, Trade) else e.collateral_id): e for e in day}.values())
    desk = Desk(firm)
    bounds = sorted({0, *(cut for cut in cuts if cut < len(day)), len(day)})
    for first, last in pairwise(bounds):
        firm.send(*day[first:last])
        if restart:
            firm.restart()
        firm.run()
    for entry in day:
        desk.play(entry)
    if desk.observed:
        same(firm, deficit_as_observed(desk.observed, parameters()), desk.deposits)


@settings(max_examples=30, deadline=None)
@given(day=st.lists(entries, min_size=1, max_size=5), restart=st.booleans())
def test_end_of_day_is_the_worst_order(day: list[Trade | Cash], restart: bool) -> None:
    firm, day = Firm(CASH_USD, method="end_of_day"), one_instrument_an_entry(day)
    day = list({(e.trade_id if isinstance(e, Trade) else e.collateral_id): e for e in day}.values())
    desk = Desk(firm)
    for entry in day:
        firm.send(entry)
        assert firm.run() == []
    if restart:
        firm.restart()
    activities = []
    for entry in day:
        for instrument, quantity, cash in desk.book(entry):
            change = cash + (desk.worth(instrument, quantity) if instrument else 0.0)
            if instrument:
                root = BY_ID[instrument].class_root
                activities.append(Activity(change, root, instrument, quantity, bool(BY_ID[instrument].right)))
            else:
                kind = ActivityKind.DEPOSIT if cash >= 0 else ActivityKind.WITHDRAWAL
                activities.append(Activity(change, kind=kind))
    firm.next_day()
    by_hand = deficit_of_worst_order(
        OpeningBook(CASH_USD, {}), [activities], lambda _, held: desk.margin(held), parameters()
    )
    occurred = [m.event for m in firm.events if m.event.reason.value.startswith("OCCURRED")]
    amounts = [event.amount_usd for event in occurred]
    assert len(amounts) == (by_hand.amount_usd > 0.0)
    assert all(math.isclose(amount, by_hand.amount_usd, abs_tol=0.01) for amount in amounts)
    assert reasons(firm.next_day(1)) in (
        [],
        ["DAY_CLOSED"],
        ["SATISFIED_BY_LEVEL"],
        ["SATISFIED_BY_DEPOSITS"],
    )
