"""Early exercise boundary of an American put with strike 1: fixed-point iteration on Chebyshev nodes.

Method: Andersen, Lake, Offengenden, "High performance American option pricing" (2016): the boundary is
interpolated as `log(B/B0)^2` over the square root of the time to expiry and iterated with Jacobi-Newton
steps on their equation A (smooth pasting) or, where the drift is large against the volatility and A loses
its footing, equation B (value matching). First guess: :mod:`engine.market.boundary_guess`.
All integrals use Gauss-Legendre in an angle (time from now `t sin^2`, time to expiry `t cos^2`), which
removes both square-root ends. A boundary depends on rates, volatility and life, not on the underlying.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place, kernel
from engine.market.boundary_guess import NODES, ROOT_TIME, first_guess, highest_boundary
from engine.market.pricing_european import normal_cdf, normal_pdf

BOUNDARY_POINTS = 9
MOST_ITERATIONS = 24
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


_SINE, _COSINE, _WEIGHT = angle_rule(BOUNDARY_POINTS)
_ROWS = np.array([[interpolation_row(ROOT_TIME, x * c) for c in _COSINE] for x in ROOT_TIME])


class BoundaryIntegrals(NamedTuple):
    """What the integrals of the equations hold that the boundary does not move; float64[NODES + 1, points]."""

    deviation: NDArray[np.float64]
    drift: NDArray[np.float64]
    interest: NDArray[np.float64]
    dividend: NDArray[np.float64]


@kernel
def _integrals(years: float, rate: float, dividend_yield: float, volatility: float) -> BoundaryIntegrals:
    """Deviation and drift from each node's time to each of its points; discounted rates with their weights."""
    shape = (NODES + 1, BOUNDARY_POINTS)
    deviation, drift = np.empty(shape), np.empty(shape)
    interest, dividend = np.empty(shape), np.empty(shape)
    for i in range(NODES + 1):
        root_time = ROOT_TIME[i] * math.sqrt(years)
        for j in range(BOUNDARY_POINTS):
            root_step, left = root_time * _SINE[j], (root_time * _COSINE[j]) ** 2
            weight = 2.0 * root_time / volatility * _WEIGHT[j]
            deviation[i, j] = volatility * root_step
            drift[i, j] = (rate - dividend_yield) * root_step * root_step
            interest[i, j] = weight * rate * math.exp(rate * left)
            dividend[i, j] = weight * dividend_yield * math.exp(dividend_yield * left)
    return BoundaryIntegrals(deviation, drift, interest, dividend)


@in_place
def _middle(
    i: int, j: int, own: float, deviation: float, drift: float, squares: NDArray[np.float64]
) -> float:
    """How far the boundary at node `i` lies above the one at point `j` after the drift, in deviations."""
    square = 0.0
    for k in range(1, NODES + 1):
        square += _ROWS[i, j, k] * squares[k]
    return (math.sqrt(max(square, 0.0)) - own + drift) / deviation


@in_place
def _equation_a(i: int, integrals: BoundaryIntegrals, squares: NDArray[np.float64]) -> tuple[float, float]:
    """Numerator and denominator integrals of equation A at node `i`."""
    own = math.sqrt(squares[i])
    numerator, denominator = 0.0, 0.0
    for j in range(BOUNDARY_POINTS):
        deviation = integrals.deviation[i, j]
        middle = _middle(i, j, own, deviation, integrals.drift[i, j], squares)
        upper = middle + 0.5 * deviation
        if integrals.dividend[i, j] != 0.0:
            # both sums carry 2 * root_time / volatility; the cdf term of K1 is divided by it here
            smooth = normal_pdf(upper) + deviation * normal_cdf(upper)
            denominator += integrals.dividend[i, j] * smooth
        numerator += integrals.interest[i, j] * normal_pdf(upper - deviation)
    return numerator, denominator


@in_place
def _equation_b(i: int, integrals: BoundaryIntegrals, squares: NDArray[np.float64]) -> tuple[float, float]:
    """Numerator and denominator integrals of equation B at node `i`."""
    own = math.sqrt(squares[i])
    numerator, denominator = 0.0, 0.0
    for j in range(BOUNDARY_POINTS):
        deviation = integrals.deviation[i, j]
        upper = _middle(i, j, own, deviation, integrals.drift[i, j], squares) + 0.5 * deviation
        numerator += deviation * integrals.interest[i, j] * normal_cdf(upper - deviation)
        denominator += deviation * integrals.dividend[i, j] * normal_cdf(upper)
    return numerator, denominator


@in_place
def _newton_step(
    i: int,
    years: float,
    rate: float,
    dividend_yield: float,
    volatility: float,
    integrals: BoundaryIntegrals,
    squares: NDArray[np.float64],
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
        n, d = _equation_a(i, integrals, squares)
        n += normal_pdf(lower) / deviation
        d += normal_pdf(upper) / deviation + normal_cdf(upper)
        lower_slope *= -lower / deviation
        upper_slope *= 1.0 - upper / deviation
    else:
        n, d = _equation_b(i, integrals, squares)
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
    first_guess(years, rate, dividend_yield, volatility, squares)
    integrals = _integrals(years, rate, dividend_yield, volatility)
    for _ in range(MOST_ITERATIONS):
        change = 0.0
        for i in range(1, NODES + 1):
            moved[i] = _newton_step(i, years, rate, dividend_yield, volatility, integrals, squares)
            change = max(change, abs(math.sqrt(moved[i]) - math.sqrt(squares[i])))
        squares[1:] = moved[1:]
        if change < SETTLED_CHANGE:
            break
    return squares
