"""Levels of all risk factors through time: correlated moves with volatility bursts."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streams.simulator.factors import ABSOLUTE, CLASSES, FACTORS, class_cholesky

TRADING_DAY_S: Final = 6.5 * 3600
CALM: Final = 0.8
BURST: Final = 3.0
# Mean length of a calm stretch and of a burst, seconds of real time: seen by whoever watches.
_CALM_S: Final = 40.0
_BURST_S: Final = 8.0
# Volatilities, bases and pegs come back: their distance from home halves in this time of the market.
_HALF_LIFE_S: Final = 0.5 * TRADING_DAY_S
_REVERTING: Final = ("VOL:", "BASIS:", "STABLE:")


class FactorPaths:
    """Levels of the factors, 0 at the start: cumulated log moves (absolute ones for oil).

    Crypto classes and all others burst independently of each other.

    Attributes:
        names: the factors.
        level: float64[factors].
    """

    def __init__(self, draws: np.random.Generator) -> None:
        self.names = tuple(FACTORS)
        self.level: NDArray[np.float64] = np.zeros(len(FACTORS))
        self._draws = draws
        self._lower = np.array(class_cholesky())
        factors = list(FACTORS.values())
        self._class = np.array([CLASSES.index(factor.risk_class) for factor in factors])
        self._loading = np.array([factor.loading for factor in factors])
        self._own = np.sqrt(1.0 - self._loading**2)
        self._daily = np.array([factor.daily for factor in factors])
        self._reverting = np.array([name.startswith(_REVERTING) for name in FACTORS])
        self._is_crypto = np.array([name.startswith("crypto") for name in CLASSES])[self._class]
        self._bursting = np.zeros(2, np.bool_)  # all others, crypto

    def index(self, name: str) -> int:
        """Place of a factor; -1 for none."""
        return self.names.index(name) if name else -1

    def advance(self, elapsed_s: float, market_speed: float) -> None:
        """Move all factors.

        Args:
            elapsed_s: real seconds since the last move. market_speed: seconds of the market in one of them.
        """
        if elapsed_s <= 0.0:
            return
        self._switch(elapsed_s)
        market_s = elapsed_s * market_speed
        turbulence = np.where(self._bursting, BURST, CALM)[self._is_crypto.astype(np.int64)]
        classes = self._lower @ self._draws.standard_normal(len(CLASSES))
        own = self._draws.standard_normal(len(self.names))
        joint = self._loading * classes[self._class] + self._own * own
        self.level += joint * self._daily * turbulence * math.sqrt(market_s / TRADING_DAY_S)
        self.level[self._reverting] *= 0.5 ** (market_s / _HALF_LIFE_S)

    def _switch(self, elapsed_s: float) -> None:
        mean_s = np.where(self._bursting, _BURST_S, _CALM_S)
        self._bursting ^= self._draws.random(2) < -np.expm1(-elapsed_s / mean_s)


def is_absolute(factor: str) -> bool:
    """Whether the factor's level adds to the price instead of multiplying it."""
    return factor == ABSOLUTE
