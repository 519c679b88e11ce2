"""Where an account stands within a day: what was seen of its transactions so far, and what the close makes of it.

Pure, like ``intraday_case``, which it goes on from. All amounts are kept in whole cents, the rounding against the
customer, so that a standing read back from an event is the same to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from engine.base.business_days import BusinessDays
from engine.base.units import cents_down, cents_up
from engine.shortfall.intraday_account import (
    DayClose,
    Deficit,
    DeficitState,
    FreezeViolation,
    IntradayAccount,
    IntradayEvent,
    IntradayReason,
    event_of,
)
from engine.shortfall.intraday_case import close_day
from engine.shortfall.intraday_deficit import NO_DEFICIT, DayDeficit, DayReason
from engine.shortfall.intraday_parameters import IntradayParameters

Stamped = tuple["Standing", tuple[IntradayEvent, ...]]


class Seen(NamedTuple):
    """Offsets of the last trade and the last movement of collateral that were looked at; -1 for none."""

    trades_offset: int = -1
    collateral_offset: int = -1


UNSEEN = Seen()


@dataclass(frozen=True, slots=True)
class Worst:
    """The highest margin less equity right after an IML-reducing transaction of the day; either sign, in cents.

    Attributes:
        equity_usd: then. exact: False if it is an upper bound. decided_by: kind of the transaction.
    """

    shortfall_usd: float
    equity_usd: float
    exact: bool = True
    decided_by: str = ""

    @classmethod
    def of(cls, deficit: DayDeficit) -> Worst | None:
        """None without an IML-reducing transaction."""
        if deficit.tree is None:
            return None
        return cls(
            float(cents_up(deficit.tree.amount_usd)),
            float(cents_down(deficit.equity_usd)),
            deficit.exact,
            str(deficit.tree.facts.get("decided_by", "")),
        )

    @property
    def amount_usd(self) -> float:
        """The deficit, >= 0."""
        return max(self.shortfall_usd, 0.0)

    def deficit(self) -> DayDeficit:
        """The same as the day's deficit."""
        reason = DayReason.DEFICIT if self.amount_usd > 0.0 else DayReason.COVERED
        return DayDeficit(self.amount_usd, self.equity_usd, reason, self.exact)


@dataclass(frozen=True, slots=True)
class Standing:
    """An account under the rule.

    Attributes:
        account: what the closes up to now left.
        day: the business day under way, days since 1970, whose ``worst`` and ``net_deposits_usd`` these are.
        seen: transactions up to here have been looked at.
        extraordinary: the firm found extraordinary circumstances for the deficit of the day under way.
        violations: transactions that the present freeze forbids, since it began.
        response_offset: in margin.call-responses, last answer taken for the account; -1 for none.
    """

    account: IntradayAccount
    day: int
    worst: Worst | None = None
    net_deposits_usd: float = 0.0
    seen: Seen = UNSEEN
    extraordinary: bool = False
    violations: int = 0
    response_offset: int = -1

    @property
    def amount_usd(self) -> float:
        """The day's deficit so far, >= 0."""
        return self.worst.amount_usd if self.worst is not None else 0.0

    @property
    def outstanding(self) -> tuple[Deficit, ...]:
        """Deficits of earlier days that are neither satisfied nor expired."""
        return tuple(each for each in self.account.deficits if each.state is DeficitState.OUTSTANDING)

    @property
    def is_notable(self) -> bool:
        """Whether there is a deficit to tell of, or a close could bring an event."""
        return self.amount_usd > 0.0 or any(each.is_open for each in self.account.deficits)

    def is_frozen(self) -> bool:
        """Whether the account is frozen on the day under way."""
        return self.account.is_frozen(self.day)


def look(
    standing: Standing,
    found: DayDeficit,
    deposits_usd: Sequence[float],
    days: BusinessDays,
    parameters: IntradayParameters,
    violations: tuple[FreezeViolation, ...] = (),
) -> Stamped:
    """Transactions of the day under way were looked at.

    Args:
        found: the highest right after one of them. deposits_usd: money among them, withdrawals negative.
        violations: those of them that the account's freeze forbids.
    """
    worst, reason = standing.worst, IntradayReason.OBSERVED
    new = Worst.of(found)
    if new is not None and (worst is None or _badness(new) > _badness(worst)):
        if new.amount_usd > standing.amount_usd:
            reason = IntradayReason.LARGER if standing.amount_usd > 0.0 else IntradayReason.OPENED
        worst = new
    net = standing.net_deposits_usd + sum(float(cents_down(amount)) for amount in deposits_usd)
    standing = replace(standing, worst=worst, net_deposits_usd=_cents(net))
    standing, events = _stamped(standing, reason, days, parameters)
    if not violations:
        return standing, events
    standing = replace(standing, violations=standing.violations + len(violations))
    cause = max(standing.account.deficits, key=lambda deficit: deficit.frozen_until_day)
    standing, (told,) = stamped(standing, IntradayReason.FREEZE_VIOLATION, cause, days, parameters)
    return standing, (*events, replace(told, violations=violations))


def close(
    standing: Standing, level_usd: float, next_day: int, days: BusinessDays, parameters: IntradayParameters
) -> Stamped:
    """The day under way is over; ``next_day`` is the business day after it.

    An account with nothing to follow goes on without an event: its last one leads to the same standing.
    """
    told_before = standing.account.sequence
    deficit = standing.worst.deficit() if standing.worst is not None else NO_DEFICIT
    level = float(cents_down(level_usd))
    day = DayClose(standing.day, level, standing.net_deposits_usd, deficit, standing.extraordinary)
    account, events = close_day(standing.account, day, days, parameters)
    cents = tuple(
        replace(each, net_deposits_usd=_cents(each.net_deposits_usd))
        for each in account.deficits
        if each.is_open or (each.counts and each.late)  # no other one can matter any more
    )
    closed = replace(standing, account=replace(account, deficits=cents))
    followed = any(each.is_open for each in (*standing.account.deficits, *cents))
    if followed and account.sequence == told_before:
        closed, events = _stamped(closed, IntradayReason.DAY_CLOSED, days, parameters)
    after = Standing(closed.account, next_day, seen=standing.seen, response_offset=standing.response_offset)
    return replace(after, violations=standing.violations if after.is_frozen() else 0), events


def _stamped(
    standing: Standing, reason: IntradayReason, days: BusinessDays, parameters: IntradayParameters
) -> Stamped:
    """The standing with one more event that tells of the day under way."""
    today = Deficit(standing.day, standing.amount_usd, counts=False, level_at_close_usd=0.0)
    return stamped(standing, reason, today, days, parameters)


def stamped(
    standing: Standing,
    reason: IntradayReason,
    deficit: Deficit,
    days: BusinessDays,
    parameters: IntradayParameters,
) -> Stamped:
    """The standing with one more event that tells of a deficit, on the day under way."""
    account = replace(standing.account, sequence=standing.account.sequence + 1)
    event = event_of(account, account.sequence, deficit, reason, standing.day, days, parameters)
    return replace(standing, account=account), (event,)


def _badness(worst: Worst) -> tuple[float, float]:
    """Of equal shortfalls the one with less equity is worse, so that it is called minor last."""
    return worst.shortfall_usd, -worst.equity_usd


def _cents(amount_usd: float) -> float:
    """A sum of whole cents without float noise."""
    return round(amount_usd, 2)
