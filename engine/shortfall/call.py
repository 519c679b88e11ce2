"""The margin call decision: a pure function of what was last said and what is true now.

A case is one account and scope (``silo:futures``, ``unified:one-pot``). Each transition is one event; the
last event restores the case.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum

from engine.base.errors import MarginError, Reason


class CallState(StrEnum):
    """Where a case stands."""

    CLEAR = "clear"
    WARNING = "warning"
    ISSUED = "issued"
    MET = "met"


class CallReason(StrEnum):
    """Why a case moved, or why it did not."""

    NOTHING = "NOTHING"
    NEAR_LIMIT = "NEAR_LIMIT"  # utilisation at or above the warning level
    BELOW_MINIMUM = "BELOW_MINIMUM"  # a deficit smaller than threshold, minimum transfer amount or share
    STALE_INPUT = "STALE_INPUT"  # would be issued, but rests on stale or missing prices
    RECOVERED = "RECOVERED"  # utilisation fell below the clearing level
    FIRST = "FIRST"
    LARGER = "LARGER"
    SMALLER = "SMALLER"
    RULE_CHANGED = "RULE_CHANGED"
    CURED_BY_MARKET = "CURED_BY_MARKET"
    CURED_BY_DEPOSIT = "CURED_BY_DEPOSIT"
    CURED_BY_TRADE = "CURED_BY_TRADE"


class Cause(StrEnum):
    """What touched the account since its last evaluation; a deposit outranks a trade, a trade the market."""

    MARKET = "market"
    TRADE = "trade"
    DEPOSIT = "deposit"


@dataclass(frozen=True, slots=True)
class CallRule:
    """When a scope warns, calls and clears. Ratios are maintenance over equity; amounts are USD.

    Attributes:
        uncollected_usd: requirement up to this amount need not be collected (the threshold of uncleared swaps); equity
            below zero is called all the same.
        minimum_share: a deficit below this share of the maintenance requirement is not called, as one below
            minimum_transfer_usd (the intraday mark rule of Treasury clearing asks for both).
        restore_to: level the called amount restores, ``maintenance`` or ``initial``.
        recall_step_usd, recall_step_share: an open call is changed only when the deficit moved by more than
            both the absolute step and this share of the open amount.
    """

    warning_at: float = 0.90
    clear_below: float = 0.85
    uncollected_usd: float = 0.0
    threshold_usd: float = 0.0
    minimum_transfer_usd: float = 0.0
    minimum_share: float = 0.0
    recall_step_usd: float = 0.0
    recall_step_share: float = 0.0
    restore_to: str = "maintenance"

    @classmethod
    def from_mapping(cls, scope: str, mapping: Mapping[str, object]) -> CallRule:
        """Checked rule.

        Raises:
            MarginError: BAD_PARAMETER naming scope and key.
        """
        known = {f.name for f in fields(cls)}
        for key, value in mapping.items():
            if key not in known:
                raise _bad(scope, f"unknown key {key!r}; known are {sorted(known)}")
            if key != "restore_to" and not _is_amount(value):
                raise _bad(scope, f"{key} = {value!r} is not a finite number >= 0")
        rule = cls(**mapping)  # type: ignore[arg-type]
        if rule.restore_to not in {"maintenance", "initial"}:
            raise _bad(scope, f"restore_to = {rule.restore_to!r} is not maintenance or initial")
        if not 0 < rule.clear_below <= rule.warning_at <= 1:
            raise _bad(scope, "0 < clear_below <= warning_at <= 1 does not hold")
        return rule


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value >= 0


def _bad(scope: str, detail: str) -> MarginError:
    return MarginError(Reason.BAD_PARAMETER, f"call rule {scope}", detail)


@dataclass(frozen=True, slots=True)
class CallCase:
    """What was last said about an account and scope. ``sequence`` counts events over all its cases."""

    account_id: str
    scope: str
    state: CallState = CallState.CLEAR
    case_number: int = 0
    sequence: int = 0
    amount_usd: float = 0.0
    rulebook_version: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is true now. ``trusted`` is False when a figure rests on stale or missing input."""

    initial_usd: float
    maintenance_usd: float
    equity_usd: float
    rulebook_version: str
    trusted: bool = True
    cause: Cause = Cause.MARKET

    def deficit_usd(self, rule: CallRule) -> float:
        """Amount that restores the level of the rule; 0 while maintenance is covered."""
        if self.equity_usd >= self.maintenance_usd:
            return 0.0
        level = self.initial_usd if rule.restore_to == "initial" else self.maintenance_usd
        return level - self.equity_usd

    def collected(self, rule: CallRule) -> Figures:
        """The figures with the requirement that the rule has collected."""
        if rule.uncollected_usd == 0.0:
            return self
        return replace(
            self,
            initial_usd=max(self.initial_usd - rule.uncollected_usd, 0.0),
            maintenance_usd=max(self.maintenance_usd - rule.uncollected_usd, 0.0),
        )

    def uses_at_least(self, share: float) -> bool:
        """Maintenance takes at least this share of equity, or there is less than no equity."""
        if self.equity_usd < 0.0:
            return True
        return self.maintenance_usd > 0.0 and self.maintenance_usd >= share * self.equity_usd


@dataclass(frozen=True, slots=True)
class Decision:
    """The state a case should be in, with the open amount and the reason; NOTHING leaves it as it is."""

    state: CallState
    amount_usd: float
    reason: CallReason


def decide(case: CallCase, figures: Figures, rule: CallRule) -> Decision:
    """What to say next about a case."""
    stay = Decision(case.state, case.amount_usd, CallReason.NOTHING)
    figures = figures.collected(rule)
    deficit = figures.deficit_usd(rule)
    if case.state is CallState.ISSUED:
        return _decide_open(case, figures, rule, deficit)
    least = max(rule.threshold_usd, rule.minimum_transfer_usd, rule.minimum_share * figures.maintenance_usd)
    callable_now = deficit > 0 and deficit >= least
    if callable_now and figures.trusted:
        return Decision(CallState.ISSUED, deficit, CallReason.FIRST)
    if case.state is CallState.WARNING:
        if figures.uses_at_least(rule.clear_below):
            return stay
        return Decision(CallState.CLEAR, 0.0, CallReason.RECOVERED)
    if callable_now:
        return Decision(CallState.WARNING, 0.0, CallReason.STALE_INPUT)
    if case.state is CallState.MET:
        if figures.uses_at_least(rule.clear_below):
            return stay
        return Decision(CallState.CLEAR, 0.0, CallReason.RECOVERED)
    if deficit > 0:
        return Decision(CallState.WARNING, 0.0, CallReason.BELOW_MINIMUM)
    if figures.uses_at_least(rule.warning_at):
        return Decision(CallState.WARNING, 0.0, CallReason.NEAR_LIMIT)
    return stay


def _decide_open(case: CallCase, figures: Figures, rule: CallRule, deficit: float) -> Decision:
    """An issued call: met, changed beyond the step, or left alone. Untrusted figures change nothing."""
    stay = Decision(case.state, case.amount_usd, CallReason.NOTHING)
    if not figures.trusted:
        return stay
    if deficit <= 0:
        return Decision(CallState.MET, 0.0, _CURES[figures.cause])
    change = deficit - case.amount_usd
    step = max(rule.recall_step_usd, rule.recall_step_share * case.amount_usd)
    if abs(change) <= max(step, _CENT_USD):
        return stay
    if figures.rulebook_version != case.rulebook_version:
        return Decision(CallState.ISSUED, deficit, CallReason.RULE_CHANGED)
    reason = CallReason.LARGER if change > 0 else CallReason.SMALLER
    return Decision(CallState.ISSUED, deficit, reason)


_CENT_USD = 0.01
_CURES = {
    Cause.MARKET: CallReason.CURED_BY_MARKET,
    Cause.TRADE: CallReason.CURED_BY_TRADE,
    Cause.DEPOSIT: CallReason.CURED_BY_DEPOSIT,
}


def next_case(case: CallCase, decision: Decision, rulebook_version: str) -> CallCase:
    """The case after a decision other than NOTHING. Leaving ``clear`` or ``met`` opens the next case."""
    opens = case.state in {CallState.CLEAR, CallState.MET} and decision.state is not CallState.CLEAR
    return CallCase(
        case.account_id,
        case.scope,
        decision.state,
        case.case_number + opens,
        case.sequence + 1,
        decision.amount_usd,
        rulebook_version,
    )


def call_id(case: CallCase) -> str:
    """Deterministic: account, scope and the case's running number."""
    text = f"{case.account_id}|{case.scope}|{case.case_number}"
    return "mc-" + hashlib.sha256(text.encode()).hexdigest()[:20]


def event_id(case: CallCase) -> str:
    """Deterministic: the call and the sequence of the event, so consumers may drop what they have seen."""
    return f"{call_id(case)}-{case.sequence}"
