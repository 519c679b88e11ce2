"""First guess of the early exercise boundary of an American put with strike 1: QD+ of Li (2010), node by node."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place
from engine.market.pricing_european import normal_cdf, normal_pdf

NODES = 8
GUESS_STEPS = 12
GUESS_SHARE = 0.01
"""The first guess ends when it moves by less than this share of the deviation to expiry."""

ROOT_TIME = 0.5 - 0.5 * np.cos(np.pi * np.arange(NODES + 1) / NODES)
"""float64[NODES + 1]: nodes as the square root of time to expiry over the life, 0 to 1."""


@in_place
def highest_boundary(rate: float, dividend_yield: float) -> float:
    """Limit of the boundary at expiry, strike 1 (rate > 0, or rate 0 with a negative yield)."""
    return min(1.0, rate / dividend_yield) if dividend_yield > 0.0 else 1.0


@in_place
def _quadratic_equation(x: float, t: float, rate: float, dividend_yield: float, volatility: float) -> float:
    """Li's equation QD+ at boundary exp(x) and time to expiry t; zero on the approximate boundary."""
    boundary = math.exp(x)
    variance = volatility * volatility
    discount, carry = math.exp(-rate * t), math.exp(-dividend_yield * t)
    accrual = rate / -math.expm1(-rate * t) if rate != 0.0 else 1.0 / t
    drift_ratio = 2.0 * (rate - dividend_yield) / variance
    root = math.sqrt((drift_ratio - 1.0) ** 2 + 8.0 * accrual / variance)
    power = 0.5 * (1.0 - drift_ratio - root)
    alpha = -2.0 * discount / (variance * root)
    beta = alpha * (accrual - 2.0 * accrual * accrual / (variance * root * root)) - power
    deviation = volatility * math.sqrt(t)
    upper = (x + (rate - dividend_yield) * t) / deviation + 0.5 * deviation
    asset = boundary * carry * normal_cdf(-upper)
    cash = discount * normal_cdf(deviation - upper)
    spread = 0.5 * variance * boundary / deviation * carry * normal_pdf(upper)
    decay = rate * cash - dividend_yield * asset - spread
    return boundary - asset - beta * (1.0 - boundary - cash + asset) + alpha * decay / discount


@in_place
def first_guess(
    years: float, rate: float, dividend_yield: float, volatility: float, squares: NDArray[np.float64]
) -> None:
    """log(B/B0)^2 on the nodes by QD+: a bracket below the previous node's boundary, then false position."""
    log_top = math.log(highest_boundary(rate, dividend_yield))
    squares[0] = 0.0
    high = log_top
    for i in range(1, NODES + 1):
        t = ROOT_TIME[i] * ROOT_TIME[i] * years
        high_value = _quadratic_equation(high, t, rate, dividend_yield, volatility)
        width = volatility * math.sqrt(t)
        low, low_value = high, high_value
        for _ in range(GUESS_STEPS):
            low -= width
            low_value = _quadratic_equation(low, t, rate, dividend_yield, volatility)
            if low_value <= 0.0:
                break
            high, high_value = low, low_value
        if high_value > 0.0 > low_value:
            high = _false_position(low, low_value, high, high_value, t, rate, dividend_yield, volatility)
        squares[i] = (high - log_top) ** 2


@in_place
def _false_position(
    low: float,
    low_value: float,
    high: float,
    high_value: float,
    t: float,
    rate: float,
    dividend_yield: float,
    volatility: float,
) -> float:
    """Root of QD+ between `low` and `high` (Illinois), as good as a first guess needs."""
    enough = GUESS_SHARE * volatility * math.sqrt(t)
    side = 0
    middle = high
    for _ in range(GUESS_STEPS):
        last = middle
        middle = (low * high_value - high * low_value) / (high_value - low_value)
        if abs(middle - last) < enough:
            break
        value = _quadratic_equation(middle, t, rate, dividend_yield, volatility)
        if value > 0.0:
            high, high_value = middle, value
            low_value *= 0.5 if side > 0 else 1.0
            side = 1
        else:
            low, low_value = middle, value
            high_value *= 0.5 if side < 0 else 1.0
            side = -1
    return middle
