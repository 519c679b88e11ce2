"""What an operator says to a call, and what becomes of it: a pure function with a named refusal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from engine.base.errors import Reason
from engine.shortfall.call import Decision
from engine.shortfall.case import OPEN, CallCase, CallReason, CallState


class ResponseKind(StrEnum):
    """What is said."""

    ACKNOWLEDGE = "acknowledge"  # seen; money will come
    PROMISE = "promise"  # the same, with a time in the text
    DISPUTE = "dispute"  # the amount is contested; the deadline stands
    CANCEL = "cancel"  # the call is withdrawn; this much is not called again before the account was covered
    EXTRAORDINARY = (
        "extraordinary"  # an intraday deficit does not count: the firm finds extraordinary circumstances
    )
    EXTEND = "extend"  # an intraday deficit is given more time


# Said to an intraday margin deficit, whose id stands in the place of a call's.
EXCEPTIONS = frozenset({ResponseKind.EXTRAORDINARY, ResponseKind.EXTEND})


@dataclass(frozen=True, slots=True)
class Response:
    """One record of ``margin.call-responses``; ``partition`` and ``offset`` are its place there.

    Attributes:
        until_day: of an extension, days since 1970; -1 for none.
    """

    response_id: str
    account_id: str
    call_id: str
    kind: ResponseKind
    operator: str
    time_ns: int
    text: str
    partition: int
    offset: int
    until_day: int = -1


_ANSWERED = {
    ResponseKind.ACKNOWLEDGE: CallState.ACKNOWLEDGED,
    ResponseKind.PROMISE: CallState.ACKNOWLEDGED,
    ResponseKind.DISPUTE: CallState.DISPUTED,
    ResponseKind.CANCEL: CallState.CANCELLED,
}
_ADMITTED = {
    ResponseKind.ACKNOWLEDGE: frozenset({CallState.ISSUED, CallState.PARTLY_MET, CallState.DISPUTED}),
    ResponseKind.PROMISE: frozenset({CallState.ISSUED, CallState.PARTLY_MET, CallState.DISPUTED}),
    ResponseKind.DISPUTE: frozenset({CallState.ISSUED, CallState.PARTLY_MET, CallState.ACKNOWLEDGED}),
    ResponseKind.CANCEL: OPEN,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a response was not taken."""

    reason: Reason
    detail: str


def respond(case: CallCase, response: Response) -> Decision | Refusal | None:
    """What a response makes of the case that it names; None if it was taken before."""
    if response.offset <= case.response_offset:
        return None
    if response.kind in EXCEPTIONS:
        detail = f"call {response.call_id} is {case.state}; {response.kind} is for intraday margin deficits (im-...)"
        return Refusal(Reason.WRONG_CALL_STATE, detail)
    if case.state not in _ADMITTED[response.kind]:
        admitted = ", ".join(sorted(_ADMITTED[response.kind]))
        return Refusal(
            Reason.WRONG_CALL_STATE,
            f"call {response.call_id} is {case.state}; {response.kind} is for calls that are {admitted}",
        )
    return Decision(_ANSWERED[response.kind], case.amount_usd, CallReason.OPERATOR)


def taken(case: CallCase, response: Response) -> CallCase:
    """The case with the response marked as taken."""
    return replace(case, response_offset=response.offset)
