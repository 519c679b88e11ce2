"""The synthetic scenario sets of interest rates and index spreads: ``python -m ... HORIZON_DAYS > file``.

Every curve moves by level, slope and curvature, the curves of one set together, with a little of their own per tenor;
Student-t (4 degrees of freedom, one mixing variable per scenario). Index spreads fall when rates rise. Volatilities and
correlations are rounded stylised facts; no observed market data goes in. Stress moves are written by hand.

As for :mod:`streams.simulator.synthetic_scenarios`, the file is the same on every machine.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator
from statistics import NormalDist
from typing import Final, NamedTuple

SEED: Final = 20261128
HISTORICAL_COUNT: Final = 500
TENORS: Final = {
    "3M": 0.25, "6M": 0.5, "1Y": 1.0, "2Y": 2.0, "3Y": 3.0, "5Y": 5.0, "7Y": 7.0, "10Y": 10.0, "20Y": 20.0, "30Y": 30.0,
}  # fmt: skip
_DEGREES_OF_FREEDOM: Final = 4
_OWN: Final = 0.004  # deviation of a tenor's own daily move, percentage points


class _CurveFacts(NamedTuple):
    """Daily deviations in percentage points, and the correlation of its level with the first curve's."""

    level: float
    slope: float
    curvature: float
    correlation: float


_CURVES: Final = {
    "IR:USD": _CurveFacts(0.060, 0.035, 0.020, 1.0),
    "UST": _CurveFacts(0.058, 0.034, 0.020, 0.98),
    "IR:EUR": _CurveFacts(0.045, 0.028, 0.016, 0.65),
}
# Daily deviation of the log spread, and its correlation with the first curve's level.
_INDEXES: Final = {"CDS:CDX.NA.IG": (0.025, -0.35), "CDS:CDX.NA.HY": (0.022, -0.35)}
_INDEX_COMMON: Final = 0.9  # share of an index's other move that both have


class _Stress(NamedTuple):
    """Moves over the horizon: short end and long end of each curve in percentage points, index spreads relative."""

    short: float
    long: float
    spreads: float


_STRESS: Final = {
    "parallel-up-150": _Stress(1.5, 1.5, 0.25),
    "parallel-down-150": _Stress(-1.5, -1.5, 0.40),
    "steepener-2008-like": _Stress(-1.0, 0.3, 0.90),
    "flattener-1994-like": _Stress(1.2, 0.2, 0.10),
    "long-end-sell-off-2022-gilt-like": _Stress(0.3, 1.6, 0.15),
    "flight-to-quality-2020-03-like": _Stress(-0.9, -0.5, 1.60),
    "regional-banks-2023-03-like": _Stress(-1.1, -0.5, 0.35),
    "spread-collapse": _Stress(0.3, 0.3, -0.35),
}


def factors() -> list[str]:
    """All columns: the curves' tenors, then the indexes."""
    return [f"{curve}:{tenor}" for curve in _CURVES for tenor in TENORS] + list(_INDEXES)


def absolutes() -> list[str]:
    """Those that are differences of percentage points."""
    return [name for name in factors() if name not in _INDEXES]


def _shape(years: float) -> tuple[float, float]:
    """Loadings of slope (long end up) and curvature (belly up) at a tenor."""
    place = math.log(years / 0.25) / math.log(120.0)  # 0 at three months, 1 at thirty years
    return 2.0 * place - 1.0, math.sin(math.pi * place) - 0.5


def _historical(gauss: Iterator[float], scale: float) -> dict[str, float]:
    chi_square = math.fsum(next(gauss) ** 2 for _ in range(_DEGREES_OF_FREEDOM))
    mixing = scale * math.sqrt(_DEGREES_OF_FREEDOM / max(chi_square, 0.3)) / math.sqrt(2.0)
    common = [next(gauss) for _ in range(3)]
    moves: dict[str, float] = {}
    for curve, facts in _CURVES.items():
        rest = math.sqrt(1.0 - facts.correlation**2)
        level, slope, curvature = (facts.correlation * one + rest * next(gauss) for one in common)
        for tenor, years in TENORS.items():
            tilt, bend = _shape(years)
            move = facts.level * level + facts.slope * tilt * slope + facts.curvature * bend * curvature
            moves[f"{curve}:{tenor}"] = mixing * (move + _OWN * next(gauss))
    shared = next(gauss)
    for index, (daily, correlation) in _INDEXES.items():
        other = _INDEX_COMMON * shared + math.sqrt(1.0 - _INDEX_COMMON**2) * next(gauss)
        move = daily * (correlation * common[0] + math.sqrt(1.0 - correlation**2) * other)
        moves[index] = math.expm1(mixing * move)
    return moves


def _stressed(stress: _Stress) -> dict[str, float]:
    moves = {}
    for curve in _CURVES:
        for tenor, years in TENORS.items():
            place = (_shape(years)[0] + 1.0) / 2.0
            moves[f"{curve}:{tenor}"] = stress.short + place * (stress.long - stress.short)
    return moves | dict.fromkeys(_INDEXES, stress.spreads)


def lines(horizon_days: int) -> Iterator[str]:
    """The CSV, line by line, without line ends."""
    yield f"# label: synthetic-rates-{horizon_days}d-2026"
    yield "# source: made up by streams.simulator.synthetic_rate_scenarios; no observed market data"
    yield "# synthetic: true"
    yield f"# absolute: {','.join(absolutes())}"
    yield f"# horizon: {horizon_days} business days"
    yield "# units: rates in percentage points, oldest scenario first; index spreads as fractions of themselves"
    yield ",".join(["scenario", "kind", *factors()])
    draws = random.Random(SEED + horizon_days)  # noqa: S311 - a reproducible sample, not a secret
    normal = NormalDist()
    gauss = iter(lambda: normal.inv_cdf(max(draws.random(), 1e-12)), None)
    for number in range(1, HISTORICAL_COUNT + 1):
        yield _line(f"synthetic-{number:03d}", "historical", _historical(gauss, math.sqrt(horizon_days)))
    for name, stress in _STRESS.items():
        yield _line(name, "stress", _stressed(stress))


def _line(name: str, kind: str, moves: dict[str, float]) -> str:
    figures = (f"{moves[factor] + 0.0:.4f}" for factor in factors())
    return ",".join([name, kind, *figures]).replace("-0.0000", "0.0000")


if __name__ == "__main__":
    sys.stdout.writelines(line + "\n" for line in lines(int(sys.argv[1])))
