"""One pot against cases worked out by hand in fractions."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.market.scenarios import from_rows
from engine.rules.interface import Holding
from engine.rules.unified.one_pot import OnePot
from engine.rules.unified.one_pot_parameters import OnePotParameters
from engine.shortfall.gap import attribute_gap
from tests.one_pot_book import Account, holding, margin, market_of
from tests.rulebook_cases import exposure_of, golden, load

CASES = golden("one-pot")


def number(text: str) -> float:
    return float(Fraction(text))


def parameters_of(case: dict[str, Any]) -> OnePotParameters:
    words = {"measure", "eligible_products", "eligible_account_types", "required_approvals"}
    mapping: dict[str, Any] = {
        "rulebook_id": "one-pot", "version": "golden", "silo": "unified", "currency": "USD",
    }  # fmt: skip
    for name, value in case["parameters"].items():
        if name == "liquidity_tiers":
            value = [{key: number(text) for key, text in tier.items()} for tier in value]
        mapping[name] = {"value": value if name in words or isinstance(value, list) else number(value)}
    return OnePotParameters.from_mapping(mapping)


def book_of(case: dict[str, Any]) -> tuple[OnePot, Market, list[Holding]]:
    scenarios = from_rows(case["scenarios"]["header"], case["scenarios"]["rows"])
    instruments = [Instrument(**{**r, "product": Product(r["product"])}) for r in case["instruments"]]
    market = market_of(instruments, case["prices"])
    held = [holding(market, p["instrument_id"], p["quantity"], p["silo"]) for p in case["positions"]]
    return OnePot(parameters_of(case), scenarios), market, held


def account_of(case: dict[str, Any]) -> tuple[OnePot, Market, list[Holding], Account]:
    book, market, held = book_of(case)
    silo_total = sum(map(number, case["silo_requirement_usd"].values()))
    return book, market, held, margin(book, market, [held], silo_total)[0]


def test_every_case_is_collected() -> None:
    assert len(CASES) == 4


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_scenario_pnl_and_standalone_charges(path: Path) -> None:
    case = load(path)
    book, market, held, account = account_of(case)
    tolerance = number(case["tolerance_usd"])
    count = book.scenarios.count
    for silo, expected in case["expected"]["pnl_usd"].items():
        chosen = [h for h in held if silo in {"account", h.silo}]
        pnl = exposure_of(book, market, chosen)[:count]
        np.testing.assert_allclose(pnl, [number(text) for text in expected], rtol=0, atol=tolerance)
    for silo, charges in case["expected"]["standalone"].items():
        row = account.charges[account.silos.index(silo)]
        for name, expected in charges.items():
            actual = row[book.charge_columns.index(name)]
            assert actual == pytest.approx(number(expected), abs=tolerance), (silo, name)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_requirement_vectorised_and_explained(path: Path) -> None:
    case = load(path)
    book, market, held, account = account_of(case)
    tolerance = number(case["tolerance_usd"])
    expected = {name: number(text) for name, text in case["expected"]["result"].items()}
    assert account.result == pytest.approx(expected, abs=tolerance)
    silo_total = sum(map(number, case["silo_requirement_usd"].values()))
    explained = book.explain(held, market, silo_total)
    assert explained.requirement.maintenance_usd == pytest.approx(expected["requirement"], abs=tolerance)
    names = ("core", "stress_top_up", "minimum", "add_on", "cap_top_up", "floor_top_up")
    amounts = [part.amount_usd for part in explained.tree.parts]
    assert amounts == pytest.approx([expected[name] for name in names], abs=tolerance)
    assert explained.worst_scenario == ("s1" if expected["stress_top_up"] else "h1")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_gap_attribution(path: Path) -> None:
    case = load(path)
    book, _, _, account = account_of(case)
    tolerance = number(case["tolerance_usd"])
    requirement = {silo: number(text) for silo, text in case["silo_requirement_usd"].items()}
    gap = attribute_gap(
        book,
        account.exposures,
        account.silos,
        requirement,
        add_on_usd=account.add_on_usd,
        silo_total_usd=sum(requirement.values()),
    )
    expected = case["expected"]["gap"]
    assert gap.gap_usd == pytest.approx(number(expected["gap"]), abs=tolerance)
    tail = {name: number(weight) for name, weight in expected["tail"].items()}
    assert dict(gap.tail) == pytest.approx(tail, abs=1e-12)
    lines = {(term.name, term.silo): term.amount_usd for term in gap.terms}
    named = {(name, ""): expected[name] for name in ("zero_floor", "add_on", "cap_top_up", "floor_top_up")}
    for name in ("rulebook_effect", "netting"):
        named |= {(name, silo): text for silo, text in expected[name].items()}
    assert lines == pytest.approx({key: number(text) for key, text in named.items()}, abs=tolerance)
