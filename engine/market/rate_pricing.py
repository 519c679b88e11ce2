"""Discount curves from par quotes, and swaps valued on them: per unit of notional, to the side that pays fixed.

A curve is a logarithm of discount factors at pillars, linear in between (forward rates constant from pillar to
pillar) and beyond the last one. A pillar is the last day that a quote's swap rests on. Day counts to a pillar are from
the valuation day; flows of that day and before are over. The oracle is QuantLib (``tests/rate_oracle.py``).
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import kernel

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

_STEPS: Final = 60
_EXACT: Final = 1e-15  # of a logarithm of a discount factor


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


@kernel
def _place(day: int, pillars: Int64s, count: int) -> tuple[int, float]:
    """Pillar before a day (-1: today) and how far it lies on the way to the next; beyond 1 after the last."""
    upper = 0
    while upper < count - 1 and pillars[upper] < day:
        upper += 1
    before = 0 if upper == 0 else pillars[upper - 1]
    return upper - 1, (day - before) / (pillars[upper] - before)


@kernel
def _log_discount(day: int, pillars: Int64s, logs: Float64s, count: int) -> float:
    lower, share = _place(day, pillars, count)
    start = logs[lower] if lower >= 0 else 0.0
    return float(start + share * (logs[lower + 1] - start))


@kernel
def _floating_leg(
    i: int, flows: Flows, fixing: float, today: int, pillars: Int64s, logs: Float64s, count: int,
    forward_pillars: Int64s, forward_logs: Float64s, forward_count: int,
) -> float:  # fmt: skip
    leg = 0.0
    for j in range(flows.floating_first[i], flows.floating_first[i + 1]):
        pay, start, end = (
            flows.floating_pay[j] - today,
            flows.floating_start[j] - today,
            flows.floating_end[j] - today,
        )
        if pay <= 0:
            continue
        discount = math.exp(_log_discount(pay, pillars, logs, count))
        if start < 0 and (flows.is_term[i] or end <= 0):
            leg += fixing * flows.floating_years[j] * discount
            continue
        if start < 0:
            grown = math.log1p(-fixing * start / flows.day_count[i])
        else:
            grown = _log_discount(start, forward_pillars, forward_logs, forward_count)
        growth = grown - _log_discount(end, forward_pillars, forward_logs, forward_count)
        leg += math.expm1(growth) * discount
    return leg


@kernel
def _annuity(i: int, flows: Flows, today: int, pillars: Int64s, logs: Float64s, count: int) -> float:
    annuity = 0.0
    for j in range(flows.fixed_first[i], flows.fixed_first[i + 1]):
        if flows.fixed_pay[j] > today:
            discount = math.exp(_log_discount(flows.fixed_pay[j] - today, pillars, logs, count))
            annuity += flows.fixed_years[j] * discount
    return annuity


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

    Args:
        flows: of the quotes' swaps, n, ascending by pillar.
        quotes: float64[m, n], par rates, fractions a year.
        pillars: int64[n], days from today, ascending.
        discount_pillars: int64[p]; discount_logs: float64[m, p] of the curve that discounts, p = 0: this one does.

    Returns:
        float64[m, n] logarithms at the pillars; NaN where a quote is NaN.
    """
    own = len(discount_pillars) == 0
    logs = np.full(quotes.shape, np.nan)
    for s in range(len(quotes)):
        row = logs[s]
        for i in range(quotes.shape[1]):
            if math.isnan(quotes[s, i]) or (i > 0 and math.isnan(row[i - 1])):
                break
            years = pillars[i] / 365.0
            former = (-row[i - 1] * 365.0 / pillars[i - 1]) if i > 0 else quotes[s, i]
            before, here = -(former + 1e-4) * years, -former * years
            value_before = 0.0
            for step in range(-1, _STEPS):
                row[i] = before if step < 0 else here
                if own:
                    value = _floating_leg(i, flows, 0.0, today, pillars, row, i + 1, pillars, row, i + 1)
                    value -= quotes[s, i] * _annuity(i, flows, today, pillars, row, i + 1)
                else:
                    d, count = discount_logs[s], len(discount_pillars)
                    value = _floating_leg(
                        i, flows, 0.0, today, discount_pillars, d, count, pillars, row, i + 1
                    )
                    value -= quotes[s, i] * _annuity(i, flows, today, discount_pillars, d, count)
                if step < 0:
                    value_before = value
                    continue
                if value == 0.0 or value == value_before or abs(here - before) <= _EXACT:
                    break
                slope = (value - value_before) / (here - before)
                before, value_before = here, value
                here = here - value / slope
            row[i] = here
    return logs


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
        discount_logs: float64[m, p], forward_logs: float64[m, q], of :func:`bootstrap`.
    """
    values = np.empty((len(coupons), len(discount_logs)))
    d, f = len(discount_pillars), len(forward_pillars)
    for n in range(len(which)):
        i = which[n]
        for s in range(len(discount_logs)):
            leg = _floating_leg(
                i,
                flows,
                fixings[n],
                today,
                discount_pillars,
                discount_logs[s],
                d,
                forward_pillars,
                forward_logs[s],
                f,
            )
            values[n, s] = leg - coupons[n] * _annuity(i, flows, today, discount_pillars, discount_logs[s], d)
    return values
