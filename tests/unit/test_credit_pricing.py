"""Credit default swaps: legs against two oracles, upfront, spread and CR01 against one another."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta

import numpy as np
import pytest

from engine.market.credit_pricing import BASIS_POINT, cr01, legs, spread_of, spreads_of, upfront
from tests.credit_oracle import Swap, days, quantlib_legs, summed_legs

TODAY = date(2026, 11, 20)


def swaps(count: int, seed: int) -> list[Swap]:
    """From a month to ten years, spreads of some 5 to 1,500 basis points, rates of -1 to 8 %; on any day."""
    random_ = random.Random(seed)
    return [
        Swap(
            TODAY + timedelta(days=random_.randrange(400)),
            date(2028 + random_.randrange(9), 3 * random_.randrange(1, 5), 20),
            random_.choice([0.2, 0.4]),
            math.exp(random_.uniform(math.log(0.001), math.log(0.25))),
            random_.uniform(-0.01, 0.08),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("swap", swaps(12, seed=1), ids=lambda swap: f"{swap.today}-{swap.maturity}")
def test_legs_are_the_integrals_they_stand_for(swap: Swap) -> None:
    found = legs(days(swap.today), days(swap.maturity), swap.recovery, swap.hazard, swap.rate)
    assert tuple(found) == pytest.approx(summed_legs(swap), rel=1e-7, abs=1e-12)


def test_legs_agree_with_quantlib() -> None:
    """Protection to rounding; the annuity to what a day of the last period is worth: QuantLib lets the last premium
    depend on survival to the day before it is paid, here it is to maturity.
    """
    for swap in swaps(200, seed=2):
        protection, annuity = quantlib_legs(swap)
        found = legs(days(swap.today), days(swap.maturity), swap.recovery, swap.hazard, swap.rate)
        assert found.protection == pytest.approx(protection, rel=1e-9), swap
        assert found.annuity == pytest.approx(annuity, abs=1e-6), swap


def test_at_a_spread_equal_to_the_coupon_only_the_accrued_premium_is_paid() -> None:
    maturity = days(date(2031, 12, 20))
    accrued = legs(days(TODAY), maturity, 0.4, 0.01, 0.04).accrued
    assert accrued == 61 / 360  # from Monday 21 September to the end of 20 November
    assert upfront(days(TODAY), maturity, 0.4, 0.04, 0.01, 0.01) == pytest.approx(-0.01 * accrued, abs=1e-13)


@pytest.mark.parametrize("coupon", [0.01, 0.05])
@pytest.mark.parametrize("swap", swaps(40, seed=3), ids=lambda swap: f"{swap.today}-{swap.maturity}")
def test_spread_and_upfront_are_inverse(swap: Swap, coupon: float) -> None:
    terms = (days(swap.today), days(swap.maturity), swap.recovery, swap.rate, coupon)
    for spread in (1e-6, 0.0025, 0.01, 0.0425, 0.15):
        assert spread_of(*terms, upfront(*terms, spread)) == pytest.approx(spread, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("swap", swaps(40, seed=4), ids=lambda swap: f"{swap.today}-{swap.maturity}")
def test_cr01_is_the_slope_of_the_upfront(swap: Swap) -> None:
    """Bump and reprice by one basis point up, against a central difference of the QuantLib-checked value."""
    terms = (days(swap.today), days(swap.maturity), swap.recovery, swap.rate, 0.01)
    found = cr01(*terms, 0.02)
    up, down = (upfront(*terms, 0.02 + move * BASIS_POINT) for move in (0.5, -0.5))
    assert found == pytest.approx(up - down, rel=2e-3)
    assert found > 0.0


def test_a_value_that_no_spread_explains_takes_the_nearest_bound() -> None:
    terms = (days(TODAY), days(date(2031, 12, 20)), 0.4, 0.04, 0.05)
    assert spread_of(*terms, -0.5) == 0.0
    assert spread_of(*terms, 0.6) > 10.0
    assert spread_of(*terms, 5.0) > 10.0


def test_from_maturity_on_the_coupon_stands_for_the_spread() -> None:
    terms = (days(TODAY), days(TODAY), 0.4, 0.04, 0.05)
    assert spread_of(*terms, 0.3) == 0.05
    assert cr01(*terms, 0.05) == 0.0


def test_many_swaps_at_once_are_the_same_figures() -> None:
    maturity = np.array([days(date(2028, 3, 20)), days(date(2031, 12, 20))])
    recovery, coupon, value = np.array([0.4, 0.2]), np.array([0.01, 0.05]), np.array([0.01, -0.03])
    found = spreads_of(days(TODAY), maturity, recovery, 0.04, coupon, value)
    for i in range(2):
        assert found[i] == spread_of(
            days(TODAY), int(maturity[i]), float(recovery[i]), 0.04, float(coupon[i]), float(value[i])
        )
