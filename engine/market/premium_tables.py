"""American options from tables that all options of one expiry, rate and yield share.

Exercise boundary and early exercise premium of the put with strike 1 depend on rates, life, volatility and the
underlying over the strike, not on the contract. A *curve* is one (life, rate, yield); on it stand *nodes* at fixed
volatilities. A node holds its exact boundary and the premium at fixed distances above it, in deviations ``log(S / B)
/ (volatility * sqrt(years))``. Between nodes, in log volatility, polynomials over the six nearest ones. Two ways:

* by boundary: the boundary between the nodes, the premium integrated over it. As exact as the boundary itself.
* by premium: the premium between the nodes, and between the distances. Ten times as fast, for many volatilities. The
  distances are fitted to the boundary, so the kink of the price lies on the table's edge.

A node is made when it is first needed and depends on nothing but its curve and place, so a price has the same bits
whichever options were priced before it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place, kernel
from engine.market.boundary_guess import NODES, highest_boundary
from engine.market.exercise_boundary import exercise_boundary
from engine.market.pricing_american import (
    LEAST_DEVIATION,
    REGIME_ONE_BOUNDARY,
    Quadrature,
    exercise_premium,
    exercise_regime,
    premium_quadrature,
)
from engine.market.pricing_european import normal_cdf

Float64s = NDArray[np.float64]

VOLATILITIES = 36
LOWEST_VOLATILITY = 0.01
VOLATILITY_STEP = 0.2
"""Between nodes, in log volatility: the highest node stands at 0.01 * exp(35 * 0.2), about 1,100 % a year."""
DISTANCES = 25
LARGEST_DISTANCE = 8.0
"""Deviations above the boundary from which the premium counts as nothing. Nodes are equidistant in the square root
of the distance: dense at the boundary, where the premium bends most under a low volatility."""
STENCIL = 6
LEAST_SMOOTH_SHARE = math.exp(-0.5 * STENCIL * VOLATILITY_STEP)
"""Of the volatility, which the drift over the root of the life must stay below: so it does at the lowest node."""
FIRST_COVERED = STENCIL // 2 - 1
LAST_COVERED = VOLATILITIES - 1 - STENCIL // 2

LAGRANGE_FACTORS = np.array(
    [1.0 / np.prod([i - j for j in range(STENCIL) if j != i]) for i in range(STENCIL)], np.float64
)


class Tables(NamedTuple):
    """Nodes of curves.

    Attributes:
        boundary: float64[curves, VOLATILITIES, NODES + 1], log(B0 / B) on the nodes of
            :mod:`engine.market.exercise_boundary`; NaN in the last one where it is not made yet.
        premium: float64[curves, VOLATILITIES, DISTANCES], NaN in the first one where it is not made yet.
    """

    boundary: Float64s
    premium: Float64s


class Curve(NamedTuple):
    """The nodes of one curve, and what its prices are made from.

    ``log_top``: log boundary at expiry, NaN for a put that has not one boundary. ``boundary`` and ``premium`` are the
    rows of :class:`Tables`; ``by_volatility`` and ``by_distance`` float64[STENCIL] and ``squares`` float64[NODES + 1]
    are room to work in.
    """

    years: float
    rate: float
    dividend_yield: float
    discount: float
    carry: float
    root_years: float
    log_top: float
    boundary: Float64s
    premium: Float64s
    by_volatility: Float64s
    by_distance: Float64s
    squares: Float64s


def empty_tables(curves: int) -> Tables:
    """Tables without any node."""
    tables = Tables(np.empty((curves, VOLATILITIES, NODES + 1)), np.empty((curves, VOLATILITIES, DISTANCES)))
    forget(tables)
    return tables


def forget(tables: Tables, first: int = 0) -> None:
    """Drop all nodes of the curves from ``first`` on."""
    tables.boundary[first:, :, NODES] = np.nan
    tables.premium[first:, :, 0] = np.nan


@kernel
def curve_of(
    years: float, rate: float, dividend_yield: float, boundary: Float64s, premium: Float64s
) -> Curve:
    """A curve of the unit put; rate and yield are those of the put that stands for the option."""
    tabled = boundary.size > 0 and exercise_regime(rate, dividend_yield) == REGIME_ONE_BOUNDARY
    return Curve(
        years,
        rate,
        dividend_yield,
        math.exp(-rate * years),
        math.exp(-dividend_yield * years),
        math.sqrt(max(years, 0.0)),
        math.log(highest_boundary(rate, dividend_yield)) if tabled else math.nan,
        boundary,
        premium,
        np.empty(STENCIL),
        np.empty(STENCIL),
        np.empty(NODES + 1),
    )


@in_place
def interpolation_weights(place: float, weights: Float64s) -> None:
    """Lagrange: by how much the values at 0, 1, ... STENCIL - 1 count at ``place``."""
    product = 1.0
    for i in range(STENCIL):
        weights[i] = product * LAGRANGE_FACTORS[i]
        product *= place - i
    product = 1.0
    for i in range(STENCIL - 1, -1, -1):
        weights[i] *= product
        product *= place - i


@in_place
def _node_volatility(node: int) -> float:
    return LOWEST_VOLATILITY * math.exp(VOLATILITY_STEP * node)


@kernel
def _make_boundary(curve: Curve, node: int) -> None:
    """The exact boundary at a node's volatility."""
    squares = exercise_boundary(curve.years, curve.rate, curve.dividend_yield, _node_volatility(node))
    for k in range(NODES + 1):
        curve.boundary[node, k] = math.sqrt(squares[k])


@kernel
def make_premium(curve: Curve, node: int) -> None:
    """The premium at a node's volatility, and the boundary where that is not made yet."""
    if math.isnan(curve.boundary[node, NODES]):
        _make_boundary(curve, node)
    volatility = _node_volatility(node)
    quadrature = premium_quadrature(
        curve.years, curve.rate, curve.dividend_yield, volatility, curve.boundary[node] ** 2
    )
    log_boundary = curve.log_top - curve.boundary[node, NODES]
    scale = LARGEST_DISTANCE * volatility * curve.root_years / (DISTANCES - 1) ** 2
    for i in range(DISTANCES - 1, -1, -1):
        curve.premium[node, i] = exercise_premium(log_boundary + i * i * scale, quadrature)


@kernel
def make_like(
    now: Tables,
    later: Tables,
    first: int,
    years: Float64s,
    rate: Float64s,
    dividend_yield: Float64s,
    most: int,
) -> int:
    """Make at most so many nodes of ``later`` that ``now`` has, of curves from ``first`` on; the curve to go on with.

    ``years``, ``rate``, ``dividend_yield``: float64[n], of those curves' unit puts in ``later``.
    """
    made = 0
    for i in range(len(years)):
        row = first + i
        for node in range(VOLATILITIES if years[i] > 0.0 else 0):
            premium = math.isnan(later.premium[row, node, 0]) and not math.isnan(now.premium[row, node, 0])
            boundary = math.isnan(later.boundary[row, node, NODES])
            boundary = boundary and not math.isnan(now.boundary[row, node, NODES])
            if not (premium or boundary):
                continue
            if made == most:
                return row
            made += 1
            curve = curve_of(years[i], rate[i], dividend_yield[i], later.boundary[row], later.premium[row])
            if premium:
                make_premium(curve, node)
            else:
                _make_boundary(curve, node)
    return first + len(years)


@in_place
def place_on_curve(curve: Curve, volatility: float) -> float:
    """Where a volatility stands among the nodes; -1 where the tables do not reach."""
    if math.isnan(curve.log_top) or not LEAST_DEVIATION <= volatility * curve.root_years < math.inf:
        return -1.0
    place = math.log(volatility / LOWEST_VOLATILITY) / VOLATILITY_STEP
    return place if FIRST_COVERED <= place < LAST_COVERED else -1.0


@in_place
def is_smooth(curve: Curve, volatility: float) -> bool:
    """Whether the boundary between nodes is as exact as on them: no drift that outweighs the volatility."""
    drift = abs(curve.rate - curve.dividend_yield) * curve.root_years
    return drift < volatility * LEAST_SMOOTH_SHARE


@in_place
def nodes_around(curve: Curve, place: float) -> int:
    """First volatility node around a place; makes boundaries, fills ``by_volatility``."""
    first = int(place) - FIRST_COVERED
    interpolation_weights(place - first, curve.by_volatility)
    for node in range(first, first + STENCIL):
        if math.isnan(curve.boundary[node, NODES]):
            _make_boundary(curve, node)
    return first


@kernel
def boundary_on_curve(curve: Curve, volatility: float, place: float) -> tuple[float, Quadrature]:
    """Log boundary today and premium integral at a volatility that is smooth; ``place`` >= 0 is its place."""
    first, root = nodes_around(curve, place), 0.0
    for k in range(NODES + 1):
        root = 0.0
        for i in range(STENCIL):
            root += curve.by_volatility[i] * curve.boundary[first + i, k]
        curve.squares[k] = root * root
    quadrature = premium_quadrature(curve.years, curve.rate, curve.dividend_yield, volatility, curve.squares)
    return curve.log_top - root, quadrature


@in_place
def _european_put(curve: Curve, ratio: float, log_ratio: float, deviation: float) -> float:
    upper = (log_ratio + (curve.rate - curve.dividend_yield) * curve.years) / deviation + 0.5 * deviation
    cash, asset = curve.discount, ratio * curve.carry
    return max(cash * normal_cdf(deviation - upper) - asset * normal_cdf(-upper), cash - asset, 0.0)


@in_place
def put_by_boundary(
    curve: Curve, ratio: float, volatility: float, log_boundary: float, quadrature: Quadrature
) -> float:
    """Unit American put at underlying ``ratio`` > 0 from what `boundary_on_curve` gave for the volatility."""
    log_ratio = math.log(ratio)
    if log_ratio <= log_boundary:
        return 1.0 - ratio
    european = _european_put(curve, ratio, log_ratio, volatility * curve.root_years)
    return max(european + max(exercise_premium(log_ratio, quadrature), 0.0), 1.0 - ratio)
