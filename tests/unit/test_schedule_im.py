"""Standardized initial margin of uncleared swaps: published cases, what is covered, durations, parameter checks."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.rules.interface import Holding
from engine.rules.schedule_im import ScheduleIm
from engine.rules.schedule_im_parameters import Parameters
from tests.credit_book import mark_at, swap_of
from tests.credit_book import market_of as credit_market
from tests.rulebook_cases import golden, instrument_of, load, nanoseconds, requirements, set_prices, shipped

GOLDEN = golden("schedule-im")
SILO = "uncleared_swaps"
# Rates, currencies and shares have no swap among the products: the cases hold something else in their place.
_STANDING_IN = {
    "treasury": {"asset_class": "interest_rate", "notional": "face"},
    "stablecoin": {"asset_class": "foreign_exchange", "notional": "face"},
    "equity": {"asset_class": "equity", "notional": "face"},
}


def rulebook_of(**changes: Any) -> ScheduleIm:
    return ScheduleIm(Parameters.from_mapping(shipped("schedule-im") | changes))


def holdings_of(market: Market, quantities: dict[str, float]) -> list[Holding]:
    return [
        Holding(market.instruments[market.slot_of[name]], held, SILO) for name, held in quantities.items()
    ]


def test_no_case_is_lost() -> None:
    assert len(GOLDEN) == 8


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_case(path: Path) -> None:
    case = load(path)
    market = Market(valuation_time_ns=nanoseconds(case["valuation_time"]))
    for record in case["instruments"]:
        market.put_instrument(instrument_of(record))
    set_prices(market, [{"instrument_id": name, "mark": mark} for name, mark in case["prices"].items()])
    rulebook = rulebook_of(products=shipped("schedule-im")["products"] | _STANDING_IN)
    account, tolerance = holdings_of(market, case["positions"]), case["tolerance"]["usd"]
    result = dict(case["result"])
    required = result.pop("requirement_usd")
    [(initial, maintenance)] = requirements(rulebook, market, [account])
    explained = rulebook.explain(account, market)
    for found in (initial, maintenance, explained.requirement.initial_usd, explained.tree.amount_usd):
        assert found == pytest.approx(required, abs=tolerance)
    ratio = result.pop("net_to_gross", None)
    for name, expected in result.items():
        assert explained.tree.facts[name] == pytest.approx(expected, abs=tolerance), name
    if ratio is not None:
        assert explained.tree.parts[1].facts["ratio"] == pytest.approx(ratio, abs=1e-6)


@pytest.mark.parametrize(
    ("maturity", "rate"),
    [
        ("2028-11-20", 0.02),
        ("2028-11-21", 0.05),
        ("2031-11-20", 0.05),
        ("2031-11-21", 0.10),
        ("2040-06-20", 0.10),
    ],
)
def test_a_category_ends_with_the_day_that_completes_its_years(maturity: str, rate: float) -> None:
    """On 20 November 2026; protection sold is worth nothing to the firm here, so nothing nets: 40 % of gross."""
    swap = swap_of("S", "ACME", maturity)
    market = credit_market([swap], {"S": 50.0})
    assert mark_at(swap, 50.0) < 0.0
    explained = rulebook_of().explain(holdings_of(market, {"S": 10.0}), market)
    assert explained.tree.facts["rate of S"] == rate
    assert explained.requirement.maintenance_usd == pytest.approx(rate * 10e6)
    other = rulebook_of().explain(holdings_of(market, {"S": -10.0}), market)
    assert other.requirement.maintenance_usd == pytest.approx(rate * 10e6), (
        "nothing to replace: the ratio is 1"
    )


def test_an_equity_swap_is_15_percent_of_its_value_and_worth_nothing_to_replace() -> None:
    market = Market()
    market.put_instrument(Instrument("AAPL-1", Product.EQUITY_SWAP, "AAPL", 100))
    set_prices(market, [{"instrument_id": "AAPL-1", "mark": 200.0}])
    account = holdings_of(market, {"AAPL-1": -50.0})
    explained = rulebook_of().explain(account, market)
    assert explained.requirement.maintenance_usd == pytest.approx(0.15 * 50 * 100 * 200)
    assert explained.tree.facts["gross_replacement_cost_usd"] == 0.0
    assert requirements(rulebook_of(), market, [account])[0] == pytest.approx(150_000.0)


def test_without_a_price_nothing_is_in_the_figure_and_it_says_so() -> None:
    swap = swap_of("S", "ACME", "2031-06-20")
    market = credit_market([swap], {})
    account = holdings_of(market, {"S": 10.0})
    explained = rulebook_of().explain(account, market)
    assert explained.requirement.maintenance_usd == 0.0
    assert explained.tree.facts["mark of S"] == "missing: not in the figure"
    assert requirements(rulebook_of(), market, [account])[0].tolist() == [0.0, 0.0]


def test_other_products_are_an_error_that_names_instrument_and_silo() -> None:
    with pytest.raises(MarginError) as caught:
        rulebook_of().netting_set(Instrument("ES", Product.FUTURE))
    assert (caught.value.reason, caught.value.thing) == (Reason.NO_RULEBOOK, f"instrument ES in silo {SILO}")


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        ("gross_share.value", 1.1, "gross_share.value"),
        ("asset_classes.credit.rates", [0.02, 0.05], "asset_classes.credit.rates"),
        ("asset_classes.credit.rates", [0.05, 0.02, 0.1], "asset_classes.credit.rates"),
        ("asset_classes.credit.months_at_most", [60, 24], "asset_classes.credit.months_at_most"),
        ("products.equity_swap.asset_class", "debt", "products.equity_swap.asset_class"),
        ("products.equity_swap.notional", "delta", "products.equity_swap.notional"),
        ("products.loan", {}, "products.loan"),
        ("silo", "futures", "silo"),
    ],
)
def test_a_bad_value_is_refused_by_its_path(place: str, value: Any, named: str) -> None:
    mapping = copy.deepcopy(shipped("schedule-im"))
    *above, key = place.split(".")
    table = mapping
    for name in above:
        table = table[name]
    table[key] = value
    with pytest.raises(MarginError) as caught:
        Parameters.from_mapping(mapping)
    assert caught.value.thing == f"rulebook schedule-im: {named}"
