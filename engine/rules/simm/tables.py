"""A calibration as arrays for the kernels, at one horizon and calculation currency."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.rules.interface import Float64s
from engine.rules.simm.keys import Keys
from engine.rules.simm.vocabulary import (
    CROSS_CURRENCY_BASIS,
    NAMED_CLASSES,
    TENORS,
    VOLATILITY_INDEX_BUCKET,
    Sheet,
)
from engine.rules.simm.weights import CURVATURE_LAMBDA, Weights

PLACES = CROSS_CURRENCY_BASIS + 1
MOST_BUCKETS = 20
_CREDIT = ("credit_qualifying", "credit_non_qualifying")


# Columns of ``Tables.bucket``: RW or VRW; what turns an amount into the exposure that concentrates (HVR times sigma, or
# 1); sigma for curvature, 1, or 0 for none; threshold; the two correlations within a bucket; 1 for the residual one.
RISK_WEIGHT, EXPOSURE_SCALE, CURVATURE_SCALE, THRESHOLD, SAME, DIFFERENT, IS_RESIDUAL = range(7)
# Columns of ``Tables.currency`` after the risk weights of the fourteen places.
DELTA_THRESHOLD, VEGA_THRESHOLD, FX_WEIGHT, FX_THRESHOLD, FX_GROUP = range(PLACES, PLACES + 5)
# Columns of ``Tables.pair``: sigma, threshold.
PAIR_MOVE, PAIR_THRESHOLD = range(2)
# Places in ``Tables.general`` after SF by tenor: correlations of sub-curves and currencies, the scale of rates'
# curvature margin, lambda before offsetting, and where correlations of the two groups of currencies begin.
SUB_CURVES, CURRENCIES, RATES_CURVATURE_SCALE, TAIL, FX_CORRELATION = range(len(TENORS), len(TENORS) + 5)


class Tables(NamedTuple):
    """Few arrays, since a kernel that hands them on pays for each.

    Attributes:
        bucket: float64[13 sheets, 20 buckets, 7]. between: float64[13, 20, 20], correlation of buckets.
        currency: float64[currencies, 19]. pair: float64[currency pairs, 2].
        places: float64[14, 14], correlation of tenors, inflation and cross-currency basis of one currency.
        risk_classes: float64[6, 6]. general: float64[20].
    """

    bucket: Float64s
    between: Float64s
    currency: Float64s
    pair: Float64s
    places: Float64s
    risk_classes: Float64s
    general: Float64s


def tables_of(weights: Weights, keys: Keys) -> Tables:
    """The tables for every name that the keys know so far; make them anew when there are more."""
    calibration = weights.calibration
    calculation_group = calibration.fx.groups[weights.calculation_currency]
    bucket, between = _by_bucket(weights)
    everywhere = range(PLACES)
    return Tables(
        bucket=bucket,
        between=between,
        currency=np.array([_currency(weights, name) for name in keys.currencies]).reshape(-1, FX_GROUP + 1),
        pair=np.array([_pair(weights, name) for name in keys.pairs]).reshape(-1, 2),
        places=np.array(
            [[weights.rates_correlation(one, other) for other in everywhere] for one in everywhere]
        ),
        risk_classes=np.array(calibration.risk_class_correlation),
        general=np.array(
            [
                *(weights.curvature_scaling(tenor) for tenor in range(len(TENORS))),
                calibration.rates.sub_curves,
                calibration.rates.currencies,
                weights.rates_curvature_scale,
                CURVATURE_LAMBDA,
                *(value for row in calibration.fx.correlation[calculation_group] for value in row),
            ]
        ),
    )


def _currency(weights: Weights, name: str) -> list[float]:
    return [
        *(weights.rates_risk_weight(name, place) for place in range(PLACES)),
        weights.rates_threshold(name, vega=False),
        weights.rates_threshold(name, vega=True),
        weights.fx_risk_weight(weights.calculation_currency, name),
        weights.fx_threshold(name),
        weights.calibration.fx.groups[name],
    ]


def _pair(weights: Weights, name: str) -> list[float]:
    move = weights.implied_move(weights.fx_risk_weight(name[:3], name[3:]))
    return [move, weights.pair_threshold(name)]


def _by_bucket(weights: Weights) -> tuple[Float64s, Float64s]:
    """``Tables.bucket`` and ``Tables.between``."""
    table = np.ones((len(Sheet), MOST_BUCKETS, 7))
    between = np.zeros((len(Sheet), MOST_BUCKETS, MOST_BUCKETS))
    table[..., CURVATURE_SCALE] = table[..., IS_RESIDUAL] = 0.0
    table[..., THRESHOLD] = np.inf
    for name, (delta, vega) in NAMED_CLASSES.items():
        named, at = weights.calibration.named[name], weights.calibration.named[name].weights[weights.days]
        count, ordinary = len(named.buckets), len(named.between)
        moves = [1.0] * count if name in _CREDIT else [weights.implied_move(weight) for weight in at.delta]
        table[delta, :count, RISK_WEIGHT] = at.delta
        table[delta, :count, THRESHOLD] = [weights.threshold(usd) for usd in named.delta_threshold_usd]
        table[vega, :count, RISK_WEIGHT] = at.vega
        table[vega, :count, THRESHOLD] = [weights.threshold(usd) for usd in named.vega_threshold_usd]
        table[vega, :count, EXPOSURE_SCALE] = np.array(moves) * at.historical_volatility_ratio
        table[vega, :count, CURVATURE_SCALE] = moves
        for sheet in (delta, vega):
            table[sheet, :count, SAME] = named.same
            table[sheet, :count, DIFFERENT] = named.different
            table[sheet, ordinary:count, IS_RESIDUAL] = 1.0
            between[sheet, :ordinary, :ordinary] = named.between
    index = weights.calibration.named["equity"].buckets.index(VOLATILITY_INDEX_BUCKET)
    table[Sheet.EQUITY_VOLATILITY, index, CURVATURE_SCALE] = 0.0
    credit, fx = weights.calibration.named["credit_qualifying"], weights.calibration.fx
    table[Sheet.BASE_CORRELATION, 0, RISK_WEIGHT] = credit.weights[weights.days].base_correlation
    table[Sheet.BASE_CORRELATION, 0, DIFFERENT] = credit.base_correlation
    table[Sheet.RATES_VOLATILITY, 0, RISK_WEIGHT] = weights.calibration.rates.weights[weights.days].vega
    table[Sheet.FX_VOLATILITY, 0, RISK_WEIGHT] = fx.weights[weights.days].vega
    table[Sheet.FX_VOLATILITY, 0, EXPOSURE_SCALE] = fx.weights[weights.days].historical_volatility_ratio
    table[Sheet.FX_VOLATILITY, 0, CURVATURE_SCALE] = 1.0
    table[Sheet.FX_VOLATILITY, 0, DIFFERENT] = fx.volatility_correlation
    return table, between
