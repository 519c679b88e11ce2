"""Standard credit default swap on one entity: flat hazard rate, flat discount rate, per unit of notional.

The contract of the ISDA standard model: quarterly premium on an Act/360 basis with the full first coupon, paid
until default including what accrued by then, last period including the day of maturity; protection from the end of
the valuation day to the end of maturity. The value is that to the buyer of protection: what it costs to enter now
("cash settlement amount": the clean upfront less the premium that accrued). Hazard and discount rate are continuously
compounded, Act/365; days are days since 1970. The oracle is QuantLib's ``IsdaCdsEngine`` (``tests/credit_oracle.py``).
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place, kernel
from engine.market.premium_dates import following, premium_date, quarter_on_or_before

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

BASIS_POINT: Final = 1e-4
_ACT_360: Final = 365.0 / 360.0  # years Act/365 to years Act/360
_SERIES_BELOW: Final = 0.02  # the closed form loses digits there
_HIGHEST_HAZARD: Final = 1e4  # default within the day
_STEPS: Final = 200
_EXACT: Final = 1e-16  # of notional: what a hazard rate may leave unexplained
_AROUND: Final = 0.02  # of a guessed hazard rate, on either side
_SHORTEST_QUARTER: Final = 87  # days between two premium dates, at least


class Legs(NamedTuple):
    """Present values per unit of notional.

    Attributes:
        protection: of the payment at default.
        annuity: of a premium of 1 a year, the full running coupon included.
        accrued: years (Act/360) of premium that accrued up to and including the valuation day.
    """

    protection: float
    annuity: float
    accrued: float


@in_place
def _decay(u: float) -> float:
    """Integral of exp(-u t) over t from 0 to 1."""
    return -math.expm1(-u) / u if u != 0.0 else 1.0


@in_place
def _weighted_decay(u: float) -> float:
    """Integral of t exp(-u t) over t from 0 to 1."""
    if abs(u) < _SERIES_BELOW:
        return 0.5 - u * (1 / 3 - u * (1 / 8 - u * (1 / 30 - u * (1 / 144 - u / 840))))
    return (1.0 - (1.0 + u) * math.exp(-u)) / (u * u)


@in_place
def _accrued_at_default(start: float, end: float, since: float, hazard: float, rate: float) -> float:
    """Present value of the premium that has accrued since ``since`` when default comes between start and end."""
    length = end - start
    if length <= 0.0:
        return 0.0
    u = (hazard + rate) * length
    mean = (start - since) * _decay(u) + length * _weighted_decay(u)
    return _ACT_360 * hazard * length * math.exp(-(hazard + rate) * start) * mean


class _Schedule(NamedTuple):
    """What of a swap does not depend on the hazard rate.

    Attributes:
        years: to maturity, Act/365; accrued: as of :class:`Legs`.
        share: float64[q], years (Act/360) of each premium still to be paid; discount: float64[q], of its payment.
        begun, since, alive: float64[q], years from today to where a default starts to cost the premium, to where the
            period starts, and to the day until which the premium asks for survival.
    """

    years: float
    accrued: float
    share: Float64s
    discount: Float64s
    begun: Float64s
    since: Float64s
    alive: Float64s


@kernel
def _schedule(today: int, maturity: int, rate: float) -> _Schedule:
    """Of a swap that matures after today."""
    quarter = quarter_on_or_before(today + 1)  # who enters today steps in tomorrow
    start = premium_date(quarter)
    accrued = (today + 1 - start) / 360.0
    room = (maturity - start) // _SHORTEST_QUARTER + 2
    share, discount, begun = np.empty(room), np.empty(room), np.empty(room)
    since, alive, count = np.empty(room), np.empty(room), 0
    while start <= maturity:
        quarter += 1
        end = premium_date(quarter)
        paid, alive_until = end, end - 1
        if end >= maturity:  # the last period ends with the day of maturity
            end, paid, alive_until = maturity + 1, following(maturity), maturity
        share[count] = (end - start) / 360.0
        discount[count] = math.exp(-rate * (paid - today) / 365.0)
        begun[count] = max(start - 1 - today, 0) / 365.0
        since[count] = (start - 1 - today) / 365.0
        alive[count] = (alive_until - today) / 365.0
        count += 1
        start = end
    years = (maturity - today) / 365.0
    return _Schedule(
        years, accrued, share[:count], discount[:count], begun[:count], since[:count], alive[:count]
    )


@kernel
def legs(today: int, maturity: int, recovery: float, hazard: float, rate: float) -> Legs:
    """Both legs of a swap that matures after today."""
    return _legs(_schedule(today, maturity, rate), recovery, hazard, rate)


@kernel
def _legs(schedule: _Schedule, recovery: float, hazard: float, rate: float) -> Legs:
    annuity = 0.0
    for at in range(len(schedule.share)):
        alive = schedule.alive[at]
        annuity += schedule.share[at] * schedule.discount[at] * math.exp(-hazard * alive)
        annuity += _accrued_at_default(schedule.begun[at], alive, schedule.since[at], hazard, rate)
    years = schedule.years
    protection = (1.0 - recovery) * hazard * years * _decay((hazard + rate) * years)
    return Legs(protection, annuity, schedule.accrued)


@kernel
def _excess(
    schedule: _Schedule, recovery: float, hazard: float, rate: float, coupon: float, clean: bool
) -> float:
    """Value at a hazard rate: of the swap as it stands, or without what accrued."""
    found = _legs(schedule, recovery, hazard, rate)
    return found.protection - coupon * (found.annuity - (found.accrued if clean else 0.0))


@in_place
def _hazard(
    schedule: _Schedule, recovery: float, rate: float, coupon: float, clean: bool, target: float, guess: float
) -> float:
    """Hazard rate at which the value is ``target``; the nearest bound where none in [0, highest] gives it.

    The value rises with the hazard rate: false position with the Illinois correction inside a bracket.

    Args:
        guess: where it may be, 0 = anywhere; a wrong one costs steps.
    """
    low, high = (1.0 - _AROUND) * guess, (1.0 + _AROUND) * guess
    at_low = at_high = 0.0
    if guess > 0.0:
        at_low = _excess(schedule, recovery, low, rate, coupon, clean) - target
        at_high = _excess(schedule, recovery, high, rate, coupon, clean) - target
    if not at_low < 0.0 <= at_high:
        low, high = 0.0, 0.02
        at_low = _excess(schedule, recovery, low, rate, coupon, clean) - target
        if at_low >= 0.0:
            return low
        at_high = _excess(schedule, recovery, high, rate, coupon, clean) - target
    while at_high < 0.0:
        if high >= _HIGHEST_HAZARD:
            return _HIGHEST_HAZARD
        low, at_low, high = high, at_high, 4.0 * high
        at_high = _excess(schedule, recovery, high, rate, coupon, clean) - target
    side = 0
    for _ in range(_STEPS):
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        at_middle = _excess(schedule, recovery, middle, rate, coupon, clean) - target
        if abs(at_middle) <= _EXACT or high - low <= 1e-14 * high:
            return middle
        if at_middle < 0.0:
            low, at_low = middle, at_middle
            at_high = 0.5 * at_high if side == -1 else at_high
            side = -1
        else:
            high, at_high = middle, at_middle
            at_low = 0.5 * at_low if side == 1 else at_low
            side = 1
    return 0.5 * (low + high)


@kernel
def upfront(today: int, maturity: int, recovery: float, rate: float, coupon: float, spread: float) -> float:
    """Value to the buyer of protection at a quoted (conventional, flat) spread, a fraction a year."""
    return _upfront(_schedule(today, maturity, rate), recovery, rate, coupon, spread)


@in_place
def _upfront(schedule: _Schedule, recovery: float, rate: float, coupon: float, spread: float) -> float:
    guess = _ACT_360 * spread / (1.0 - recovery)  # the premium of each instant pays for its risk
    hazard = _hazard(schedule, recovery, rate, spread, True, 0.0, guess)
    return _excess(schedule, recovery, hazard, rate, coupon, False)


@kernel
def spread_of(today: int, maturity: int, recovery: float, rate: float, coupon: float, value: float) -> float:
    """The quoted spread that explains a value: the premium at which the swap, clean, would cost nothing.

    From maturity on there is nothing left to explain it by: the swap's own coupon.
    """
    if maturity <= today:
        return coupon
    schedule = _schedule(today, maturity, rate)
    hazard = _hazard(schedule, recovery, rate, coupon, False, value, 0.0)
    found = _legs(schedule, recovery, hazard, rate)
    return found.protection / (found.annuity - found.accrued)


@in_place
def cr01(today: int, maturity: int, recovery: float, rate: float, coupon: float, spread: float) -> float:
    """Gain of the buyer of protection when the quoted spread rises by one basis point."""
    if maturity <= today:
        return 0.0
    moved = upfront(today, maturity, recovery, rate, coupon, spread + BASIS_POINT)
    return moved - upfront(today, maturity, recovery, rate, coupon, spread)


@kernel
def spreads_of(
    today: int, maturity: Int64s, recovery: Float64s, rate: float, coupon: Float64s, value: Float64s
) -> Float64s:
    """float64[n]: :func:`spread_of` each swap."""
    spreads = np.empty(len(value))
    for i in range(len(value)):
        spreads[i] = spread_of(today, maturity[i], recovery[i], rate, coupon[i], value[i])
    return spreads


@kernel
def upfront_moves(
    today: int,
    maturity: Int64s,
    recovery: Float64s,
    rate: float,
    coupon: Float64s,
    spread: Float64s,
    points: Float64s,
) -> Float64s:
    """float64[n, k]: :func:`upfront` of each swap at each of its points less that at its spread; 0 from maturity on."""
    moves = np.zeros(points.shape)
    for i in range(len(spread)):
        if maturity[i] <= today:
            continue
        schedule = _schedule(today, maturity[i], rate)
        now = _upfront(schedule, recovery[i], rate, coupon[i], spread[i])
        for k in range(points.shape[1]):
            moves[i, k] = _upfront(schedule, recovery[i], rate, coupon[i], points[i, k]) - now
    return moves
