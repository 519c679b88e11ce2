"""One-pot charge and combine in the corners; the liquidity add-on on plain numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.base.errors import MarginError, Reason
from engine.market.scenarios import from_rows
from engine.rules.interface import Holding
from engine.rules.unified.liquidity_add_on import average_rate
from engine.rules.unified.tail import MOST_SCENARIOS, rank_weights
from tests.one_pot_book import holding, margin, market_of, parameters, rulebook
from tests.rulebook_cases import exposure_of


@pytest.mark.parametrize(
    ("measure", "confidence", "count", "expected"),
    [
        ("es", 0.975, 240, [1 / 6] * 6),
        ("es", 0.975, 250, [1 / 6.25] * 6 + [0.25 / 6.25]),
        ("es", 0.99, 10, [1.0]),
        ("var", 0.99, 250, [0.0, 0.0, 1.0]),
        ("var", 0.975, 240, [0.0] * 6 + [1.0]),
        ("var", 0.99, 1, [1.0]),
    ],
)
def test_rank_weights(measure: str, confidence: float, count: int, expected: list[float]) -> None:
    np.testing.assert_allclose(rank_weights(measure, confidence, count), expected, rtol=1e-12)


def test_account_without_units_owes_the_floor_only() -> None:
    book = rulebook()
    empty = np.zeros((0, len(book.column_kinds)))
    none = np.zeros(0, np.int64)
    results = book.combine(
        empty, book.charge(empty, none), none, np.array([0, 0]), np.zeros(1), np.array([500.0])
    )
    result = dict(zip(book.result_columns, results[0].tolist(), strict=True))
    assert result == dict.fromkeys(result, 0.0) | {"requirement": 50.0, "floor_top_up": 50.0}


def test_a_gain_in_every_scenario_is_charged_nothing() -> None:
    scenarios = from_rows(
        ["scenario", "kind", "EQ:A"], [["a", "historical", "0"], ["b", "stress", "0"]], label="flat"
    )
    book = rulebook(scenarios)
    exposures = np.array([[5.0, 7.0, 0.0, 0.0]])
    charges = book.charge(exposures, np.array([0]))
    assert charges.tolist() == [[0.0, 0.0, 0.0, 0.0, 0.0]]


def test_more_scenarios_than_a_tail_can_name_are_refused() -> None:
    few = from_rows(["scenario", "kind", "EQ:A"], [["a", "historical", "0"]], label="long")
    many = replace(
        few,
        names=tuple(map(str, range(MOST_SCENARIOS + 1))),
        shocks=np.zeros((MOST_SCENARIOS + 1, 1)),
        is_stress=np.zeros(MOST_SCENARIOS + 1, np.bool_),
    )
    with pytest.raises(MarginError, match="scenario set long: 32,768 historical scenarios") as refused:
        rulebook(many)
    assert refused.value.reason is Reason.BAD_PARAMETER


@pytest.mark.parametrize("column", [0, 100, 239, 240, 255])
def test_nan_in_an_exposure_is_never_dropped(column: int) -> None:
    book = rulebook()
    exposures = np.zeros((1, len(book.column_kinds)))
    exposures[0, column] = np.nan
    charges = book.charge(exposures, np.array([0]))
    assert np.isnan(charges[0, 2])
    results = book.combine(exposures, charges, np.array([0]), np.array([0, 1]), np.zeros(1), np.zeros(1))
    assert np.isnan(results[0, 0])


def test_ineligible_product_is_refused_by_the_twin_and_the_add_on() -> None:
    market, book = market_of(), rulebook(eligible_products=["etf"])
    held = [holding(market, "AAPL", 1)]
    for refuse in (
        lambda: book.explain(held, market),
        lambda: book.add_on.netting_set(held[0].instrument),
    ):
        with pytest.raises(MarginError, match="equity is not an eligible product") as refused:
            refuse()
        assert refused.value.reason is Reason.NO_RULEBOOK


def test_average_rate_is_continuous_and_never_falls() -> None:
    tiers = parameters().liquidity
    assert average_rate(tiers, 0.1) == 0.0
    assert average_rate(tiers, 0.5) == pytest.approx(0.4 * 0.01 / 0.5)
    assert average_rate(tiers, 4.0) == pytest.approx((0.4 * 0.01 + 1.5 * 0.03 + 2.0 * 0.06) / 4.0)
    for edge in (0.1, 0.5, 2.0):
        assert average_rate(tiers, edge * (1 - 1e-9)) == pytest.approx(average_rate(tiers, edge), abs=1e-8)
    steps = [average_rate(tiers, days) for days in np.linspace(0.0, 50.0, 500)]
    assert steps == sorted(steps)


def liquidity(held: list[Holding], **values: float) -> float:
    market = market_of()
    book = rulebook(**values)
    account = margin(book, market, [held])[0]
    explained = book.add_on.explain(held, market)
    assert explained.requirement.maintenance_usd == pytest.approx(account.add_on_usd, rel=1e-9, abs=1e-6)
    return account.add_on_usd


def test_size_against_the_market_of_the_underlying() -> None:
    market = market_of()
    days = 4.0
    shares = days * 5e7
    rate = (0.4 * 0.01 + 1.5 * 0.03 + 2.0 * 0.06) / days
    assert liquidity([holding(market, "AAPL", -shares)]) == pytest.approx(shares * 200 * rate, rel=1e-9)


def test_option_nets_by_delta_in_the_market_of_its_underlying() -> None:
    market, book = market_of(), rulebook()
    call = exposure_of(book.add_on, market, [holding(market, "AAPL C210", 1e6)])
    hedge = -call[0] / 200.0
    assert 0.2 < call[0] / (1e6 * 100 * 200) < 0.5  # delta of a call 5 % out of the money
    assert call[1] == pytest.approx(call[0] / (5e7 * 200), rel=1e-12)
    alone = liquidity([holding(market, "AAPL C210", 1e6)])
    assert alone > 1e6
    hedged = liquidity([holding(market, "AAPL C210", 1e6), holding(market, "AAPL", hedge)])
    assert hedged == pytest.approx(0.0, abs=1e-3)


def test_unknown_volume_is_the_parameter() -> None:
    market = market_of()
    held = [holding(market, "TINY", 1e6)]  # 40 million USD, no volume known
    assert liquidity(held, unknown_volume_usd_per_day=1e9) == 0.0
    assert liquidity(held, unknown_volume_usd_per_day=1e7) == pytest.approx(
        4e7 * (0.4 * 0.01 + 1.5 * 0.03 + 2.0 * 0.06) / 4.0
    )
