"""What swaps gain when one quote of their curves rises by a basis point and all others stay."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.market.credit_pricing import BASIS_POINT
from engine.market.view import Float64s, Int64s, MarketView


class Quote(NamedTuple):
    """A par quote by the curve that it is of, and its tenor."""

    curve_id: str
    months: int


def quotes_under(market: MarketView, curve_id: str) -> list[Quote]:
    """The quotes that move a swap on a curve: the curve's own, then those of the one that discounts it."""
    curves = market.rate_curves
    return [Quote(each, months) for each in curves.rests_on(curve_id) for months in curves.tenors(each)]


def gains_by_quote(market: MarketView, curve_id: str, slots: Int64s) -> Float64s:
    """float64[n, quotes]: gain of the side that pays fixed, per unit of notional, in the swap's currency.

    Curves are made anew for each quote; a quote of the curve that discounts moves the one that it discounts, too, since
    that one's par rates stay.

    Args:
        slots: int64[n], swaps on the curve, each with a value.
    """
    curves, quotes = market.rate_curves, quotes_under(market, curve_id)
    shifts = {
        each: np.zeros((1 + len(quotes), len(curves.tenors(each)))) for each in curves.rests_on(curve_id)
    }
    place_on = dict.fromkeys(shifts, 0)
    for place, quote in enumerate(quotes):
        shifts[quote.curve_id][1 + place, place_on[quote.curve_id]] = BASIS_POINT
        place_on[quote.curve_id] += 1
    values = curves.values(market, curve_id, slots, shifts, 1 + len(quotes))
    return values[:, 1:] - values[:, :1]
