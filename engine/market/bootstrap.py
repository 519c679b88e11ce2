"""Discount curves from par quotes, for many sets of quotes at once.

A pillar is the last day that a quote's swap rests on; see :mod:`engine.market.rate_pricing` for what lies in between.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place, kernel
from engine.market.rate_pricing import (
    Float64s,
    Flows,
    Int64s,
    Places,
    SwapPlaces,
    find_places,
    log_at,
    room_for,
)

_STEPS: Final = 60
# Newton's steps square the error: what is left after one of this size is beyond a float's last digit.
_SMALL: Final = 1e-9  # of a logarithm of a discount factor


@kernel
def bootstrap(
    flows: Flows,
    today: int,
    quotes: Float64s,
    pillars: Int64s,
    discount_pillars: Int64s,
    discount_logs: Float64s,
) -> Float64s:
    """Curves on which the swaps of all quotes are worth nothing, for m sets of quotes.

    Pillar after pillar by Newton's steps. A swap that is the one before it with further payments goes on from what that
    one's legs are worth; of any other all payments are summed.

    Args:
        flows: of the quotes' swaps, n, ascending by pillar; none has begun.
        quotes: float64[m, n], par rates, fractions a year. The first set is where the others start from.
        pillars: int64[n], days from today, ascending.
        discount_pillars: int64[p]; discount_logs: float64[m, p] of the curve that discounts, p = 0: this one does.

    Returns:
        float64[m, n] logarithms at the pillars; NaN from a quote on that is NaN, or so far above those before it that
        no discount factor explains it.
    """
    found = _Found(np.full(quotes.shape, np.nan), np.zeros(len(quotes)), np.zeros(len(quotes)))
    own, places = len(discount_pillars) == 0, room_for(flows)
    for i in range(quotes.shape[1]):
        fixed, floating = flows.fixed_first[i], flows.floating_first[i]
        if _goes_on(flows, i):
            fixed += fixed - flows.fixed_first[i - 1]
            floating += floating - flows.floating_first[i - 1]
        else:
            found.leg[:] = found.annuity[:] = 0.0
        discounting = pillars[: i + 1] if own else discount_pillars
        find_places(places, flows, i, fixed, floating, today, discounting, pillars[: i + 1])
        discounts = found.logs if own else discount_logs
        _solve(flows, places, i, fixed, floating, quotes, pillars, discounts, own, found)
    return found.logs


class _Found(NamedTuple):
    """By set of quotes.

    Attributes:
        logs: float64[m, n], the curves as far as they are found.
        leg, annuity: float64[m], of the swap before, on these.
    """

    logs: Float64s
    leg: Float64s
    annuity: Float64s


@in_place
def _solve(
    flows: Flows, places: SwapPlaces, i: int, fixed: int, floating: int, quotes: Float64s, pillars: Int64s,
    discount_logs: Float64s, own: bool, found: _Found,
) -> None:  # fmt: skip
    """Pillar i of every set; ``fixed``, ``floating``: the first payments that are not in ``found`` yet."""
    years, start, end, paid = pillars[i] / 365.0, places.start, places.end, places.paid
    for s in range(len(quotes)):
        row, quote, discounting = found.logs[s], quotes[s, i], discount_logs[s]
        if math.isnan(quote) or (i > 0 and math.isnan(row[i - 1])):
            continue
        if s > 0 and not math.isnan(found.logs[0, i]):
            here = found.logs[0, i] - (quote - quotes[0, i]) * years
        else:
            here = row[i - 1] * pillars[i] / pillars[i - 1] if i > 0 else -quote * years
        step = math.inf
        for _ in range(_STEPS):
            row[i] = here
            leg = leg_slope = annuity = annuity_slope = 0.0
            for j in range(fixed, flows.fixed_first[i + 1]):
                worth = flows.fixed_years[j] * math.exp(log_at(places.fixed, j, discounting))
                annuity += worth
                annuity_slope += worth * _share_of(places.fixed, j, i) * own
            for j in range(floating, flows.floating_first[i + 1]):
                discount = math.exp(log_at(paid, j, discounting))
                grown = math.expm1(log_at(start, j, row) - log_at(end, j, row))
                leg += grown * discount
                moved = (1.0 + grown) * (_share_of(start, j, i) - _share_of(end, j, i))
                leg_slope += (moved + grown * _share_of(paid, j, i) * own) * discount
            value = found.leg[s] + leg - quote * (found.annuity[s] + annuity)
            step = value / (leg_slope - quote * annuity_slope)
            here -= step
            if not abs(step) > _SMALL:
                break
        row[i] = here if abs(step) <= _SMALL else math.nan
        found.leg[s] += leg - step * leg_slope
        found.annuity[s] += annuity - step * annuity_slope


@in_place
def _share_of(places: Places, j: int, last: int) -> float:
    """What the logarithm at a day takes of that at the last pillar."""
    return float(places.share[j]) if places.lower[j] + 1 == last else 0.0


@in_place
def _goes_on(flows: Flows, i: int) -> bool:
    """Whether swap i is the one before it with further payments."""
    if i == 0:
        return False
    fixed, floating = flows.fixed_first, flows.floating_first
    if fixed[i + 1] - fixed[i] < fixed[i] - fixed[i - 1]:
        return False
    if floating[i + 1] - floating[i] < floating[i] - floating[i - 1]:
        return False
    return (
        _begins_alike(flows.fixed_pay, fixed[i - 1], fixed[i])
        and _begins_alike(flows.fixed_years, fixed[i - 1], fixed[i])
        and _begins_alike(flows.floating_start, floating[i - 1], floating[i])
        and _begins_alike(flows.floating_end, floating[i - 1], floating[i])
        and _begins_alike(flows.floating_pay, floating[i - 1], floating[i])
    )


@kernel
def _begins_alike(values: NDArray[Any], before: int, first: int) -> bool:
    """Whether what stands from ``first`` on begins with what stands from ``before`` until there."""
    return bool(np.array_equal(values[before:first], values[first : 2 * first - before]))
