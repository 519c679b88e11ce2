"""Swaps of a market follow the par quotes of their curves: their marks in every refresh, their risk with the quotes'.

A swap has no price of its own: a mark that comes for one holds until the next refresh.
"""

from __future__ import annotations

import numpy as np

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.market import MOVED, RENEWED, Market
from engine.market.view import Bools, Int64s


def value_swaps(market: Market) -> None:
    """Mark the swaps whose curve, record or day is new; a changed mark is news, and as old as its oldest quote."""
    curves = market.rate_curves
    today = market.valuation_time_ns // NANOSECONDS_PER_DAY
    next_day, curves.day_marked = today != curves.day_marked, today
    moved: set[str] = set()
    for curve_id in curves.conventions:
        quotes, swaps = curves.quotes(curve_id), curves.swaps(curve_id)
        if next_day or _has_news(market, quotes) or moved.intersection(curves.rests_on(curve_id)):
            moved.add(curve_id)
        if curve_id in moved or _has_news(market, swaps):
            _mark(market, swaps, curves.marks(market, curve_id))
        _date(market, curve_id, swaps)


def pass_on_rates(market: Market, due: Bools) -> None:
    """Risk of swaps is due with that of any quote of their curve; ``due``, bool[count], of the refresh, takes it."""
    curves = market.rate_curves
    for curve_id in curves.conventions:
        quotes = [slot for each in curves.rests_on(curve_id) for slot in curves.quotes(each)]
        swaps = curves.swaps(curve_id)
        due[swaps] |= due[quotes].any() & market.risk.priced[swaps]


def _has_news(market: Market, slots: list[int] | Int64s) -> bool:
    return bool((market.news[slots] & (MOVED | RENEWED)).any())


def _mark(market: Market, swaps: Int64s, marks: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    held = market.mark[swaps]
    changed = swaps[(marks != held) & ~(np.isnan(marks) & np.isnan(held))]
    market.mark[swaps] = marks
    market.news[changed] |= MOVED


def _date(market: Market, curve_id: str, swaps: Int64s) -> None:
    """The time of a swap's mark is that of the oldest quote it rests on."""
    curves = market.rate_curves
    quotes = [slot for each in curves.rests_on(curve_id) for slot in curves.quotes(each)]
    if quotes:
        market.source_time_ns[swaps] = market.source_time_ns[quotes].min()
