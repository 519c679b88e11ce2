"""Looking at the transactions of one account: taken out of what it holds now, put back one after the other.

Everything is valued at the prices of the pass, so what moved the level from one transaction to the next is the
transaction.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from engine.market.instruments import Silo
from engine.shortfall.intraday_account import FreezeViolation
from engine.shortfall.intraday_activity import ActivityKind
from engine.shortfall.intraday_deficit import NO_DEFICIT, DayDeficit
from engine.shortfall.intraday_order import OpeningBook, deficit_of_worst_order
from engine.shortfall.intraday_parameters import IntradayParameters
from engine.shortfall.intraday_reach import Activity, Quantities
from engine.state.core import EngineCore
from engine.state.intraday_book import SECURITIES, Noted
from engine.state.intraday_freeze import FrozenBook
from engine.state.pairing_book import PairingBook

MOST_AT_ONE_TIME = 6  # 64 holdings
_REST = "other netting sets"
_DUST = 1e-9  # quantities below are what taking out leaves of what was put in


class SetName(NamedTuple):
    """A netting set of an account: the rulebook that pairs it, its index there and what people call it."""

    rulebook_id: str
    netting_set: int
    text: str


class Look:
    """An account as it stands, with the transactions that lead to it.

    Attributes:
        level_usd: intraday margin level now.
    """

    def __init__(self, engine: EngineCore, account: int, noted: Sequence[Noted]) -> None:
        """``noted``: of the account, in the order in which they are gone through."""
        self._engine, self._account, self._noted = engine, account, noted
        self._books = {book.rulebook.rulebook_id: book for book in securities_pairing_books(engine)}
        self._margins: dict[tuple[str, tuple[tuple[int, float], ...]], float] = {}
        self._held: dict[str, dict[str, float]] = {}  # of the netting sets that were traded
        self._untraded: dict[SetName, dict[str, float]] = {}
        self._pledged: dict[int, float] = {}
        self._sets: dict[int, SetName | None] = {}
        self._violations: dict[Noted, FreezeViolation] | None = None
        self._rates = engine.equity_book.cash_rates(engine.holdings, engine.market)
        self._cash = engine.holdings.cash[account, SECURITIES].tolist()
        self._take_holdings()
        self._renew_rows()
        rest_usd = self._rest_usd()
        margin_usd = rest_usd + math.fsum(self._margin_of(name, held) for name, held in self._held.items())
        self._equity_usd = float(engine.equity[account, SECURITIES])
        self.level_usd = self._equity_usd - margin_usd
        self._margins[_REST, ()] = rest_usd
        self._held[_REST] = {}

    @property
    def is_stale(self) -> bool:
        """Whether a price that the figures rest on is old."""
        held = self._engine.holdings.of(np.array([self._account], np.int64))
        return bool(self._engine.stale[held.instrument[held.silo == SECURITIES]].any())

    def deficits(
        self, days: Sequence[Sequence[Noted]], parameters: IntradayParameters, *, in_order: bool
    ) -> list[tuple[DayDeficit, list[float]]]:
        """Of each day its highest deficit right after one of its transactions, and its deposits (withdrawals negative).

        Args:
            days: what is noted, or its beginning, in order and split.
            in_order: one after the other by their times; else the transactions of a day may have had any order.
        """
        opening, activities = self._taken_out(self._noted)
        found = []
        waiting = iter(activities)
        at_one_time = Counter(each.time_ns for each in self._noted)
        for day in days:
            day, own = _together(day, [next(waiting) for _ in day])
            deposits = [a.equity_change_usd for n, a in zip(day, own, strict=True) if not n.is_trade]
            steps = _by_time(day, own, at_one_time) if in_order else [own]
            deficit = (
                deficit_of_worst_order(opening, steps, self._margin_of, parameters) if own else NO_DEFICIT
            )
            found.append((deficit, deposits))
            opening = opening.after(own)
        return found

    def violations(self, noted: Sequence[Noted]) -> tuple[FreezeViolation, ...]:
        """What a freeze forbids among these, some of what is noted."""
        if self._violations is None:
            through = FrozenBook(self._engine, self._account, self._noted).through(self._noted)
            self._violations = {each: found for each, found in through if found is not None}
        return tuple(self._violations[each] for each in noted if each in self._violations)

    # ---------------------------------------------------------------- what is held

    def _take_holdings(self) -> None:
        """Positions by netting set, those that were traded apart, and what is pledged."""
        engine = self._engine
        traded = {self._set_of(each.instrument) for each in self._noted if _is_position(each)} - {None}
        self._held |= {name.text: {} for name in traded if name is not None}
        held = engine.holdings.of(np.array([self._account], np.int64))
        held = held.only(held.silo == SECURITIES)
        for instrument, pledged, quantity in zip(
            held.instrument.tolist(), held.collateral.tolist(), held.quantity.tolist(), strict=True
        ):
            if pledged:
                self._pledged[instrument] = quantity
            elif (name := self._set_of(instrument)) is not None:
                mine = self._held[name.text] if name in traded else self._untraded.setdefault(name, {})
                mine[engine.market.instruments[instrument].instrument_id] = quantity

    def _set_of(self, instrument: int) -> SetName | None:
        """Netting set of an instrument; None if no rulebook pairs it for this account."""
        if instrument not in self._sets:
            self._sets[instrument] = self._find_set(instrument)
        return self._sets[instrument]

    def _find_set(self, instrument: int) -> SetName | None:
        approved = int(self._engine.accounts.portfolio_margin[self._account])
        for name, book in self._books.items():
            number = int(book.set_of_instrument[instrument])
            if number >= 0 and int(book.silos[approved, instrument]) >> SECURITIES & 1:
                what = book.rulebook.netting_set(self._engine.market.instruments[instrument])
                return SetName(name, number, f"{name}:{what}")
        return None

    def _renew_rows(self) -> None:
        """An instrument that nobody holds any more has rows of earlier prices, if any."""
        engine = self._engine
        traded = np.unique([each.instrument for each in self._noted if _is_position(each)]).astype(np.int64)
        gone = traded[engine.holdings.holders[traded] == 0]
        for book in self._books.values():
            covered = book.covered(gone)
            if len(covered):
                book.rows.renew(engine.market.risk, covered)
                engine.rows_due[covered] = True

    def _rest_usd(self) -> float:
        """Maintenance of the netting sets that were not traded; without what an account must keep in any case."""
        engine, account = self._engine, self._account
        total = [
            float(book.requirement[account, 1])
            for book in engine.silo_books.values()
            if book.rulebook.silo == Silo.SECURITIES and not isinstance(book, PairingBook)
        ]
        remembered = {name: book.remembered_usd(account) for name, book in self._books.items()}
        for name, held in self._untraded.items():
            known = remembered[name.rulebook_id].get(name.netting_set)
            total.append(self._margin_of(name.text, held) if known is None else known)
        return math.fsum(total)

    def _margin_of(self, name: str, held: Quantities) -> float:
        """Maintenance of a netting set that holds so much, at the prices of the pass."""
        slot_of = self._engine.market.slot_of
        key = name, tuple(sorted((slot_of[i], q) for i, q in held.items() if abs(q) > _DUST))
        if key not in self._margins:
            slots = np.array([slot for slot, _ in key[1]], np.int64)
            quantities = np.array([quantity for _, quantity in key[1]])
            book = self._books[name.partition(":")[0]]
            self._margins[key] = (
                book.maintenance_usd(int(book.set_of_instrument[slots[0]]), slots, quantities)
                if len(slots)
                else 0.0
            )
        return self._margins[key]

    # ---------------------------------------------------------------- taken out, put back

    def _taken_out(self, noted: Sequence[Noted]) -> tuple[OpeningBook, list[Activity]]:
        """What there was before all of them, and each as an activity."""
        held = {name: dict(quantities) for name, quantities in self._held.items()}
        cash, pledged = list(self._cash), dict(self._pledged)
        for each in noted:
            cash[each.currency] -= each.cash
            if each.pledged:
                pledged[each.instrument] = pledged.get(each.instrument, 0.0) - each.quantity
            elif each.instrument >= 0 and (name := self._set_of(each.instrument)) is not None:
                mine, own = held[name.text], self._engine.market.instruments[each.instrument].instrument_id
                mine[own] = _clean(mine.get(own, 0.0) - each.quantity)
        activities = [self._activity(each, cash, pledged) for each in noted]
        spent = math.fsum(activity.equity_change_usd for activity in activities)
        return OpeningBook(self._equity_usd - spent, held), activities

    def _activity(self, each: Noted, cash: list[float], pledged: dict[int, float]) -> Activity:
        """The transaction at the prices of the pass; balances and pledged assets go on by it."""
        engine = self._engine
        before = self._rates.worth_usd(SECURITIES, each.currency, cash[each.currency])
        cash[each.currency] += each.cash
        change = self._rates.worth_usd(SECURITIES, each.currency, cash[each.currency]) - before
        if each.pledged:
            worth = engine.equity_book.pledged_usd
            held = pledged.get(each.instrument, 0.0)
            pledged[each.instrument] = held + each.quantity
            change += worth(each.instrument, SECURITIES, held + each.quantity)
            change -= worth(each.instrument, SECURITIES, held)
        elif each.instrument >= 0:
            change += each.quantity * float(engine.equity_book.value_usd[each.instrument])
        if not each.is_trade:
            return Activity(change, kind=ActivityKind.DEPOSIT if change >= 0.0 else ActivityKind.WITHDRAWAL)
        name = self._set_of(each.instrument)
        if name is None or each.quantity == 0.0:  # a corrected price; what no rulebook here pairs
            return Activity(change, kind=ActivityKind.OTHER)
        instrument = engine.market.instruments[each.instrument]
        return Activity(change, name.text, instrument.instrument_id, each.quantity, instrument.right != "")


def securities_pairing_books(engine: EngineCore) -> list[PairingBook]:
    """Books of the securities silo under which the rule's accounts stand."""
    return [
        book
        for book in engine.silo_books.values()
        if isinstance(book, PairingBook) and book.rulebook.silo == Silo.SECURITIES
    ]


def _is_position(each: Noted) -> bool:
    return each.is_trade and each.instrument >= 0


def _together(day: Sequence[Noted], own: Sequence[Activity]) -> tuple[list[Noted], list[Activity]]:
    """The parts of one movement of collateral (a substitution, a correction of the asset) are one activity: nothing
    comes between them, in whatever order the day's transactions are put.
    """
    noted: list[Noted] = []
    activities: list[Activity] = []
    for one, activity in zip(day, own, strict=True):
        if noted and not one.is_trade and (noted[-1].is_trade, noted[-1].offset) == (False, one.offset):
            change = activities[-1].equity_change_usd + activity.equity_change_usd
            kind = ActivityKind.DEPOSIT if change >= 0.0 else ActivityKind.WITHDRAWAL
            activities[-1] = Activity(change, kind=kind)
        else:
            noted.append(one)
            activities.append(activity)
    return noted, activities


def _by_time(
    noted: Sequence[Noted], activities: Iterable[Activity], at_one_time: Mapping[int, int]
) -> list[list[Activity]]:
    """One step a time: of transactions at the same time the order is not known. Of many it is that of the log, since
    every set of them may be another holding to pair."""
    steps: list[list[Activity]] = []
    pairs = zip(noted, activities, strict=True)
    for time_ns, group in groupby(pairs, key=lambda pair: pair[0].time_ns):
        step = [activity for _, activity in group]
        steps += [step] if at_one_time[time_ns] <= MOST_AT_ONE_TIME else [[each] for each in step]
    return steps


def _clean(quantity: float) -> float:
    """Without the noise of taking out what had been added."""
    return 0.0 if abs(quantity) < _DUST else quantity
