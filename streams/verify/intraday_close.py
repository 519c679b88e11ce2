"""The close of a business day, worked out again: what it must say of each deficit, in which order, and what is left."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from streams.verify.intraday_rule import Rule
from streams.verify.intraday_standing import OUTSTANDING, Deficit, Standing, plus

BY_DEPOSITS: Final = "SATISFIED_BY_DEPOSITS"
BY_LEVEL: Final = "SATISFIED_BY_LEVEL"
OCCURRED: Final = "OCCURRED"
MINOR: Final = "OCCURRED_MINOR"
EXCUSED: Final = "OCCURRED_EXTRAORDINARY"
NO_CHANGE: Final = "DAY_CLOSED"

Said = tuple[str, date]  # the reason of an event, and the day of the deficit that it is about


class Expected(NamedTuple):
    """An event that must be there."""

    reason: str
    deficit: Deficit


@dataclass(slots=True)
class Levels:
    """What the level at the close must have been, by what it satisfied and did not: all closes of a pass have the same.

    Attributes:
        least, below: bounds. at: what deficits of the closed days say that it was.
    """

    least: Decimal = Decimal("-Infinity")
    below: Decimal = Decimal("Infinity")
    at: set[Decimal | None] = field(default_factory=set)

    def satisfied(self, deficit: Deficit) -> None:
        """The level made the deficit up."""
        self.least = max(self.least, self._needed(deficit))

    def unsatisfied(self, deficit: Deficit) -> None:
        """It did not."""
        if deficit.level is not None:
            self.below = min(self.below, self._needed(deficit))

    @staticmethod
    def _needed(deficit: Deficit) -> Decimal:
        return (deficit.level or Decimal(0)) + deficit.amount

    @property
    def are_possible(self) -> bool:
        """Whether one level is all of that."""
        bounded = all(level is not None and self.least <= level < self.below for level in self.at)
        return self.least < self.below and len(self.at) <= 1 and bounded


def close(rule: Rule, standing: Standing, said: Collection[Said], levels: Levels) -> list[Expected]:
    """What the close of the standing's day must tell; its deficits are afterwards those that it leaves.

    Args:
        said: what events tell of this close. It decides what no topic holds: the level, and a deposit or an equity of
            a day that came and went in one pass.
    """
    day, deficits = standing.day, standing.deficits
    followed = any(deficit.is_open for deficit in deficits)
    for deficit in deficits:
        deficit.deposits = plus(deficit.deposits, standing.deposits)
    told = [
        Expected(reason, deficit)
        for step in (_satisfied, _late, _frozen, _expired, _freeze_ended)
        for deficit in deficits
        for reason in step(_Close(rule, standing, said, levels), deficit)
    ]
    if standing.amount > 0:
        reason = _occurrence(rule, standing, said)
        deficits.append(Deficit(day, standing.amount, reason == OCCURRED))
        told.append(Expected(reason, deficits[-1]))
    followed |= any(deficit.is_open for deficit in deficits)
    if followed and not told:
        told.append(Expected(NO_CHANGE, Deficit(day, standing.amount, counts=False)))
    standing.closed = day
    standing.deficits = [deficit for deficit in deficits if deficit.matters(rule, day)]
    return told


class _Close(NamedTuple):
    rule: Rule
    standing: Standing
    said: Collection[Said]
    levels: Levels


# Each step changes a deficit and gives the reasons of the events that say so. All deficits make one step before any
# makes the next: a deficit that is late at this close is one of a practice already.


def _satisfied(close: _Close, deficit: Deficit) -> Iterator[str]:
    """Outstanding, or behind a freeze that lasts: net deposits or the level may make it up."""
    freeze, day = deficit.frozen_until, close.standing.day
    if deficit.state != OUTSTANDING and (freeze is None or day > freeze):
        return
    by_deposits = (BY_DEPOSITS, deficit.day) in close.said
    if deficit.deposits is not None:
        by_deposits = deficit.deposits >= deficit.amount
    if by_deposits:
        yield BY_DEPOSITS
    elif deficit.level is not None and (BY_LEVEL, deficit.day) in close.said:
        close.levels.satisfied(deficit)
        yield BY_LEVEL
    else:
        close.levels.unsatisfied(deficit)
        return
    deficit.state, deficit.frozen_until = "satisfied", None
    if freeze is not None:
        yield "FREEZE_LIFTED"


def _late(close: _Close, deficit: Deficit) -> Iterator[str]:
    day, extended = close.standing.day, deficit.extended_until
    if deficit.late or deficit.state != OUTSTANDING or day < close.rule.late_on(deficit.day):
        return
    if extended is None or day >= extended:
        deficit.late = True
        yield "NOT_PROMPT"


def _frozen(close: _Close, deficit: Deficit) -> Iterator[str]:
    if deficit.state != OUTSTANDING or deficit.frozen_until is not None:
        return
    day, due = close.standing.day, close.rule.freeze_on(deficit.day, deficit.extended_until)
    until = due + close.rule.freeze_days
    if due <= day < until and is_practice(close.rule, close.standing):
        deficit.frozen_until = until
        yield "FROZEN"


def is_practice(rule: Rule, standing: Standing) -> bool:
    """Whether so many of the deficits that are remembered count and were not satisfied promptly."""
    first = standing.day - rule.practice_days
    failures = [each for each in standing.deficits if each.counts and each.late and each.day >= first]
    return len(failures) >= rule.practice_failures


def _expired(close: _Close, deficit: Deficit) -> Iterator[str]:
    if deficit.state == OUTSTANDING and close.standing.day >= close.rule.expires_on(deficit.day):
        deficit.state = "expired"
        yield "EXPIRED"


def _freeze_ended(close: _Close, deficit: Deficit) -> Iterator[str]:
    if deficit.frozen_until is not None and close.standing.day > deficit.frozen_until:
        deficit.frozen_until = None
        yield "FREEZE_ENDED"


def _occurrence(rule: Rule, standing: Standing, said: Collection[Said]) -> str:
    """What the deficit of the day is called."""
    if standing.extraordinary:
        return EXCUSED
    if standing.equity is None:
        return MINOR if (MINOR, standing.day) in said else OCCURRED
    return MINOR if rule.is_minor(standing.amount, standing.equity) else OCCURRED
