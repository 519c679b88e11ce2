"""What operators say to margin calls, and exceptions that they grant for intraday margin deficits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from streams.contracts.base import BusinessDate, Identifier, Message, TimeNs

AnswerKind = Literal["acknowledge", "dispute", "promise", "cancel"]
ExceptionKind = Literal["extraordinary", "extend"]


class ResponseTaken(Message):
    """An answer to a call that was taken."""

    response_id: Identifier
    kind: AnswerKind
    operator: Identifier
    time_ns: TimeNs
    text: str = ""


class ExceptionGranted(Message):
    """An exception for an intraday deficit that was taken: who, when, why, until when."""

    response_id: Identifier
    kind: ExceptionKind
    operator: Identifier
    time_ns: TimeNs
    text: str
    until: BusinessDate | None = Field(None, description="of extend")


class CallResponse(Message):
    """``margin.call-responses``: what an operator says to a call, or an exception for an intraday deficit.

    ``extraordinary`` (it does not count towards a practice) and ``extend`` (more time, ``until``) are said to a deficit
    and want the reason in ``text``; the others are said to a call.
    """

    response_id: Identifier
    account_id: Identifier
    call_id: Identifier = Field(
        description="of the call (mc-...), or the deficit_id of an intraday deficit (im-...)"
    )
    kind: AnswerKind | ExceptionKind
    operator: Identifier
    time_ns: TimeNs
    text: str = ""
    until: BusinessDate | None = Field(
        None, description="of extend: the business day to whose close there is time"
    )
