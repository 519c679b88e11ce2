"""Qualified stock baskets: cases worked by hand, the tree, parameters, and an account in the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.base.errors import MarginError
from engine.market.instruments import SILO_INDEX
from engine.rules.finra_4210g import Finra4210g
from engine.rules.finra_4210g_parameters import Parameters
from tests.engine_book import MARKS, NOW_NS, TODAY, new_engine, prices, trades
from tests.finra_4210g_book import holdings_of
from tests.rulebook_cases import golden, load, market_of, requirements, shipped

GOLDEN = golden("finra-4210g-baskets")
every_case = pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
BASKET = "qualified stock basket on IDX"


def test_no_case_is_lost() -> None:
    assert len(GOLDEN) == 8


@every_case
def test_both_paths_come_to_the_figure_worked_by_hand(path: Path) -> None:
    case = load(path)
    rulebook, market = Finra4210g(Parameters.from_mapping(case["rulebook"])), market_of(case)
    holdings = holdings_of(market, case["positions"])
    expected = pytest.approx(case["result"]["requirement_usd"], rel=0, abs=case["tolerance_usd"])
    assert requirements(rulebook, market, [holdings, holdings]).tolist() == [[expected] * 2] * 2
    explained = rulebook.explain(holdings, market)
    assert explained.requirement.maintenance_usd == expected
    assert explained.tree.largest_residual_usd() <= 1e-6
    baskets = [part for part in explained.tree.walk() if part.name == BASKET]
    worth_usd = sum(float(part.facts["market_value_usd"]) for part in baskets)
    assert worth_usd == pytest.approx(case["result"]["basket_usd"], abs=0.01)


def test_cases_have_the_shipped_rule() -> None:
    for path in GOLDEN:
        own = Parameters.from_mapping(load(path)["rulebook"]).basket
        assert own == Parameters.from_mapping(shipped("finra-4210g")).basket


def test_the_tree_shows_the_basket_its_gain_and_what_left_the_stocks() -> None:
    case = load(next(path for path in GOLDEN if path.stem == "uneven-holdings"))
    market = market_of(case)
    tree = Finra4210g(Parameters.from_mapping(case["rulebook"])).explain(
        holdings_of(market, case["positions"]), market
    ).tree  # fmt: skip
    lines = {part.name: part.amount_usd for part in tree.walk()}
    assert lines[BASKET] == pytest.approx(-36_000.0)
    assert lines[f"5 % of the gain of {BASKET}"] == pytest.approx(1_800.0)
    basket = next(part for part in tree.walk() if part.name == BASKET)
    assert basket.facts["coverage"] == pytest.approx(0.6)
    group = next(part for part in tree.walk() if part.name == "class group A")
    assert [part.name for part in group.walk()][-2:] == ["in the basket on IDX", "top-up to the minimum"]


@pytest.mark.parametrize(
    ("composition", "complaint"),
    [
        ({"IDX": {"weights": {"A": 0.7, "B": 0.4}}}, "composition.IDX.weights.*add up to 1.1"),
        ({"IDX": {"weights": {"A": 1.2}}}, r"composition.IDX.weights.A.*1.2 is not in"),
        ({"IDX": {"weights": {"IDX": 0.5}}}, "'IDX' cannot be its own constituent"),
        ({"IDX": {"weight": {"A": 0.5}}}, "composition.IDX.weight.*is not a parameter"),
    ],
)
def test_bad_compositions_are_named(composition: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MarginError, match=complaint):
        Parameters.from_mapping(shipped("finra-4210g") | {"composition": composition})


def test_compositions_need_the_rule() -> None:
    mapping = shipped("finra-4210g") | {"composition": {"IDX": {"weights": {"A": 0.7}}}}
    del mapping["qualified_basket"]
    with pytest.raises(MarginError, match=r"composition.*needs the table qualified_basket"):
        Parameters.from_mapping(mapping)


def test_a_composition_published_live_takes_effect_and_follows_prices() -> None:
    """Short SPX puts lose where the index falls: short stock stands against them as a short basket."""
    engine = new_engine(("A",))
    engine.apply_prices(prices(engine, MARKS, 1))
    rows = [
        (name, 1, "A", name, quantity, MARKS[name], False, TODAY + 1)
        for name, quantity in {"SPX-P": -5.0, "AAPL": -8_000.0}.items()
    ]
    engine.apply_trades(0, trades(engine, rows))
    engine.advance_time(NOW_NS)
    engine.evaluate(NOW_NS)
    slot, silo = engine.account_slots(["A"])[0], SILO_INDEX["securities"]
    before = float(engine.maintenance[slot, silo])
    mapping = shipped("finra-4210g") | {"composition": {"SPX": {"weights": {"AAPL": 0.6}}}}
    engine.put_silo_rulebook(Finra4210g(Parameters.from_mapping(mapping)))
    engine.evaluate(NOW_NS)
    with_basket = float(engine.maintenance[slot, silo])
    assert with_basket < before - 10_000.0
    assert engine.shadow_check(["A"]) < 0.01
    for sequence, level in enumerate((5_700.0, 6_300.0), start=2):
        moved = {"SPX": level, "AAPL": level / 30.0}
        engine.apply_prices(prices(engine, moved, sequence))
        engine.evaluate(NOW_NS)
        assert engine.shadow_check(["A"]) < 0.01
