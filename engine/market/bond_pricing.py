"""Treasury prices and yields by the street convention: half-yearly coupons, compounded, actual days over those of the
coupon period; in percent of principal.

Coupon dates are counted back from maturity and are not moved; settlement is the valuation day. A bill is a bond without
coupon. Days are days since 1970. The oracle is QuantLib (``tests/unit/test_bond_pricing.py``).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.market.rate_pricing import Float64s, Int64s
from engine.market.rate_schedule import add_months

_PERIOD_MONTHS: Final = 6
_STEPS: Final = 100
_LOWEST_YIELD: Final = -2.0
_EXACT: Final = 1e-15


@in_place
def _periods(today: int, maturity: int) -> tuple[int, float]:
    """Coupons still to come, and the share of the running period that is left."""
    count, following = 1, maturity
    while True:
        before = add_months(maturity, -_PERIOD_MONTHS * count)
        if before <= today:
            return count, (following - today) / (following - before)
        following = before
        count += 1


@in_place
def accrued_interest(today: int, maturity: int, coupon: float) -> float:
    """Percent of principal; 0 from maturity on."""
    if maturity <= today:
        return 0.0
    _, left = _periods(today, maturity)
    return 50.0 * coupon * (1.0 - left)


@in_place
def _priced(count: int, left: float, coupon: float, bond_yield: float) -> tuple[float, float]:
    """Price with accrued interest, and its change per unit of yield."""
    discount = 1.0 / (1.0 + 0.5 * bond_yield)
    price, slope = 0.0, 0.0
    for period in range(count):
        paid = 50.0 * coupon + (100.0 if period == count - 1 else 0.0)
        time = left + period
        value = paid * discount**time
        price += value
        slope -= 0.5 * time * value * discount
    return price, slope


@in_place
def clean_price(today: int, maturity: int, coupon: float, bond_yield: float) -> float:
    """Percent of principal without accrued interest, at a yield; 100 from maturity on."""
    if maturity <= today:
        return 100.0
    count, left = _periods(today, maturity)
    price, _ = _priced(count, left, coupon, bond_yield)
    return price - 50.0 * coupon * (1.0 - left)


@in_place
def yield_of(today: int, maturity: int, coupon: float, price: float) -> float:
    """The yield at which a bond has this price without accrued interest; 0 from maturity on, NaN below 0."""
    if maturity <= today:
        return 0.0
    count, left = _periods(today, maturity)
    target = price + 50.0 * coupon * (1.0 - left)
    if not target > 0.0:
        return math.nan
    found = coupon
    for _ in range(_STEPS):
        value, slope = _priced(count, left, coupon, found)
        following = max(found - (value - target) / slope, 0.5 * (found + _LOWEST_YIELD))
        if abs(following - found) <= _EXACT:
            return following
        found = following
    return found


@kernel
def price_moves(
    today: int, maturity: Int64s, coupon: Float64s, price: Float64s, yield_moves: Float64s
) -> Float64s:
    """float64[n, k]: change of each bond's price when its yield moves, percent of principal; 0 from maturity on."""
    moves = np.zeros(yield_moves.shape)
    for i in range(len(price)):
        if maturity[i] <= today:
            continue
        bond_yield = yield_of(today, maturity[i], coupon[i], price[i])
        if math.isnan(bond_yield):
            continue  # worth nothing: there is nothing to discount
        count, left = _periods(today, maturity[i])
        now, _ = _priced(count, left, coupon[i], bond_yield)
        for k in range(yield_moves.shape[1]):
            moved, _ = _priced(count, left, coupon[i], bond_yield + yield_moves[i, k])
            moves[i, k] = moved - now
    return moves
