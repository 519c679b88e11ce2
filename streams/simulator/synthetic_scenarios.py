"""The synthetic scenario set of the package: ``python -m streams.simulator.synthetic_scenarios > file``.

Historical-like moves are Student-t (4 degrees of freedom, one common mixing variable per scenario, so that
tails come together) over correlated classes: each factor loads on its class, classes are correlated with each
other. Volatilities and correlations are rounded public stylised facts for a horizon of two business days; no
observed market data goes in. Stress moves are written by hand in the image of known events.

Only ``random.Random.random`` (stable for a seed by its documentation) and the inverse normal feed the draws,
and the output has five decimals, so the file is the same on every machine.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator
from statistics import NormalDist

from streams.simulator.factors import ABSOLUTE, CLASSES, FACTORS, class_cholesky

SEED = 20260626
HISTORICAL_COUNT = 240
_DEGREES_OF_FREEDOM = 4
_HORIZON_DAYS = 2


def _equities(index: float, growth: float, names: tuple[float, ...]) -> dict[str, float]:
    tickers = ("AAPL", "MSFT", "IBM", "BAC", "AIG", "XOM")
    moves = {f"EQ:{ticker}": move for ticker, move in zip(tickers, names, strict=True)}
    return {"EQ:SPX": index, "EQ:NDX": growth} | moves


def _crypto(bitcoin: float, ether: float, solana: float, volatility: float) -> dict[str, float]:
    return {"CRYPTO:BTC": bitcoin, "CRYPTO:ETH": ether, "CRYPTO:SOL": solana, "VOL:CRYPTO": volatility}


_STRESS: dict[str, dict[str, float]] = {
    "equity-crash-1987-like": _equities(-0.20, -0.19, (-0.23, -0.22, -0.22, -0.25, -0.24, -0.21))
    | {"VOL:EQ": 2.0, "PX:ZN": 0.03, "CMD:GOLD": 0.02, "CMD:WTI": -4.0, "BASIS:ES": -0.03}
    | _crypto(-0.25, -0.30, -0.38, 0.7),
    "credit-crisis-2008-like": _equities(-0.14, -0.13, (-0.16, -0.13, -0.11, -0.30, -0.60, -0.14))
    | {"VOL:EQ": 0.9, "PX:ZN": 0.02, "CMD:GOLD": 0.05, "CMD:WTI": -9.0, "FX:EURUSD": -0.035}
    | {"BASIS:ES": -0.006}
    | _crypto(-0.20, -0.25, -0.30, 0.5),
    "pandemic-2020-03-like": _equities(-0.16, -0.15, (-0.17, -0.18, -0.16, -0.24, -0.26, -0.22))
    | {"VOL:EQ": 1.2, "PX:ZN": -0.01, "CMD:GOLD": -0.05, "CMD:WTI": -12.0, "FX:EURUSD": -0.02}
    | {"BASIS:ES": -0.008, "BASIS:BTC_PERP": -0.02, "BASIS:BTC_FUT": -0.04, "BASIS:ETH_PERP": -0.03}
    | _crypto(-0.45, -0.50, -0.52, 1.3),
    "equity-melt-up": _equities(0.12, 0.14, (0.14, 0.14, 0.11, 0.17, 0.18, 0.12))
    | {"VOL:EQ": -0.35, "PX:ZN": -0.015, "CMD:GOLD": -0.03, "CMD:WTI": 3.0}
    | _crypto(0.15, 0.18, 0.25, -0.2),
    "single-name-gaps": _equities(-0.02, -0.03, (-0.20, 0.12, -0.15, 0.08, -0.25, 0.10)) | {"VOL:EQ": 0.2},
    "oil-collapse-2020-04-like": _equities(-0.05, -0.04, (-0.04, -0.04, -0.05, -0.08, -0.08, -0.12))
    | {"VOL:EQ": 0.3, "CMD:WTI": -55.0, "PX:ZN": 0.005},
    "oil-spike": _equities(-0.04, -0.05, (-0.05, -0.05, -0.04, -0.05, -0.05, 0.09))
    | {"VOL:EQ": 0.3, "CMD:WTI": 25.0, "CMD:GOLD": 0.06, "PX:ZN": -0.01, "FX:EURUSD": -0.02},
    "gold-liquidation": {"CMD:GOLD": -0.13, "PX:ZN": -0.01, "FX:EURUSD": -0.02, "CMD:WTI": -3.0},
    "rates-up-150bp": _equities(-0.08, -0.10, (-0.09, -0.10, -0.06, -0.04, -0.05, -0.05))
    | {"VOL:EQ": 0.4, "PX:ZN": -0.10, "CMD:GOLD": -0.06, "FX:EURUSD": -0.03}
    | _crypto(-0.12, -0.15, -0.20, 0.3),
    "rates-down-100bp": _equities(-0.05, -0.04, (-0.04, -0.04, -0.04, -0.12, -0.11, -0.06))
    | {"VOL:EQ": 0.5, "PX:ZN": 0.07, "CMD:GOLD": 0.05, "FX:EURUSD": 0.02},
    "dollar-squeeze": _equities(-0.06, -0.05, (-0.05, -0.05, -0.05, -0.07, -0.07, -0.06))
    | {"FX:EURUSD": -0.08, "CMD:GOLD": -0.05, "VOL:EQ": 0.4, "CMD:WTI": -5.0},
    "crypto-minus-50": _equities(-0.03, -0.05, (-0.04, -0.04, -0.02, -0.03, -0.03, -0.02))
    | {"VOL:EQ": 0.2, "BASIS:BTC_PERP": -0.015, "BASIS:BTC_FUT": -0.03, "BASIS:ETH_PERP": -0.02}
    | _crypto(-0.50, -0.57, -0.68, 1.5),
    "crypto-plus-35": {"BASIS:BTC_PERP": 0.010, "BASIS:BTC_FUT": 0.03, "BASIS:ETH_PERP": 0.015}
    | _crypto(0.35, 0.42, 0.60, 0.6),
    "stablecoin-depeg": {"STABLE:USDC": -0.12, "BASIS:BTC_PERP": 0.04, "BASIS:BTC_FUT": 0.03}
    | {"BASIS:ETH_PERP": 0.05}
    | _crypto(-0.12, -0.15, -0.22, 0.5),
    "correlation-break-hedges-rich": {"BASIS:ES": 0.02, "BASIS:BTC_PERP": 0.08, "BASIS:BTC_FUT": 0.10}
    | {"BASIS:ETH_PERP": 0.10, "EQ:NDX": 0.05, "EQ:SPX": -0.03, "PX:ZN": -0.02, "VOL:EQ": -0.2},
    "correlation-break-hedges-cheap": {"BASIS:ES": -0.02, "BASIS:BTC_PERP": -0.08, "BASIS:BTC_FUT": -0.10}
    | {"BASIS:ETH_PERP": -0.10, "EQ:NDX": -0.05, "EQ:SPX": 0.03, "PX:ZN": 0.02, "VOL:EQ": 0.3},
}  # fmt: skip


def _historical(draws: random.Random, lower: list[list[float]]) -> dict[str, float]:
    normal = NormalDist()

    def gauss() -> float:
        return normal.inv_cdf(max(draws.random(), 1e-12))

    chi_square = math.fsum(gauss() ** 2 for _ in range(_DEGREES_OF_FREEDOM))
    # A t variable with 4 degrees of freedom has variance 2; bring it to 1 so that `daily` is the deviation.
    mixing = math.sqrt(_DEGREES_OF_FREEDOM / max(chi_square, 0.3)) / math.sqrt(2.0)
    independent = [gauss() for _ in CLASSES]
    classes = {
        name: math.fsum(weight * draw for weight, draw in zip(row, independent, strict=True))
        for name, row in zip(CLASSES, lower, strict=True)
    }
    moves: dict[str, float] = {}
    for factor, (risk_class, loading, daily) in FACTORS.items():
        own = math.sqrt(1.0 - loading * loading) * gauss()
        move = mixing * (loading * classes[risk_class] + own) * daily * math.sqrt(_HORIZON_DAYS)
        moves[factor] = move if factor == ABSOLUTE else math.expm1(move)
    return moves


def lines() -> Iterator[str]:
    """The CSV, line by line, without line ends."""
    yield "# label: synthetic-2026"
    yield "# source: made up by streams.simulator.synthetic_scenarios; no observed market data"
    yield "# synthetic: true"
    yield f"# absolute: {ABSOLUTE}"
    yield f"# horizon: {_HORIZON_DAYS} business days"
    yield f"# units: relative moves are fractions; {ABSOLUTE} in USD per barrel"
    yield ",".join(["scenario", "kind", *FACTORS])
    draws = random.Random(SEED)  # noqa: S311 - a reproducible sample, not a secret
    lower = class_cholesky()
    for number in range(1, HISTORICAL_COUNT + 1):
        yield _line(f"synthetic-{number:03d}", "historical", _historical(draws, lower))
    for name, moves in _STRESS.items():
        yield _line(name, "stress", moves)


def _line(name: str, kind: str, moves: dict[str, float]) -> str:
    figures = (f"{moves.get(factor, 0.0) + 0.0:.5f}" for factor in FACTORS)
    return ",".join([name, kind, *figures]).replace("-0.00000", "0.00000")


if __name__ == "__main__":
    sys.stdout.writelines(line + "\n" for line in lines())
