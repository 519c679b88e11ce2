"""Taking prices: who wins, and what the mark is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from engine.market.market import MOVED, REPRICED, Market

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
    ZERO = 8  # of an inverse contract, whose value is a share of 1 / price


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
    outcome[market.inverse[prices.slots] & (mark == 0.0)] = PriceOutcome.ZERO
    infinite = np.isinf(prices.bid) | np.isinf(prices.ask) | np.isinf(prices.mark)
    outcome[infinite | np.isinf(prices.implied_volatility)] = PriceOutcome.NOT_FINITE
    good = np.flatnonzero(outcome == PriceOutcome.APPLIED)
    order = good[np.lexsort((-good, prices.sequence[good], prices.slots[good]))]
    superseded = order[:-1][prices.slots[order[:-1]] == prices.slots[order[1:]]]
    outcome[superseded] = PriceOutcome.SUPERSEDED
    return outcome


def apply_prices(market: Market, prices: PriceColumns) -> NDArray[np.int8]:
    """Take a batch of prices; int8[n] :class:`PriceOutcome`.

    What rests on them (volatilities, which instruments are priced, risk prices) follows with the next
    :func:`engine.market.refresh.refresh`.
    """
    outcome = judge(market, prices)
    taken = outcome == PriceOutcome.APPLIED
    slots = prices.slots[taken]
    mark = mark_of(prices.bid, prices.ask, prices.mark)[taken]
    market.news[slots[mark != market.mark[slots]]] |= MOVED
    market.news[slots[market.model[slots] > 0]] |= REPRICED
    market.bid[slots] = prices.bid[taken]
    market.ask[slots] = prices.ask[taken]
    market.mark[slots] = mark
    market.quoted_volatility[slots] = prices.implied_volatility[taken]
    market.source_time_ns[slots] = prices.source_time_ns[taken]
    market.sequence[slots] = prices.sequence[taken]
    return outcome
