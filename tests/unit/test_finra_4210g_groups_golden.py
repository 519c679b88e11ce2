"""Golden cases of product and portfolio groups, worked by hand from the class groups' points."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.rules.finra_4210g import Finra4210g
from engine.rules.finra_4210g_parameters import Parameters
from tests.finra_4210g_book import holdings_of
from tests.rulebook_cases import golden, load, market_of, requirements

GOLDEN = golden("finra-4210g-groups")
every_case = pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)


def test_no_case_is_lost() -> None:
    assert len(GOLDEN) == 10


@every_case
def test_both_paths_come_to_the_figure_worked_by_hand(path: Path) -> None:
    case = load(path)
    rulebook, market = Finra4210g(Parameters.from_mapping(case["rulebook"])), market_of(case)
    holdings = holdings_of(market, case["positions"])
    expected = pytest.approx(case["result"]["requirement_usd"], rel=0, abs=case["tolerance_usd"])
    assert requirements(rulebook, market, [holdings]).tolist() == [[expected, expected]]
    assert rulebook.explain(holdings, market).requirement.maintenance_usd == expected


@every_case
def test_the_tree_names_groups_points_and_what_the_offset_saves(path: Path) -> None:
    case = load(path)
    rulebook, market = Finra4210g(Parameters.from_mapping(case["rulebook"])), market_of(case)
    tree = rulebook.explain(holdings_of(market, case["positions"]), market).tree
    assert tree.largest_residual_usd() <= 1e-6
    named = {part.name: part for part in tree.parts}
    for expected in case["result"]["parts"]:
        part = named[expected["name"]]
        pnl_usd = [part.facts[f"P&L at {point}"] for point in rulebook.scenario_names]
        assert pnl_usd == pytest.approx(expected["points_usd"], abs=case["tolerance_usd"])
        assert part.facts["members_apart_usd"] == pytest.approx(expected["members_apart_usd"], abs=0.01)
        assert part.amount_usd == pytest.approx(expected["requirement_usd"], abs=0.01)
        if expected["worst_point"]:
            assert part.facts["worst_point"] == expected["worst_point"]


def test_the_gain_that_does_not_count_has_a_line_of_its_own() -> None:
    case = load(next(path for path in GOLDEN if path.stem == "high-cap-long-against-short"))
    market = market_of(case)
    rulebook = Finra4210g(Parameters.from_mapping(case["rulebook"]))
    tree = rulebook.explain(holdings_of(market, case["positions"]), market).tree
    lines = {part.name: part.amount_usd for part in tree.walk()}
    assert lines["class group LARGE"] == pytest.approx(40_000.0)
    assert lines["class group BLUE"] == pytest.approx(-32_000.0)
    assert lines["10 % of the gain of class group BLUE"] == pytest.approx(3_200.0)
    assert lines["worst loss, at down 5/5 of the range"] == pytest.approx(11_200.0)
