"""Golden cases of FINRA 4210(g): the published position sheet of 2007, and derived cases with QuantLib."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.rules.finra_4210g import Finra4210g
from engine.rules.finra_4210g_parameters import Parameters
from tests.finra_4210g_book import holdings_of
from tests.finra_4210g_oracle import minimum, points
from tests.rulebook_cases import ROOT, exposures_of, golden, load, market_of, requirements

GOLDEN = golden("finra-4210g")
every_case = pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
PUBLISHED = [path for path in GOLDEN if path.stem.startswith("ibm-")]
REFERENCE = Path(os.environ.get("MARGINMON_REFERENCE", ROOT.parent / "shared/reference"))
SHEET = REFERENCE / "regt_portfolio_margin/sheet_2007_ibm.csv"


def rulebook_of(case: dict[str, Any]) -> Finra4210g:
    return Finra4210g(Parameters.from_mapping(case["rulebook"]))


def requirement_tolerance(case: dict[str, Any]) -> float:
    """USD; relative to the published figure, absolute where the figure is derived."""
    tolerance = case["tolerance"]
    if "requirement_usd" in tolerance:
        return float(tolerance["requirement_usd"])
    return float(tolerance["requirement_relative"] * case["result"]["requirement_usd"])


def worst_moves(group: dict[str, Any]) -> list[float]:
    """The worst point; more than one where they tie (a put deep in the money against its shares)."""
    worst = -group["worst_loss_usd"]
    return [point["move"] for point in group["points"] if abs(point["pnl_usd"] - worst) < 0.001]


def test_no_case_is_lost() -> None:
    assert (len(GOLDEN), len(PUBLISHED)) == (26, 9)


@every_case
def test_intermediates_are_those_of_the_independent_oracle(path: Path) -> None:
    case = load(path)
    for group in case["result"]["classes"]:
        pnl = points(case, group["class"], [point["move"] for point in group["points"]])
        assert pnl == pytest.approx([point["pnl_usd"] for point in group["points"]], abs=1e-4)
        assert group["worst_loss_usd"] == pytest.approx(max(-min(pnl), 0.0), abs=1e-4)
        assert group["minimum_usd"] == pytest.approx(minimum(case, group["class"]), abs=1e-9)
        assert group["requirement_usd"] == max(group["worst_loss_usd"], group["minimum_usd"])


@every_case
def test_vectorised_path(path: Path) -> None:
    case = load(path)
    rulebook, market = rulebook_of(case), market_of(case)
    holdings = holdings_of(market, case["positions"])
    exposures = exposures_of(rulebook, market, holdings)
    assert sorted(exposures) == sorted(group["class"] for group in case["result"]["classes"])
    for group in case["result"]["classes"]:
        pnl = exposures[group["class"]][:-2]
        expected = [point["pnl_usd"] for point in group["points"]]
        assert pnl == pytest.approx(expected, abs=case["tolerance"]["points_usd"])
        assert exposures[group["class"]][-2:].sum() == pytest.approx(group["minimum_usd"], rel=1e-12)
        if group["worst_loss_usd"] > group["minimum_usd"]:
            assert group["points"][int(np.argmin(pnl))]["move"] in worst_moves(group)
    initial, maintenance = requirements(rulebook, market, [holdings])[0]
    assert initial == maintenance
    assert maintenance == pytest.approx(
        case["result"]["requirement_usd"], rel=0, abs=requirement_tolerance(case)
    )


@every_case
def test_plain_twin(path: Path) -> None:
    case = load(path)
    market = market_of(case)
    explained = rulebook_of(case).explain(holdings_of(market, case["positions"]), market)
    assert explained.requirement.maintenance_usd == pytest.approx(
        case["result"]["requirement_usd"], rel=0, abs=requirement_tolerance(case)
    )
    assert explained.tree.largest_residual_usd() <= 1e-6
    for group, part in zip(case["result"]["classes"], explained.tree.parts, strict=True):
        assert part.name == f"class group {group['class']}"
        shown = [part.facts[f"P&L at {100 * point['move']:+.4g} %"] for point in group["points"]]
        expected = [point["pnl_usd"] for point in group["points"]]
        assert shown == pytest.approx(expected, abs=case["tolerance"]["points_usd"])
        if group["worst_loss_usd"] > group["minimum_usd"]:
            assert part.facts["worst_point"] in [f"{100 * move:+.4g} %" for move in worst_moves(group)]


@pytest.mark.reference
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_figures_are_those_of_the_sheet(path: Path) -> None:
    if not SHEET.exists():
        pytest.skip(f"{SHEET.name} is not there; set MARGINMON_REFERENCE")
    name = path.stem.replace("ibm-", "IBM ", 1).replace("-minimum", "").replace("-", " ")
    with SHEET.open() as file:
        row = next(row for row in csv.DictReader(file) if row["case"] == name)
    assert load(path)["result"]["requirement_usd"] == float(row["portfolio_margin_usd"])
