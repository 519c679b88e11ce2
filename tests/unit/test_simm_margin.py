"""Sides, regulations and add-ons of ISDA SIMM, by hand."""

from __future__ import annotations

import pytest

from engine.rules.simm.book import Book
from engine.rules.simm.margin import deciding, explain, margins_of
from engine.rules.simm.portfolio import (
    COLLECT,
    EXCLUDED,
    FIXED_AMOUNT,
    MULTIPLIER,
    NOTIONAL,
    NOTIONAL_FACTOR,
    POST,
    UNSPECIFIED,
    AddOn,
    Item,
)
from engine.rules.simm.sensitivity import Sensitivity
from engine.rules.simm.weights import Weights
from tests.simm_book import calibration

# USD rates weigh 61 per basis point at five years: 1,000 a basis point is 61,000 of margin.
FIVE_YEARS_USD = 61.0


def rates(amount_usd: float) -> Sensitivity:
    return Sensitivity("RatesFX", "Risk_IRCurve", "USD", "", "5y", "OIS", amount_usd)


def equity(amount_usd: float) -> Sensitivity:
    return Sensitivity("Equity", "Risk_Equity", "ISIN:X", "5", "", "", amount_usd)


def item(content: Sensitivity | AddOn, collect: str = "", post: str = "") -> Item:
    names = {COLLECT: collect, POST: post}
    return Item(content, {side: frozenset(text.split(",")) - {""} for side, text in names.items()})


@pytest.fixture
def book() -> Book:
    return Book(Weights(calibration("2.8+2512"), 10, "USD"))


def totals(items: list[Item], side: str, book: Book) -> dict[str, float]:
    return {margin.regulation: margin.total_usd for margin in margins_of(items, side, book)}


def test_without_regulations_both_sides_take_everything(book: Book) -> None:
    items = [item(rates(1000.0)), item(rates(500.0))]
    expected = {UNSPECIFIED: pytest.approx(1500.0 * FIVE_YEARS_USD)}
    assert totals(items, COLLECT, book) == totals(items, POST, book) == expected


def test_each_regulation_margins_its_own_rows(book: Book) -> None:
    items = [item(rates(1000.0), "ESA,USPR", "UK"), item(rates(-300.0), "USPR", "UK"), item(rates(7000.0))]
    assert totals(items, COLLECT, book) == {
        "ESA": pytest.approx(1000.0 * FIVE_YEARS_USD),
        "USPR": pytest.approx(700.0 * FIVE_YEARS_USD),
    }
    assert totals(items, POST, book) == {"UK": pytest.approx(700.0 * FIVE_YEARS_USD)}
    margin = deciding(margins_of(items, COLLECT, book))
    assert margin is not None
    assert margin.regulation == "ESA"


def test_the_first_in_order_of_precedence_decides_a_tie(book: Book) -> None:
    margin = deciding(margins_of([item(rates(10.0), "USPR,ESA,SEC,CFTC")], COLLECT, book))
    assert margin is not None
    assert margin.regulation == "CFTC"


def test_sec_takes_in_the_rows_of_cftc(book: Book) -> None:
    """Also where both hold the same risk factor."""
    items = [
        item(rates(1000.0), "", "SEC"),
        item(rates(400.0), "", "CFTC"),
        item(rates(50.0), "", "SEC,CFTC"),
    ]
    assert totals(items, POST, book) == {
        "CFTC": pytest.approx(450.0 * FIVE_YEARS_USD),
        "SEC": pytest.approx(1450.0 * FIVE_YEARS_USD),
    }
    assert totals(items[:1], POST, book) == {"SEC": pytest.approx(1000.0 * FIVE_YEARS_USD)}


def test_a_side_without_regulation_beside_one_with_is_not_margined(book: Book) -> None:
    items = [item(rates(1000.0), "ESA")]
    assert totals(items, POST, book) == {}
    assert deciding([]) is None


def test_excluded_rows_are_in_no_regulation(book: Book) -> None:
    items = [item(rates(1000.0), EXCLUDED), item(rates(200.0))]
    assert totals(items, COLLECT, book) == {UNSPECIFIED: pytest.approx(200.0 * FIVE_YEARS_USD)}
    assert totals(items, POST, book) == {UNSPECIFIED: pytest.approx(1200.0 * FIVE_YEARS_USD)}


def test_add_ons(book: Book) -> None:
    add_ons = [
        AddOn(MULTIPLIER, "RatesFX", 1.5),
        AddOn(MULTIPLIER, "Credit", 1.2),
        AddOn(NOTIONAL_FACTOR, "Alpha", 12.5),
        AddOn(NOTIONAL, "Alpha", 80_000.0),
        AddOn(NOTIONAL, "Alpha", 20_000.0),
        AddOn(NOTIONAL, "Bravo", 9_000.0),
        AddOn(FIXED_AMOUNT, "", 700.0),
    ]
    items = [item(rates(1000.0), "ESA"), *(item(add_on) for add_on in add_ons)]
    (margin,) = margins_of(items, COLLECT, book)
    assert margin.add_ons_usd == {
        "multiplier RatesFX": pytest.approx(30_500.0),
        "notional Alpha": pytest.approx(12_500.0),
        "fixed amount": 700.0,
    }
    assert margin.total_usd == pytest.approx(61_000.0 + 30_500.0 + 12_500.0 + 700.0)
    assert margin.uncharged == ("Bravo",)
    tree = explain(items, COLLECT, "ESA", book.weights)
    assert tree.amount_usd == pytest.approx(margin.total_usd)
    assert tree.largest_residual_usd() < 1e-6


def test_add_ons_alone(book: Book) -> None:
    assert totals([item(AddOn(FIXED_AMOUNT, "", 700.0))], COLLECT, book) == {UNSPECIFIED: 700.0}


def test_risk_classes_offset_within_a_product_class_and_add_across(book: Book) -> None:
    """Correlation of rates and equity is 0.11; equity bucket 5 weighs 23."""
    apart = [item(rates(1000.0)), item(equity(2000.0))]
    (margin,) = margins_of(apart, COLLECT, book)
    assert margin.simm_usd == {"RatesFX": pytest.approx(61_000.0), "Equity": pytest.approx(46_000.0)}
    assert margin.total_usd == pytest.approx(107_000.0)
    together = Sensitivity("RatesFX", "Risk_Equity", "ISIN:X", "5", "", "", 2000.0)
    (margin,) = margins_of([apart[0], item(together)], COLLECT, book)
    assert margin.total_usd == pytest.approx((61e3**2 + 46e3**2 + 2 * 0.11 * 61e3 * 46e3) ** 0.5)


def test_fx_is_seen_from_the_calculation_currency() -> None:
    """USD against EUR weighs 7.4; ISK is of the volatile group: 31.7, and so is everything seen from it."""
    dollars = Sensitivity("RatesFX", "Risk_FX", "USD", "", "", "", 1000.0)
    for currency, expected in (("USD", 0.0), ("EUR", 7400.0), ("ISK", 31_700.0)):
        book = Book(Weights(calibration("2.8+2512"), 10, currency))
        assert totals([item(dollars)], COLLECT, book) == {UNSPECIFIED: pytest.approx(expected)}


def test_curvature_differs_by_side(book: Book) -> None:
    """A vega bought bends in favour of its holder: 1,000,000 at one month, SF = 0.5 x 14 / (365 / 12)."""
    vega = Sensitivity("RatesFX", "Risk_IRVol", "USD", "", "1m", "", 1_000_000.0)
    sides = {}
    for side in (COLLECT, POST):
        (margin,) = margins_of([item(vega)], side, book)
        sides[side] = margin.split_usd()["InterestRate"]
    exposure = 1e6 * 0.5 * 14.0 / (365.0 / 12.0)
    assert sides[COLLECT]["Curvature"] == pytest.approx(
        (exposure + 5.634896601 * exposure) / 0.74**2, rel=1e-8
    )
    assert sides[POST]["Curvature"] == 0.0  # theta is -1, lambda 1: the sum and its root cancel
    assert sides[COLLECT]["Vega"] == sides[POST]["Vega"] == pytest.approx(200_000.0)
