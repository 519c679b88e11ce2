"""The call decision, as tables that assert the reason."""

from __future__ import annotations

import pytest

from engine.base.errors import MarginError
from engine.shortfall.call import (
    CallCase,
    CallReason,
    CallRule,
    CallState,
    Cause,
    Figures,
    call_id,
    decide,
    event_id,
    next_case,
)

RULE = CallRule(
    warning_at=0.90,
    clear_below=0.85,
    minimum_transfer_usd=100.0,
    recall_step_usd=50.0,
    recall_step_share=0.10,
)


def case(state: CallState, amount: float = 0.0, version: str = "1") -> CallCase:
    return CallCase("A", "silo:futures", state, 1, 1, amount, version)


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
    decision = decide(before, now, RULE)
    assert (decision.state, decision.reason) == (state, reason)


def test_amount_restores_initial_where_the_rule_says_so() -> None:
    rule = CallRule(restore_to="initial")
    assert decide(case(CallState.CLEAR), figures(1000, 900), rule).amount_usd == pytest.approx(200.0)
    assert decide(case(CallState.CLEAR), figures(1000, 900), CallRule()).amount_usd == pytest.approx(100.0)


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
    decision = decide(case(CallState.CLEAR), figures(maintenance, equity), rule)
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
    found = decide(case(CallState.CLEAR), figures(maintenance, equity), rule)
    assert (found.state, found.reason) == (state, reason)


def test_leaving_clear_or_met_opens_the_next_case() -> None:
    clear = CallCase("A", "silo:futures")
    warning = next_case(clear, decide(clear, figures(950, 1000), RULE), "1")
    issued = next_case(warning, decide(warning, figures(1000, 500), RULE), "1")
    met = next_case(issued, decide(issued, figures(1000, 1100), RULE), "1")
    again = next_case(met, decide(met, figures(1000, 500), RULE), "1")
    assert [c.case_number for c in (warning, issued, met, again)] == [1, 1, 1, 2]
    assert [c.sequence for c in (warning, issued, met, again)] == [1, 2, 3, 4]
    assert call_id(warning) == call_id(issued) == call_id(met) != call_id(again)
    assert len({event_id(c) for c in (warning, issued, met, again)}) == 4


def test_met_to_clear_closes_the_same_case() -> None:
    met = case(CallState.MET)
    assert next_case(met, decide(met, figures(10, 1000), RULE), "1").case_number == 1


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
    ],
)
def test_bad_rules_are_refused_by_name(mapping: dict[str, object]) -> None:
    with pytest.raises(MarginError, match="call rule silo:futures"):
        CallRule.from_mapping("silo:futures", mapping)


def test_reasons_are_stable_names() -> None:
    assert all(reason.value == reason.name for reason in CallReason)
