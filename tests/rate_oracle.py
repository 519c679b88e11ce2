"""QuantLib as the oracle of interest rate curves and swaps: its bootstrap, its swap engines, its calendars."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import QuantLib as ql  # noqa: N813 - the name its documentation uses

from engine.market.rate_conventions import RateConvention
from tests.rates_book import CONVENTIONS, NOW, PAR_RATES

EPOCH = date(1970, 1, 1)
_CALENDAR = ql.WeekendsOnly()
_DAY_COUNTS = {
    30: ql.Thirty360(ql.Thirty360.BondBasis),
    360: ql.Actual360(),
    365: ql.Actual365Fixed(),
}


class QuantLibCurves(NamedTuple):
    """Handles of the curve that discounts and the one that forecasts, with the index on it."""

    discount: Any
    forward: Any
    index: Any


def days(day: date) -> int:
    return (day - EPOCH).days


def ql_date(day: date) -> ql.Date:
    return ql.Date(day.day, day.month, day.year)


def overnight_curves(today: date, convention: RateConvention, quotes: Mapping[str, float]) -> QuantLibCurves:
    """An overnight curve from par rates by tenor: ``OISRateHelper`` and log-linear discount factors."""
    ql.Settings.instance().evaluationDate = ql_date(today)
    handle = ql.RelinkableYieldTermStructureHandle()
    index = ql.OvernightIndex(
        convention.curve_id,
        0,
        ql.USDCurrency(),
        _CALENDAR,
        _DAY_COUNTS[convention.floating_day_count],
        handle,
    )
    helpers = [
        ql.OISRateHelper(
            convention.spot_days, ql.Period(tenor), ql.QuoteHandle(ql.SimpleQuote(rate)), index,
            ql.YieldTermStructureHandle(), False, convention.payment_lag_days, ql.Following,
            ql.Annual, _CALENDAR, ql.Period(0, ql.Days), 0.0,
            ql.Pillar.LastRelevantDate, ql.Date(), ql.RateAveraging.Compound, False,
        )
        for tenor, rate in quotes.items()
    ]  # fmt: skip
    return _curves(today, helpers, handle, index, None)


def term_curves(
    today: date, convention: RateConvention, quotes: Mapping[str, float], discount: Any
) -> QuantLibCurves:
    """A forecast curve from par swap rates by tenor, discounted on another one."""
    handle = ql.RelinkableYieldTermStructureHandle()
    months = ql.Period(convention.floating_months, ql.Months)
    index = ql.IborIndex(
        convention.curve_id, months, convention.spot_days, ql.EURCurrency(), _CALENDAR, ql.ModifiedFollowing, False,
        _DAY_COUNTS[convention.floating_day_count], handle,
    )  # fmt: skip
    helpers = [
        ql.SwapRateHelper(
            ql.QuoteHandle(ql.SimpleQuote(rate)), ql.Period(tenor), _CALENDAR,
            ql.Annual, ql.ModifiedFollowing,
            _DAY_COUNTS[convention.fixed_day_count], index, ql.QuoteHandle(), ql.Period(0, ql.Days), discount,
            convention.spot_days,
        )
        for tenor, rate in quotes.items()
    ]  # fmt: skip
    return _curves(today, helpers, handle, index, discount)


def book_curves(curve_id: str, bumps: dict[tuple[str, str], float] | None = None) -> QuantLibCurves:
    """QuantLib's curves of the book's par rates, some of them bumped by (curve, tenor)."""

    def quotes(name: str) -> dict[str, float]:
        return {
            tenor: rate + (bumps or {}).get((name, tenor), 0.0) for tenor, rate in PAR_RATES[name].items()
        }

    convention = CONVENTIONS[curve_id]
    discount = convention.discount_curve
    curves = overnight_curves(date.fromisoformat(NOW[:10]), CONVENTIONS[discount], quotes(discount))
    if not convention.is_term:
        return curves
    return term_curves(date.fromisoformat(NOW[:10]), convention, quotes(curve_id), curves.discount)


def _curves(today: date, helpers: list[Any], handle: Any, index: Any, discount: Any) -> QuantLibCurves:
    curve = ql.PiecewiseLogLinearDiscount(ql_date(today), helpers, ql.Actual365Fixed())
    curve.enableExtrapolation()
    handle.linkTo(curve)
    return QuantLibCurves(discount or handle, handle, index)


def schedule(start: date, maturity: date, months: int) -> ql.Schedule:
    return ql.Schedule(
        ql_date(start), ql_date(maturity), ql.Period(months, ql.Months), _CALENDAR, ql.ModifiedFollowing,
        ql.ModifiedFollowing, ql.DateGeneration.Backward, False,
    )  # fmt: skip


def payer_value(
    curves: QuantLibCurves, convention: RateConvention, start: date, maturity: date, coupon: float
) -> float:
    """Value of a swap of one unit of notional that pays fixed."""
    if convention.is_term:
        swap = ql.VanillaSwap(
            ql.Swap.Payer, 1.0, schedule(start, maturity, convention.fixed_months), coupon,
            _DAY_COUNTS[convention.fixed_day_count], schedule(start, maturity, convention.floating_months),
            curves.index, 0.0, curves.index.dayCounter(),
        )  # fmt: skip
    else:
        swap = ql.OvernightIndexedSwap(
            ql.Swap.Payer, 1.0, schedule(start, maturity, convention.fixed_months), coupon,
            _DAY_COUNTS[convention.fixed_day_count], curves.index, 0.0, convention.payment_lag_days, ql.Following,
            _CALENDAR,
        )  # fmt: skip
    swap.setPricingEngine(ql.DiscountingSwapEngine(curves.discount))
    value: float = swap.NPV()
    return value
