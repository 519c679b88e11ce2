"""Gap attribution and the liquidity view on numbers that can be checked by eye."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.scenarios import from_rows
from engine.shortfall.gap import (
    NETTING,
    OUTSIDE,
    RULEBOOK_EFFECT,
    ZERO_FLOOR,
    GapAttribution,
    attribute_gap,
    double_margin_ratio,
)
from engine.shortfall.liquidity import LiquidityView, liquidity_columns, liquidity_view
from tests.one_pot_book import rulebook

SCENARIOS = from_rows(
    ["scenario", "kind", "EQ:A"],
    [["down", "historical", "-0.1"], ["up", "historical", "0.1"], ["crash", "stress", "-0.4"]],
)


def attributed(exposures: list[list[float]], measure: str = "es") -> GapAttribution:
    book = rulebook(SCENARIOS, measure=measure, confidence=0.5, offset_cap=1.0, floor_share_of_silos=0.0)
    return attribute_gap(
        book,
        np.array(exposures),
        ["securities", "futures"],
        {"securities": 900.0, "futures": 700.0, "treasury_clearing": 50.0},
        add_on_usd=0.0,
        silo_total_usd=1650.0,
        outside_usd={"treasury_clearing": 50.0},
    )


def line(gap: GapAttribution, name: str, silo: str = "") -> float:
    found = [term.amount_usd for term in gap.terms if (term.name, term.silo) == (name, silo)]
    assert len(found) == 1
    return found[0]


def test_hedge_across_silos() -> None:
    gap = attributed([[-1000.0, 1000.0, -4000.0, 0.0, 0.0], [900.0, -900.0, 3600.0, 0.0, 8.0]])
    # account: -100, +100, -400: core 100, weighted stress 100 -> the core binds, T = {down}
    assert gap.tail == (("down", 1.0),)
    assert gap.gap_usd == pytest.approx(1650.0 - (100.0 + 8.0 + 50.0))
    assert line(gap, RULEBOOK_EFFECT, "securities") == pytest.approx(900.0 - 1000.0)
    assert line(gap, RULEBOOK_EFFECT, "futures") == pytest.approx(700.0 - 908.0)
    assert line(gap, RULEBOOK_EFFECT, "treasury_clearing") == pytest.approx(50.0)
    assert line(gap, NETTING, "securities") == pytest.approx(0.0)
    assert line(gap, NETTING, "futures") == pytest.approx(900.0 + 900.0)
    assert line(gap, OUTSIDE, "treasury_clearing") == -50.0
    assert line(gap, ZERO_FLOOR) == pytest.approx(0.0)
    assert abs(gap.residual_usd) < 1e-9
    assert gap.total_usd(NETTING) == pytest.approx(1800.0)


def test_gain_in_the_tail_is_floored_at_zero() -> None:
    gap = attributed([[-100.0, 300.0, 400.0, 0.0, 0.0], [150.0, -200.0, 400.0, 0.0, 0.0]])
    # account: +50, +100, +800: the worst half gains 50, the weighted stress gains 200 -> raw base -50
    assert line(gap, ZERO_FLOOR) == pytest.approx(-50.0)
    assert line(gap, NETTING, "securities") == pytest.approx(0.0)
    assert line(gap, NETTING, "futures") == pytest.approx(200.0 + 150.0)
    assert gap.gap_usd == pytest.approx(1650.0 - 50.0)
    assert abs(gap.residual_usd) < 1e-9


def test_value_at_risk_still_adds_up() -> None:
    gap = attributed([[-100.0, 0.0, 0.0, 0.0, 0.0], [0.0, -300.0, 0.0, 0.0, 0.0]], measure="var")
    assert abs(gap.residual_usd) < 1e-9


def test_double_margin_ratio() -> None:
    assert double_margin_ratio(300.0, 100.0) == 3.0
    assert double_margin_ratio(0.0, 0.0) == 1.0
    assert double_margin_ratio(5.0, 0.0) == math.inf


def test_deficit_in_one_silo_while_another_has_excess() -> None:
    view = liquidity_view([1000.0, 100.0, 50.0], [400.0, 500.0, 50.0], unified_usd=700.0)
    assert view == LiquidityView(
        silo_deficit_usd=400.0,
        unified_deficit_usd=0.0,
        trapped_usd=600.0,
        usable_if_pooled_usd=400.0,
        wall_deficit_usd=400.0,
        wall_calls=1,
    )


def test_excess_without_a_deficit_is_not_trapped() -> None:
    assert liquidity_view([1000.0, 500.0], [400.0, 500.0], 700.0) == LiquidityView(0.0, 0.0, 0.0, 0.0, 0.0, 0)


def test_deficit_under_both_is_not_of_the_wall() -> None:
    view = liquidity_view([300.0, 100.0], [200.0, 500.0], unified_usd=650.0)
    assert (view.silo_deficit_usd, view.unified_deficit_usd) == (400.0, 250.0)
    assert (view.trapped_usd, view.usable_if_pooled_usd) == (100.0, 100.0)
    assert (view.wall_deficit_usd, view.wall_calls) == (150.0, 0)


def test_unified_may_be_the_higher_one() -> None:
    view = liquidity_view([300.0, 300.0], [200.0, 200.0], unified_usd=700.0)
    assert view == LiquidityView(0.0, 100.0, 0.0, 0.0, 0.0, 0)


cents = st.integers(-(10**9), 10**9).map(lambda amount: amount / 100)
account = st.tuples(st.lists(cents, min_size=4, max_size=4), st.lists(cents.map(abs), min_size=4, max_size=4))


@given(st.lists(st.tuples(account, cents.map(abs)), min_size=1, max_size=5))
def test_columns_equal_the_plain_view(accounts: list[tuple[tuple[list[float], list[float]], float]]) -> None:
    columns = liquidity_columns(
        np.array([equity for (equity, _), _ in accounts]),
        np.array([requirement for (_, requirement), _ in accounts]),
        np.array([unified for _, unified in accounts]),
    )
    for place, ((equity, requirement), unified) in enumerate(accounts):
        view = liquidity_view(equity, requirement, unified)
        for field in fields(LiquidityView):
            whole = getattr(columns, field.name)[place]
            assert whole == pytest.approx(getattr(view, field.name), rel=1e-9, abs=1e-6), field.name
        assert view.usable_if_pooled_usd <= min(view.trapped_usd, view.silo_deficit_usd)
