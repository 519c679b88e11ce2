"""Cleared swaps and Treasury clearing against QuantLib's figures and hand counts, intermediate results included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.market.market import Market
from engine.market.rate_curves import RateCurves
from engine.market.scenarios import ScenarioSet, from_csv_lines
from engine.rules.interface import Holding, SiloRulebook
from tests import rates_book, treasury_book
from tests.rulebook_cases import golden, instrument_of, load, nanoseconds, requirements, set_prices

CASES = {name: golden(name) for name in ("cleared-swaps", "treasury-clearing")}
ALL = [(name, path) for name, paths in CASES.items() for path in paths]


def test_all_cases_are_there() -> None:
    assert {name: len(paths) for name, paths in CASES.items()} == {"cleared-swaps": 8, "treasury-clearing": 6}


def rulebook_of(name: str, case: dict[str, Any]) -> SiloRulebook:
    scenarios: ScenarioSet = from_csv_lines(case["scenarios"])
    parameters = case["parameters"]
    if name == "cleared-swaps":
        return rates_book.rulebook(scenarios, **parameters)
    return treasury_book.rulebook(scenarios, **parameters)


def market_of(case: dict[str, Any]) -> Market:
    stated = case["market"]
    market = Market(
        stated["rate"], nanoseconds(stated["valuation_time"]), rate_curves=RateCurves(rates_book.CONVENTIONS)
    )
    for record in case["instruments"]:
        start = {"start_ns": nanoseconds(record["start"])} if "start" in record else {}
        market.put_instrument(instrument_of({k: v for k, v in record.items() if k != "start"} | start))
    set_prices(market, case["prices"])
    return market


@pytest.mark.parametrize(("name", "path"), ALL, ids=[path.stem for _, path in ALL])
def test_case(name: str, path: Path) -> None:
    case = load(path)
    expected, tolerance = case["expected"], case["tolerance_usd"]
    rules, market = rulebook_of(name, case), market_of(case)
    holdings = [
        Holding(market.instruments[market.slot_of[one["instrument_id"]]], one["quantity"], rules.silo)
        for one in case["positions"]
    ]
    rows = rules.rows(market, market.slots([held.instrument.instrument_id for held in holdings]))
    exposure = np.array([held.quantity for held in holdings]) @ rows
    count = len(rules.scenario_names)
    assert exposure[:count] == pytest.approx(expected["pnl_usd"], rel=1e-9, abs=tolerance)
    sensitivities = expected["gain_per_bp_usd"]
    first = count + (4 if "EUR" in case["instruments"][-1].get("currency", "") else 0)
    assert exposure[first : first + len(sensitivities)] == pytest.approx(
        sensitivities, rel=1e-9, abs=tolerance
    )
    explained = rules.explain(holdings, market)
    parts = {part.name: part for part in explained.tree.walk()}
    assert parts["historical loss"].amount_usd == pytest.approx(
        expected["historical_loss_usd"], abs=tolerance
    )
    add_on = "liquidity add-on" if name == "cleared-swaps" else "liquidity adjustment"
    assert parts[add_on].amount_usd == pytest.approx(expected["liquidity_usd"], abs=tolerance)
    if "minimum_margin_usd" in expected:
        facts = parts["minimum margin top-up"].facts
        assert facts["minimum_margin_usd"] == pytest.approx(expected["minimum_margin_usd"], abs=tolerance)
    for figure in (explained.requirement.maintenance_usd, requirements(rules, market, [holdings])[0, 1]):
        assert figure == pytest.approx(expected["maintenance_usd"], abs=tolerance)
