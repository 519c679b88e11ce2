"""Golden cases of debt under FINRA 4210(e)(2), by the rulebook of each kind of account."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.rules.interface import Holding, PairingRulebook
from tests.debt_book import DEBT_RULE, REG_T, charged
from tests.rulebook_cases import golden, load, market_of

GOLDEN = golden("finra-4210-debt")
every_case = pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
both_rules = pytest.mark.parametrize(
    "rulebook", [DEBT_RULE, REG_T], ids=lambda rulebook: rulebook.rulebook_id
)


def test_no_case_is_lost() -> None:
    assert len(GOLDEN) == 5


@every_case
@both_rules
def test_both_paths_come_to_the_figure_worked_by_hand(path: Path, rulebook: PairingRulebook) -> None:
    case = load(path)
    market = market_of(case)
    held = [
        Holding(market.instruments[market.slot_of[name]], float(quantity), "securities")
        for name, quantity in case["positions"].items()
    ]
    expected = pytest.approx(case["result"]["requirement_usd"], abs=case["tolerance_usd"])
    assert charged(rulebook, market, held).tolist() == [expected, expected]
    explained = rulebook.explain(held, market)
    assert explained.requirement.initial_usd == expected
    assert explained.requirement.maintenance_usd == expected
    assert explained.tree.largest_residual_usd() <= 1e-6
    parts = {part.name: part.amount_usd for part in explained.tree.walk() if not part.parts}
    parts.pop("minimum equity, top-up", None)
    assert parts == pytest.approx(case["result"]["parts"], abs=case["tolerance_usd"])


@every_case
def test_twice_the_positions_need_twice_as_much(path: Path) -> None:
    case = load(path)
    market = market_of(case)
    held = [
        Holding(market.instruments[market.slot_of[name]], 2.0 * quantity, "securities")
        for name, quantity in case["positions"].items()
    ]
    assert np.allclose(charged(DEBT_RULE, market, held), 2.0 * case["result"]["requirement_usd"], atol=0.02)
