"""What follows from prices, once per evaluation pass: volatilities, what is priced, risk prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.market.instruments import CLEARED_SWAPS, DEBT, Product
from engine.market.market import DUE, PRODUCT_CODE, Market
from engine.market.rate_follow import pass_on_rates, value_swaps
from engine.market.refresh_kernels import Prices, links_of, move_risk_prices, reach, settle_priced, to_solve
from engine.market.repo import value_repos
from engine.market.revaluation import implied_volatilities
from engine.market.view import Int64s

# Nodes of premium tables made ahead for the next step of the valuation time: some 0.3 ms a refresh. A curve has six to
# twelve; at 20 passes a second those of some 5,000 curves are made within the 15 minutes between two steps.
_PREPARED_NODES = 4
_AGING = DEBT | CLEARED_SWAPS | {Product.CREDIT_DEFAULT_SWAP, Product.SECURITY_FUTURE, Product.REPO}
_AGES = np.array([product in _AGING for product in PRODUCT_CODE], np.bool_)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh found; unique sorted slots.

    Attributes:
        valued: int64[n], the market value in USD may have changed, or whether there is one.
        risk: int64[m], the risk array must be made anew from ``market.risk``.
    """

    valued: Int64s
    risk: Int64s


def refresh(market: Market, options: bool = True) -> Refreshed:
    """Bring ``volatility``, ``priced`` and ``risk`` of the market up to date with its latest prices.

    Each slot is returned once per change: whoever calls acts on the result. An option's volatility is the quoted
    one, else it is solved from its own mark when that mark is new; between two marks of its own it keeps the last
    one (sticky strike) while the underlying moves. A mark that no volatility explains (deep in the money, quoted a
    little below intrinsic value) keeps the last one too, or has volatility 0 where there was none; so has an
    expired option, which is worth its intrinsic value.

    Args:
        options: False leaves the risk of options, of interest rate swaps and of all that those rest on, where there is
            one, waiting for a call with True; so it does volatilities.
    """
    count, news = market.count, market.news[: market.count]
    if options:
        _step_risk_time(market)
        if market.next_valuation_time_ns > market.valuation_time_ns:
            market.curves.prepare(
                market.valuation_time_ns, market.next_valuation_time_ns, market.rate, _PREPARED_NODES
            )
    value_swaps(market)
    value_repos(market)
    links = links_of(market)
    live = Prices(market.mark, market.volatility, market.priced)
    valued, reached = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    slots = reach(news, count, links, valued, reached)
    if len(slots) == 0:
        return Refreshed(slots, slots)
    solve = to_solve(slots, news, links, live, market.quoted_volatility, options)
    if len(solve):
        _solve_volatilities(market, solve)
    settle_priced(slots, links, live, valued)
    risk = market.risk
    due = move_risk_prices(
        slots, news, links, live, Prices(risk.mark, risk.volatility, risk.priced),
        risk.price_tolerance, risk.volatility_tolerance, options,
    )  # fmt: skip
    pass_on_rates(market, due)
    return Refreshed(np.flatnonzero(valued), np.flatnonzero(due))


def _step_risk_time(market: Market) -> None:
    """Risk takes the market's valuation time; what was alive before it and ages is due: options, credit, debt, rates,
    security futures.
    """
    earlier = min(market.valuation_time_ns, market.risk.valuation_time_ns)
    if market.valuation_time_ns == market.risk.valuation_time_ns:
        return
    market.risk.valuation_time_ns = market.valuation_time_ns
    count = market.count
    ages = (market.model[:count] > 0) | _AGES[market.product[:count]]
    alive = ages & (market.expiry_ns[:count] > earlier)
    market.news[:count][alive] |= DUE


def _solve_volatilities(market: Market, slots: Int64s) -> None:
    """Set the volatility of options from their own marks; mark and underlying are known."""
    solved, years = implied_volatilities(market, slots), market.years_to_expiry(slots)
    former = market.volatility[slots]
    fallback = np.where(np.isnan(former) | (years <= 0), 0.0, former)
    market.volatility[slots] = np.where(np.isnan(solved), fallback, solved)
