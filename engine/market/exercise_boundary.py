"""Early exercise boundary of an American put with strike 1: fixed-point iteration on Chebyshev nodes.

Method: Andersen, Lake, Offengenden, "High performance American option pricing" (2016): the boundary is
interpolated as `log(B/B0)^2` over the square root of the time to expiry and iterated with Jacobi-Newton
steps on their equation A (smooth pasting) or, where the drift is large against the volatility and A loses
its footing, equation B (value matching). First guess: QD+ of Li (2010). All integrals use Gauss-Legendre in
an angle (time from now `t sin^2`, time to expiry `t cos^2`), which removes both square-root ends. A
boundary depends on rates, volatility and life, not on the underlying.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import kernel
from engine.market.pricing_european import normal_cdf, normal_pdf

NODES = 8
BOUNDARY_POINTS = 9
MOST_ITERATIONS = 24
GUESS_STEPS = 12
GUESS_SHARE = 0.01
"""The first guess ends when it moves by less than this share of the deviation to expiry."""
SETTLED_CHANGE = 1e-6
"""Iteration ends when no node of log(B) moved by more; that is below 1e-7 of the strike in price."""
LARGE_DRIFT = 1.0
"""From this ratio of drift to deviation over the life on, equation B is used in place of A."""


def angle_rule(points: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Gauss-Legendre in the angle on (0, pi/2): sine, cosine, weight times cosine; each float64[points]."""
    x, weight = np.polynomial.legendre.leggauss(points)
    angle = 0.25 * math.pi * (1.0 + x)
    return np.sin(angle), np.cos(angle), 0.25 * math.pi * weight * np.cos(angle)


def interpolation_row(nodes: NDArray[np.float64], x: float) -> NDArray[np.float64]:
    """Weights by which values on second-kind Chebyshev `nodes` (ascending) interpolate at `x`."""
    distance = x - nodes
    if np.any(distance == 0.0):
        return np.asarray(distance == 0.0, dtype=np.float64)
    weight = (-1.0) ** np.arange(nodes.size)
    weight[0] *= 0.5
    weight[-1] *= 0.5
    weight /= distance
    return np.asarray(weight / weight.sum(), dtype=np.float64)


ROOT_TIME = 0.5 - 0.5 * np.cos(np.pi * np.arange(NODES + 1) / NODES)
"""float64[NODES + 1]: nodes as the square root of time to expiry over the life, 0 to 1."""
_SINE, _COSINE, _WEIGHT = angle_rule(BOUNDARY_POINTS)
_ROWS = np.array([[interpolation_row(ROOT_TIME, x * c) for c in _COSINE] for x in ROOT_TIME])


@kernel
def highest_boundary(rate: float, dividend_yield: float) -> float:
    """Limit of the boundary at expiry, strike 1 (rate > 0, or rate 0 with a negative yield)."""
    return min(1.0, rate / dividend_yield) if dividend_yield > 0.0 else 1.0


@kernel
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


@kernel
def _first_guess(
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


@kernel
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


@kernel
def _equation_a(
    i: int, years: float, rate: float, dividend_yield: float, volatility: float, squares: NDArray[np.float64]
) -> tuple[float, float]:
    """Numerator and denominator integrals of equation A at node `i`."""
    root_time = ROOT_TIME[i] * math.sqrt(years)
    own = math.sqrt(squares[i])
    numerator, denominator = 0.0, 0.0
    for j in range(BOUNDARY_POINTS):
        square = 0.0
        for k in range(1, NODES + 1):
            square += _ROWS[i, j, k] * squares[k]
        root_step = root_time * _SINE[j]
        deviation = volatility * root_step
        ratio = math.sqrt(max(square, 0.0)) - own
        middle = (ratio + (rate - dividend_yield) * root_step * root_step) / deviation
        left = (root_time * _COSINE[j]) ** 2
        upper = middle + 0.5 * deviation
        # both sums carry 2 * root_time / volatility; the cdf term of K1 is divided by it here
        smooth = normal_pdf(upper) + volatility * root_time * _SINE[j] * normal_cdf(upper)
        denominator += _WEIGHT[j] * math.exp(dividend_yield * left) * smooth
        numerator += _WEIGHT[j] * math.exp(rate * left) * normal_pdf(middle - 0.5 * deviation)
    scale = 2.0 * root_time / volatility
    return rate * scale * numerator, dividend_yield * scale * denominator


@kernel
def _equation_b(
    i: int, years: float, rate: float, dividend_yield: float, volatility: float, squares: NDArray[np.float64]
) -> tuple[float, float]:
    """Numerator and denominator integrals of equation B at node `i`."""
    root_time = ROOT_TIME[i] * math.sqrt(years)
    own = math.sqrt(squares[i])
    numerator, denominator = 0.0, 0.0
    for j in range(BOUNDARY_POINTS):
        square = 0.0
        for k in range(1, NODES + 1):
            square += _ROWS[i, j, k] * squares[k]
        root_step = root_time * _SINE[j]
        deviation = volatility * root_step
        ratio = math.sqrt(max(square, 0.0)) - own
        middle = (ratio + (rate - dividend_yield) * root_step * root_step) / deviation
        left = (root_time * _COSINE[j]) ** 2
        weight = 2.0 * root_time * root_step * _WEIGHT[j]
        numerator += weight * math.exp(rate * left) * normal_cdf(middle - 0.5 * deviation)
        denominator += weight * math.exp(dividend_yield * left) * normal_cdf(middle + 0.5 * deviation)
    return rate * numerator, dividend_yield * denominator


@kernel
def _newton_step(
    i: int, years: float, rate: float, dividend_yield: float, volatility: float, squares: NDArray[np.float64]
) -> float:
    """Next value of log(B/B0)^2 at node `i`; the present one where the equation has no weight left."""
    t = ROOT_TIME[i] * ROOT_TIME[i] * years
    deviation = volatility * math.sqrt(t)
    drift = (rate - dividend_yield) * t
    top = highest_boundary(rate, dividend_yield)
    boundary = top * math.exp(-math.sqrt(squares[i]))
    upper = (math.log(boundary) + drift) / deviation + 0.5 * deviation
    lower = upper - deviation
    upper_slope = normal_pdf(upper) / (boundary * deviation)
    lower_slope = normal_pdf(lower) / (boundary * deviation)
    if abs(rate - dividend_yield) * math.sqrt(years) < LARGE_DRIFT * volatility:
        n, d = _equation_a(i, years, rate, dividend_yield, volatility, squares)
        n += normal_pdf(lower) / deviation
        d += normal_pdf(upper) / deviation + normal_cdf(upper)
        lower_slope *= -lower / deviation
        upper_slope *= 1.0 - upper / deviation
    else:
        n, d = _equation_b(i, years, rate, dividend_yield, volatility, squares)
        n += normal_cdf(lower)
        d += normal_cdf(upper)
    alpha = math.exp(-drift)
    value = alpha * n / d
    slope = alpha * (lower_slope / d - upper_slope * n / (d * d))
    moved = boundary - (value - boundary) / (slope - 1.0)
    if not (d > 1e-200 and 0.0 < moved < math.inf):
        return float(squares[i])
    return math.log(min(moved / top, 1.0)) ** 2


@kernel
def exercise_boundary(
    years: float, rate: float, dividend_yield: float, volatility: float
) -> NDArray[np.float64]:
    """log(B/B0)^2 on `ROOT_TIME`, float64[NODES + 1], for a put with strike 1 that has one boundary.

    Needs years, volatility > 0 and rate > 0 (or rate 0 with a negative yield).
    """
    squares = np.empty(NODES + 1)
    moved = np.empty(NODES + 1)
    _first_guess(years, rate, dividend_yield, volatility, squares)
    for _ in range(MOST_ITERATIONS):
        change = 0.0
        for i in range(1, NODES + 1):
            moved[i] = _newton_step(i, years, rate, dividend_yield, volatility, squares)
            change = max(change, abs(math.sqrt(moved[i]) - math.sqrt(squares[i])))
        squares[1:] = moved[1:]
        if change < SETTLED_CHANGE:
            break
    return squares
