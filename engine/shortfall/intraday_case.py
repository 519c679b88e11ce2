"""What becomes of intraday margin deficits: satisfied, late, frozen, expired. A pure function of one day's close.

FINRA Rule 4210(d)(2), Regulatory Notice 26-10. Each close of a business day gives the account's next state and the
events that led to it, each with a named reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from engine.base.business_days import BusinessDays, date_text
from engine.base.errors import MarginError, Reason
from engine.base.units import cents_down
from engine.shortfall.intraday_account import (
    DayClose,
    Deficit,
    DeficitState,
    IntradayAccount,
    IntradayEvent,
    IntradayReason,
    event_of,
    freeze_due_day,
)
from engine.shortfall.intraday_parameters import IntradayParameters


def occurrence(close: DayClose, parameters: IntradayParameters) -> IntradayReason:
    """What today's deficit is called."""
    if close.deficit.amount_usd <= 0.0:
        return IntradayReason.NOTHING
    if close.day < parameters.applied_from_day:
        return IntradayReason.NOT_IN_FORCE
    if close.extraordinary:
        return IntradayReason.OCCURRED_EXTRAORDINARY
    if parameters.is_minor(close.deficit.amount_usd, close.deficit.equity_usd):
        return IntradayReason.OCCURRED_MINOR
    return IntradayReason.OCCURRED


def satisfaction(deficit: Deficit, close: DayClose) -> IntradayReason:
    """Whether net deposits, or the level's increase from the end of its day to this close, make up the deficit."""
    if float(cents_down(deficit.net_deposits_usd)) >= deficit.amount_usd:
        return IntradayReason.SATISFIED_BY_DEPOSITS
    if float(cents_down(close.level_usd - deficit.level_at_close_usd)) >= deficit.amount_usd:
        return IntradayReason.SATISFIED_BY_LEVEL
    return IntradayReason.NOTHING


def close_day(
    account: IntradayAccount, close: DayClose, days: BusinessDays, parameters: IntradayParameters
) -> tuple[IntradayAccount, tuple[IntradayEvent, ...]]:
    """The account after the close of a business day, and the events of the close in their order.

    Raises:
        MarginError: OUT_OF_RANGE for a day that is no business day or not after the last one closed; NOT_FINITE
            for a level or deposits that are no number; BAD_PARAMETER if the calendar ends before a deadline.
    """
    _check(account, close, days)
    told: list[tuple[int, IntradayReason]] = []  # place in deficits, reason
    deficits = [_take_deposits(each, close) for each in account.deficits]
    for step in (_satisfy, _mark_late, _freeze, _expire, _end_freeze):
        for place, deficit in enumerate(deficits):
            deficits[place], reasons = step(deficit, close, days, parameters, deficits)
            told += [(place, reason) for reason in reasons]
    reason = occurrence(close, parameters)
    if reason not in {IntradayReason.NOTHING, IntradayReason.NOT_IN_FORCE}:
        counts = reason is IntradayReason.OCCURRED
        told.append((len(deficits), reason))
        deficits.append(Deficit(close.day, close.deficit.amount_usd, counts, close.level_usd))
    events = tuple(
        event_of(account, number, deficits[place], reason, close.day, days, parameters)
        for number, (place, reason) in enumerate(told, start=account.sequence + 1)
    )
    kept = tuple(
        each for each in deficits if each.is_open or each.day >= close.day - parameters.practice_calendar_days
    )
    return IntradayAccount(account.account_id, close.day, account.sequence + len(told), kept), events


def _check(account: IntradayAccount, close: DayClose, days: BusinessDays) -> None:
    thing = f"intraday margin of account {account.account_id}"
    if not math.isfinite(close.level_usd + close.net_deposits_usd):
        detail = f"level {close.level_usd} USD, net deposits {close.net_deposits_usd} USD"
        raise MarginError(Reason.NOT_FINITE, thing, detail)
    if not days.has(close.day):
        raise MarginError(
            Reason.OUT_OF_RANGE, thing, f"{date_text(close.day)} is no business day of {days.name}"
        )
    if close.day <= account.closed_day:
        detail = f"{date_text(close.day)} is not after {date_text(account.closed_day)}, which is closed"
        raise MarginError(Reason.OUT_OF_RANGE, thing, detail)


_Step = tuple[Deficit, tuple[IntradayReason, ...]]


def _take_deposits(deficit: Deficit, close: DayClose) -> Deficit:
    return replace(deficit, net_deposits_usd=deficit.net_deposits_usd + close.net_deposits_usd)


def _satisfy(
    deficit: Deficit,
    close: DayClose,
    _days: BusinessDays,
    _parameters: IntradayParameters,
    _all: list[Deficit],
) -> _Step:
    """A deficit that is outstanding, or behind a freeze that lasts, may be satisfied now."""
    waits = deficit.state is DeficitState.OUTSTANDING or close.day <= deficit.frozen_until_day
    reason = satisfaction(deficit, close) if waits else IntradayReason.NOTHING
    if reason is IntradayReason.NOTHING:
        return deficit, ()
    lifted = (IntradayReason.FREEZE_LIFTED,) if deficit.frozen_until_day >= 0 else ()
    return replace(deficit, state=DeficitState.SATISFIED, frozen_until_day=-1), (reason, *lifted)


def _mark_late(
    deficit: Deficit, close: DayClose, days: BusinessDays, parameters: IntradayParameters, _all: list[Deficit]
) -> _Step:
    if deficit.late or deficit.state is not DeficitState.OUTSTANDING:
        return deficit, ()
    if days.count(deficit.day, close.day) < parameters.prompt_business_days:
        return deficit, ()
    if close.day < deficit.extended_until_day:
        return deficit, ()
    return replace(deficit, late=True), (IntradayReason.NOT_PROMPT,)


def _freeze(
    deficit: Deficit,
    close: DayClose,
    days: BusinessDays,
    parameters: IntradayParameters,
    every: list[Deficit],
) -> _Step:
    """Unmet at the close of the fifth business day, by a customer who makes a practice of it."""
    if deficit.state is not DeficitState.OUTSTANDING or deficit.frozen_until_day >= 0:
        return deficit, ()
    due_day = freeze_due_day(deficit, days, parameters)
    until = due_day + parameters.freeze_calendar_days
    if not due_day <= close.day < until or not makes_a_practice(every, close.day, parameters):
        return deficit, ()
    return replace(deficit, frozen_until_day=until), (IntradayReason.FROZEN,)


def makes_a_practice(deficits: Sequence[Deficit], day: int, parameters: IntradayParameters) -> bool:
    """Whether as many deficits that count were not satisfied promptly as the firm calls a practice."""
    first = day - parameters.practice_calendar_days
    failures = sum(each.counts and each.late and each.day >= first for each in deficits)
    return failures >= parameters.practice_failures


def _expire(
    deficit: Deficit, close: DayClose, days: BusinessDays, parameters: IntradayParameters, _all: list[Deficit]
) -> _Step:
    """Immediately after the close of the fifteenth business day it is outstanding no longer."""
    if deficit.state is not DeficitState.OUTSTANDING:
        return deficit, ()
    if days.count(deficit.day, close.day) < parameters.outstanding_business_days:
        return deficit, ()
    return replace(deficit, state=DeficitState.EXPIRED), (IntradayReason.EXPIRED,)


def _end_freeze(
    deficit: Deficit,
    close: DayClose,
    _days: BusinessDays,
    _parameters: IntradayParameters,
    _all: list[Deficit],
) -> _Step:
    if deficit.frozen_until_day < 0 or close.day <= deficit.frozen_until_day:
        return deficit, ()
    return replace(deficit, frozen_until_day=-1), (IntradayReason.FREEZE_ENDED,)
