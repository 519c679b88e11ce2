"""Golden cases of the SPAN-type rulebook: eight published portfolios, and derived cases by an own oracle."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from engine.portfolio.account_class import AccountClass
from engine.rules import span_kernels as kernels
from engine.rules.span_parameters import SCENARIO_NAMES
from tests.rulebook_cases import golden, load, market_of
from tests.span_book import (
    amount_of,
    charges_of,
    commodity_part,
    exposures_of,
    holdings_of,
    requirements,
    rulebook_of,
)
from tests.span_oracle import result_of

GOLDEN = golden("span-futures")
every_case = pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
PUBLISHED_ARRAYS = [path for path in GOLDEN if path.stem.startswith("published-") and "form" not in path.stem]


def tolerance_of(case: dict[str, Any]) -> float:
    return float(case["tolerance_usd"])


def class_of(case: dict[str, Any]) -> AccountClass:
    return AccountClass[case.get("account_class", "speculator").upper()]


def test_no_case_is_lost() -> None:
    assert (len(GOLDEN), len(PUBLISHED_ARRAYS)) == (40, 8)


@every_case
def test_result_is_that_of_the_independent_oracle(path: Path) -> None:
    case = load(path)
    assert_equal(result_of(case), case["result"], 1e-7)


def assert_equal(found: Any, expected: Any, tolerance: float) -> None:
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_equal(found[key], expected[key], tolerance)
    else:
        assert found == pytest.approx(expected, abs=tolerance)


@every_case
def test_vectorised_requirement(path: Path) -> None:
    case = load(path)
    found = requirements(
        rulebook_of(case["rulebook"]), market_of(case), [case["positions"]], [class_of(case)]
    )[0].tolist()
    expected = [case["result"]["initial_usd"], case["result"]["maintenance_usd"]]
    assert found == pytest.approx(expected, abs=tolerance_of(case), rel=1e-12)


@every_case
def test_vectorised_intermediates(path: Path) -> None:
    case = load(path)
    rulebook, market = rulebook_of(case["rulebook"]), market_of(case)
    exposures = exposures_of(rulebook, market, case["positions"])
    charges = charges_of(rulebook, market, case["positions"])
    for name, expected in case["result"]["commodities"].items():
        close = tolerance_of(case) + 1e-9
        assert exposures[name][: kernels.SCENARIOS].tolist() == pytest.approx(expected["pnl_usd"], abs=close)
        charge = charges[name]
        assert charge[kernels.ACTIVE_SCENARIO] == expected["active_scenario"]
        # A super-inter-commodity spread changes what is left for the months; `combine` sees to it.
        months = (
            ()
            if "super_inter_commodity" in case["rulebook"]
            else ((kernels.INTER_MONTH_CHARGE, "inter_month_usd"), (kernels.DELIVERY_CHARGE, "delivery_usd"))
        )
        for column, figure in (
            *months,
            (kernels.SCANNING_RISK, "scanning_risk_usd"),
            (kernels.SHORT_OPTION_MINIMUM, "short_option_minimum_usd"),
            (kernels.PRICE_RISK, "price_risk_usd"),
            (kernels.NET_DELTA, "net_delta"),
            (kernels.NET_OPTION_VALUE, "net_option_value_usd"),
        ):
            assert charge[column] == pytest.approx(expected.get(figure, 0.0), abs=close), figure


@every_case
def test_explanation(path: Path) -> None:
    case = load(path)
    rulebook, market = rulebook_of(case["rulebook"]), market_of(case)
    explained = rulebook.explain_by_class(holdings_of(market, case["positions"]), market, class_of(case))
    close = tolerance_of(case) + 1e-9
    result = case["result"]
    assert explained.requirement.maintenance_usd == pytest.approx(result["maintenance_usd"], abs=close)
    assert explained.requirement.initial_usd == pytest.approx(result["initial_usd"], abs=close)
    assert explained.tree.facts["published_usd"] == pytest.approx(result["published_usd"], abs=close)
    assert explained.tree.amount_usd == explained.requirement.maintenance_usd
    assert explained.tree.largest_residual_usd() <= 1e-6
    for name, expected in result["commodities"].items():
        part = commodity_part(explained.tree, name)
        worst = SCENARIO_NAMES[expected["active_scenario"] - 1]
        assert amount_of(part, f"scanning risk, scenario {worst}") == pytest.approx(
            expected["scanning_risk_usd"], abs=close
        )
        assert amount_of(part, "inter-month") == pytest.approx(expected["inter_month_usd"], abs=close)
        assert amount_of(part, "delivery") == pytest.approx(expected.get("delivery_usd", 0.0), abs=close)
        credit = amount_of(part, "inter-commodity") + amount_of(part, "super-inter-commodity")
        assert -credit == pytest.approx(expected["credit_usd"], abs=close)
        assert part.amount_usd == pytest.approx(expected["risk_usd"], abs=close)
        pnl = [part.facts[f"P&L {scenario}"] for scenario in SCENARIO_NAMES]
        assert pnl == pytest.approx(expected["pnl_usd"], abs=close)


def test_all_accounts_at_once_give_what_each_gives_alone() -> None:
    case = next(load(path) for path in GOLDEN if path.stem == "inter-commodity-order-and-ratio")
    rulebook, market = rulebook_of(case["rulebook"]), market_of(case)
    accounts: list[dict[str, float]] = [case["positions"], {}, {"ES-M": 1.0}, {"NQ-M": -2.0, "RTY-M": 1.0}]
    together = requirements(rulebook, market, accounts).tolist()
    alone = [requirements(rulebook, market, [account])[0].tolist() for account in accounts]
    assert together == alone
    assert together[1] == [0.0, 0.0]


def test_published_cases_repeat_the_reference(reference_dir: Path) -> None:
    with (reference_dir / "span/mcmillan_risk_arrays.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (reference_dir / "span/mcmillan_derived_scanning_risk.csv").open() as file:
        portfolios = list(csv.reader(file))[1:]
    figures = {}
    for path in PUBLISHED_ARRAYS:
        case = load(path)
        arrays = case["rulebook"]["risk_arrays"]
        assert arrays["SP-DEC"]["values_usd"] == [float(row["long_1_SP_future_pnl"]) for row in rows]
        assert arrays["SP-DEC-410C"]["values_usd"] == [float(row["long_1_Dec410_call_pnl"]) for row in rows]
        held = tuple(case["positions"].get(key, 0.0) for key in ("SP-DEC", "SP-DEC-410C"))
        figures[held] = (
            case["result"]["maintenance_usd"],
            case["result"]["commodities"]["SP"]["active_scenario"],
        )
    expected = {}
    for portfolio, risk, scenario in portfolios:
        words = portfolio.split()
        expected[float(words[0]), float(words[2])] = (float(risk), int(scenario))
    assert figures == expected
