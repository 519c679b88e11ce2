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
_WORTHLESS: Final = 1e-12  # of notional: a quoted swap; else no positive discount factor explains its rate


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
    first: int, last: int, is_term: bool, day_count: float, flows: Flows, fixing: float, today: int, pillars: Int64s,
    logs: Float64s, count: int, forward_pillars: Int64s, forward_logs: Float64s, forward_count: int,
) -> float:  # fmt: skip
    """Present value of the floating periods ``first:last``."""
    leg = 0.0
    for j in range(first, last):
        pay, start, end = (
            flows.floating_pay[j] - today,
            flows.floating_start[j] - today,
            flows.floating_end[j] - today,
        )
        if pay <= 0:
            continue
        discount = math.exp(_log_discount(pay, pillars, logs, count))
        if start < 0 and (is_term or end <= 0):
            leg += fixing * flows.floating_years[j] * discount
            continue
        if start < 0:
            grown = math.log1p(-fixing * start / day_count)
        else:
            grown = _log_discount(start, forward_pillars, forward_logs, forward_count)
        growth = grown - _log_discount(end, forward_pillars, forward_logs, forward_count)
        leg += math.expm1(growth) * discount
    return leg


@kernel
def _annuity(
    first: int, last: int, flows: Flows, today: int, pillars: Int64s, logs: Float64s, count: int
) -> float:
    """Present value of 1 a year on the fixed payments ``first:last``."""
    annuity = 0.0
    for j in range(first, last):
        if flows.fixed_pay[j] > today:
            discount = math.exp(_log_discount(flows.fixed_pay[j] - today, pillars, logs, count))
            annuity += flows.fixed_years[j] * discount
    return annuity


@kernel
def _known_until(first: int, last: int, days: Int64s, others: Int64s, known: int) -> int:
    """The first of ``first:last`` that rests on a day after ``known``; days ascend."""
    place = first
    while place < last and days[place] <= known and others[place] <= known:
        place += 1
    return place


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

    Pillar after pillar: what of a swap lies before the last pillar found is summed once, the rest is solved for.

    Args:
        flows: of the quotes' swaps, n, ascending by pillar.
        quotes: float64[m, n], par rates, fractions a year. The first set is where the others start from.
        pillars: int64[n], days from today, ascending.
        discount_pillars: int64[p]; discount_logs: float64[m, p] of the curve that discounts, p = 0: this one does.

    Returns:
        float64[m, n] logarithms at the pillars; NaN from a quote on that is NaN, or so far above those before it that
        no discount factor explains it.
    """
    own = len(discount_pillars) == 0
    logs = np.full(quotes.shape, np.nan)
    for i in range(quotes.shape[1]):
        known = today + (pillars[i - 1] if i > 0 else 0)
        fixed, fixed_end = flows.fixed_first[i], flows.fixed_first[i + 1]
        floating, floating_end = flows.floating_first[i], flows.floating_first[i + 1]
        paid = flows.floating_pay if own else flows.floating_end
        open_floating = _known_until(floating, floating_end, flows.floating_end, paid, known)
        open_fixed = (
            _known_until(fixed, fixed_end, flows.fixed_pay, flows.fixed_pay, known) if own else fixed_end
        )
        years = pillars[i] / 365.0
        for s in range(len(quotes)):
            row, quote = logs[s], quotes[s, i]
            if math.isnan(quote) or (i > 0 and math.isnan(row[i - 1])):
                continue
            discounts = pillars if own else discount_pillars
            discount_row = row if own else discount_logs[s]
            count = i if own else len(discount_pillars)
            worth = _floating_leg(
                floating, open_floating, flows.is_term[i], flows.day_count[i], flows, 0.0, today, discounts,
                discount_row, count, pillars, row, i,
            ) - quote * _annuity(fixed, open_fixed, flows, today, discounts, discount_row, count)  # fmt: skip
            if s > 0 and not math.isnan(logs[0, i]):
                here = logs[0, i] - (quote - quotes[0, i]) * years
            else:
                here = row[i - 1] * pillars[i] / pillars[i - 1] if i > 0 else -quote * years
            before, value_before = here - 1e-4 * years, 0.0
            count = i + 1 if own else len(discount_pillars)
            for step in range(-1, _STEPS):
                row[i] = before if step < 0 else here
                value = worth + _floating_leg(
                    open_floating, floating_end, flows.is_term[i], flows.day_count[i], flows, 0.0, today, discounts,
                    discount_row, count, pillars, row, i + 1,
                ) - quote * _annuity(open_fixed, fixed_end, flows, today, discounts, discount_row, count)  # fmt: skip
                if step < 0:
                    value_before = value
                    continue
                if value == 0.0 or value == value_before or abs(here - before) <= _EXACT:
                    break
                slope = (value - value_before) / (here - before)
                before, value_before = here, value
                here = here - value / slope
            row[i] = here if abs(value) <= _WORTHLESS else math.nan
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
        fixed, floating = flows.fixed_first[i : i + 2], flows.floating_first[i : i + 2]
        for s in range(len(discount_logs)):
            leg = _floating_leg(
                floating[0], floating[1], flows.is_term[i], flows.day_count[i], flows, fixings[n], today,
                discount_pillars, discount_logs[s], d, forward_pillars, forward_logs[s], f,
            )  # fmt: skip
            annuity = _annuity(fixed[0], fixed[1], flows, today, discount_pillars, discount_logs[s], d)
            values[n, s] = leg - coupons[n] * annuity
    return values
