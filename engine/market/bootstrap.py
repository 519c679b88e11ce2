"""Discount curves from par quotes, for many sets of quotes at once.

A pillar is the last day that a quote's swap rests on; see :mod:`engine.market.rate_pricing` for what lies in between.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from engine.base.kernel import kernel
from engine.market.rate_pricing import Float64s, Flows, Int64s, Places, find_places, log_at, room_for

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
    own, sets = len(discount_pillars) == 0, len(quotes)
    logs = np.full(quotes.shape, np.nan)
    legs, annuities = np.zeros(sets), np.zeros(sets)  # of the swap before
    periods = len(flows.floating_pay)
    start, end, paid = room_for(periods), room_for(periods), room_for(periods)
    fixed_paid = room_for(len(flows.fixed_pay))
    for i in range(quotes.shape[1]):
        fixed, fixed_end = flows.fixed_first[i], flows.fixed_first[i + 1]
        floating, floating_end = flows.floating_first[i], flows.floating_first[i + 1]
        if _goes_on(flows, i):
            fixed += fixed - flows.fixed_first[i - 1]
            floating += floating - flows.floating_first[i - 1]
        else:
            legs[:] = annuities[:] = 0.0
        discounting = pillars[: i + 1] if own else discount_pillars
        find_places(start, flows.floating_start, floating, floating_end, today, pillars[: i + 1])
        find_places(end, flows.floating_end, floating, floating_end, today, pillars[: i + 1])
        find_places(paid, flows.floating_pay, floating, floating_end, today, discounting)
        find_places(fixed_paid, flows.fixed_pay, fixed, fixed_end, today, discounting)
        years = pillars[i] / 365.0
        for s in range(sets):
            row, quote = logs[s], quotes[s, i]
            if math.isnan(quote) or (i > 0 and math.isnan(row[i - 1])):
                continue
            if s > 0 and not math.isnan(logs[0, i]):
                here = logs[0, i] - (quote - quotes[0, i]) * years
            else:
                here = row[i - 1] * pillars[i] / pillars[i - 1] if i > 0 else -quote * years
            discount_row = row if own else discount_logs[s]
            found = False
            for _ in range(_STEPS):
                row[i] = here
                leg = leg_slope = annuity = annuity_slope = 0.0
                for j in range(fixed, fixed_end):
                    worth = flows.fixed_years[j] * math.exp(log_at(fixed_paid, j, discount_row))
                    annuity += worth
                    annuity_slope += worth * _share_of(fixed_paid, j, i)
                for j in range(floating, floating_end):
                    discount = math.exp(log_at(paid, j, discount_row))
                    grown = math.expm1(log_at(start, j, row) - log_at(end, j, row))
                    leg += grown * discount
                    moved = (1.0 + grown) * (_share_of(start, j, i) - _share_of(end, j, i))
                    leg_slope += (moved + grown * _share_of(paid, j, i) * own) * discount
                annuity_slope *= own
                step = (legs[s] + leg - quote * (annuities[s] + annuity)) / (
                    leg_slope - quote * annuity_slope
                )
                if not math.isfinite(step):
                    break
                here -= step
                if abs(step) <= _SMALL:
                    found = True
                    break
            row[i] = here if found else math.nan
            legs[s] += leg - step * leg_slope
            annuities[s] += annuity - step * annuity_slope
    return logs


@kernel
def _share_of(places: Places, j: int, last: int) -> float:
    """What the logarithm at a day takes of that at the last pillar."""
    return float(places.share[j]) if places.lower[j] + 1 == last else 0.0


@kernel
def _goes_on(flows: Flows, i: int) -> bool:
    """Whether swap i is the one before it with further payments."""
    if i == 0:
        return False
    fixed, floating = flows.fixed_first[i], flows.floating_first[i]
    fixed_before, floating_before = fixed - flows.fixed_first[i - 1], floating - flows.floating_first[i - 1]
    if (
        flows.fixed_first[i + 1] - fixed < fixed_before
        or flows.floating_first[i + 1] - floating < floating_before
    ):
        return False
    for j in range(fixed, fixed + fixed_before):
        other = j - fixed_before
        if flows.fixed_pay[j] != flows.fixed_pay[other] or flows.fixed_years[j] != flows.fixed_years[other]:
            return False
    for j in range(floating, floating + floating_before):
        other = j - floating_before
        if (
            flows.floating_start[j] != flows.floating_start[other]
            or flows.floating_end[j] != flows.floating_end[other]
            or flows.floating_pay[j] != flows.floating_pay[other]
        ):
            return False
    return True
