"""SEC 18a-3: golden cases, cells and their bounds, what is covered, parameter checks."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product
from engine.rules.interface import Holding
from engine.rules.sec_18a_3 import Sec18a3
from engine.rules.sec_18a_3_parameters import Parameters
from tests.credit_book import holdings_of, market_of, swap_of
from tests.rulebook_cases import golden, instrument_of, load, requirements, shipped

GOLDEN = golden("sec-18a-3")
FIVE_YEARS = swap_of("ACME-2031-06", "ACME", "2031-06-20")
LAST_CELL = 9 * 6 - 1


@pytest.fixture
def rulebook() -> Sec18a3:
    return Sec18a3(Parameters.from_mapping(shipped("sec-18a-3")))


def test_no_case_is_lost() -> None:
    assert len(GOLDEN) == 9


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_case(path: Path, rulebook: Sec18a3) -> None:
    case = load(path)
    market = market_of(list(map(instrument_of, case["instruments"])), case["spreads_bp"], case["marks"])
    account = holdings_of(market, case["positions"])
    result, usd = case["result"], case["tolerance"]["usd"]
    [(initial, maintenance)] = requirements(rulebook, market, [account])
    explained = rulebook.explain(account, market)
    for found in (initial, maintenance, explained.requirement.initial_usd, explained.tree.amount_usd):
        assert found == pytest.approx(result["requirement_usd"], abs=usd)
    assert explained.tree.largest_residual_usd() < 1e-6
    by_entity = {part.name: part.amount_usd for part in explained.tree.parts}
    assert by_entity == pytest.approx(result["entities"], abs=usd)


def test_the_tree_names_the_cell_and_what_led_to_it(rulebook: Sec18a3) -> None:
    market = market_of([FIVE_YEARS], {"ACME-2031-06": 150.0})
    [entity] = rulebook.explain(holdings_of(market, {"ACME-2031-06": -10.0}), market).tree.parts
    [deduction] = entity.parts
    assert deduction.name == "protection sold, 49-60 months, 101-300 bp"
    assert deduction.facts == {"notional_usd": 10e6, "rate": 0.07}
    assert entity.facts["spread_bp of ACME-2031-06"] == pytest.approx(150.0, abs=1e-6)
    assert entity.facts["months of ACME-2031-06"] == 55
    assert entity.facts["cr01_usd of ACME-2031-06"] == pytest.approx(-4_000.0, rel=0.1)


@pytest.mark.parametrize(
    ("spread_bp", "column"),
    [
        (1, 0),
        (100, 0),
        (101, 1),
        (300, 1),
        (301, 2),
        (400, 2),
        (401, 3),
        (500, 3),
        (501, 4),
        (699, 4),
        (700, 5),
    ],
)
def test_spread_categories_end_at_whole_basis_points(
    rulebook: Sec18a3, spread_bp: float, column: int
) -> None:
    market = market_of([FIVE_YEARS], {"ACME-2031-06": spread_bp})
    [row] = rulebook.rows(market, np.array([0]))
    assert np.flatnonzero(row).tolist() == [4 * 6 + column]
    assert row[4 * 6 + column] == 1e6


@pytest.mark.parametrize(
    ("maturity", "line"),
    [
        ("2027-11-20", 0), ("2027-11-21", 1), ("2028-11-20", 1), ("2029-11-20", 2), ("2030-11-20", 3),
        ("2031-11-20", 4), ("2031-11-21", 5), ("2032-11-20", 5), ("2033-11-20", 6), ("2036-11-20", 7),
        ("2036-11-21", 8),
    ],
)  # fmt: skip
def test_maturity_categories_end_with_the_month(rulebook: Sec18a3, maturity: str, line: int) -> None:
    market = market_of([swap_of("S", "ACME", maturity)], {"S": 50.0})
    assert np.flatnonzero(rulebook.rows(market, np.array([0]))).tolist() == [6 * line]


def test_a_swap_that_matured_is_charged_until_it_is_booked_out(rulebook: Sec18a3) -> None:
    market = market_of([swap_of("S", "ACME", "2026-11-20", coupon=0.05)], {}, {"S": 0.0})
    account = holdings_of(market, {"S": -1.0})
    assert rulebook.explain(account, market).requirement.maintenance_usd == pytest.approx(75_000.0)
    assert requirements(rulebook, market, [account])[0, 1] == pytest.approx(75_000.0)


def test_without_a_price_nothing_is_in_the_figure_and_it_says_so(rulebook: Sec18a3) -> None:
    market = market_of([FIVE_YEARS], {})
    assert not rulebook.rows(market, np.array([0])).any()
    [entity] = rulebook.explain(holdings_of(market, {"ACME-2031-06": 1.0}), market).tree.parts
    assert entity.amount_usd == 0.0
    assert entity.facts == {"mark of ACME-2031-06": "missing: not in the figure"}


def test_netting_set_is_the_entity_and_other_products_are_an_error(rulebook: Sec18a3) -> None:
    assert rulebook.netting_set(FIVE_YEARS) == "ACME"
    with pytest.raises(MarginError) as caught:
        rulebook.netting_set(Instrument("SPY", Product.ETF))
    assert caught.value.reason is Reason.NO_RULEBOOK
    assert caught.value.thing == "instrument SPY in silo security_based_swaps"


def test_holdings_of_other_silos_are_not_in_the_figure(rulebook: Sec18a3) -> None:
    market = market_of([FIVE_YEARS], {"ACME-2031-06": 150.0})
    assert rulebook.explain([Holding(FIVE_YEARS, 1.0, "cleared_swaps")], market).tree.parts == ()


def test_the_file_stands_for_whichever_silo_the_definition_names() -> None:
    for silo in ("security_based_swaps", "uncleared_swaps", "cleared_swaps"):
        assert Sec18a3(Parameters.from_mapping(shipped("sec-18a-3") | {"silo": silo})).silo == silo


def test_the_shipped_file_says_that_it_is_not_verified() -> None:
    tables = [table for table in shipped("sec-18a-3").values() if isinstance(table, dict)]
    assert len(tables) == 3
    assert all(table["unverified"] and table["source"] for table in tables)


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("silo",), "securities", "silo"),
        (("extra",), 1, "extra"),
        (("long_share",), 0.5, "long_share"),
        (("long_share", "value"), 1.5, "long_share.value"),
        (("adjacent_categories", "spread"), -1, "adjacent_categories.spread"),
        (("credit_grid", "spread_at_most_bp"), [100, 100, 400, 500, 699], "credit_grid.spread_at_most_bp"),
        (("credit_grid", "spread_at_most_bp"), [100, 300.5, 400, 500, 699], "credit_grid.spread_at_most_bp"),
        (("credit_grid", "spread_at_most_bp"), "100", "credit_grid.spread_at_most_bp"),
        (("credit_grid", "maturities", 0, "rates"), [0.1, 0.2], "credit_grid.maturities[1].rates"),
        (("credit_grid", "maturities", 0, "rates"), [0.01, 0.02, 0.01, 1, 1, 1], "credit_grid.maturities[1].rates"),
        (("credit_grid", "maturities", 1, "rates"), [0.001] * 6, "credit_grid.maturities[2].rates"),
        (("credit_grid", "maturities", 1, "months_at_most"), 12, "credit_grid.maturities[2].months_at_most"),
        (("credit_grid", "maturities", 8, "months_at_most"), 180, "credit_grid.maturities[9].months_at_most"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_by_its_path(path: tuple[Any, ...], value: Any, place: str) -> None:
    mapping = copy.deepcopy(shipped("sec-18a-3"))
    table: Any = mapping
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value
    with pytest.raises(MarginError) as caught:
        Parameters.from_mapping(mapping)
    assert caught.value.reason is Reason.BAD_PARAMETER
    assert caught.value.thing == f"rulebook sec-18a-3: {place}"
