"""Taking prices: who wins, what the mark is, which instruments move with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from engine.market.implied_volatility import implied_volatilities
from engine.market.market import Market

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]


class PriceOutcome(IntEnum):
    """What became of one price message."""

    APPLIED = 0
    DUPLICATE = 1  # same sequence again
    LATE = 2  # lower sequence than the one held
    SUPERSEDED = 3  # a higher sequence for the instrument came in the same batch
    NOT_FINITE = 4
    NEGATIVE = 5
    CROSSED = 6
    EMPTY = 7  # neither bid, ask nor mark


@dataclass(frozen=True, slots=True)
class PriceColumns:
    """A batch of prices; all arrays have length n, floats are NaN where the message had no value."""

    slots: Int64s
    bid: Float64s
    ask: Float64s
    mark: Float64s
    implied_volatility: Float64s
    source_time_ns: Int64s
    sequence: Int64s


def mark_of(bid: Float64s, ask: Float64s, mark: Float64s) -> Float64s:
    """The price positions are valued at: the mark, else the mid, else the one side there is, else NaN."""
    mid = 0.5 * (bid + ask)
    one_side = np.where(np.isnan(bid), ask, bid)
    quote = np.where(np.isnan(mid), one_side, mid)
    return np.where(np.isnan(mark), quote, mark)


def judge(market: Market, prices: PriceColumns) -> NDArray[np.int8]:
    """int8[n] :class:`PriceOutcome` of each message against the prices held, later rules win.

    Within a batch the highest sequence of an instrument wins, the first of equals.
    """
    outcome = np.full(len(prices.slots), PriceOutcome.APPLIED, np.int8)
    held = market.sequence[prices.slots]
    outcome[prices.sequence == held] = PriceOutcome.DUPLICATE
    outcome[prices.sequence < held] = PriceOutcome.LATE
    mark = mark_of(prices.bid, prices.ask, prices.mark)
    outcome[np.isnan(mark)] = PriceOutcome.EMPTY
    outcome[prices.bid > prices.ask] = PriceOutcome.CROSSED
    lowest = np.fmin(np.fmin(prices.bid, prices.ask), prices.mark)
    outcome[~market.negative_price_allowed[prices.slots] & (lowest < 0)] = PriceOutcome.NEGATIVE
    infinite = np.isinf(prices.bid) | np.isinf(prices.ask) | np.isinf(prices.mark)
    outcome[infinite | np.isinf(prices.implied_volatility)] = PriceOutcome.NOT_FINITE
    good = np.flatnonzero(outcome == PriceOutcome.APPLIED)
    order = good[np.lexsort((-good, prices.sequence[good], prices.slots[good]))]
    superseded = order[:-1][prices.slots[order[:-1]] == prices.slots[order[1:]]]
    outcome[superseded] = PriceOutcome.SUPERSEDED
    return outcome


def apply_prices(market: Market, prices: PriceColumns) -> tuple[NDArray[np.int8], Int64s]:
    """Take a batch of prices.

    Returns:
        outcomes int8[n]; and int64[m], the unique sorted slots whose value may have moved: those priced and
        everything that depends on them (options on the instrument, instruments in the currency).
    """
    outcome = judge(market, prices)
    taken = outcome == PriceOutcome.APPLIED
    slots = prices.slots[taken]
    market.bid[slots] = prices.bid[taken]
    market.ask[slots] = prices.ask[taken]
    market.mark[slots] = mark_of(prices.bid, prices.ask, prices.mark)[taken]
    market.quoted_volatility[slots] = prices.implied_volatility[taken]
    market.source_time_ns[slots] = prices.source_time_ns[taken]
    market.sequence[slots] = prices.sequence[taken]
    moved = with_dependents(market, slots)
    refresh_derived(market, moved, slots)
    return outcome, moved


def with_dependents(market: Market, slots: Int64s) -> Int64s:
    """int64[m]: the slots and all that is valued from them, unique and sorted."""
    reached = set(slots.tolist())
    frontier = list(reached)
    while frontier:
        fresh = [d for slot in frontier for d in market.dependents.get(slot, ()) if d not in reached]
        reached.update(fresh)
        frontier = fresh
    return np.array(sorted(reached), np.int64)


def refresh_derived(market: Market, moved: Int64s, repriced: Int64s) -> None:
    """Recompute ``volatility`` and ``priced`` of the moved slots.

    An option's volatility is the quoted one, else it is solved from its own mark when that mark is new; between
    two marks of its own it keeps the last one (sticky strike) while the underlying moves. A mark that no
    volatility explains (deep in the money, quoted a little below intrinsic value) keeps the last one too, or
    has volatility 0 where there was none; so has an expired option, which is worth its intrinsic value.
    """
    options = moved[market.model[moved] > 0]
    quoted = options[~np.isnan(market.quoted_volatility[options])]
    market.volatility[quoted] = market.quoted_volatility[quoted]
    never_solved = np.isnan(market.volatility[options])
    fresh = np.isin(options, repriced) | never_solved
    solve = options[fresh & np.isnan(market.quoted_volatility[options])]
    if len(solve):
        market.volatility[solve] = _solved_volatility(market, solve)
    has_value = np.isfinite(market.mark[moved]) & np.isfinite(market.fx_rate(moved))
    option = market.model[moved] > 0
    has_model = np.isfinite(market.underlying_price(moved)) & np.isfinite(market.volatility[moved])
    market.priced[moved] = has_value & (~option | has_model)


def _solved_volatility(market: Market, slots: Int64s) -> Float64s:
    """float64[n]: volatility of options from their own marks; NaN where mark or underlying is missing."""
    underlying, years = market.underlying_price(slots), market.years_to_expiry(slots)
    solved = implied_volatilities(
        market.model[slots],
        market.is_call[slots],
        market.mark[slots],
        underlying,
        market.strike[slots],
        years,
        np.full(len(slots), market.rate),
        market.dividend_yield[slots],
    )
    former = market.volatility[slots]
    fallback = np.where(np.isnan(former) | (years <= 0), 0.0, former)
    known = np.isfinite(market.mark[slots]) & np.isfinite(underlying)
    return np.where(np.isnan(solved) & known, fallback, solved)
