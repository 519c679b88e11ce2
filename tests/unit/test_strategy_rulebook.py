"""Strategy-based margin of whole accounts: the tree, minimum equity, and positions that are refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.rules.interface import Holding
from engine.rules.requirement import Explained
from engine.rules.strategy.rulebook import StrategyBased
from tests.strategy_book import PARAMETERS, held, market_with, shipped_rulebook

ACME: dict[str, Any] = {"instrument_id": "ACME", "product": "equity"}
SPX: dict[str, Any] = {"instrument_id": "SPX", "product": "index", "index_class": "high_cap_broad"}
NOTE: dict[str, Any] = {"instrument_id": "UST", "product": "treasury", "multiplier": 0.01,
                        "expiry": "2030-11-15T21:00:00+00:00", "coupon": 0.04}  # fmt: skip


def listed(name: str, right: str, strike: float, expiry: str = "2027-01-15", **fields: Any) -> dict[str, Any]:
    return {
        "instrument_id": name,
        "product": "equity_option",
        "underlying": "ACME",
        "multiplier": 100,
        "expiry": f"{expiry}T21:00:00+00:00",
        "strike": strike,
        "right": right,
        "exercise": "american",
        **fields,
    }


CALL, PUT = listed("ACME 100C", "call", 100.0), listed("ACME 95P", "put", 95.0)
LATE = listed("ACME 100C late", "call", 100.0, "2027-08-28")
MARKS = {"ACME": 98.0, "ACME 100C": 2.5, "ACME 95P": 1.5, "ACME 100C late": 9.0, "UST": 98.0}


def acme(**marks: float) -> Market:
    return market_with([ACME, CALL, PUT, LATE, NOTE], MARKS | marks)


def explain(market: Market, positions: dict[str, float], rulebook: StrategyBased | None = None) -> Explained:
    explained = (rulebook or shipped_rulebook()).explain(held(market, positions), market)
    assert explained.tree.largest_residual_usd() <= 1e-6
    assert explained.tree.amount_usd == pytest.approx(explained.requirement.maintenance_usd)
    assert explained.requirement.initial_usd >= explained.requirement.maintenance_usd - 1e-9
    return explained


def names(explained: Explained) -> list[str]:
    return [part.name for part in explained.tree.walk()]


def test_a_covered_call_with_its_tree() -> None:
    explained = explain(acme(), {"ACME": 300.0, "ACME 100C": -2.0})
    # 25 % of 29,400 less the premium of 500 that equity counts; 50 % at initial.
    assert explained.requirement.maintenance_usd == pytest.approx(7_350.0 - 500.0)
    assert explained.requirement.initial_usd == pytest.approx(14_700.0 - 500.0)
    assert "2 x covered call" in names(explained)
    underlying = next(part for part in explained.tree.walk() if part.name == "underlying ACME")
    assert [part.amount_usd for part in underlying.parts] == pytest.approx([7_350.0, -500.0])
    assert underlying.facts["not_below_usd"] == pytest.approx(underlying.amount_usd)
    assert underlying.facts["initial_pairing"] == "2 x covered call, long stock"


def test_initial_and_maintenance_may_use_different_pairings() -> None:
    explained = explain(acme(), {"ACME": 100.0, "ACME 95P": 1.0, "ACME 100C": -1.0})
    assert "1 x collar" in names(explained)
    underlying = next(part for part in explained.tree.walk() if part.name == "underlying ACME")
    assert underlying.facts["initial_pairing"] == "1 x long put, 1 x covered call"
    assert explained.requirement.initial_usd == pytest.approx(4_900.0 + 150.0 - 250.0)
    # 10 % x 95 + 3 out of the money = 12.50, and the put; less the call's premium. The account's least is 2,000.
    assert underlying.amount_usd == pytest.approx(1_250.0 + 150.0 - 250.0)
    assert explained.requirement.maintenance_usd == pytest.approx(2_000.0)
    assert explained.tree.parts[1].amount_usd == pytest.approx(850.0)


def test_positions_of_the_same_instrument_net_and_other_silos_do_not_count() -> None:
    market = acme()
    holdings = held(market, {"ACME 100C": -3.0}) + held(market, {"ACME 100C": 2.0})
    holdings.append(Holding(market.instruments[market.slot_of["ACME"]], 500.0, "futures"))
    explained = shipped_rulebook().explain(holdings, market)
    assert "1 x naked call" in names(explained)
    assert "long stock" not in names(explained)


@pytest.mark.parametrize(
    ("positions", "requirement"),
    [
        ({}, 0.0),
        ({"ACME": 10.0}, 980.0),
        ({"ACME": 50.0}, 2_000.0),
        ({"ACME": 1000.0}, 24_500.0),
        ({"ACME": -10.0}, 2_000.0),
        ({"ACME 100C": 4.0}, 1_000.0),
        ({"UST": 100_000.0}, 2_940.0),
        ({"UST": -1_000.0}, 2_000.0),
    ],
)
def test_minimum_equity(positions: dict[str, float], requirement: float) -> None:
    """2,000 USD for who is short; who is only long need not have more than the positions cost."""
    assert explain(acme(), positions).requirement.maintenance_usd == pytest.approx(requirement)


def test_options_beyond_nine_months_have_loan_value() -> None:
    explained = explain(acme(), {"ACME 100C late": 10.0})
    assert explained.requirement.maintenance_usd == pytest.approx(0.75 * 9_000.0)
    last = listed("ACME 100C edge", "call", 100.0, "2027-08-27")  # nine months to the hour
    market = market_with([ACME, last], {"ACME": 98.0, "ACME 100C edge": 9.0})
    assert explain(market, {"ACME 100C edge": 10.0}).requirement.maintenance_usd == pytest.approx(9_000.0)


def test_a_stock_without_loan_value() -> None:
    strict = StrategyBased(PARAMETERS, non_margin={"ACME"})
    assert explain(acme(), {"ACME": 1000.0}, strict).requirement.maintenance_usd == pytest.approx(98_000.0)


def test_a_broad_index_and_a_fund_on_one_take_15_percent_and_narrow_ones_20() -> None:
    for product, index_class, rate in (
        ("index", "high_cap_broad", 0.15),
        ("index", "broad", 0.15),
        ("index", "narrow", 0.20),
        ("etf", "broad", 0.15),
    ):
        root = {"instrument_id": "ROOT", "product": product, "index_class": index_class}
        kind = "index_option" if product == "index" else "equity_option"
        call = listed("ROOT 100C", "call", 100.0, underlying="ROOT", product=kind, exercise="european")
        market = market_with([root, call], {"ROOT": 100.0, "ROOT 100C": 3.0})
        explained = explain(market, {"ROOT 100C": -10.0})
        assert explained.requirement.maintenance_usd == pytest.approx(rate * 100_000.0)


def test_a_long_box_of_european_options_settled_in_cash_has_loan_value_an_american_one_has_not() -> None:
    for exercise, requirement in (("european", 5_000.0), ("american", 9_800.0)):
        options = [
            listed(
                f"{right} {strike}",
                right,
                strike,
                underlying="SPX",
                product="index_option",
                exercise=exercise,
            )
            for right in ("call", "put")
            for strike in (4000.0, 4100.0)
        ]
        marks = {
            "SPX": 4050.0,
            "call 4000.0": 90.0,
            "call 4100.0": 40.0,
            "put 4000.0": 38.0,
            "put 4100.0": 86.0,
        }
        positions = {"call 4000.0": 1.0, "call 4100.0": -1.0, "put 4100.0": 1.0, "put 4000.0": -1.0}
        explained = explain(market_with([SPX, *options], marks), positions)
        assert explained.requirement.maintenance_usd == pytest.approx(requirement), exercise


def test_foreign_currency_converts_at_the_rate() -> None:
    rate = {"instrument_id": "EURUSD", "product": "fx_rate", "currency": "EUR"}
    stock, call = {**ACME, "currency": "EUR"}, {**CALL, "currency": "EUR"}
    marks = {"ACME": 98.0, "ACME 100C": 2.5}
    foreign = explain(market_with([rate, stock, call], marks | {"EURUSD": 1.25}), {"ACME 100C": -10.0})
    domestic = explain(market_with([ACME, CALL], marks), {"ACME 100C": -10.0})
    ratio = foreign.requirement.maintenance_usd / domestic.requirement.maintenance_usd
    assert ratio == pytest.approx(1.25)


def refused(market: Market, positions: dict[str, float]) -> MarginError:
    with pytest.raises(MarginError) as caught:
        shipped_rulebook().explain(held(market, positions), market)
    return caught.value


def test_positions_that_cannot_be_margined_are_refused_by_name() -> None:
    expired = listed("ACME 90C", "call", 90.0, "2026-11-20")
    adjusted = listed("ACME1 90C", "call", 90.0, settlement="100 ACME and 5.20 USD")
    on_future = listed("ES 90C", "call", 90.0, underlying="ES")
    orphan = listed("GONE 90C", "call", 90.0, underlying="GONE")
    future = {
        "instrument_id": "ES", "product": "future", "combined_commodity": "ES", "contract_month": "2026-12",
    }  # fmt: skip
    market = market_with(
        [ACME, CALL, expired, adjusted, on_future, orphan, future],
        {"ACME": 98.0, "ACME 90C": 8.0, "ACME1 90C": 8.0, "ES 90C": 8.0, "GONE 90C": 8.0, "ES": 5.0},
    )
    for name, reason, detail in (
        ("ACME 90C", Reason.BAD_INSTRUMENT, "has expired"),
        ("ACME1 90C", Reason.BAD_INSTRUMENT, "deliverable is not known"),
        ("ES 90C", Reason.BAD_INSTRUMENT, "deliverable ES is a future"),
        ("GONE 90C", Reason.UNKNOWN_INSTRUMENT, "GONE is not known"),
        ("ES", Reason.NO_RULEBOOK, "does not cover future"),
        ("ACME 100C", Reason.NO_PRICE, "price nan"),
    ):
        error = refused(market, {name: 1.0})
        assert (error.reason, error.thing) == (reason, f"position {name}")
        assert detail in error.detail


def test_a_zero_price_and_a_part_of_a_contract_are_refused() -> None:
    error = refused(acme(**{"ACME 100C": 0.0}), {"ACME 100C": -1.0})
    assert (error.reason, error.thing) == (Reason.NO_PRICE, "position ACME 100C")
    error = refused(acme(ACME=0.0), {"ACME 100C": -1.0})
    assert (error.reason, error.thing) == (Reason.NO_PRICE, "position ACME 100C")
    error = refused(acme(), {"ACME 100C": -1.5})
    assert (error.reason, error.thing) == (Reason.OUT_OF_RANGE, "position ACME 100C")


def test_a_contract_without_exercise_price_is_refused() -> None:
    market = acme()
    broken = Instrument("ACME ?C", Product.EQUITY_OPTION, "ACME", 100.0, expiry_ns=2**62, right="call",
                        exercise="american")  # fmt: skip
    with pytest.raises(MarginError, match=r"ACME \?C.*strike 0") as caught:
        shipped_rulebook().explain([Holding(broken, 1.0, "securities")], market)
    assert caught.value.reason is Reason.BAD_INSTRUMENT
