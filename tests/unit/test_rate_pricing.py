"""Curves and swaps against QuantLib: bootstrap, values, running periods, bump and reprice."""

from __future__ import annotations

import math
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - the name its documentation uses

from engine.market.rate_curves import RateCurves
from engine.market.rate_schedule import add_months, modified_following, tenor_months
from tests import rate_oracle
from tests.rate_oracle import book_curves as oracle
from tests.rate_oracle import days
from tests.rates_book import CONVENTIONS, NOW, PAR_RATES, market_of, rate_swap
from tests.rulebook_cases import nanoseconds

TODAY = date.fromisoformat(NOW[:10])
SWAPS = [
    ("2026-12-01", "2036-12-01", 0.0384),
    ("2026-12-15", "2027-06-15", 0.0410),
    ("2027-03-01", "2040-09-01", 0.0300),
    ("2028-02-28", "2058-02-28", 0.0),
]


@pytest.mark.parametrize("curve_id", PAR_RATES)
def test_discount_factors_are_those_of_quantlib(curve_id: str) -> None:
    market = market_of([])
    _, curve = market.rate_curves.pair(market, curve_id, {}, 1)
    theirs = oracle(curve_id).forward
    for pillar, log in zip(curve.pillars.tolist(), curve.logs[0].tolist(), strict=True):
        expected = theirs.discount(rate_oracle.ql_date(TODAY + timedelta(days=pillar)))
        assert math.exp(log) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("curve_id", PAR_RATES)
@pytest.mark.parametrize(("start", "maturity", "coupon"), SWAPS)
def test_a_swap_is_worth_what_quantlib_says(curve_id: str, start: str, maturity: str, coupon: float) -> None:
    market = market_of([rate_swap("S", curve_id, start, maturity, coupon)])
    expected = rate_oracle.payer_value(
        oracle(curve_id),
        CONVENTIONS[curve_id],
        date.fromisoformat(start),
        date.fromisoformat(maturity),
        coupon,
    )
    assert market.mark[market.slot_of["S"]] == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("curve_id", PAR_RATES)
def test_bump_and_reprice_is_that_of_quantlib(curve_id: str) -> None:
    start, maturity, coupon = "2027-03-01", "2040-09-01", 0.03
    market = market_of([rate_swap("S", curve_id, start, maturity, coupon)])
    curves, slots = market.rate_curves, np.array([market.slot_of["S"]])
    terms = (CONVENTIONS[curve_id], date.fromisoformat(start), date.fromisoformat(maturity), coupon)
    now = rate_oracle.payer_value(oracle(curve_id), *terms)
    for owner in curves.rests_on(curve_id):
        tenors = list(PAR_RATES[owner])
        shifts = {owner: 1e-4 * np.eye(len(tenors))}
        moved = curves.values(market, curve_id, slots, shifts, len(tenors))[0] - market.mark[slots]
        for tenor, move in zip(tenors, moved.tolist(), strict=True):
            theirs = rate_oracle.payer_value(oracle(curve_id, {(owner, tenor): 1e-4}), *terms)
            assert move == pytest.approx(theirs - now, abs=1e-11)


def test_quoted_swaps_are_worth_nothing() -> None:
    """A swap from the spot date at the par rate of its tenor, on both kinds of curve."""
    swaps = [
        rate_swap(f"{curve_id} {tenor}", curve_id, "2026-12-01", _maturity(tenor), rate)
        for curve_id, rates in PAR_RATES.items()
        for tenor, rate in rates.items()
    ]
    market = market_of(swaps)
    for swap in swaps:
        assert market.mark[market.slot_of[swap.instrument_id]] == pytest.approx(0.0, abs=1e-14)


def _maturity(tenor: str) -> str:
    spot = days(date(2026, 12, 1))
    return (date(1970, 1, 1) + timedelta(days=add_months(spot, tenor_months(tenor)))).isoformat()


def test_the_running_period_of_an_overnight_swap_has_compounded() -> None:
    """Against QuantLib with a fixing of 4.1 % on every day so far."""
    start, maturity = date(2026, 3, 2), date(2031, 3, 2)
    curves = oracle("USD-SOFR")
    growth, day = 1.0, start
    weekdays = [
        each for n in range((TODAY - start).days + 1) if (each := start + timedelta(days=n)).weekday() < 5
    ]
    for day, following in pairwise(weekdays):
        curves.index.addFixing(rate_oracle.ql_date(day), 0.041, True)
        growth *= 1.0 + 0.041 * (following - day).days / 360
    fixing = (growth - 1.0) * 360 / (TODAY - start).days
    market = market_of([rate_swap("S", "USD-SOFR", "2026-03-02", "2031-03-02", 0.035, fixing=fixing)])
    expected = rate_oracle.payer_value(curves, CONVENTIONS["USD-SOFR"], start, maturity, 0.035)
    ql.IndexManager.instance().clearHistories()
    assert market.mark[market.slot_of["S"]] == pytest.approx(expected, abs=1e-11)


def test_the_running_period_of_a_term_swap_has_its_fixing() -> None:
    start, maturity = date(2026, 9, 15), date(2031, 9, 15)
    curves = oracle("EUR-EURIBOR-6M")
    curves.index.addFixing(curves.index.fixingDate(rate_oracle.ql_date(start)), 0.0217, True)
    market = market_of([rate_swap("S", "EUR-EURIBOR-6M", "2026-09-15", "2031-09-15", 0.02, fixing=0.0217)])
    expected = rate_oracle.payer_value(curves, CONVENTIONS["EUR-EURIBOR-6M"], start, maturity, 0.02)
    ql.IndexManager.instance().clearHistories()
    assert market.mark[market.slot_of["S"]] == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("curve_id", ["USD-SOFR", "EUR-EURIBOR-6M"])
def test_a_running_period_without_its_fixing_has_no_value(curve_id: str) -> None:
    market = market_of([rate_swap("S", curve_id, "2026-09-15", "2031-09-15", 0.02)])
    slot = market.slot_of["S"]
    assert math.isnan(market.mark[slot])
    assert not market.priced[slot]


@pytest.mark.parametrize("missing", ["EUR-ESTR-5Y", "EUR-EURIBOR-6M-2Y"])
def test_a_missing_quote_leaves_the_swaps_of_its_curves_without_a_value(missing: str) -> None:
    swaps = [
        rate_swap("term", "EUR-EURIBOR-6M", "2026-12-01", "2036-12-01", 0.02),
        rate_swap("other", "USD-SOFR", "2026-12-01", "2036-12-01", 0.02),
    ]
    market = market_of(swaps, without=[missing])
    assert not market.priced[market.slot_of["term"]]
    assert market.priced[market.slot_of["other"]]


def test_a_curve_without_quotes_values_nothing() -> None:
    curves = RateCurves(CONVENTIONS)
    market = market_of([rate_swap("S", "USD-SOFR", "2026-12-01", "2036-12-01", 0.02)])
    market.valuation_time_ns = nanoseconds(NOW)
    market.rate_curves = curves
    swap = market.instruments[market.slot_of["S"]]
    curves.put(market.slot_of["S"], swap)
    assert np.isnan(curves.marks(market, "USD-SOFR")).all()


def test_quotes_are_needed_while_a_swap_rests_on_them() -> None:
    market = market_of([rate_swap("term", "EUR-EURIBOR-6M", "2026-12-01", "2036-12-01", 0.02)])
    assert market.is_needed(market.slot_of["EUR-ESTR-5Y"])
    assert market.is_needed(market.slot_of["EUR-EURIBOR-6M-5Y"])
    assert not market.is_needed(market.slot_of["USD-SOFR-5Y"])
    market.remove(market.slot_of["term"])
    assert not market.is_needed(market.slot_of["EUR-ESTR-5Y"])
    market.remove(market.slot_of["EUR-ESTR-5Y"])
    assert len(market.rate_curves.quotes("EUR-ESTR")) == len(PAR_RATES["EUR-ESTR"]) - 1


def test_modified_following_stays_in_the_month() -> None:
    assert modified_following(days(date(2026, 8, 30))) == days(date(2026, 8, 31))
    assert modified_following(days(date(2026, 1, 31))) == days(date(2026, 1, 30))
    assert modified_following(days(date(2026, 5, 31))) == days(date(2026, 5, 29))


def test_months_keep_the_day_or_take_the_last() -> None:
    assert add_months(days(date(2026, 1, 31)), 1) == days(date(2026, 2, 28))
    assert add_months(days(date(2026, 3, 15)), -13) == days(date(2025, 2, 15))


@pytest.mark.parametrize(
    ("tenor", "months"), [("3M", 3), ("10Y", 120), ("", 0), ("Y", 0), ("5D", 0), ("99Y", 0)]
)
def test_tenors(tenor: str, months: int) -> None:
    assert tenor_months(tenor) == months
