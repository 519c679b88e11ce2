"""Intraday margin deficits on random days: no order is worse than the one found; prices alone change nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.base.business_days import BusinessDays, day_of
from engine.shortfall.intraday_account import DayClose, DeficitState, IntradayAccount
from engine.shortfall.intraday_activity import ActivityKind, Level
from engine.shortfall.intraday_case import close_day
from engine.shortfall.intraday_deficit import (
    NO_DEFICIT,
    DayDeficit,
    DayReason,
    Observed,
    deficit_as_observed,
)
from engine.shortfall.intraday_order import OpeningBook, deficit_of_worst_order
from engine.shortfall.intraday_reach import Activity
from tests.intraday_oracle import every_order, margin_of, parameters, play

RULE = parameters()
SET_OF = {"AA": "A", "AB": "A", "B": "B"}
dollars = st.integers(-500, 500).map(lambda hundreds: 100.0 * hundreds)
small = st.integers(-20, 20).map(lambda tens: 10.0 * tens)
lots = st.sampled_from([-300.0, -200.0, -100.0, 100.0, 200.0, 300.0])


@st.composite
def trades(draw: st.DrawFn) -> Activity:
    name = draw(st.sampled_from(sorted(SET_OF)))
    return Activity(
        draw(small), SET_OF[name], name, draw(lots), is_option=draw(st.booleans()),
        kind=draw(st.sampled_from([None, None, None, ActivityKind.EXPIRY])),
    )  # fmt: skip


money = st.one_of(
    st.integers(1, 50).map(lambda hundreds: Activity(100.0 * hundreds, kind=ActivityKind.DEPOSIT)),
    st.integers(1, 50).map(lambda hundreds: Activity(-100.0 * hundreds, kind=ActivityKind.WITHDRAWAL)),
    small.map(lambda amount: Activity(amount, kind=ActivityKind.OTHER)),
)
activities = st.one_of(trades(), money)
openings = st.builds(
    lambda equity, aa, ab, b: OpeningBook(equity, {"A": {"AA": aa, "AB": ab}, "B": {"B": b}}),
    dollars, *(st.sampled_from([0.0, 100.0, -100.0, 300.0, -200.0]) for _ in SET_OF),
)  # fmt: skip


def check_day(opening: OpeningBook, steps: list[list[Activity]]) -> None:
    found = deficit_of_worst_order(opening, steps, margin_of, RULE)
    worst = max(play(opening, order, RULE.reducing) for order in every_order(steps))
    assert found.exact
    assert found.amount_usd == pytest.approx(max(worst, 0.0), abs=0.01)
    assert (found.reason is DayReason.NO_REDUCING_TRANSACTION) == (worst == float("-inf"))
    if found.tree is not None:
        assert found.tree.amount_usd == pytest.approx(worst, abs=0.01)
        assert found.tree.largest_residual_usd() <= 1e-6


@settings(max_examples=200, deadline=None)
@given(openings, st.lists(activities, max_size=5))
def test_the_worst_order_is_that_of_all_orders(opening: OpeningBook, day: list[Activity]) -> None:
    check_day(opening, [day])


@settings(max_examples=100, deadline=None)
@given(openings, st.lists(st.lists(activities, max_size=3), max_size=3))
def test_steps_whose_order_is_known_are_kept(opening: OpeningBook, steps: list[list[Activity]]) -> None:
    check_day(opening, steps)


@settings(max_examples=100, deadline=None)
@given(openings, st.lists(activities, max_size=6), st.randoms(use_true_random=False))
def test_the_bound_and_the_worst_order_are_at_least_any_order(
    opening: OpeningBook, day: list[Activity], random: object
) -> None:
    exact = deficit_of_worst_order(opening, [day], margin_of, RULE)
    bound = deficit_of_worst_order(opening, [day], margin_of, RULE, most_holdings=1)
    order = list(day)
    random.shuffle(order)  # type: ignore[attr-defined]
    known = deficit_of_worst_order(opening, [[each] for each in order], margin_of, RULE)
    assert known.amount_usd <= exact.amount_usd <= bound.amount_usd
    assert max(play(opening, order, RULE.reducing), 0.0) == pytest.approx(known.amount_usd, abs=0.01)


@settings(max_examples=100, deadline=None)
@given(openings, st.lists(activities, max_size=5), st.integers(1, 50).map(lambda hundreds: 100.0 * hundreds))
def test_a_deposit_helps_before_the_day_and_never_hurts(
    opening: OpeningBook, day: list[Activity], amount: float
) -> None:
    deposit = Activity(amount, kind=ActivityKind.DEPOSIT)
    without = deficit_of_worst_order(opening, [day], margin_of, RULE).amount_usd
    first = deficit_of_worst_order(opening, [[deposit], day], margin_of, RULE).amount_usd
    some_time = deficit_of_worst_order(opening, [[deposit, *day]], margin_of, RULE).amount_usd
    assert first == pytest.approx(max(without - amount, 0.0), abs=0.01)
    assert some_time == without


levels = st.builds(Level, dollars, st.integers(0, 500).map(lambda hundreds: 100.0 * hundreds))
seen = st.builds(Observed, st.sampled_from(list(ActivityKind)), levels, levels)


@given(st.lists(seen, max_size=8), st.lists(st.builds(Observed, st.just(ActivityKind.PRICE), levels, levels)))
def test_moves_of_the_price_change_nothing(day: list[Observed], moves: list[Observed]) -> None:
    assert deficit_as_observed([*moves, *day, *moves], RULE) == deficit_as_observed(day, RULE)
    assert deficit_as_observed(moves, RULE) == NO_DEFICIT


@given(st.lists(seen, max_size=8), seen)
def test_another_activity_never_lowers_the_deficit(day: list[Observed], another: Observed) -> None:
    assert deficit_as_observed([*day, another], RULE).amount_usd >= deficit_as_observed(day, RULE).amount_usd


FIRST = day_of("2026-06-04")
DAYS = BusinessDays("weekdays", [day for day in range(FIRST, FIRST + 120) if (day + 3) % 7 < 5])
closes = st.lists(st.tuples(dollars, st.integers(-30, 30).map(lambda h: 100.0 * h)), min_size=20, max_size=20)


def run(flows: list[tuple[float, float]], extra_usd: float) -> list[tuple[DeficitState, bool, bool]]:
    """State, lateness and freeze after each close; the deficit of 1,500 is the first day's."""
    rule = parameters(practice_failures=1)
    account, story = IntradayAccount("A"), []
    for number, (level, deposits) in enumerate(flows):
        deficit = DayDeficit(1500.0, 10_000.0, DayReason.DEFICIT) if number == 0 else NO_DEFICIT
        extra = extra_usd if number == 1 else 0.0
        later = level + (extra_usd if number else 0.0)  # what came in stays in the level
        close = DayClose(int(DAYS.days[number]), later, deposits + extra, deficit)
        account, _ = close_day(account, close, DAYS, rule)
        (kept,) = account.deficits
        story.append((kept.state, kept.late, account.is_frozen(close.day + 1)))
    return story


@settings(max_examples=100, deadline=None)
@given(closes, st.integers(0, 20).map(lambda hundreds: 100.0 * hundreds))
def test_more_deposits_never_leave_a_customer_worse(flows: list[tuple[float, float]], extra: float) -> None:
    for (state, late, frozen), (more_state, more_late, more_frozen) in zip(
        run(flows, 0.0), run(flows, extra), strict=True
    ):
        if state is DeficitState.SATISFIED:
            assert more_state is DeficitState.SATISFIED
        assert more_late <= late
        assert more_frozen <= frozen


@settings(max_examples=100, deadline=None)
@given(closes)
def test_states_are_left_only_as_the_rule_says(flows: list[tuple[float, float]]) -> None:
    story = [state for state, _, _ in run(flows, 0.0)]
    assert story[0] is DeficitState.OUTSTANDING
    assert DeficitState.OUTSTANDING not in story[15:]  # the fifteenth business day after the first close
    left = [state for state in story if state is not DeficitState.OUTSTANDING]
    assert left == sorted(left, key=lambda state: state is DeficitState.SATISFIED)
