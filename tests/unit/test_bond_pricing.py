"""Treasury yields and prices against QuantLib."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - the name its documentation uses

from engine.market.bond_pricing import accrued_interest, clean_price, price_moves, yield_of
from tests.rate_oracle import days, ql_date

TODAY = date(2026, 11, 27)
BONDS = [
    (date(2027, 2, 15), 0.0),
    (date(2026, 12, 31), 0.04125),
    (date(2028, 8, 31), 0.03625),
    (date(2031, 11, 30), 0.0375),
    (date(2036, 11, 15), 0.04),
    (date(2056, 11, 15), 0.0475),
    (date(2046, 5, 15), 0.0),
]


def bond(maturity: date, coupon: float) -> ql.FixedRateBond:
    ql.Settings.instance().evaluationDate = ql_date(TODAY)
    issue = ql_date(date(maturity.year - 35, maturity.month, 1))
    end_of_month = ql.Date.isEndOfMonth(ql_date(maturity))
    schedule = ql.Schedule(
        issue, ql_date(maturity), ql.Period(6, ql.Months), ql.NullCalendar(), ql.Unadjusted, ql.Unadjusted,
        ql.DateGeneration.Backward, end_of_month and maturity.day >= 30 and maturity.month == 8,
    )  # fmt: skip
    return ql.FixedRateBond(0, 100.0, schedule, [coupon], ql.ActualActual(ql.ActualActual.ISMA, schedule))


@pytest.mark.parametrize(("maturity", "coupon"), BONDS)
@pytest.mark.parametrize("price", [70.0, 99.5, 100.0, 118.0])
def test_yields_are_those_of_quantlib(maturity: date, coupon: float, price: float) -> None:
    theirs = bond(maturity, coupon)
    expected = theirs.bondYield(
        ql.BondPrice(price, ql.BondPrice.Clean),
        theirs.dayCounter(),
        ql.Compounded,
        ql.Semiannual,
        ql_date(TODAY),
        1e-14,
    )
    found = yield_of(days(TODAY), days(maturity), coupon, price)
    assert found == pytest.approx(expected, abs=1e-9)
    assert clean_price(days(TODAY), days(maturity), coupon, found) == pytest.approx(price, rel=1e-12)
    assert accrued_interest(days(TODAY), days(maturity), coupon) == pytest.approx(
        theirs.accruedAmount(ql_date(TODAY)), abs=1e-10
    )


@pytest.mark.parametrize(("maturity", "coupon"), BONDS)
def test_moves_are_those_of_quantlib(maturity: date, coupon: float) -> None:
    theirs, moves = bond(maturity, coupon), np.array([[-0.02, -1e-4, 1e-4, 0.03]])
    at = yield_of(days(TODAY), days(maturity), coupon, 99.0)
    found = price_moves(days(TODAY), np.array([days(maturity)]), np.array([coupon]), np.array([99.0]), moves)[
        0
    ]
    for move, gained in zip(moves[0].tolist(), found.tolist(), strict=True):
        expected = theirs.cleanPrice(
            at + move, theirs.dayCounter(), ql.Compounded, ql.Semiannual, ql_date(TODAY)
        )
        assert gained == pytest.approx(expected - 99.0, abs=1e-9)


def test_a_matured_bond_does_not_move() -> None:
    today = days(TODAY)
    assert price_moves(
        today, np.array([today]), np.array([0.04]), np.array([100.0]), np.array([[0.01]])
    ).tolist() == [[0.0]]
    assert (yield_of(today, today, 0.04, 100.0), clean_price(today, today, 0.04, 0.03)) == (0.0, 100.0)
    assert accrued_interest(today, today, 0.04) == 0.0


def test_no_yield_explains_a_price_below_nothing() -> None:
    assert math.isnan(yield_of(days(TODAY), days(date(2036, 11, 15)), 0.04, -5.0))
