"""Two oracles of credit default swap prices: QuantLib's ISDA engine, and the integrals added up slice by slice."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

import QuantLib as ql  # noqa: N813 - the name its documentation uses

EPOCH = date(1970, 1, 1)
_SLICES = 4_000  # midpoint rule per period


class Swap(NamedTuple):
    """In the argument order of the kernels; recovery, hazard and rate are fractions a year."""

    today: date
    maturity: date
    recovery: float
    hazard: float
    rate: float


def days(day: date) -> int:
    return (day - EPOCH).days


def quantlib_legs(swap: Swap) -> tuple[float, float]:
    """Protection and annuity (premium of 1 a year, full running coupon) by ``IsdaCdsEngine``."""
    today, maturity = _ql(swap.today), _ql(swap.maturity)
    ql.Settings.instance().evaluationDate = today
    count = ql.Actual365Fixed()
    schedule = ql.Schedule(
        today, maturity, ql.Period(3, ql.Months), ql.WeekendsOnly(), ql.Following, ql.Unadjusted,
        ql.DateGeneration.CDS2015, False,
    )  # fmt: skip
    contract = ql.CreditDefaultSwap(
        ql.Protection.Buyer, 1.0, 1.0, schedule, ql.Following, ql.Actual360(), True, True, today + 1,
        ql.FaceValueClaim(), ql.Actual360(True), False, today,
    )  # fmt: skip
    hazard = ql.QuoteHandle(ql.SimpleQuote(swap.hazard))
    engine = ql.IsdaCdsEngine(
        ql.DefaultProbabilityTermStructureHandle(ql.FlatHazardRate(today, hazard, count)),
        swap.recovery,
        ql.YieldTermStructureHandle(ql.FlatForward(today, swap.rate, count)),
        False,
        ql.IsdaCdsEngine.Taylor,
        ql.IsdaCdsEngine.NoBias,
    )
    contract.setPricingEngine(engine)
    return contract.defaultLegNPV(), -contract.couponLegNPV()


def _ql(day: date) -> ql.Date:
    return ql.Date(day.day, day.month, day.year)


def premium_dates(first: date, last: date) -> list[date]:
    """Adjusted premium dates of the years from ``first`` to ``last``."""
    return [
        _following(date(year, month, 20))
        for year in range(first.year - 1, last.year + 2)
        for month in (3, 6, 9, 12)
    ]


def _following(day: date) -> date:
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return day


def _running_since(swap: Swap) -> date:
    """First day of the premium period that whoever enters today steps into."""
    tomorrow = swap.today + timedelta(days=1)
    return max(day for day in premium_dates(swap.today, swap.maturity) if day <= tomorrow)


def accrued_years(swap: Swap) -> float:
    """Years (Act/360) of premium that accrued up to and including today."""
    return ((swap.today - _running_since(swap)).days + 1) / 360.0


def summed_legs(swap: Swap) -> tuple[float, float, float]:
    """Protection, annuity and accrued: dates by the calendar, integrals by the midpoint rule."""
    dates = premium_dates(swap.today, swap.maturity)
    start = _running_since(swap)
    inner = [day for day in dates if start < day < swap.maturity]
    annuity = 0.0
    for begin, end in pairwise([start, *inner, swap.maturity]):
        last = end == swap.maturity
        paid = _following(end)
        accrual = ((end - begin).days + last) / 360.0
        alive_until = end if last else end - timedelta(days=1)
        annuity += accrual * _discount(swap, paid) * _survival(swap, alive_until)
        annuity += _accrued_at_default(swap, begin, alive_until)
    years = (swap.maturity - swap.today).days / 365.0
    protection = (1.0 - swap.recovery) * _integral(swap, 0.0, years, lambda _: 1.0)
    return protection, annuity, accrued_years(swap)


def _discount(swap: Swap, day: date) -> float:
    return math.exp(-swap.rate * (day - swap.today).days / 365.0)


def _survival(swap: Swap, day: date) -> float:
    return math.exp(-swap.hazard * (day - swap.today).days / 365.0)


def _accrued_at_default(swap: Swap, begin: date, alive_until: date) -> float:
    since = (begin - swap.today).days - 1
    end = (alive_until - swap.today).days
    return _integral(swap, max(since, 0) / 365.0, end / 365.0, lambda years: (365.0 * years - since) / 360.0)


def _integral(swap: Swap, start: float, end: float, paid: Callable[[float], float]) -> float:
    """Present value of what is paid at default between two times in years."""
    if end <= start:
        return 0.0
    width = (end - start) / _SLICES
    times = [start + (slice_ + 0.5) * width for slice_ in range(_SLICES)]
    density = (swap.hazard * math.exp(-(swap.hazard + swap.rate) * time) * paid(time) for time in times)
    return width * math.fsum(density)
