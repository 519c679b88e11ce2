"""Swaps as flows: dates and year fractions of both legs, from a curve's conventions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.market.rate_conventions import RateConvention
from engine.market.rate_pricing import Flows
from engine.market.rate_schedule import add_months, add_weekdays, modified_following, period_bounds

_EPOCH = date(1970, 1, 1).toordinal()


def swap_flows(swaps: Iterable[tuple[int, int]], convention: RateConvention) -> Flows:
    """Both legs of swaps of one convention, given as (start, maturity), unadjusted days."""
    fixed_pay, fixed_years, fixed_first = [], [], [0]
    floating: list[tuple[int, int, int, float]] = []
    floating_first = [0]
    for start, maturity in swaps:
        for first, last in _periods(start, maturity, convention.fixed_months):
            fixed_pay.append(add_weekdays(last, convention.payment_lag_days))
            fixed_years.append(year_fraction(first, last, convention.fixed_day_count))
        fixed_first.append(len(fixed_pay))
        for first, last in _periods(start, maturity, convention.floating_months):
            years = year_fraction(first, last, convention.floating_day_count)
            floating.append((first, last, add_weekdays(last, convention.payment_lag_days), years))
        floating_first.append(len(floating))
    starts, ends, pays, years_of = zip(*floating, strict=True) if floating else ((), (), (), ())
    count = len(fixed_first) - 1
    return Flows(
        np.array(fixed_first, np.int64), np.array(fixed_pay, np.int64), np.array(fixed_years, np.float64),
        np.array(floating_first, np.int64), np.array(starts, np.int64), np.array(ends, np.int64),
        np.array(pays, np.int64), np.array(years_of, np.float64), np.full(count, convention.is_term),
        np.full(count, float(convention.floating_day_count)),
    )  # fmt: skip


def joined(parts: Sequence[Flows]) -> Flows:
    """The swaps of all parts, at least one, in their order."""
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    flows = Flows(*columns)
    return flows._replace(
        fixed_first=_ends([part.fixed_first for part in parts]),
        floating_first=_ends([part.floating_first for part in parts]),
    )


def _ends(firsts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """``first`` of joined parts from those of each part."""
    counts = np.concatenate([np.diff(first) for first in firsts])
    return np.concatenate([[0], np.cumsum(counts)])


def quote_flows(months: Iterable[int], today: int, convention: RateConvention) -> Flows:
    """The swaps that par quotes of these tenors stand for today."""
    start = add_weekdays(today, convention.spot_days)
    return swap_flows(((start, add_months(start, tenor)) for tenor in months), convention)


def last_days(flows: Flows) -> NDArray[np.int64]:
    """int64[n]: the last day that each swap rests on."""
    return np.array(
        [
            max(
                flows.fixed_pay[fixed - 1], flows.floating_pay[floating - 1], flows.floating_end[floating - 1]
            )
            for fixed, floating in zip(flows.fixed_first[1:], flows.floating_first[1:], strict=True)
        ],
        np.int64,
    )


def year_fraction(first: int, last: int, day_count: int) -> float:
    """Actual days over 360 or 365; 30: the 30/360 bond basis."""
    if day_count != 30:
        return (last - first) / day_count
    one, other = date.fromordinal(first + _EPOCH), date.fromordinal(last + _EPOCH)
    first_day = min(one.day, 30)
    last_day = min(other.day, 30) if first_day == 30 else other.day
    return (360 * (other.year - one.year) + 30 * (other.month - one.month) + last_day - first_day) / 360


def _periods(start: int, maturity: int, months: int) -> Iterable[tuple[int, int]]:
    return pairwise([modified_following(bound) for bound in period_bounds(start, maturity, months)])
