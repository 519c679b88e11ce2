"""Options of the market revalued at other prices and volatilities: what all rulebooks' risk rows rest on.

American options come from premium tables (:mod:`engine.market.premium_tables`), which are kept from call to call:
a table depends on time, rates and volatility, not on the underlying, so most moves of the market find it made.
Options that share a table are worked on by one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place, kernel
from engine.market.implied_volatility import implied_volatility_on
from engine.market.option_on_curve import option_curve, option_delta_on
from engine.market.option_scenarios import option_pnl_over_points, option_prices_over_points
from engine.market.premium_tables import Tables
from engine.market.pricing import MODEL_LINEAR
from engine.market.view import Bools, Float64s, Int64s, MarketView

_CHUNK = 16  # groups of options that share a table; other options are groups of one


class Contracts(NamedTuple):
    """Terms of n options and their rows of the premium tables; columns of length n."""

    model: NDArray[np.int8]
    is_call: Bools
    strike: Float64s
    years: Float64s
    dividend_yield: Float64s
    curve: Int64s


def contracts(market: MarketView, slots: Int64s) -> Contracts:
    """The terms of the options in these slots."""
    return Contracts(
        market.model[slots],
        market.is_call[slots],
        market.strike[slots],
        market.years_to_expiry(slots),
        market.dividend_yield[slots],
        market.curve[slots],
    )


def each_group(market: MarketView, curve: Int64s, work: Callable[[Int64s], None]) -> None:
    """Call ``work`` with places of ``curve`` int64[n], in chunks; places of one curve are in one chunk."""
    if market.threads.count == 1:
        work(np.arange(len(curve)))
        return
    order = np.argsort(curve, kind="stable")
    ordered = curve[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (ordered[1:] != ordered[:-1]) | (ordered[1:] < 0)
    starts = np.append(np.flatnonzero(new), len(order))
    market.threads.each(
        lambda first, last: work(order[starts[first] : starts[last]]), len(starts) - 1, _CHUNK
    )


def option_moves(
    market: MarketView, slots: Int64s, underlying_points: Float64s, volatility_points: Float64s
) -> Float64s:
    """float64[n, k]: model value at each point less the model value now, so a mark off the model cancels.

    Per unit, in the option's currency.

    Args:
        slots: int64[n], priced options.
        underlying_points, volatility_points: float64[n, k].
    """
    terms, tables = contracts(market, slots), market.curves.at(market.valuation_time_ns)
    underlying, volatility = market.underlying_price(slots), market.volatility[slots]
    moves = np.empty(underlying_points.shape)

    def work(places: Int64s) -> None:
        _option_moves(
            places,
            terms,
            market.rate,
            underlying,
            volatility,
            tables,
            underlying_points,
            volatility_points,
            moves,
        )

    each_group(market, terms.curve, work)
    return moves


def option_prices(
    market: MarketView, slots: Int64s, underlying_points: Float64s, volatility_points: Float64s
) -> Float64s:
    """float64[n, k]: model value at each point, per unit, in the option's currency; else as `option_moves`."""
    terms, tables = contracts(market, slots), market.curves.at(market.valuation_time_ns)
    prices = np.empty(underlying_points.shape)
    _option_prices(terms, market.rate, tables, underlying_points, volatility_points, prices)
    return prices


def option_deltas(market: MarketView, slots: Int64s) -> Float64s:
    """float64[n]: change of each instrument's model value per unit of its price driver; 1 if it is no option."""
    terms, tables = contracts(market, slots), market.curves.at(market.valuation_time_ns)
    underlying, volatility = market.underlying_price(slots), market.volatility[slots]
    deltas = np.ones(len(slots))

    def work(places: Int64s) -> None:
        _option_deltas(places, terms, market.rate, underlying, volatility, tables, deltas)

    each_group(market, terms.curve, work)
    return deltas


def implied_volatilities(market: MarketView, slots: Int64s) -> Float64s:
    """float64[n]: volatility at which the model gives each option its mark; 0 and NaN as
    :func:`engine.market.implied_volatility.implied_volatility`."""
    terms, tables = contracts(market, slots), market.curves.at(market.valuation_time_ns)
    underlying, marks = market.underlying_price(slots), market.mark[slots]
    solved = np.empty(len(slots))

    def work(places: Int64s) -> None:
        _implied_volatilities(places, terms, market.rate, underlying, marks, tables, solved)

    each_group(market, terms.curve, work)
    return solved


@in_place
def _option_moves(
    places: Int64s,
    terms: Contracts,
    rate: float,
    underlying: Float64s,
    volatility: Float64s,
    tables: Tables,
    underlying_points: Float64s,
    volatility_points: Float64s,
    moves: Float64s,
) -> None:
    for i in places:
        curve = terms.curve[i]  # without one any row does: it is not read
        option_pnl_over_points(
            int(terms.model[i]), terms.is_call[i], underlying[i], terms.strike[i], terms.years[i], rate,
            terms.dividend_yield[i], volatility[i], underlying_points[i], volatility_points[i],
            tables.boundary[curve], tables.premium[curve], moves[i],
        )  # fmt: skip


@in_place
def _option_prices(
    terms: Contracts,
    rate: float,
    tables: Tables,
    underlying_points: Float64s,
    volatility_points: Float64s,
    prices: Float64s,
) -> None:
    for i in range(len(prices)):
        curve = terms.curve[i]
        option_prices_over_points(
            int(terms.model[i]), terms.is_call[i], terms.strike[i], terms.years[i], rate,
            terms.dividend_yield[i], underlying_points[i], volatility_points[i], tables.boundary[curve],
            tables.premium[curve], prices[i],
        )  # fmt: skip


@kernel
def _implied_volatilities(
    places: Int64s,
    terms: Contracts,
    rate: float,
    underlying: Float64s,
    marks: Float64s,
    tables: Tables,
    solved: Float64s,
) -> None:
    for i in places:
        model, is_call, years = int(terms.model[i]), terms.is_call[i], terms.years[i]
        row, dividend_yield = terms.curve[i], terms.dividend_yield[i]
        curve = option_curve(
            model, is_call, years, rate, dividend_yield, tables.boundary[row], tables.premium[row]
        )
        solved[i] = implied_volatility_on(
            curve, model, is_call, marks[i], underlying[i], terms.strike[i], years, rate, dividend_yield
        )


@kernel
def _option_deltas(
    places: Int64s,
    terms: Contracts,
    rate: float,
    underlying: Float64s,
    volatility: Float64s,
    tables: Tables,
    deltas: Float64s,
) -> None:
    for i in places:
        model, is_call, years = int(terms.model[i]), terms.is_call[i], terms.years[i]
        row, dividend_yield = terms.curve[i], terms.dividend_yield[i]
        if model == MODEL_LINEAR:
            continue
        curve = option_curve(
            model, is_call, years, rate, dividend_yield, tables.boundary[row], tables.premium[row]
        )
        deltas[i] = option_delta_on(
            curve, model, is_call, underlying[i], terms.strike[i], years, rate, dividend_yield, volatility[i]
        )
