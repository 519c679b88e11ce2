"""Exceptions that the firm grants for an intraday margin deficit, as answers name them: a pure function.

FINRA Rule 4210(d)(2): in extraordinary circumstances a deficit does not count towards a practice. More time for a
deficit is the firm's own policy within the fifteen business days of the rule: until then it is neither late nor frozen
for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from engine.base.business_days import BusinessDays, date_text
from engine.base.errors import Reason
from engine.shortfall.call_response import EXCEPTIONS, Refusal, Response, ResponseKind
from engine.shortfall.intraday_account import (
    Deficit,
    DeficitState,
    IntradayReason,
    deficit_id,
    freeze_due_day,
)
from engine.shortfall.intraday_case import makes_a_practice
from engine.shortfall.intraday_parameters import IntradayParameters, IntradayRule
from engine.shortfall.intraday_standing import Stamped, Standing, stamped


class _Named(NamedTuple):
    """The deficit that an answer names; ``place`` in the account's deficits, -1 for that of the day under way."""

    place: int
    deficit: Deficit


def grant(standing: Standing, response: Response, rule: IntradayRule) -> Stamped | Refusal | None:
    """What an exception makes of where an account stands; None if the answer was taken before.

    The first event is about the exception; others tell of freezes that rest on no practice any more.
    """
    if response.offset <= standing.response_offset:
        return None
    if response.kind not in EXCEPTIONS:
        kinds = " or ".join(sorted(EXCEPTIONS))
        return _wrong(f"{response.kind} answers a margin call; a deficit is given {kinds}")
    if not response.text.strip():
        return _wrong(f"{response.kind} wants the reason in its text")
    found = _find(standing, response.call_id)
    if found is None:
        detail = (
            f"{response.call_id} is no intraday deficit that is remembered of account {response.account_id}"
        )
        return Refusal(Reason.UNKNOWN_CALL, detail)
    act = _GRANTED[response.kind]
    granted = act(standing, found, response, rule.trading.business, rule.parameters)
    if isinstance(granted, Refusal):
        return granted
    after, events = granted
    return replace(after, response_offset=response.offset), events


def _find(standing: Standing, named_id: str) -> _Named | None:
    account = standing.account
    for place, deficit in enumerate(account.deficits):
        if deficit_id(account.account_id, deficit.day) == named_id:
            return _Named(place, deficit)
    if standing.amount_usd > 0.0 and deficit_id(account.account_id, standing.day) == named_id:
        return _Named(-1, Deficit(standing.day, standing.amount_usd, counts=True, level_at_close_usd=0.0))
    return None


def _extraordinary(
    standing: Standing, found: _Named, response: Response, days: BusinessDays, parameters: IntradayParameters
) -> Stamped | Refusal:
    """The deficit counts no longer; freezes that only its counting brought about end."""
    place, deficit = found
    if not deficit.counts or (place < 0 and standing.extraordinary):
        return _wrong(f"deficit {response.call_id} does not count towards a practice as it is")
    if place < 0:
        after = replace(standing, extraordinary=True)
        return stamped(after, IntradayReason.EXTRAORDINARY, deficit, days, parameters)
    after = _with(standing, place, replace(deficit, counts=False))
    after, events = stamped(
        after, IntradayReason.EXTRAORDINARY, after.account.deficits[place], days, parameters
    )
    if makes_a_practice(after.account.deficits, standing.day, parameters):
        return after, events
    for number, each in enumerate(after.account.deficits):
        if each.frozen_until_day >= 0:
            after = _with(after, number, replace(each, frozen_until_day=-1))
            after, lifted = _lifted(after, number, days, parameters)
            events = (*events, *lifted)
    return replace(after, violations=standing.violations if after.is_frozen() else 0), events


def _lifted(standing: Standing, place: int, days: BusinessDays, parameters: IntradayParameters) -> Stamped:
    deficit = standing.account.deficits[place]
    return stamped(standing, IntradayReason.FREEZE_LIFTED, deficit, days, parameters)


def _extended(
    standing: Standing, found: _Named, response: Response, days: BusinessDays, parameters: IntradayParameters
) -> Stamped | Refusal:
    """More time, up to the business day at whose close the deficit expires."""
    place, deficit = found
    if place < 0:
        return _wrong(f"deficit {response.call_id} is of the day under way; give it time after its close")
    if deficit.state is not DeficitState.OUTSTANDING or deficit.late:
        state = "late" if deficit.late else deficit.state.value
        return _wrong(
            f"deficit {response.call_id} is {state}; time is given to one that is outstanding in time"
        )
    due, last = (
        freeze_due_day(deficit, days, parameters),
        days.after(deficit.day, parameters.outstanding_business_days),
    )
    until = response.until_day
    if not due < until <= last or not days.has(until):
        bounds = f"a business day after {date_text(due)}, at the latest {date_text(last)}"
        given = "none is given" if until < 0 else f"not {date_text(until)}"
        return Refusal(Reason.OUT_OF_RANGE, f"until is {bounds}; {given}")
    after = _with(standing, place, replace(deficit, extended_until_day=until))
    return stamped(after, IntradayReason.EXTENDED, after.account.deficits[place], days, parameters)


_Act = Callable[[Standing, _Named, Response, BusinessDays, IntradayParameters], Stamped | Refusal]
_GRANTED: dict[ResponseKind, _Act] = {
    ResponseKind.EXTRAORDINARY: _extraordinary,
    ResponseKind.EXTEND: _extended,
}


def _with(standing: Standing, place: int, deficit: Deficit) -> Standing:
    deficits = standing.account.deficits
    kept = (*deficits[:place], deficit, *deficits[place + 1 :])
    return replace(standing, account=replace(standing.account, deficits=kept))


def _wrong(detail: str) -> Refusal:
    return Refusal(Reason.WRONG_CALL_STATE, detail)
