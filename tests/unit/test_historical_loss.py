"""Weighted value at risk and expected shortfall on figures that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from engine.base.errors import MarginError
from engine.rules.cleared_swaps_parameters import Parameters
from engine.rules.historical_loss import HistoricalLoss, Measure
from engine.rules.key_tenors import KeyTenors
from engine.rules.liquidity_tiers import Bucket, bucket_place, costs_of
from engine.rules.unified.tail import rank_weights
from tests.rates_book import packaged_scenarios
from tests.rulebook_cases import shipped

TEN = np.array([[-10.0, 3.0, -7.0, 5.0, -1.0, 2.0, 0.0, 4.0, -3.0, 6.0]])


def measure(**changes: float | bool) -> Measure:
    figures = {"confidence": 0.8, "age_decay": 1.0, "floor_share": 0.0, "stress_weight": 0.0}
    return Measure(**({"is_var": False} | figures | changes))  # type: ignore[arg-type]


def charge(pnl: np.ndarray, historical: int = 10, **changes: float | bool) -> float:
    return float(HistoricalLoss(measure(**changes), historical).charge(pnl)[0])


@pytest.mark.parametrize(
    ("confidence", "is_var", "expected"),
    [
        (0.8, False, 8.5),  # (10 + 7) / 2
        (0.75, False, 7.4),  # (10 + 7 + 3 / 2) / 2.5
        (0.95, False, 10.0),  # half a scenario: the worst alone
        (0.8, True, 3.0),  # two of ten lose more
        (0.95, True, 10.0),
    ],
)
def test_ten_scenarios_alike(confidence: float, is_var: bool, expected: float) -> None:
    assert charge(TEN, confidence=confidence, is_var=is_var) == pytest.approx(expected, rel=1e-12)


def test_the_newest_scenario_counts_most() -> None:
    """Half the weight of the next newer one: 1/7, 2/7, 4/7; the worst third is the newest loss in full."""
    falling = np.array([[-9.0, -3.0, -6.0]])
    assert charge(falling, 3, confidence=1 - 1 / 7, age_decay=0.5) == pytest.approx(9.0)
    assert charge(falling, 3, confidence=1 - 3 / 7, age_decay=0.5) == pytest.approx((9 * 1 + 6 * 2) / 3)
    assert charge(falling, 3, confidence=1 - 3 / 7, age_decay=0.5, is_var=True) == pytest.approx(6.0)


def test_a_gain_in_the_tail_charges_nothing() -> None:
    assert charge(np.array([[1.0, 2.0, 3.0]]), 3) == 0.0


def test_floors() -> None:
    """Old losses, out of the weighted tail, still count in the floor; stress counts by its share."""
    old = np.array([[-100.0, *[0.0] * 9, -40.0]])
    assert charge(old, 10, age_decay=0.5, confidence=0.9) == pytest.approx(100.0 / 1023 / 0.1)
    assert charge(old, 10, age_decay=0.5, confidence=0.9, floor_share=0.5) == pytest.approx(50.0)
    assert charge(old, 10, age_decay=0.5, confidence=0.9, stress_weight=0.75) == pytest.approx(30.0)


@pytest.mark.parametrize("name", ["es", "var"])
@pytest.mark.parametrize("confidence", [0.9, 0.975, 0.99, 0.997])
def test_alike_it_is_the_measure_of_the_unified_pot(name: str, confidence: float) -> None:
    pnl = np.random.default_rng(7).standard_t(4, (20, 240))
    ranked = np.sort(-pnl, axis=1)[:, ::-1]
    weights = rank_weights(name, confidence, 240)
    expected = ranked[:, : len(weights)] @ weights
    found = HistoricalLoss(measure(confidence=confidence, is_var=name == "var"), 240).charge(pnl)
    assert found == pytest.approx(expected, rel=1e-12)


def test_tiers_cost_each_part_at_its_own_price() -> None:
    buckets = (Bucket(2.0, (0.0, 100.0), (0.5, 2.0)), Bucket(float("inf"), (0.0,), (1.0,)))
    sensitivities = np.array([[150.0, -20.0], [-100.0, 0.0]])
    assert costs_of(buckets, sensitivities).tolist() == [0.5 * 100 + 2.0 * 50 + 20.0, 50.0]
    assert buckets[0].cost(-150.0) == 150.0
    assert [bucket_place(buckets, years) for years in (0.5, 2.0, 2.01)] == [0, 0, 1]


def test_rates_between_key_tenors_move_in_line() -> None:
    tenors = KeyTenors(packaged_scenarios(), "IR:USD", 0.01)
    assert tenors.tenors[:3] == ("3M", "6M", "1Y")
    shares = tenors.shares([1, 3, 90, 400])
    assert shares.sum(axis=1) == pytest.approx([1.0] * 4)
    assert shares[0, 0] == shares[1, 0] == shares[3, -1] == 1.0
    assert shares[2, tenors.tenors.index("7Y")] == pytest.approx(30 / 36)
    assert tenors.at([60])[:, 0] == pytest.approx(tenors.moves[:, tenors.tenors.index("5Y")])


def test_a_prefix_that_the_set_does_not_know_is_named() -> None:
    with pytest.raises(ValueError, match="has no factor IR:JPY"):
        KeyTenors(packaged_scenarios(), "IR:JPY", 0.01)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("measure", {"value": "cvar"}, "measure.value"),
        ("confidence", {"value": 0.1}, "confidence.value"),
        ("age_decay", {"value": 1.1}, "age_decay.value"),
        ("rate_liquidity", {"USD": [{"years_at_most": 2, "tiers": []}]}, "years_at_most"),
        ("rate_liquidity", {"USD": [{"tiers": [{"from_usd": 1, "basis_points": 1}]}]}, "from_usd"),
        (
            "rate_liquidity",
            {"USD": [{"tiers": [{"from_usd": 0, "basis_points": 1}, {"from_usd": 9, "basis_points": 0.5}]}]},
            "basis_points",
        ),
        ("credit_factors", {"CDX.NA.IG": ""}, "credit_factors.CDX.NA.IG"),
        ("surprise", 1, "surprise"),
    ],
)
def test_bad_parameters_are_named(key: str, value: object, named: str) -> None:
    with pytest.raises(MarginError, match=named):
        Parameters.from_mapping(shipped("cleared-swaps") | {key: value})
