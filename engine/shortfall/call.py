"""The margin call decision: a pure function of what was last said, what is true now, and the time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from engine.base.units import NANOSECONDS_PER_MINUTE
from engine.shortfall.call_rule import CallRule
from engine.shortfall.case import OPEN, PAST_DUE, CallCase, CallReason, CallState

_CENT_USD = 0.01


class Cause(StrEnum):
    """What touched the account since its last evaluation; the first of these that did."""

    DEPOSIT = "deposit"
    TRADE = "trade"
    START_OF_DAY = "start_of_day"
    RULE = "rule"  # another rulebook, policy, or record of the account
    MARKET = "market"


_CURES = {
    Cause.DEPOSIT: CallReason.CURED_BY_DEPOSIT,
    Cause.TRADE: CallReason.CURED_BY_TRADE,
    Cause.START_OF_DAY: CallReason.CURED_BY_START_OF_DAY,
    Cause.RULE: CallReason.RULE_CHANGED,
    Cause.MARKET: CallReason.CURED_BY_MARKET,
}


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
        """The figures with what the rule has collected."""
        if rule.uncollected_usd == 0.0:
            return self
        return replace(
            self,
            equity_usd=self.equity_usd if rule.exposure_collected else max(self.equity_usd, 0.0),
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


def decide(case: CallCase, figures: Figures, rule: CallRule, now_ns: int) -> Decision:
    """What to say next about a case."""
    figures = figures.collected(rule)
    deficit = figures.deficit_usd(rule)
    if case.state in OPEN:
        return _decide_open(case, figures, rule, deficit, now_ns)
    stay = Decision(case.state, case.amount_usd, CallReason.NOTHING)
    least = max(rule.threshold_usd, rule.minimum_transfer_usd, rule.minimum_share * figures.maintenance_usd)
    callable_now = deficit > 0 and deficit >= least
    if case.state is CallState.CANCELLED and deficit <= case.amount_usd + _step(case, rule):
        callable_now = False  # an operator has said that this much is not called
    if callable_now and figures.trusted:
        return Decision(CallState.ISSUED, deficit, CallReason.FIRST)
    if case.state is CallState.CLEAR:
        return _decide_clear(figures, rule, deficit, callable_now) or stay
    if callable_now and case.state is CallState.MET:
        return Decision(CallState.WARNING, 0.0, CallReason.STALE_INPUT)
    if figures.uses_at_least(rule.clear_below):
        return stay
    return Decision(CallState.CLEAR, 0.0, CallReason.RECOVERED)


def _decide_clear(figures: Figures, rule: CallRule, deficit: float, callable_now: bool) -> Decision | None:
    """A warning, if it is time for one."""
    if callable_now:
        return Decision(CallState.WARNING, 0.0, CallReason.STALE_INPUT)
    if deficit > 0:
        return Decision(CallState.WARNING, 0.0, CallReason.BELOW_MINIMUM)
    if figures.uses_at_least(rule.warning_at):
        return Decision(CallState.WARNING, 0.0, CallReason.NEAR_LIMIT)
    return None


def _decide_open(case: CallCase, figures: Figures, rule: CallRule, deficit: float, now_ns: int) -> Decision:
    """A call: met, moved by time, changed beyond the step, or left alone. Untrusted figures change nothing: they may
    hide a cure as well as a larger deficit."""
    stay = Decision(case.state, case.amount_usd, CallReason.NOTHING)
    if not figures.trusted:
        return stay
    if deficit <= 0:
        return Decision(CallState.MET, 0.0, _CURES[figures.cause])
    by_time = _decide_by_time(case, deficit, now_ns)
    if by_time is not None:
        return by_time
    change = deficit - case.amount_usd
    if abs(change) <= _step(case, rule):
        return stay
    state = _changed_state(case, figures, change)
    if figures.rulebook_version != case.rulebook_version:
        return Decision(state, deficit, CallReason.RULE_CHANGED)
    return Decision(state, deficit, CallReason.LARGER if change > 0 else CallReason.SMALLER)


def _decide_by_time(case: CallCase, deficit: float, now_ns: int) -> Decision | None:
    if case.state is CallState.OVERDUE:
        if case.liquidation_ns and now_ns >= case.liquidation_ns:
            return Decision(CallState.LIQUIDATION_ELIGIBLE, deficit, CallReason.DEADLINE_PASSED)
    elif case.state not in PAST_DUE:
        if case.deadline_ns and now_ns >= case.deadline_ns:
            return Decision(CallState.OVERDUE, deficit, CallReason.DEADLINE_PASSED)
        if case.reminder_ns and now_ns >= case.reminder_ns:
            return Decision(case.state, case.amount_usd, CallReason.REMINDER)
    return None


def _changed_state(case: CallCase, figures: Figures, change: float) -> CallState:
    """A larger call is a new word to the customer; a smaller one is partly met if the customer did something."""
    if case.state in PAST_DUE:
        return case.state
    if change > 0:
        return CallState.ISSUED
    return CallState.PARTLY_MET if figures.cause in {Cause.DEPOSIT, Cause.TRADE} else case.state


def _step(case: CallCase, rule: CallRule) -> float:
    return max(rule.recall_step_usd, rule.recall_step_share * case.amount_usd, _CENT_USD)


def next_case(
    case: CallCase, decision: Decision, rule: CallRule, rulebook_version: str, now_ns: int
) -> CallCase:
    """The case after a decision other than NOTHING. Leaving ``clear``, ``met`` or ``cancelled`` opens the next case."""
    ended = case.state in {CallState.CLEAR, CallState.MET, CallState.CANCELLED}
    after = replace(
        case,
        state=decision.state,
        case_number=case.case_number + (ended and decision.state is not CallState.CLEAR),
        sequence=case.sequence + 1,
        amount_usd=decision.amount_usd,
        rulebook_version=rulebook_version,
    )
    if decision.state not in OPEN:
        return replace(after, reminder_ns=0, deadline_ns=0, liquidation_ns=0)
    if case.state not in OPEN:
        return _with_times(after, rule, now_ns)
    if decision.reason is CallReason.REMINDER:
        return replace(after, reminder_ns=0)
    return after


def _with_times(case: CallCase, rule: CallRule, now_ns: int) -> CallCase:
    """The times of a call that is issued now. A later, larger call is due when the first one is."""
    if rule.deadline is None:
        return case
    deadline_ns = rule.deadline.after(now_ns)
    reminder_ns = deadline_ns - rule.reminder_minutes * NANOSECONDS_PER_MINUTE
    return replace(
        case,
        reminder_ns=reminder_ns if now_ns < reminder_ns < deadline_ns else 0,
        deadline_ns=deadline_ns,
        liquidation_ns=rule.liquidation.after(deadline_ns) if rule.liquidation is not None else 0,
    )
