"""Intraday margin deficits (FINRA Rule 4210(d)(2)): one record is both the event and the account's whole state."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from streams.contracts.base import BusinessDate, Identifier, Message, Money, TimeNs
from streams.contracts.responses import ExceptionGranted

IntradayReasonName = Literal[
    "OBSERVED", "OPENED", "LARGER", "DAY_CLOSED", "OCCURRED", "OCCURRED_MINOR", "OCCURRED_EXTRAORDINARY",
    "SATISFIED_BY_DEPOSITS", "SATISFIED_BY_LEVEL", "NOT_PROMPT", "FROZEN", "FREEZE_LIFTED", "FREEZE_ENDED", "EXPIRED",
    "FREEZE_VIOLATION", "EXTRAORDINARY", "EXTENDED",
]  # fmt: skip


class IntradayToday(Message):
    """The business day under way."""

    business_date: BusinessDate
    shortfall: Money | None = Field(
        description="highest margin less equity right after an IML-reducing transaction; null: there was none"
    )
    equity: Money = Field(description="at that moment")
    exact: bool = Field(description="false: an upper bound over the orders that the day may have had")
    decided_by: str = Field(description="kind of the transaction, e.g. purchase")
    net_deposits: Money
    extraordinary: bool = Field(False, description="the firm found extraordinary circumstances for this day")


class IntradayDeficit(Message):
    """The deficit of an earlier day and what became of it."""

    business_date: BusinessDate
    amount: Money
    counts: bool = Field(description="towards a practice, if it is not satisfied promptly")
    level_at_close: Money = Field(description="intraday margin level at the end of its day")
    net_deposits: Money = Field(description="since then")
    state: Literal["outstanding", "satisfied", "expired"]
    late: bool
    frozen_until: BusinessDate | None
    extended_until: BusinessDate | None = Field(
        None, description="more time given: before the close of this day it is neither late nor frozen for"
    )


class FreezeViolation(Message):
    """A transaction of a frozen account that creates or increases a short position or a debit balance."""

    kind: str = Field(description="e.g. short_sale, purchase, withdrawal")
    topic: Literal["trades", "collateral"]
    offset: int
    time_ns: TimeNs
    instrument_id: str = Field(description="empty for money")
    quantity: float
    short_increase: Money
    debit_increase: Money


class IntradayEventRecord(Message):
    """``margin.intraday-deficits``: what happened, and all that the rule remembers of the account afterwards.

    ``OBSERVED`` and ``DAY_CLOSED`` change no deficit; they carry the state on.
    """

    event_id: Identifier
    deficit_id: Identifier
    account_id: Identifier
    sequence: int = Field(ge=1)
    reason: IntradayReasonName
    business_date: BusinessDate = Field(
        description="the day under way, or the one whose close brought the event"
    )
    deficit_date: BusinessDate = Field(description="day of the deficit that the event is about")
    currency: Literal["USD"] = "USD"
    amount: Money = Field(description="of that deficit")
    freeze_due_date: BusinessDate = Field(description="business day at whose close a freeze is decided")
    expires_date: BusinessDate = Field(description="business day at whose close the deficit expires")
    frozen_until: BusinessDate | None = Field(description="last day of the freeze that this deficit caused")
    account_frozen_until: BusinessDate | None = Field(description="last day of the account's freeze")
    rulebook_id: Identifier
    rulebook_version: str
    as_of_ns: TimeNs
    stale: bool = Field(description="a price that the figures rest on was older than its limit")
    partition: int
    trades_offset: int = Field(description="transactions up to here have been looked at; -1 for none")
    collateral_offset: int
    closed_date: BusinessDate | None = Field(description="last business day closed; null: none")
    account_sequence: int = Field(ge=1, description="number of the account's last event")
    today: IntradayToday
    deficits: tuple[IntradayDeficit, ...]
    violations: tuple[FreezeViolation, ...] = Field((), description="of FREEZE_VIOLATION only")
    freeze_violations: int = Field(
        0, ge=0, description="transactions that the present freeze forbids, so far"
    )
    response: ExceptionGranted | None = Field(None, description="the exception that brought the event")
    response_offset: int = Field(-1, description="in margin.call-responses, last answer taken; -1 for none")


class IntradayOpenDeficit(Message):
    """A deficit that an exception can be granted for, in the account's statement."""

    deficit_id: Identifier
    business_date: BusinessDate
    amount: Money
    state: Literal["today", "outstanding", "satisfied", "expired"]
    counts: bool = Field(description="towards a practice, if it is not satisfied promptly")
    late: bool
    extended_until: BusinessDate | None


class IntradayStatement(Message):
    """Where the account stands under the rule, in its statement."""

    deficit_today: Money = Field(description="highest so far")
    open_deficits: int = Field(ge=0, description="deficits of earlier days that are outstanding")
    outstanding: Money = Field(description="their sum")
    freeze_due_date: BusinessDate | None = Field(description="of the oldest of them")
    expires_date: BusinessDate | None = Field(description="of the oldest of them")
    frozen: bool = Field(
        description="nothing that creates or increases a short position or a debit is allowed"
    )
    frozen_until: BusinessDate | None
    freeze_violations: int = Field(
        0, ge=0, description="transactions that the present freeze forbids, so far"
    )
    deficits: tuple[IntradayOpenDeficit, ...] = Field((), description="that an exception can be granted for")
