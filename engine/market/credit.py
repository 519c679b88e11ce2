"""Credit default swaps of a market: the spread behind each mark, and the time that each has left."""

from __future__ import annotations

import numpy as np

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.credit_pricing import cr01, spreads_of, upfront_moves
from engine.market.premium_dates import started_months
from engine.market.view import Float64s, Int64s, MarketView


def valuation_day(market: MarketView) -> int:
    """Days since 1970 of the valuation time, UTC: swaps are valued by the day."""
    return market.valuation_time_ns // NANOSECONDS_PER_DAY


def maturity_days(market: MarketView, slots: Int64s) -> Int64s:
    """int64[n]: days since 1970."""
    return market.expiry_ns[slots] // NANOSECONDS_PER_DAY


def credit_spreads(market: MarketView, slots: Int64s) -> Float64s:
    """float64[n]: quoted spread that explains each mark, a fraction a year; every slot is priced."""
    return spreads_of(
        valuation_day(market), maturity_days(market, slots), market.recovery_rate[slots], market.rate,
        market.coupon[slots], market.mark[slots],
    )  # fmt: skip


def months_left(market: MarketView, slots: Int64s) -> Int64s:
    """int64[n]: started calendar months to maturity."""
    today = valuation_day(market)
    days = maturity_days(market, slots).tolist()
    return np.array([started_months(today, day) for day in days], np.int64)


def credit_spread(market: MarketView, slot: int) -> float:
    """:func:`credit_spreads` of one swap."""
    return float(credit_spreads(market, np.array([slot]))[0])


def gain_per_basis_point(market: MarketView, slot: int, spread: float) -> float:
    """CR01 of one unit of notional held long, in the swap's currency."""
    maturity = int(market.expiry_ns[slot]) // NANOSECONDS_PER_DAY
    recovery, coupon = float(market.recovery_rate[slot]), float(market.coupon[slot])
    return cr01(valuation_day(market), maturity, recovery, market.rate, coupon, spread)


def credit_moves(market: MarketView, slots: Int64s, spreads: Float64s, points: Float64s) -> Float64s:
    """float64[n, k]: change of the value of one unit of notional when the quoted spread goes to each point.

    Args:
        spreads: float64[n], as :func:`credit_spreads`. points: float64[n, k], fractions a year.
    """
    return upfront_moves(
        valuation_day(market), maturity_days(market, slots), market.recovery_rate[slots], market.rate,
        market.coupon[slots], spreads, points,
    )  # fmt: skip
