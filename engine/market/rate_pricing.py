"""Swaps valued on curves: per unit of notional, to the side that pays fixed.

A curve is a logarithm of discount factors at pillars, linear in between (forward rates constant from pillar to
pillar) and beyond the last one. Day counts to a pillar are from the valuation day; flows of that day and before are
over. Where a day lies is the same on all curves with the same pillars, so it is found once for all of them. The oracle
is QuantLib (``tests/rate_oracle.py``).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place, kernel

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Flows(NamedTuple):
    """Both legs of n swaps, one after another; days since 1970.

    Attributes:
        fixed_first: int64[n + 1]; swap i owns fixed payments ``fixed_first[i]:fixed_first[i + 1]``.
        fixed_pay, fixed_years: of each fixed payment.
        floating_first: int64[n + 1], likewise.
        floating_start, floating_end, floating_pay, floating_years: of each floating period.
        is_term: bool[n], the rate of a period is fixed at its start.
        day_count: float64[n], days of a year on the floating leg.
    """

    fixed_first: Int64s
    fixed_pay: Int64s
    fixed_years: Float64s
    floating_first: Int64s
    floating_start: Int64s
    floating_end: Int64s
    floating_pay: Int64s
    floating_years: Float64s
    is_term: Bools
    day_count: Float64s


class Places(NamedTuple):
    """Where some days lie on a curve.

    Attributes:
        lower: int64[k], pillar before the day, -1: today.
        share: float64[k], how far it lies on the way to the next pillar; beyond 1 after the last.
    """

    lower: Int64s
    share: Float64s


class SwapPlaces(NamedTuple):
    """Of fixed payments, and of the payments, starts and ends of floating periods; by place in :class:`Flows`."""

    fixed: Places
    paid: Places
    start: Places
    end: Places


@kernel
def room_for(flows: Flows) -> SwapPlaces:
    """Places still to be found."""
    payments, periods = len(flows.fixed_pay), len(flows.floating_pay)
    return SwapPlaces(_room(payments), _room(periods), _room(periods), _room(periods))


@kernel
def _room(count: int) -> Places:
    return Places(np.empty(count, np.int64), np.empty(count))


@in_place
def find_places(
    places: SwapPlaces, flows: Flows, i: int, fixed: int, floating: int, today: int, discount_pillars: Int64s,
    forward_pillars: Int64s,
) -> None:  # fmt: skip
    """Of swap i from some fixed payment and floating period on; pillars are days from today."""
    _find(places.fixed, flows.fixed_pay, fixed, flows.fixed_first[i + 1], today, discount_pillars)
    end = flows.floating_first[i + 1]
    _find(places.paid, flows.floating_pay, floating, end, today, discount_pillars)
    _find(places.start, flows.floating_start, floating, end, today, forward_pillars)
    _find(places.end, flows.floating_end, floating, end, today, forward_pillars)


@in_place
def _find(places: Places, days: Int64s, first: int, last: int, today: int, pillars: Int64s) -> None:
    for j in range(first, last):
        day, upper = days[j] - today, 0
        while upper < len(pillars) - 1 and pillars[upper] < day:
            upper += 1
        before = 0 if upper == 0 else pillars[upper - 1]
        places.lower[j], places.share[j] = upper - 1, (day - before) / (pillars[upper] - before)


@in_place
def log_at(places: Places, j: int, logs: Float64s) -> float:
    """Logarithm of the discount factor at a day, from those at the pillars."""
    lower = places.lower[j]
    start = logs[lower] if lower >= 0 else 0.0
    return float(start + places.share[j] * (logs[lower + 1] - start))


@kernel
def payer_values(
    flows: Flows,
    which: Int64s,
    coupons: Float64s,
    fixings: Float64s,
    today: int,
    discount_pillars: Int64s,
    discount_logs: Float64s,
    forward_pillars: Int64s,
    forward_logs: Float64s,
) -> Float64s:
    """float64[n, m]: value of swaps on each of m pairs of curves.

    Args:
        which: int64[n], of the swaps of ``flows``.
        coupons: float64[n], fixed rates. fixings: float64[n], of the floating period that runs: its rate (term), or
            its compounded rate until today (overnight); NaN = not known.
        discount_logs: float64[m, p], forward_logs: float64[m, q], of :func:`engine.market.bootstrap.bootstrap`.
    """
    values, places = np.empty((len(coupons), len(discount_logs))), room_for(flows)
    for n in range(len(which)):
        i = which[n]
        fixed, floating = flows.fixed_first[i], flows.floating_first[i]
        find_places(places, flows, i, fixed, floating, today, discount_pillars, forward_pillars)
        for s in range(len(discount_logs)):
            annuity = 0.0
            for j in range(fixed, flows.fixed_first[i + 1]):
                if flows.fixed_pay[j] > today:
                    annuity += flows.fixed_years[j] * math.exp(log_at(places.fixed, j, discount_logs[s]))
            leg = _floating_leg(flows, i, fixings[n], today, places, discount_logs[s], forward_logs[s])
            values[n, s] = leg - coupons[n] * annuity
    return values


@in_place
def _floating_leg(
    flows: Flows,
    i: int,
    fixing: float,
    today: int,
    places: SwapPlaces,
    logs: Float64s,
    forward_logs: Float64s,
) -> float:
    """Present value of the floating periods of swap i."""
    leg, is_term = 0.0, flows.is_term[i]
    for j in range(flows.floating_first[i], flows.floating_first[i + 1]):
        if flows.floating_pay[j] <= today:
            continue
        discount = math.exp(log_at(places.paid, j, logs))
        begun = flows.floating_start[j] - today
        if begun < 0 and (is_term or flows.floating_end[j] <= today):
            leg += fixing * flows.floating_years[j] * discount
            continue
        grown = log_at(places.start, j, forward_logs)
        if begun < 0:
            grown = math.log1p(-fixing * begun / flows.day_count[i])
        leg += math.expm1(grown - log_at(places.end, j, forward_logs)) * discount
    return leg
