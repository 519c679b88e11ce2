"""SPAN-type rulebook: what it covers, contract months, missing prices, live changes of reference data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.rules import span_kernels as kernels
from engine.rules.interface import HELD, SHORT
from engine.rules.span import SpanFutures, slope_weights
from tests.rulebook_cases import instrument_of, set_prices, shipped
from tests.span_book import amount_of, charges_of, holdings_of, requirements, rulebook_of


def future(instrument_id: str, month: str, commodity: str = "ES", multiplier: float = 50.0) -> Instrument:
    return Instrument(
        instrument_id,
        Product.FUTURE,
        multiplier=multiplier,
        combined_commodity=commodity,
        contract_month=month,
    )


def option(instrument_id: str, underlying: str, **changed: Any) -> Instrument:
    record = {
        "instrument_id": instrument_id,
        "product": "future_option",
        "underlying": underlying,
        "multiplier": 50.0,
        "combined_commodity": "ES",
        "contract_month": "2024-06",
        "expiry": "2024-06-21T13:30:00+00:00",
        "strike": 5200.0,
        "right": "call",
        "exercise": "american",
    }
    return instrument_of(record | changed)


def market_with(instruments: list[Instrument], marks: dict[str, float]) -> Market:
    market = Market(rate=0.05, valuation_time_ns=1_710_532_800_000_000_000)
    for instrument in instruments:
        market.put_instrument(instrument)
    prices = [{"instrument_id": key, "mark": mark, "implied_volatility": 0.15} for key, mark in marks.items()]
    set_prices(market, prices)
    return market


@pytest.fixture
def rulebook() -> SpanFutures:
    return rulebook_of(shipped("span-futures"))


def test_netting_set_is_the_combined_commodity(rulebook: SpanFutures) -> None:
    assert rulebook.netting_set(future("ESM4", "2024-06")) == "ES"
    assert rulebook.netting_set(future("MESM4", "2024-06", multiplier=5.0)) == "ES"


def test_other_products_are_refused(rulebook: SpanFutures) -> None:
    with pytest.raises(MarginError, match="instrument BTC-PERP in silo futures") as error:
        rulebook.netting_set(Instrument("BTC-PERP", Product.PERPETUAL, margin_schedule="x"))
    assert error.value.reason is Reason.NO_RULEBOOK


def test_commodity_without_parameters_is_refused(rulebook: SpanFutures) -> None:
    with pytest.raises(MarginError, match=r"commodities\.ZZ: is missing \(needed by ZZM4\)") as error:
        rulebook.netting_set(future("ZZM4", "2024-06", "ZZ"))
    assert error.value.reason is Reason.BAD_PARAMETER


def test_more_contract_months_than_columns_are_refused() -> None:
    rulebook = rulebook_of(shipped("span-futures") | {"month_columns": 2})
    for instrument in (future("A", "2024-06"), future("B", "2024-09"), future("C", "2024-06")):
        rulebook.netting_set(instrument)
    rulebook.netting_set(future("N", "2024-12", "NQ"))  # months are counted by commodity
    with pytest.raises(MarginError, match="month_columns: all 2 contract months"):
        rulebook.netting_set(future("D", "2024-12"))


def test_columns_enter_as_the_rule_needs(rulebook: SpanFutures) -> None:
    kinds = rulebook.column_kinds
    by_short = [kernels.MINIMUM_CALLS, kernels.MINIMUM_PUTS, kernels.SHORT_OPTIONS]
    assert np.flatnonzero(kinds == SHORT).tolist() == by_short
    assert np.flatnonzero(kinds == HELD).tolist() == [kernels.FUTURES_HELD]
    assert len(kinds) == kernels.MONTHS + 24


def test_row_of_a_future_is_its_array_and_its_delta(rulebook: SpanFutures) -> None:
    market = market_with([future("ESM4", "2024-06")], {"ESM4": 5180.0})
    row = rulebook.rows(market, np.array([0]))[0]
    thirds = [0, 0, 1, 1, -1, -1, 2, 2, -2, -2, 3, 3, -3, -3, 2.1, -2.1]
    assert row[:16].tolist() == pytest.approx([3600.0 * third for third in thirds])
    assert row[kernels.MONTHS :].tolist() == pytest.approx([1.0] + [0.0] * 23)
    assert row[kernels.SLOPE] == pytest.approx(10800.0)
    assert row[kernels.FUTURES_HELD] == 1.0
    assert not row[
        [kernels.MINIMUM_CALLS, kernels.MINIMUM_PUTS, kernels.SHORT_OPTIONS, kernels.OPTION_VALUE]
    ].any()


def test_composite_delta_of_a_straight_line_is_its_slope(rulebook: SpanFutures) -> None:
    moves = np.array(rulebook.parameters.scan.price_moves)
    assert float(moves @ slope_weights(rulebook.parameters.scan)) == pytest.approx(1.0, rel=1e-14)


def test_delta_of_an_option_lies_between_those_of_its_neighbours(rulebook: SpanFutures) -> None:
    options = [option(f"C{strike}", "ESM4", strike=float(strike)) for strike in (3000, 5200, 8000)]
    marks = {"ESM4": 5180.0} | {each.instrument_id: 10.0 for each in options}
    market = market_with([future("ESM4", "2024-06"), *options], marks)
    deltas = rulebook.rows(market, np.arange(1, 4))[:, kernels.MONTHS]
    assert deltas[0] == pytest.approx(1.0, abs=0.02)
    assert 0.4 < deltas[1] < 0.6
    assert deltas[2] == pytest.approx(0.0, abs=1e-3)


def test_an_unpriced_contract_has_a_zero_row_in_both_paths(rulebook: SpanFutures) -> None:
    instruments = [future("ESM4", "2024-06"), future("ESU4", "2024-09"), option("C", "ESM4")]
    market = market_with(instruments, {"ESM4": 5180.0})
    assert not rulebook.rows(market, np.array([1, 2])).any()
    book = {"ESM4": 1.0, "ESU4": -1.0, "C": -5.0}
    explained = rulebook.explain(holdings_of(market, book), market)
    assert requirements(rulebook, market, [book])[0, 1] == pytest.approx(10800.0)
    assert explained.requirement.maintenance_usd == pytest.approx(10800.0)
    missing = [part.name for part in explained.tree.walk() if part.facts.get("price")]
    assert missing == ["-5 C", "-1 ESU4"]


def test_nothing_held_needs_nothing(rulebook: SpanFutures) -> None:
    market = market_with([future("ESM4", "2024-06")], {"ESM4": 5180.0})
    assert requirements(rulebook, market, [{}, {"ESM4": 0.0}]).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    explained = rulebook.explain([], market)
    assert (explained.requirement.maintenance_usd, explained.worst_scenario) == (0.0, "")


def test_a_republished_instrument_takes_its_new_month(rulebook: SpanFutures) -> None:
    market = market_with(
        [future("ESM4", "2024-06"), future("ESX", "2024-06")], {"ESM4": 5180.0, "ESX": 5180.0}
    )
    book = {"ESM4": 2.0, "ESX": -2.0}
    assert requirements(rulebook, market, [book])[0, 1] == 0.0
    market.put_instrument(replace(market.instruments[1], contract_month="2024-09"))
    assert requirements(rulebook, market, [book])[0, 1] == pytest.approx(2 * 540.0)


def test_an_explanation_leaves_out_what_other_rulebooks_margin(rulebook: SpanFutures) -> None:
    market = market_with([future("ESM4", "2024-06")], {"ESM4": 5180.0})
    mine = holdings_of(market, {"ESM4": 1.0})
    perpetual = replace(mine[0], instrument=Instrument("BTC-PERP", Product.PERPETUAL, margin_schedule="x"))
    elsewhere = replace(mine[0], silo="securities")
    explained = rulebook.explain([*mine, perpetual, elsewhere], market)
    assert explained.requirement.maintenance_usd == pytest.approx(10800.0)
    assert explained.worst_scenario == "ES scenario 13: price -3/3, volatility up"


def test_a_negative_price_keeps_the_loss_of_the_rate(rulebook: SpanFutures) -> None:
    oil = replace(future("CLK0", "2020-05", "CL", 1000.0), negative_price_allowed=True)
    for mark in (-37.63, 0.0, 20.0):
        market = market_with([oil], {"CLK0": mark})
        assert requirements(rulebook, market, [{"CLK0": 3.0}])[0, 1] == pytest.approx(3 * 6800.0)


def test_a_fraction_of_a_price_of_zero_is_no_risk_and_no_delta(rulebook: SpanFutures) -> None:
    market = market_with([future("MBTK4", "2024-05", "MBT", 0.1)], {"MBTK4": 0.0})
    assert not rulebook.rows(market, np.array([0]))[0, : kernels.SCENARIOS].any()
    assert charges_of(rulebook, market, {"MBTK4": 1.0})["MBT"][kernels.NET_DELTA] == 0.0
    assert rulebook.explain(holdings_of(market, {"MBTK4": 1.0}), market).requirement.maintenance_usd == 0.0


def test_a_price_moves_options_but_not_the_array_of_a_future(rulebook: SpanFutures) -> None:
    market = market_with([future("ESM4", "2024-06"), option("C", "ESM4")], {"ESM4": 5180.0, "C": 150.0})
    before = rulebook.rows(market, np.array([0, 1]))
    set_prices(market, [{"instrument_id": "ESM4", "mark": 5300.0}], sequence=2)
    after = rulebook.rows(market, np.array([0, 1]))
    assert before[0].tolist() == after[0].tolist()
    assert after[1, kernels.MONTHS] > before[1, kernels.MONTHS]


def test_worked_example_of_the_documentation(rulebook: SpanFutures) -> None:
    nasdaq = future("NQM4", "2024-06", "NQ", 20.0)
    instruments = [future("ESM4", "2024-06"), future("ESU4", "2024-09"), nasdaq]
    market = market_with(instruments, {"ESM4": 5180.0, "ESU4": 5240.0, "NQM4": 18200.0})
    book = {"ESM4": 3.0, "ESU4": -1.0, "NQM4": -1.0}
    assert requirements(rulebook, market, [book])[0].tolist() == pytest.approx([26664.0, 24240.0])
    tree = rulebook.explain(holdings_of(market, book), market).tree
    assert [part.amount_usd for part in tree.parts] == pytest.approx([16740.0, 7500.0])
    assert amount_of(tree.parts[0], "inter-commodity") == pytest.approx(-5400.0)
