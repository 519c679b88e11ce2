"""A margin call case: what was last said about an account and scope. Its last event restores it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class CallState(StrEnum):
    """Where a case stands."""

    CLEAR = "clear"
    WARNING = "warning"
    ISSUED = "issued"
    MET = "met"
    ACKNOWLEDGED = "acknowledged"
    PARTLY_MET = "partly_met"
    DISPUTED = "disputed"
    OVERDUE = "overdue"
    LIQUIDATION_ELIGIBLE = "liquidation_eligible"
    CANCELLED = "cancelled"


PAST_DUE = frozenset({CallState.OVERDUE, CallState.LIQUIDATION_ELIGIBLE})
OPEN = PAST_DUE | {CallState.ISSUED, CallState.ACKNOWLEDGED, CallState.PARTLY_MET, CallState.DISPUTED}


class CallReason(StrEnum):
    """Why a case moved, or why it did not."""

    NOTHING = "NOTHING"
    NEAR_LIMIT = "NEAR_LIMIT"  # utilisation at or above the warning level
    BELOW_MINIMUM = "BELOW_MINIMUM"  # a deficit smaller than threshold or minimum transfer amount
    STALE_INPUT = "STALE_INPUT"  # would be issued, but rests on stale or missing prices
    RECOVERED = "RECOVERED"  # utilisation fell below the clearing level
    FIRST = "FIRST"
    LARGER = "LARGER"
    SMALLER = "SMALLER"
    RULE_CHANGED = "RULE_CHANGED"
    REMINDER = "REMINDER"
    DEADLINE_PASSED = "DEADLINE_PASSED"
    OPERATOR = "OPERATOR"
    CURED_BY_MARKET = "CURED_BY_MARKET"
    CURED_BY_DEPOSIT = "CURED_BY_DEPOSIT"
    CURED_BY_TRADE = "CURED_BY_TRADE"
    CURED_BY_START_OF_DAY = "CURED_BY_START_OF_DAY"


# Reasons that change what is called: their events carry evidence.
CHANGES_AMOUNT = frozenset(
    {
        CallReason.FIRST,
        CallReason.LARGER,
        CallReason.SMALLER,
        CallReason.RULE_CHANGED,
        CallReason.DEADLINE_PASSED,
    }
)


@dataclass(frozen=True, slots=True)
class CallCase:
    """What was last said about an account and scope. ``sequence`` counts events over all its cases.

    Attributes:
        scope: ``silo:futures``, ``unified:one-pot``.
        amount_usd: called and not met; of a cancelled case what was called when it was cancelled.
        reminder_ns, deadline_ns, liquidation_ns: when the case moves by time alone: a reminder is sent, it is overdue,
            it is eligible for liquidation; 0 = never. Fixed when the call is issued.
        response_offset: in ``margin.call-responses``, of the last answer taken; one that comes again is passed over.
    """

    account_id: str
    scope: str
    state: CallState = CallState.CLEAR
    case_number: int = 0
    sequence: int = 0
    amount_usd: float = 0.0
    rulebook_version: str = ""
    reminder_ns: int = 0
    deadline_ns: int = 0
    liquidation_ns: int = 0
    response_offset: int = -1

    @property
    def next_time_ns(self) -> int:
        """When the case next moves by time alone; 0 = never."""
        if self.state is CallState.OVERDUE:
            return self.liquidation_ns
        if self.state not in OPEN - PAST_DUE:
            return 0
        return self.reminder_ns or self.deadline_ns


def call_id(case: CallCase) -> str:
    """Deterministic: account, scope and the case's running number."""
    text = f"{case.account_id}|{case.scope}|{case.case_number}"
    return "mc-" + hashlib.sha256(text.encode()).hexdigest()[:20]


def event_id(case: CallCase) -> str:
    """Deterministic: the call and the sequence of the event, so consumers may drop what they have seen."""
    return f"{call_id(case)}-{case.sequence}"
