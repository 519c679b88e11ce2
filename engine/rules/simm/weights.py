"""Figures of a calibration at one horizon and calculation currency, under the names of the rule's text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from engine.rules.simm.calibration import Calibration, Named, NamedWeights
from engine.rules.simm.vocabulary import (
    CROSS_CURRENCY_BASIS,
    INFLATION,
    NAMED_CLASSES,
    TENOR_DAYS,
    TENORS,
    Sheet,
)

# lambda without the share of offsetting: 99.5 % quantile squared less one; alpha: the 99 % quantile.
CURVATURE_LAMBDA = NormalDist().inv_cdf(0.995) ** 2 - 1.0
_ALPHA = NormalDist().inv_cdf(0.99)
_CLASS_NAME = {sheet: name for name, sheets in NAMED_CLASSES.items() for sheet in sheets}


@dataclass(frozen=True, slots=True)
class Weights:
    """A calibration at ``days`` (10 or 1), seen from a calculation currency.

    At one day the concentration feature is off: every threshold is infinite (SIMM technical paper, section I.4).
    """

    calibration: Calibration
    days: int
    calculation_currency: str

    @property
    def _calendar_days(self) -> float:
        """Ten business days are fourteen."""
        return 1.4 * self.days

    @property
    def rates_curvature_scale(self) -> float:
        """The curvature margin of rates is multiplied by it: HVR to the power of -2."""
        ratio = self.calibration.rates.weights[self.days].historical_volatility_ratio
        return 1.0 / (ratio * ratio)

    def curvature_scaling(self, tenor: int) -> float:
        """SF(t): half the horizon's share of the time to expiry; ``tenor`` is a place in ``TENORS``."""
        return 0.5 * min(1.0, self._calendar_days / TENOR_DAYS[tenor])

    def implied_move(self, risk_weight: float) -> float:
        """sigma: the yearly volatility, in percent, that a risk weight stands for."""
        return risk_weight * math.sqrt(365.0 / self._calendar_days) / _ALPHA

    def threshold(self, threshold_usd: float) -> float:
        """The concentration threshold at this horizon, USD."""
        return math.inf if self.days == 1 else threshold_usd

    def named(self, sheet: Sheet) -> Named:
        """The risk class of a sheet of names."""
        return self.calibration.named[_CLASS_NAME[sheet]]

    def named_weights(self, sheet: Sheet) -> NamedWeights:
        return self.named(sheet).weights[self.days]

    def rates_risk_weight(self, currency: str, place: int) -> float:
        """RW of a tenor, of inflation or of the cross-currency basis."""
        weights = self.calibration.rates.weights[self.days]
        if place == INFLATION:
            return weights.inflation
        if place == CROSS_CURRENCY_BASIS:
            return weights.cross_currency_basis
        return weights.delta[self.calibration.rates.groups[currency]][place]

    def rates_correlation(self, first: int, second: int) -> float:
        """rho of two places of one currency, sub-curves apart."""
        rates = self.calibration.rates
        if first == second:
            return 1.0
        if CROSS_CURRENCY_BASIS in (first, second):
            return rates.cross_currency_basis
        if INFLATION in (first, second):
            return rates.inflation
        return rates.tenors[first][second]

    def rates_threshold(self, currency: str, *, vega: bool) -> float:
        """T_b or VT_b of a currency, USD."""
        rates = self.calibration.rates
        thresholds = rates.vega_threshold_usd if vega else rates.delta_threshold_usd
        return self.threshold(thresholds[rates.concentration_groups[currency]])

    def fx_risk_weight(self, first: str, second: str) -> float:
        """RW of one currency against another; 0 against itself."""
        groups = self.calibration.fx.groups
        weight = self.calibration.fx.weights[self.days].delta[groups[first]][groups[second]]
        return 0.0 if first == second else weight

    def fx_correlation(self, first: str, second: str) -> float:
        """rho of two currencies that are not the calculation currency."""
        fx = self.calibration.fx
        if first == second:
            return 1.0
        seen_from = fx.correlation[fx.groups[self.calculation_currency]]
        return seen_from[fx.groups[first]][fx.groups[second]]

    def fx_threshold(self, currency: str) -> float:
        """T_b of a currency, USD."""
        fx = self.calibration.fx
        return self.threshold(fx.delta_threshold_usd[fx.concentration_groups[currency]])

    def pair_threshold(self, pair: str) -> float:
        """VT_b of a pair of currencies, USD."""
        return self.threshold(self.calibration.fx.pair_threshold(pair[:3], pair[3:]))


def tenor_place(label1: str) -> int:
    """Place of a label in ``TENORS``; 0 for none."""
    return TENORS.index(label1) if label1 else 0
