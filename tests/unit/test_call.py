"""The call decision, as tables that assert the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.base.errors import MarginError
from engine.shortfall.call import Cause, Decision, Figures, decide, next_case
from engine.shortfall.call_rule import CallRule
from engine.shortfall.case import OPEN, CallCase, CallReason, CallState, call_id, event_id
from engine.shortfall.deadline import Deadline

RULE = CallRule(
    warning_at=0.90,
    clear_below=0.85,
    minimum_transfer_usd=100.0,
    recall_step_usd=50.0,
    recall_step_share=0.10,
)


MINUTE_NS = 60 * 10**9
DUE_NS = 1000 * MINUTE_NS  # of the cases below
NOW_NS = DUE_NS - 300 * MINUTE_NS
# Due a thousand minutes after it was issued, reminded an hour before, eligible ten minutes after.
TIMED = replace(RULE, deadline=Deadline(minutes=1000), liquidation=Deadline(minutes=10), reminder_minutes=60)


def case(state: CallState, amount: float = 0.0, version: str = "1") -> CallCase:
    return CallCase("A", "silo:futures", state, 1, 1, amount, version)


def timed(state: CallState, amount: float = 200.0, reminded: bool = False) -> CallCase:
    """An open case with all its times."""
    reminder_ns = 0 if reminded else DUE_NS - 60 * MINUTE_NS
    return replace(
        case(state, amount),
        reminder_ns=reminder_ns,
        deadline_ns=DUE_NS,
        liquidation_ns=DUE_NS + 10 * MINUTE_NS,
    )


def figures(maintenance: float, equity: float, **changes: object) -> Figures:
    values = {"initial_usd": maintenance * 1.1, "maintenance_usd": maintenance, "equity_usd": equity}
    return Figures(**(values | {"rulebook_version": "1"} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "now", "state", "reason"),
    [
        pytest.param(case(CallState.CLEAR), figures(0, 0), "clear", "NOTHING", id="empty account"),
        pytest.param(case(CallState.CLEAR), figures(899, 1000), "clear", "NOTHING", id="below warning"),
        pytest.param(case(CallState.CLEAR), figures(900, 1000), "warning", "NEAR_LIMIT", id="at warning"),
        pytest.param(case(CallState.CLEAR), figures(1000, 1000), "warning", "NEAR_LIMIT", id="just covered"),
        pytest.param(case(CallState.CLEAR), figures(1000, 901), "warning", "BELOW_MINIMUM", id="under MTA"),
        pytest.param(case(CallState.CLEAR), figures(1000, 900), "issued", "FIRST", id="at MTA"),
        pytest.param(case(CallState.CLEAR), figures(0, -500), "issued", "FIRST", id="debit, no position"),
        pytest.param(case(CallState.CLEAR), figures(0, -50), "warning", "BELOW_MINIMUM", id="small debit"),
        pytest.param(case(CallState.WARNING), figures(0, -50), "warning", "NOTHING", id="small debit stays"),
        pytest.param(
            case(CallState.WARNING), figures(850, 1000), "warning", "NOTHING", id="hysteresis holds"
        ),
        pytest.param(case(CallState.WARNING), figures(849, 1000), "clear", "RECOVERED", id="below clearing"),
        pytest.param(case(CallState.WARNING), figures(1000, 800), "issued", "FIRST", id="warning to call"),
        pytest.param(
            case(CallState.CLEAR),
            figures(1000, 800, trusted=False),
            "warning",
            "STALE_INPUT",
            id="stale holds the call in warning",
        ),
        pytest.param(
            case(CallState.WARNING), figures(1000, 800, trusted=False), "warning", "NOTHING", id="stale waits"
        ),
        pytest.param(case(CallState.ISSUED, 200), figures(1000, 750), "issued", "NOTHING", id="at step"),
        pytest.param(case(CallState.ISSUED, 200), figures(1000, 749), "issued", "LARGER", id="beyond step"),
        pytest.param(
            case(CallState.ISSUED, 200), figures(1000, 851), "issued", "SMALLER", id="falls beyond step"
        ),
        pytest.param(
            case(CallState.ISSUED, 200), figures(1000, 840), "issued", "NOTHING", id="falls below step"
        ),
        pytest.param(
            case(CallState.ISSUED, 200), figures(1000, 1000), "met", "CURED_BY_MARKET", id="covered"
        ),
        pytest.param(
            case(CallState.ISSUED, 200),
            figures(1000, 1000, cause=Cause.DEPOSIT),
            "met",
            "CURED_BY_DEPOSIT",
            id="deposit",
        ),
        pytest.param(
            case(CallState.ISSUED, 200),
            figures(0, 10, cause=Cause.TRADE),
            "met",
            "CURED_BY_TRADE",
            id="closed out",
        ),
        pytest.param(
            case(CallState.ISSUED, 200),
            figures(1000, 2000, trusted=False),
            "issued",
            "NOTHING",
            id="stale cure",
        ),
        pytest.param(
            case(CallState.ISSUED, 200),
            figures(1000, 500, rulebook_version="2"),
            "issued",
            "RULE_CHANGED",
            id="new parameters",
        ),
        pytest.param(case(CallState.MET), figures(950, 1000), "met", "NOTHING", id="met stays met"),
        pytest.param(case(CallState.MET), figures(800, 1000), "clear", "RECOVERED", id="met to clear"),
        pytest.param(case(CallState.MET), figures(1000, 900), "issued", "FIRST", id="met to the next call"),
    ],
)
def test_decision(before: CallCase, now: Figures, state: str, reason: str) -> None:
    decision = decide(before, now, RULE, NOW_NS)
    assert (decision.state, decision.reason) == (state, reason)


def test_amount_restores_initial_where_the_rule_says_so() -> None:
    rule = CallRule(restore_to="initial")
    assert decide(case(CallState.CLEAR), figures(1000, 900), rule, NOW_NS).amount_usd == pytest.approx(200.0)
    assert decide(case(CallState.CLEAR), figures(1000, 900), CallRule(), NOW_NS).amount_usd == pytest.approx(
        100.0
    )


@pytest.mark.parametrize(
    ("before", "now", "state", "reason"),
    [
        pytest.param("issued", figures(1000, 749, cause=Cause.TRADE), "issued", "LARGER", id="larger"),
        pytest.param("acknowledged", figures(1000, 749), "issued", "LARGER", id="larger is said anew"),
        pytest.param("partly_met", figures(1000, 749), "issued", "LARGER", id="larger after a payment"),
        pytest.param("disputed", figures(1000, 749), "issued", "LARGER", id="larger than what is disputed"),
        pytest.param("overdue", figures(1000, 749), "overdue", "LARGER", id="larger and overdue"),
        pytest.param(
            "liquidation_eligible",
            figures(1000, 749),
            "liquidation_eligible",
            "LARGER",
            id="larger, eligible",
        ),
        pytest.param(
            "issued", figures(1000, 851, cause=Cause.DEPOSIT), "partly_met", "SMALLER", id="paid in part"
        ),
        pytest.param(
            "acknowledged",
            figures(1000, 851, cause=Cause.TRADE),
            "partly_met",
            "SMALLER",
            id="closed in part",
        ),
        pytest.param("acknowledged", figures(1000, 851), "acknowledged", "SMALLER", id="market falls back"),
        pytest.param(
            "disputed",
            figures(1000, 851, cause=Cause.START_OF_DAY),
            "disputed",
            "SMALLER",
            id="smaller overnight",
        ),
        pytest.param(
            "overdue",
            figures(1000, 851, cause=Cause.DEPOSIT),
            "overdue",
            "SMALLER",
            id="paid in part, too late",
        ),
        pytest.param("acknowledged", figures(1000, 800), "acknowledged", "NOTHING", id="as it was"),
        pytest.param(
            "acknowledged",
            figures(1000, 800, trusted=False),
            "acknowledged",
            "NOTHING",
            id="stale changes nothing",
        ),
        *(
            pytest.param(
                state.value, figures(1000, 1000, cause=cause), "met", reason, id=f"{state}: {reason}"
            )
            for state in sorted(OPEN)
            for cause, reason in (
                (Cause.MARKET, "CURED_BY_MARKET"),
                (Cause.START_OF_DAY, "CURED_BY_START_OF_DAY"),
                (Cause.TRADE, "CURED_BY_TRADE"),
                (Cause.DEPOSIT, "CURED_BY_DEPOSIT"),
            )
        ),
        pytest.param("cancelled", figures(1000, 800), "cancelled", "NOTHING", id="this much is not called"),
        pytest.param("cancelled", figures(1000, 751), "cancelled", "NOTHING", id="nor a step more"),
        pytest.param("cancelled", figures(1000, 749), "issued", "FIRST", id="beyond the step it is"),
        pytest.param(
            "cancelled", figures(1000, 749, trusted=False), "cancelled", "NOTHING", id="cancelled, stale"
        ),
        pytest.param("cancelled", figures(900, 1000), "cancelled", "NOTHING", id="cancelled, near the limit"),
        pytest.param("cancelled", figures(800, 1000), "clear", "RECOVERED", id="cancelled to clear"),
    ],
)
def test_decision_on_a_call_that_was_answered_or_is_late(
    before: str, now: Figures, state: str, reason: str
) -> None:
    decision = decide(case(CallState(before), 200.0), now, RULE, NOW_NS)
    assert (decision.state, decision.reason) == (state, reason)


@pytest.mark.parametrize(
    ("before", "minutes", "state", "reason"),
    [
        (timed(CallState.ISSUED), -61, "issued", "NOTHING"),
        (timed(CallState.ISSUED), -60, "issued", "REMINDER"),
        (timed(CallState.PARTLY_MET), -60, "partly_met", "REMINDER"),
        (timed(CallState.DISPUTED), -60, "disputed", "REMINDER"),
        (timed(CallState.ISSUED, reminded=True), -1, "issued", "NOTHING"),
        (timed(CallState.ISSUED, reminded=True), 0, "overdue", "DEADLINE_PASSED"),
        (
            timed(CallState.ISSUED),
            5,
            "overdue",
            "DEADLINE_PASSED",
        ),  # nobody looked for a while: no reminder any more
        (timed(CallState.ACKNOWLEDGED, reminded=True), 0, "overdue", "DEADLINE_PASSED"),
        (
            timed(CallState.DISPUTED, reminded=True),
            0,
            "overdue",
            "DEADLINE_PASSED",
        ),  # a dispute stops no clock
        (timed(CallState.OVERDUE), 9, "overdue", "NOTHING"),
        (timed(CallState.OVERDUE), 10, "liquidation_eligible", "DEADLINE_PASSED"),
        (timed(CallState.LIQUIDATION_ELIGIBLE), 99, "liquidation_eligible", "NOTHING"),
        (case(CallState.ISSUED, 200.0), 99, "issued", "NOTHING"),  # it has no deadline
        (case(CallState.OVERDUE, 200.0), 99, "overdue", "NOTHING"),
    ],
)
def test_decision_by_time_alone(before: CallCase, minutes: int, state: str, reason: str) -> None:
    decision = decide(before, figures(1000, 800), TIMED, DUE_NS + minutes * MINUTE_NS)
    assert (decision.state, decision.reason, decision.amount_usd) == (state, reason, 200.0)


def test_the_deadline_waits_for_figures_that_can_be_trusted() -> None:
    stale = figures(1000, 800, trusted=False)
    assert decide(timed(CallState.ISSUED), stale, TIMED, DUE_NS).reason is CallReason.NOTHING


def test_what_is_overdue_is_what_is_missing_at_the_deadline() -> None:
    assert decide(timed(CallState.ISSUED), figures(1000, 790), TIMED, DUE_NS).amount_usd == 210.0


def test_times_are_fixed_when_a_call_is_issued_and_gone_when_it_ends() -> None:
    issued = next_case(
        case(CallState.WARNING), Decision(CallState.ISSUED, 200.0, CallReason.FIRST), TIMED, "1", 0
    )
    assert (issued.reminder_ns, issued.deadline_ns) == (DUE_NS - 60 * MINUTE_NS, DUE_NS)
    assert issued.liquidation_ns == DUE_NS + 10 * MINUTE_NS
    assert issued.next_time_ns == issued.reminder_ns
    larger = next_case(issued, Decision(CallState.ISSUED, 300.0, CallReason.LARGER), RULE, "1", MINUTE_NS)
    assert larger.deadline_ns == DUE_NS  # neither a larger amount nor another rule moves it
    reminded = next_case(larger, Decision(CallState.ISSUED, 300.0, CallReason.REMINDER), TIMED, "1", NOW_NS)
    assert (reminded.reminder_ns, reminded.next_time_ns) == (0, DUE_NS)
    late = next_case(
        reminded, Decision(CallState.OVERDUE, 300.0, CallReason.DEADLINE_PASSED), TIMED, "1", DUE_NS
    )
    assert late.next_time_ns == late.liquidation_ns
    met = next_case(late, Decision(CallState.MET, 0.0, CallReason.CURED_BY_MARKET), TIMED, "1", DUE_NS)
    assert (met.reminder_ns, met.deadline_ns, met.liquidation_ns, met.next_time_ns) == (0, 0, 0, 0)


def test_a_call_that_is_due_at_once_has_no_reminder() -> None:
    rule = replace(TIMED, deadline=Deadline(minutes=0))
    issued = next_case(
        case(CallState.CLEAR), Decision(CallState.ISSUED, 200.0, CallReason.FIRST), rule, "1", 7
    )
    assert (issued.reminder_ns, issued.deadline_ns) == (0, 7)


@pytest.mark.parametrize(
    ("maintenance", "equity", "state", "amount"),
    [
        (1000, 0, "clear", 0.0),  # all of it is below the threshold
        (1000, -200, "issued", 200.0),  # exposure is called all the same
        (5000, 0, "issued", 1000.0),
        (5000, 950, "warning", 0.0),  # 50 missing: below the minimum transfer amount
        (5000, 1300, "clear", 0.0),
    ],
)
def test_requirement_up_to_the_threshold_is_not_collected(
    maintenance: float, equity: float, state: str, amount: float
) -> None:
    rule = CallRule(uncollected_usd=4000.0, minimum_transfer_usd=100.0)
    decision = decide(case(CallState.CLEAR), figures(maintenance, equity), rule, NOW_NS)
    assert (decision.state, decision.amount_usd) == (state, pytest.approx(amount))


@pytest.mark.parametrize(
    ("maintenance", "equity", "state", "reason"),
    [
        (10e6, 7.0e6, "issued", "FIRST"),
        (10e6, 7.1e6, "warning", "BELOW_MINIMUM"),  # above a million, but not above 30 % of the margin
        (2e6, 1.2e6, "warning", "BELOW_MINIMUM"),  # 40 %, but not a million
        (2e6, 1.0e6, "issued", "FIRST"),
    ],
)
def test_an_intraday_mark_is_called_above_an_amount_and_a_share(
    maintenance: float, equity: float, state: str, reason: str
) -> None:
    rule = CallRule(minimum_transfer_usd=1e6, minimum_share=0.30)
    found = decide(case(CallState.CLEAR), figures(maintenance, equity), rule, NOW_NS)
    assert (found.state, found.reason) == (state, reason)


def test_leaving_clear_or_met_opens_the_next_case() -> None:
    clear = CallCase("A", "silo:futures")
    warning = next_case(clear, decide(clear, figures(950, 1000), RULE, NOW_NS), RULE, "1", NOW_NS)
    issued = next_case(warning, decide(warning, figures(1000, 500), RULE, NOW_NS), RULE, "1", NOW_NS)
    met = next_case(issued, decide(issued, figures(1000, 1100), RULE, NOW_NS), RULE, "1", NOW_NS)
    again = next_case(met, decide(met, figures(1000, 500), RULE, NOW_NS), RULE, "1", NOW_NS)
    assert [c.case_number for c in (warning, issued, met, again)] == [1, 1, 1, 2]
    assert [c.sequence for c in (warning, issued, met, again)] == [1, 2, 3, 4]
    assert call_id(warning) == call_id(issued) == call_id(met) != call_id(again)
    assert len({event_id(c) for c in (warning, issued, met, again)}) == 4


def test_met_to_clear_closes_the_same_case() -> None:
    met = case(CallState.MET)
    assert next_case(met, decide(met, figures(10, 1000), RULE, NOW_NS), RULE, "1", NOW_NS).case_number == 1


@pytest.mark.parametrize(
    "mapping",
    [
        {"warning_at": 1.2},
        {"warning_at": 0.8},
        {"clear_below": 0.0},
        {"minimum_transfer_usd": -1.0},
        {"minimum_transfer_usd": float("nan")},
        {"restore_to": "zero"},
        {"surprise": 1},
        {"reminder_minutes": 5},
    ],
)
def test_bad_rules_are_refused_by_name(mapping: dict[str, object]) -> None:
    with pytest.raises(MarginError, match="call rule silo:futures"):
        CallRule.from_mapping("silo:futures", mapping)


def test_reasons_are_stable_names() -> None:
    assert all(reason.value == reason.name for reason in CallReason)
