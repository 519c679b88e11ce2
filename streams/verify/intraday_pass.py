"""What one pass or one answer tells of an account: the events that lead from one standing to the next, held against the
same days gone through again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from streams.contracts.intraday import IntradayEventRecord
from streams.verify.intraday_close import Expected, Levels, close
from streams.verify.intraday_grant import grant
from streams.verify.intraday_rule import LOOKS, VIOLATION, Rule, after, is_business_day
from streams.verify.intraday_standing import Deficit, Standing, plus, standing_of
from streams.verify.report import Kind


class Pass:
    """The events of one pass or answer, which all leave the same standing.

    Attributes:
        faults: what is wrong with them.
    """

    def __init__(self, rule: Rule, before: Standing | None, events: list[IntradayEventRecord]) -> None:
        """``before``: the account's standing at its last event; None if these are its first."""
        first = date.fromisoformat(events[0].business_date)
        self._rule, self._left, self._answer = rule, deque(events), events[0].response is not None
        self._before = Standing(first) if before is None else before
        self._now, self._after = self._before.copy(), standing_of(events[-1])
        self._today, self._levels, self._looked = events[-1].today, Levels(), False
        self.faults: list[tuple[Kind, str]] = []
        if not self._now.is_notable and first > self._now.day:
            self._now.begin(first)  # nothing was to be told of the days between

    def check(self) -> list[tuple[Kind, str]]:
        """Go through it; what was found."""
        if not is_business_day(self._after.day) or self._after.day < self._now.day:
            self._found(
                Kind.WRONG_TIMES, f"{self._after.day} after {self._now.day}: no business day under way"
            )
            return self.faults
        if self._answer:
            expected, fault = grant(self._rule, self._now, self._left[0])
            if fault:
                self._found(Kind.ILLEGAL_TRANSITION, f"{_named(self._left[0])}: {fault}")
            self._tell(expected)
        else:
            self._days()
        if self._left:
            self._found(Kind.ILLEGAL_TRANSITION, f"nothing brings {_named(self._left[0])}")
        if not self.faults:
            self._compare_today()
            self._compare_deficits()
        return self.faults

    def _found(self, kind: Kind, detail: str) -> None:
        self.faults.append((kind, detail))

    # ---------------------------------------------------------------- what must be told

    def _days(self) -> None:
        """Look at each day's transactions, then close it, up to the day under way."""
        while True:
            own = self._of_day()
            self._looked = bool(own) and own[0].reason in LOOKS
            if self._looked:
                self._look(own)
            if self._now.day >= self._after.day:
                return
            said = {(event.reason, date.fromisoformat(event.deficit_date)) for event in self._of_day()}
            self._tell(close(self._rule, self._now, said, self._levels))
            self._now.begin(after(self._now.day, 1))

    def _of_day(self) -> list[IntradayEventRecord]:
        return [event for event in self._left if event.business_date == str(self._now.day)]

    def _look(self, own: list[IntradayEventRecord]) -> None:
        """The day's deficit is as high as it was or higher; a freeze may have been violated."""
        now, amount = self._now, own[0].amount
        if amount < now.amount:
            self._found(Kind.WRONG_AMOUNT, f"{_named(own[0])}: {amount} after {now.amount}")
        reason = "OBSERVED" if amount == now.amount else "LARGER" if now.amount > 0 else "OPENED"
        is_last = now.day == self._after.day
        now.amount = amount
        now.equity, now.deposits = (self._after.equity, self._after.deposits) if is_last else (None, None)
        self._tell([Expected(reason, Deficit(now.day, amount, counts=False))])
        if len(own) > 1 and own[1].reason == VIOLATION:
            self._violated(own[1])

    def _violated(self, event: IntradayEventRecord) -> None:
        """Only of an account that is frozen, about the deficit behind the freeze."""
        cause = self._now.cause if self._now.is_frozen else None
        if cause is None:
            self._found(Kind.ILLEGAL_TRANSITION, f"{_named(event)}: the account is not frozen")
            return
        self._now.violations += len(event.violations)
        self._tell([Expected(VIOLATION, cause)])

    def _tell(self, expected: Iterable[Expected]) -> None:
        """The next events are these, with the amounts and deadlines of their deficits."""
        for reason, deficit in expected:
            event = self._left.popleft() if self._left else None
            if event is None or (event.reason, event.deficit_date) != (reason, str(deficit.day)):
                told = "nothing" if event is None else _named(event)
                self._found(Kind.ILLEGAL_TRANSITION, f"{told} where {reason} of {deficit.day} is to be told")
                self._left.clear()
                return
            if event.amount != deficit.amount:
                self._found(Kind.WRONG_AMOUNT, f"{_named(event)}: {event.amount}, not {deficit.amount}")
            days = (event.freeze_due_date, event.expires_date, event.frozen_until)
            due = self._rule.freeze_on(deficit.day, deficit.extended_until)
            expected_days = _texts(due, self._rule.expires_on(deficit.day), deficit.frozen_until)
            if days != expected_days:
                self._found(Kind.WRONG_TIMES, f"{_named(event)}: {days}, expected {expected_days}")

    # ---------------------------------------------------------------- what is left

    def _compare_today(self) -> None:
        """The figures of the day under way, which only a look at its transactions changes."""
        now, told, before = self._now, self._after, self._before
        fault = ""
        if now.amount != told.amount:
            fault = f"deficit today {told.amount}, but {now.amount} was told"
        elif not self._looked and _figures(told) != _figures(now):
            fault = f"{_figures(told)} without a transaction after {_figures(now)}"
        elif self._looked and before.day == told.day and _badness(told) < _badness(before):
            fault = f"shortfall {told.shortfall} after {before.shortfall}: the highest of a day stands"
        elif (self._today.decided_by in self._rule.reducing) != (told.shortfall is not None):
            fault = f"shortfall {told.shortfall} decided by {self._today.decided_by!r}"
        if fault:
            self._found(Kind.WRONG_AMOUNT, fault)
        kept = (now.extraordinary, now.violations)
        if kept != (told.extraordinary, told.violations):
            self._found(
                Kind.WRONG_STANDING,
                f"extraordinary {told.extraordinary}, violations {told.violations}, expected {kept}",
            )
        first, last = now.closed or date.min, told.closed or date.min
        if last != first if before.is_notable else not first <= last < told.day:
            self._found(Kind.WRONG_STANDING, f"closed {told.closed}, expected {now.closed}")

    def _compare_deficits(self) -> None:
        """Each deficit that still matters is remembered as the events leave it."""
        day = self._after.day
        ours = [each for each in self._now.deficits if each.matters(self._rule, day)]
        theirs = [each for each in self._after.deficits if each.matters(self._rule, day)]
        if [each.day for each in ours] != [each.day for each in theirs]:
            self._found(Kind.WRONG_STANDING, f"deficits of {_days(theirs)}, expected of {_days(ours)}")
            return
        earlier = {each.day: each.deposits for each in self._before.deficits}
        paid = set()
        for mine, told in zip(ours, theirs, strict=True):
            if mine.level is None:
                mine.level = told.level
                self._levels.at.add(told.level)
            if mine.deposits is None or not told.is_open:
                mine.deposits = told.deposits
            if mine != told:
                self._found(Kind.WRONG_STANDING, f"{told}, expected {mine}")
            before = earlier.get(told.day)
            if told.is_open and before is not None:
                paid.add(plus(told.deposits, -before))
        if len(paid) > 1:
            self._found(Kind.WRONG_AMOUNT, f"net deposits of {paid} at the same closes")
        if not self._levels.are_possible:
            self._found(
                Kind.WRONG_AMOUNT, f"no level at the close goes with all that was told: {self._levels}"
            )


def _named(event: IntradayEventRecord) -> str:
    return f"{event.reason} of {event.deficit_date} on {event.business_date}"


def _texts(*days: date | None) -> tuple[str | None, ...]:
    return tuple(None if day is None else str(day) for day in days)


def _figures(standing: Standing) -> tuple[Decimal | None, ...]:
    return standing.shortfall, standing.equity, standing.deposits


def _badness(standing: Standing) -> tuple[Decimal, Decimal]:
    """Of equal shortfalls the one with less equity is worse."""
    lowest = Decimal("-Infinity")
    return standing.shortfall if standing.shortfall is not None else lowest, -(standing.equity or Decimal(0))


def _days(deficits: list[Deficit]) -> str:
    return ", ".join(str(deficit.day) for deficit in deficits) or "no day"
