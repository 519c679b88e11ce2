"""Groups of FINRA 4210(g): who is in them, what the parameter file may say, what the order of sets may not do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product
from engine.rules.finra_4210g import Finra4210g
from engine.rules.finra_4210g_groups import group_of
from engine.rules.finra_4210g_parameters import Parameters
from tests.finra_4210g_book import holdings_of, shipped_rulebook
from tests.rulebook_cases import exposures_of, market_of, requirements, shipped

LARGE = Instrument("LARGE", Product.ETF, index_class="high_cap_broad")
PRODUCT: dict[str, Any] = {"level": "product group", "offset": 0.9}


def parameters_with(groups: dict[str, Any]) -> Parameters:
    return Parameters.from_mapping(shipped("finra-4210g") | {"groups": groups})


def test_shipped_groups_are_the_table_of_the_page() -> None:
    groups = Parameters.from_mapping(shipped("finra-4210g")).groups
    found = [(group.name, group.level, group.offset, group.within, group.index_class) for group in groups]
    assert found == [
        ("high_cap_broad", "product group", 0.90, "broad_based", "high_cap_broad"),
        ("broad_based", "portfolio group", 0.75, "", "broad"),
    ]


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (LARGE, "high_cap_broad"),
        (Instrument("SPX", Product.INDEX, index_class="high_cap_broad"), "high_cap_broad"),
        (Instrument("SMALL", Product.ETF, index_class="broad", leverage=-3.0), "broad_based"),
        (Instrument("CHIPS", Product.INDEX, index_class="narrow"), ""),
        (Instrument("BARE", Product.INDEX), ""),
        (Instrument("ACME", Product.EQUITY), ""),
    ],
    ids=lambda value: value.instrument_id if isinstance(value, Instrument) else "",
)
def test_the_underlying_decides_the_group(root: Instrument, expected: str) -> None:
    assert group_of(Parameters.from_mapping(shipped("finra-4210g")).groups, root) == expected


def test_a_name_goes_before_a_class_and_members_before_their_group() -> None:
    groups = parameters_with(
        {
            "outer": PRODUCT | {"level": "portfolio group", "index_class": "broad"},
            "inner": PRODUCT | {"within": "outer", "index_class": "high_cap_broad"},
            "index": PRODUCT | {"level": "class group", "within": "inner", "underlyings": ["LARGE"]},
        }
    ).groups
    assert [group.name for group in groups] == ["index", "inner", "outer"]
    assert group_of(groups, LARGE) == "index"


def test_without_groups_or_at_zero_nothing_offsets() -> None:
    mapping = shipped("finra-4210g")
    del mapping["groups"]
    assert Parameters.from_mapping(mapping).groups == ()
    off = {"outer": PRODUCT | {"offset": 0.0}, "inner": PRODUCT | {"within": "outer", "underlyings": ["X"]}}
    (inner,) = parameters_with(off).groups
    assert (inner.name, inner.within) == ("inner", "")


@pytest.mark.parametrize(
    ("groups", "path"),
    [
        ({"a": PRODUCT | {"offset": 1.1}}, "groups.a.offset"),
        ({"a": PRODUCT | {"offset": -0.1}}, "groups.a.offset"),
        ({"a": {"level": "product group"}}, "groups.a.offset"),
        ({"a": {"offset": 0.5}}, "groups.a.level"),
        ({"a": PRODUCT | {"level": "pot"}}, "groups.a.level"),
        ({"a": PRODUCT | {"within": "b"}}, "groups.a.within"),
        ({"a": PRODUCT | {"within": "a"}}, "groups.a.within"),
        ({"a": PRODUCT | {"within": "b"}, "b": PRODUCT | {"within": "a"}}, "within"),
        ({"a": PRODUCT | {"index_class": "narrow"}}, "groups.a.index_class"),
        ({"a": PRODUCT | {"underlyings": []}}, "groups.a.underlyings"),
        ({"a": PRODUCT | {"members": ["X"]}}, "groups.a.members"),
        ({name: PRODUCT | {"underlyings": ["X"]} for name in "ab"}, "groups.b.underlyings"),
        ({name: PRODUCT | {"index_class": "broad"} for name in "ab"}, "groups.b.index_class"),
        ([], "groups"),
    ],
)
def test_bad_groups_are_refused_by_path(groups: Any, path: str) -> None:
    with pytest.raises(MarginError) as caught:
        parameters_with(groups)
    assert caught.value.reason is Reason.BAD_PARAMETER
    assert path in caught.value.thing


@pytest.mark.parametrize(
    ("table", "value", "path"),
    [
        ("concentration", {"limit": 0.3}, "concentration.rate"),
        ("concentration", {"limit": 1.3, "rate": 0.0}, "concentration.limit"),
        ("concentration", {"limit": 0.3, "rate": -0.1}, "concentration.rate"),
        ("minimum_equity", {"applies": "x", "threshold": {"y": {"usd": 1.0}}}, "minimum_equity.applies"),
        ("minimum_equity", {"applies": "y", "threshold": {"y": {"usd": -1.0}}}, "threshold.y.usd"),
        ("minimum_equity", {"applies": "y", "threshold": {}}, "minimum_equity.threshold"),
    ],
)
def test_bad_house_parameters_are_refused_by_path(table: str, value: dict[str, Any], path: str) -> None:
    with pytest.raises(MarginError) as caught:
        Parameters.from_mapping(shipped("finra-4210g") | {table: value})
    assert caught.value.reason is Reason.BAD_PARAMETER
    assert path in caught.value.thing


def test_shipped_house_parameters() -> None:
    parameters = Parameters.from_mapping(shipped("finra-4210g"))
    assert parameters.concentration_rate == 0.0
    assert parameters.minimum_equity_usd == 100_000.0


FUNDS = [("LARGE", "high_cap_broad", 500.0), ("BLUE", "high_cap_broad", 400.0), ("SMALL", "broad", 200.0)]
BOOK = [("LARGE", 1000.0), ("SMALL", -2000.0), ("ACME", 70.0), ("BLUE", -300.0)]


def market_and_holdings() -> tuple[Any, Any]:
    instruments: list[dict[str, Any]] = [{"instrument_id": "ACME", "product": "equity"}]
    instruments += [{"instrument_id": n, "product": "etf", "index_class": c} for n, c, _ in FUNDS]
    prices = [{"instrument_id": "ACME", "mark": 100.0}]
    prices += [{"instrument_id": name, "mark": mark} for name, _, mark in FUNDS]
    market = market_of(
        {
            "market": {"rate": 0.03, "valuation_time": "2024-05-10T20:00:00+00:00"},
            "instruments": instruments,
            "prices": prices,
        }
    )
    positions = [{"instrument_id": name, "quantity": quantity} for name, quantity in BOOK]
    return market, holdings_of(market, positions)


def test_sets_may_appear_one_by_one_and_before_their_rows() -> None:
    market, holdings = market_and_holdings()
    expected = requirements(shipped_rulebook(), market, [holdings])
    rulebook = shipped_rulebook()
    names = [holding.instrument.instrument_id for holding in holdings]
    for count in range(1, len(names) + 1):
        rulebook.bind(names[:count])
    exposures = exposures_of(rulebook, market, holdings)
    units = np.array([exposures[name] for name in names])
    sets, offsets = np.arange(len(names)), np.array([0, len(names)])
    assert rulebook.combine(rulebook.charge(units, sets), sets, offsets).tolist() == expected.tolist()


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]])
def test_the_order_of_netting_sets_does_not_show(order: list[int]) -> None:
    """The units of the account stand in the same order, as holdings do; the numbers of their sets differ."""
    market, holdings = market_and_holdings()
    rulebook = shipped_rulebook()
    exposures = exposures_of(rulebook, market, holdings)
    names = sorted(exposures)
    rulebook.bind([names[index] for index in order])
    sets = np.array([order.index(index) for index in range(len(names))])
    units = np.array([exposures[name] for name in names])
    combined = rulebook.combine(units, sets, np.array([0, len(names)]))
    assert combined.tolist() == requirements(shipped_rulebook(), market, [holdings]).tolist()


def test_one_account_leaves_nothing_to_the_next() -> None:
    market, holdings = market_and_holdings()
    alone = [requirements(shipped_rulebook(), market, [[held]])[0, 1] for held in holdings]
    accounts = [[], *([held] for held in holdings), [], holdings]
    together = requirements(shipped_rulebook(), market, accounts)[:, 1]
    whole = requirements(shipped_rulebook(), market, [holdings])[0, 1]
    assert together.tolist() == [0.0, *alone, 0.0, whole]


def test_a_republished_class_moves_the_class_group_to_another_group() -> None:
    market, holdings = market_and_holdings()
    rulebook = Finra4210g(parameters_with({"high": PRODUCT | {"index_class": "high_cap_broad"}}))
    pair = [held for held in holdings if held.instrument.instrument_id in {"LARGE", "BLUE"}]
    offset = requirements(rulebook, market, [pair])[0, 1]
    assert offset == pytest.approx(40_000.0 - 0.9 * 9_600.0)
    market.put_instrument(Instrument("BLUE", Product.ETF, index_class="narrow"))
    apart = requirements(rulebook, market, [pair])[0, 1]
    assert apart == pytest.approx(40_000.0 + 0.15 * 120_000.0)
    assert rulebook.explain(pair, market).requirement.maintenance_usd == pytest.approx(apart)
