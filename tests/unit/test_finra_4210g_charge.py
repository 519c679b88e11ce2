"""FINRA 4210(g): what is covered, rows in the corners, charge and combine on plain numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.rules.finra_4210g import COVERED, Finra4210g
from engine.rules.finra_4210g_parameters import Parameters
from tests.finra_4210g_book import holdings_of, shipped_rulebook
from tests.rulebook_cases import market_of, nanoseconds, requirements, set_prices, shipped

NOW = "2024-05-10T20:00:00+00:00"
CALL: dict[str, Any] = {
    "instrument_id": "ACME 100C",
    "product": "equity_option",
    "underlying": "ACME",
    "multiplier": 100,
    "expiry": "2024-06-21T20:00:00+00:00",
    "strike": 100.0,
    "right": "call",
    "exercise": "american",
}
STOCK: dict[str, Any] = {"instrument_id": "ACME", "product": "equity"}
STOCK_PRICE: dict[str, Any] = {"instrument_id": "ACME", "mark": 100.0}
CALL_PRICE: dict[str, Any] = {"instrument_id": "ACME 100C", "mark": 4.0, "implied_volatility": 0.3}
POINTS = np.array([-15, -12, -9, -6, -3, 3, 6, 9, 12, 15]) / 100


def market_with(instruments: list[dict[str, Any]], prices: list[dict[str, Any]], now: str = NOW) -> Market:
    return market_of(
        {
            "market": {"rate": 0.03, "valuation_time": now},
            "instruments": instruments,
            "prices": prices,
        }
    )


def row_of(market: Market, instrument_id: str, rulebook: Finra4210g | None = None) -> np.ndarray:
    return (rulebook or shipped_rulebook()).rows(market, market.slots([instrument_id]))[0]


def test_stock_fund_and_options_share_the_class_group_of_their_underlying() -> None:
    rulebook = shipped_rulebook()
    assert rulebook.netting_set(Instrument("ACME", Product.EQUITY)) == "ACME"
    option = Instrument("ACME 100C", Product.EQUITY_OPTION, underlying="ACME")
    assert rulebook.netting_set(option) == "ACME"
    assert rulebook.netting_set(Instrument("BIG 1C", Product.INDEX_OPTION, underlying="BIG")) == "BIG"


@pytest.mark.parametrize("product", sorted(set(Product) - COVERED))
def test_other_products_are_refused(product: Product) -> None:
    with pytest.raises(MarginError, match=f"instrument X in silo securities.*not {product.value}") as caught:
        shipped_rulebook().netting_set(Instrument("X", product))
    assert caught.value.reason is Reason.NO_RULEBOOK


def test_row_of_a_share_is_its_price_at_each_point_less_its_price() -> None:
    row = row_of(market_with([STOCK], [STOCK_PRICE]), "ACME")
    assert row == pytest.approx([*(100.0 * POINTS), 0.0, 0.0])


def test_foreign_currency_converts_at_the_rate() -> None:
    stock = {**STOCK, "currency": "EUR"}
    rate = {"instrument_id": "EURUSD", "product": "fx_rate", "currency": "EUR"}
    call = {**CALL, "currency": "EUR"}
    prices = [STOCK_PRICE, {"instrument_id": "EURUSD", "mark": 1.25}, {**CALL_PRICE, "mark": 0.1}]
    foreign = market_with([stock, rate, call], prices)
    domestic = market_with([STOCK, CALL], [STOCK_PRICE, {**CALL_PRICE, "mark": 0.1}])
    assert row_of(foreign, "ACME") == pytest.approx(1.25 * row_of(domestic, "ACME"))
    option = row_of(foreign, "ACME 100C")
    assert option[:-2] == pytest.approx(1.25 * row_of(domestic, "ACME 100C")[:-2])
    assert option[-2:] == pytest.approx([12.5, 37.5])  # the cap is its value in USD, the minimum is in USD


def test_without_price_the_row_is_zero_and_the_explanation_says_so() -> None:
    market = market_with([STOCK, CALL], [STOCK_PRICE])
    assert not row_of(market, "ACME 100C").any()
    explained = shipped_rulebook().explain(
        holdings_of(market, [{"instrument_id": "ACME 100C", "quantity": -5}]), market
    )
    assert explained.requirement.maintenance_usd == 0.0
    assert any("missing" in str(part.facts.get("price")) for part in explained.tree.walk())


def test_option_whose_underlying_is_unknown_has_a_zero_row() -> None:
    market = market_with([CALL], [CALL_PRICE])
    assert not row_of(market, "ACME 100C").any()
    explained = shipped_rulebook().explain(
        holdings_of(market, [{"instrument_id": "ACME 100C", "quantity": -5}]), market
    )
    assert explained.requirement.maintenance_usd == 0.0


def test_an_expired_option_not_yet_booked_out_moves_by_its_intrinsic_value() -> None:
    market = market_with(
        [STOCK, {**CALL, "strike": 94.0}],
        [STOCK_PRICE, {**CALL_PRICE, "mark": 6.0}],
        now="2024-06-24T13:30:00+00:00",
    )
    intrinsic = np.maximum(100.0 * (1.0 + POINTS) - 94.0, 0.0) - 6.0
    assert row_of(market, "ACME 100C") == pytest.approx([*(100 * intrinsic), 37.5, 37.5])


def test_minimum_of_a_long_option_is_capped_at_its_value_unless_turned_off() -> None:
    market = market_with([STOCK, CALL], [STOCK_PRICE, {**CALL_PRICE, "mark": 0.05}])
    assert row_of(market, "ACME 100C")[-2:] == pytest.approx([5.0, 37.5])
    mapping = shipped("finra-4210g")
    mapping["cap_long_minimum"]["value"] = False
    uncapped = Finra4210g(Parameters.from_mapping(mapping))
    assert row_of(market, "ACME 100C", uncapped)[-2:] == pytest.approx([37.5, 37.5])


def test_a_republished_class_or_leverage_changes_the_points() -> None:
    fund = {"instrument_id": "FUND", "product": "etf", "index_class": "broad"}
    call = {**CALL, "underlying": "FUND"}
    market = market_with(
        [fund, call], [{"instrument_id": "FUND", "mark": 100.0}, {**CALL_PRICE, "mark": 4.0}]
    )
    rulebook = shipped_rulebook()
    before = row_of(market, "ACME 100C", rulebook)
    assert row_of(market, "FUND", rulebook)[0] == pytest.approx(-10.0)
    market.put_instrument(Instrument("FUND", Product.ETF, index_class="broad", leverage=-2.0))
    assert row_of(market, "FUND", rulebook)[:2] == pytest.approx([20.0, 16.0])
    assert before[0] < 0 < row_of(market, "ACME 100C", rulebook)[0]


def test_rows_follow_a_market_that_grows() -> None:
    market = market_with([STOCK], [STOCK_PRICE])
    rulebook = shipped_rulebook()
    row_of(market, "ACME", rulebook)
    for number in range(200):
        market.put_instrument(Instrument(f"S{number}", Product.EQUITY))
    set_prices(market, [{"instrument_id": "S199", "mark": 10.0}])
    assert row_of(market, "S199", rulebook)[0] == pytest.approx(-1.5)
    assert row_of(market, "ACME", rulebook)[0] == pytest.approx(-15.0)


def test_no_slots_give_no_rows() -> None:
    market = market_with([STOCK], [STOCK_PRICE])
    assert shipped_rulebook().rows(market, np.array([], np.int64)).shape == (0, 12)


def combined(exposures: Any, offsets: list[int]) -> Any:
    """Requirements of units that are in no group, each of a set of its own."""
    rulebook = shipped_rulebook()
    sets = np.arange(len(exposures))
    rulebook.bind([f"S{index}" for index in range(len(exposures))])
    units = np.array(exposures, np.float64)
    return rulebook.combine(rulebook.charge(units, sets), sets, np.array(offsets)).tolist()


RISING = list(range(3, 11))
LOSS_DECIDES = [-1, -9, *RISING, 2, 3]  # worst loss 9 above the minimum 5
MINIMUM_DECIDES = [-1, -2, *RISING, 2, 3]  # minimum 5 above the worst loss 2
GAINS_EVERYWHERE = [1, 2, *RISING, 0, 0]  # no option: nothing


def test_a_class_group_needs_the_larger_of_worst_loss_and_minimum() -> None:
    units = [LOSS_DECIDES, MINIMUM_DECIDES, GAINS_EVERYWHERE]
    assert combined(units, [0, 1, 2, 3]) == [[9, 9], [5, 5], [0, 0]]


def test_combine_adds_the_class_groups_of_each_account() -> None:
    units = [LOSS_DECIDES, MINIMUM_DECIDES, MINIMUM_DECIDES]
    assert combined(units, [0, 0, 2, 2, 3, 3]) == [[0, 0], [14, 14], [0, 0], [5, 5], [0, 0]]


def test_no_units_at_all() -> None:
    rulebook = shipped_rulebook()
    charges = rulebook.charge(np.zeros((0, 12)), np.array([], np.int64))
    assert charges.shape == (0, 12)
    assert rulebook.combine(charges, np.array([], np.int64), np.array([0, 0])).tolist() == [[0.0, 0.0]]


def test_explanation_names_the_point_that_decides_only_where_one_does() -> None:
    market = market_with([STOCK, CALL, {**STOCK, "instrument_id": "OTHER"}], [STOCK_PRICE, CALL_PRICE])
    set_prices(market, [{"instrument_id": "OTHER", "mark": 20.0}])
    rulebook = shipped_rulebook()

    def worst(*positions: tuple[str, float]) -> str:
        records = [{"instrument_id": name, "quantity": quantity} for name, quantity in positions]
        return rulebook.explain(holdings_of(market, records), market).worst_scenario

    assert worst(("ACME", 100.0)) == "ACME -15 %"
    assert worst(("ACME", -100.0)) == "ACME +15 %"
    assert worst(("ACME", 100.0), ("OTHER", 100.0)) == ""
    assert worst() == ""


def test_positions_of_other_silos_are_not_explained_here() -> None:
    market = market_with([STOCK], [STOCK_PRICE])
    (held,) = holdings_of(market, [{"instrument_id": "ACME", "quantity": 100}])
    elsewhere = type(held)(held.instrument, 900.0, "digital_assets")
    explained = shipped_rulebook().explain([held, elsewhere], market)
    assert explained.requirement.maintenance_usd == pytest.approx(1500.0)
    assert requirements(shipped_rulebook(), market, [[held]])[0, 1] == pytest.approx(1500.0)


def test_valuation_time_counts_to_expiry() -> None:
    later = market_with([STOCK, CALL], [STOCK_PRICE, CALL_PRICE])
    later.valuation_time_ns = nanoseconds("2024-06-20T20:00:00+00:00")
    fresh = market_with([STOCK, CALL], [STOCK_PRICE, CALL_PRICE])
    assert row_of(later, "ACME 100C")[-3] > row_of(fresh, "ACME 100C")[-3]
