"""What the rule on intraday margin deficits remembers of an account, and the events that say so.

FINRA Rule 4210(d)(2), Regulatory Notice 26-10. An account's state is what its events say.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from engine.base.business_days import BusinessDays, date_text
from engine.shortfall.intraday_deficit import DayDeficit
from engine.shortfall.intraday_parameters import IntradayParameters


class DeficitState(StrEnum):
    """Where a deficit stands."""

    OUTSTANDING = "outstanding"
    SATISFIED = "satisfied"
    EXPIRED = "expired"


class IntradayReason(StrEnum):
    """Why an event was written, or none."""

    NOTHING = "NOTHING"
    NOT_IN_FORCE = "NOT_IN_FORCE"  # the firm did not apply the rule yet
    OBSERVED = "OBSERVED"  # transactions were looked at, the day's deficit is as high as it was
    OPENED = "OPENED"  # during the day: the first that equity did not cover
    LARGER = "LARGER"  # during the day: another left more uncovered
    DAY_CLOSED = "DAY_CLOSED"  # nothing changed at the close but what was paid in
    OCCURRED = "OCCURRED"  # counts towards a practice if it is not satisfied promptly
    OCCURRED_MINOR = "OCCURRED_MINOR"  # exceeds neither the share of equity nor the amount
    OCCURRED_EXTRAORDINARY = "OCCURRED_EXTRAORDINARY"
    SATISFIED_BY_DEPOSITS = "SATISFIED_BY_DEPOSITS"
    SATISFIED_BY_LEVEL = "SATISFIED_BY_LEVEL"  # liquidation, the market: any other increase of the level
    NOT_PROMPT = "NOT_PROMPT"
    FROZEN = "FROZEN"
    FREEZE_LIFTED = "FREEZE_LIFTED"  # the deficit behind it was satisfied
    FREEZE_ENDED = "FREEZE_ENDED"
    EXPIRED = "EXPIRED"
    FREEZE_VIOLATION = "FREEZE_VIOLATION"  # a short position or a debit was created or increased all the same
    EXTRAORDINARY = "EXTRAORDINARY"  # the firm finds extraordinary circumstances
    EXTENDED = "EXTENDED"  # the firm gives more time


@dataclass(frozen=True, slots=True)
class FreezeViolation:
    """A transaction of a frozen account that the freeze forbids.

    Attributes:
        kind: of the activity. instrument_id: empty for money. offset: in the topic of trades, or of collateral.
        short_increase_usd, debit_increase_usd: of short market value and debit balance, >= 0, in cents.
    """

    kind: str
    instrument_id: str
    quantity: float
    is_trade: bool
    offset: int
    time_ns: int
    short_increase_usd: float
    debit_increase_usd: float


@dataclass(frozen=True, slots=True)
class Deficit:
    """One day's deficit and what became of it. Days are days since 1970.

    Attributes:
        counts: whether it counts towards a practice if it is not satisfied promptly.
        level_at_close_usd: intraday margin level at the end of its day.
        net_deposits_usd: deposits less withdrawals since then.
        late: it was not satisfied promptly. frozen_until_day: last day of the freeze it caused, -1 without one.
        extended_until_day: before the close of this day it is neither late nor frozen for; -1 without extension.
    """

    day: int
    amount_usd: float
    counts: bool
    level_at_close_usd: float
    net_deposits_usd: float = 0.0
    state: DeficitState = DeficitState.OUTSTANDING
    late: bool = False
    frozen_until_day: int = -1
    extended_until_day: int = -1

    @property
    def is_open(self) -> bool:
        """Whether its satisfaction still changes anything."""
        return self.state is DeficitState.OUTSTANDING or self.frozen_until_day >= 0


@dataclass(frozen=True, slots=True)
class IntradayAccount:
    """Everything the rule remembers of an account; ``sequence`` counts its events."""

    account_id: str
    closed_day: int = -1
    sequence: int = 0
    deficits: tuple[Deficit, ...] = ()

    @property
    def frozen_until_day(self) -> int:
        """Last day of the freeze as known at the last close, -1 without one."""
        return max((d.frozen_until_day for d in self.deficits), default=-1)

    def is_frozen(self, day: int) -> bool:
        """Whether the account is frozen on a day after its last close."""
        return day <= self.frozen_until_day


@dataclass(frozen=True, slots=True)
class DayClose:
    """What the close of a business day brings.

    Attributes:
        level_usd: intraday margin level at the end of the day.
        net_deposits_usd: deposits less withdrawals since the close before.
        deficit: the day's, by either method. extraordinary: the firm found extraordinary circumstances.
    """

    day: int
    level_usd: float
    net_deposits_usd: float
    deficit: DayDeficit
    extraordinary: bool = False


@dataclass(frozen=True, slots=True)
class IntradayEvent:
    """One event of one deficit, for ``margin.intraday-deficits``; ids are deterministic, so consumers may drop what
    they have seen.

    Attributes:
        day: the close that brought it. deficit_day: when the deficit occurred.
        freeze_due_day, expires_day: the business days at whose close a freeze is decided and the deficit expires.
        violations: what the freeze forbids, of FREEZE_VIOLATION only.
    """

    account_id: str
    deficit_id: str
    event_id: str
    sequence: int
    reason: IntradayReason
    day: int
    deficit_day: int
    amount_usd: float
    freeze_due_day: int
    expires_day: int
    frozen_until_day: int
    parameters_version: str
    violations: tuple[FreezeViolation, ...] = ()


_ID_PREFIX = "im-"


def deficit_id(account_id: str, day: int) -> str:
    """Of the account's deficit of a day: the same for everybody who knows these two."""
    return _ID_PREFIX + hashlib.sha256(f"{account_id}|{date_text(day)}".encode()).hexdigest()[:20]


def is_deficit_id(text: str) -> bool:
    """Whether an id is one of an intraday deficit, not of a call."""
    return text.startswith(_ID_PREFIX)


def freeze_due_day(deficit: Deficit, days: BusinessDays, parameters: IntradayParameters) -> int:
    """The business day at whose close a freeze is decided."""
    return max(days.after(deficit.day, parameters.freeze_business_days), deficit.extended_until_day)


def event_of(
    account: IntradayAccount,
    sequence: int,
    deficit: Deficit,
    reason: IntradayReason,
    day: int,
    days: BusinessDays,
    parameters: IntradayParameters,
) -> IntradayEvent:
    """The event that tells of a deficit at the close of a day."""
    own_id = deficit_id(account.account_id, deficit.day)
    return IntradayEvent(
        account_id=account.account_id,
        deficit_id=own_id,
        event_id=f"{own_id}-{sequence}",
        sequence=sequence,
        reason=reason,
        day=day,
        deficit_day=deficit.day,
        amount_usd=deficit.amount_usd,
        freeze_due_day=freeze_due_day(deficit, days, parameters),
        expires_day=days.after(deficit.day, parameters.outstanding_business_days),
        frozen_until_day=deficit.frozen_until_day,
        parameters_version=parameters.version,
    )
