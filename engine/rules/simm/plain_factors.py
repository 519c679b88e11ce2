"""Plain twin, first step: weighted sensitivities and curvature exposures of the risk factors of one sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.rules.simm.sensitivity import Sensitivity
from engine.rules.simm.vocabulary import (
    CROSS_CURRENCY_BASIS,
    INFLATION,
    VOLATILITY_INDEX_BUCKET,
    VOLATILITY_SHEETS,
    Sheet,
)
from engine.rules.simm.weights import Weights, tenor_place

ONE_BUCKET = "All"
_FX = (Sheet.FX, Sheet.FX_VOLATILITY)
_RATES = (Sheet.RATES, Sheet.RATES_VOLATILITY)
_CREDIT = (
    Sheet.CREDIT_QUALIFYING, Sheet.CREDIT_QUALIFYING_VOLATILITY,
    Sheet.CREDIT_NON_QUALIFYING, Sheet.CREDIT_NON_QUALIFYING_VOLATILITY,
)  # fmt: skip
# Their Label2 is the group of names that share most of what is below them.
_BY_GROUP = (Sheet.CREDIT_NON_QUALIFYING, Sheet.CREDIT_NON_QUALIFYING_VOLATILITY)

Correlation = Callable[["Factor", "Factor"], float]


@dataclass(frozen=True, slots=True)
class Factor:
    """A risk factor of one bucket.

    Attributes:
        name: issuer, good, pair; empty for rates, whose bucket is the currency. place: of the tenor, see
            ``Weights.rates_correlation``. sub: sub-curve of rates, whether a volatility is of inflation.
        concentration: CR or VCR, >= 1. weighted_usd: WS or VR * VRW * VCR. curvature_usd: CVR.
    """

    bucket: str
    name: str
    place: int
    sub: str
    concentration: float
    weighted_usd: float
    curvature_usd: float


def factors_of(sheet: Sheet, records: Sequence[Sensitivity], weights: Weights) -> list[Factor]:
    """Of net sensitivities, all of this sheet."""
    totals: dict[str, float] = {}
    for record in records:
        if record.risk_type != "Risk_XCcyBasis":
            name = _concentration_name(sheet, record)
            totals[name] = totals.get(name, 0.0) + _exposure_usd(sheet, record, weights)
    factors = [_factor(sheet, record, weights, totals) for record in records]
    return factors if sheet in _CREDIT or sheet is Sheet.RATES else _without_expiries(factors)


def _without_expiries(factors: list[Factor]) -> list[Factor]:
    """Volatilities of a name, and of a currency's inflation, are one risk factor whatever the expiry."""
    merged: dict[tuple[str, ...], Factor] = {}
    for factor in factors:
        expiry = str(factor.place) if factor.sub == "Risk_IRVol" else ""
        key = (factor.bucket, factor.name, factor.sub, expiry)
        before = merged.get(key)
        merged[key] = factor if before is None else _added(before, factor)
    return list(merged.values())


def _added(one: Factor, other: Factor) -> Factor:
    return replace(
        one,
        weighted_usd=one.weighted_usd + other.weighted_usd,
        curvature_usd=one.curvature_usd + other.curvature_usd,
    )


def _factor(sheet: Sheet, record: Sensitivity, weights: Weights, totals: dict[str, float]) -> Factor:
    total = totals.get(_concentration_name(sheet, record), 0.0)
    concentration = max(1.0, math.sqrt(abs(total) / _threshold(sheet, record, weights)))
    exposure = _exposure_usd(sheet, record, weights)
    weighted = _risk_weight(sheet, record, weights) * exposure
    if record.risk_type != "Risk_XCcyBasis":
        weighted *= concentration
    curvature = 0.0
    if sheet in VOLATILITY_SHEETS and not _is_volatility_index(sheet, record):
        move = _implied_move(sheet, record, weights)
        curvature = weights.curvature_scaling(tenor_place(record.label1)) * move * record.amount_usd
    return Factor(
        bucket=_bucket(sheet, record),
        name="" if sheet in _RATES else record.qualifier,
        place=_place(record),
        sub=record.risk_type if sheet is Sheet.RATES_VOLATILITY else record.label2,
        concentration=concentration,
        weighted_usd=weighted,
        curvature_usd=curvature,
    )


def _bucket(sheet: Sheet, record: Sensitivity) -> str:
    if sheet in _RATES:
        return record.qualifier
    return ONE_BUCKET if sheet in _FX or sheet is Sheet.BASE_CORRELATION else record.bucket


def _concentration_name(sheet: Sheet, record: Sensitivity) -> str:
    """What concentrates together: a currency's rates, or an issuer within its bucket."""
    return record.qualifier if sheet in _RATES else f"{record.bucket}\n{record.qualifier}"


def _place(record: Sensitivity) -> int:
    if record.risk_type == "Risk_Inflation":
        return INFLATION
    if record.risk_type == "Risk_XCcyBasis":
        return CROSS_CURRENCY_BASIS
    return tenor_place(record.label1)


def _is_volatility_index(sheet: Sheet, record: Sensitivity) -> bool:
    return sheet is Sheet.EQUITY_VOLATILITY and record.bucket == VOLATILITY_INDEX_BUCKET


def _implied_move(sheet: Sheet, record: Sensitivity, weights: Weights) -> float:
    """sigma in percent; 1 where vega is given per implied volatility already (rates, credit)."""
    if sheet is Sheet.FX_VOLATILITY:
        return weights.implied_move(weights.fx_risk_weight(record.qualifier[:3], record.qualifier[3:]))
    if sheet in (Sheet.EQUITY_VOLATILITY, Sheet.COMMODITY_VOLATILITY):
        bucket = weights.named(sheet).buckets.index(record.bucket)
        return weights.implied_move(weights.named_weights(sheet).delta[bucket])
    return 1.0


def _exposure_usd(sheet: Sheet, record: Sensitivity, weights: Weights) -> float:
    """s of a delta sheet, VR of a volatility sheet."""
    if sheet is Sheet.FX_VOLATILITY:
        ratio = weights.calibration.fx.weights[weights.days].historical_volatility_ratio
    elif sheet in (Sheet.EQUITY_VOLATILITY, Sheet.COMMODITY_VOLATILITY):
        ratio = weights.named_weights(sheet).historical_volatility_ratio
    else:
        return record.amount_usd
    return ratio * _implied_move(sheet, record, weights) * record.amount_usd


def _risk_weight(sheet: Sheet, record: Sensitivity, weights: Weights) -> float:
    """RW of a delta sheet, VRW of a volatility sheet."""
    if sheet is Sheet.RATES:
        return weights.rates_risk_weight(record.qualifier, _place(record))
    if sheet is Sheet.RATES_VOLATILITY:
        return weights.calibration.rates.weights[weights.days].vega
    if sheet is Sheet.FX:
        return weights.fx_risk_weight(weights.calculation_currency, record.qualifier)
    if sheet is Sheet.FX_VOLATILITY:
        return weights.calibration.fx.weights[weights.days].vega
    if sheet is Sheet.BASE_CORRELATION:
        return weights.calibration.named["credit_qualifying"].weights[weights.days].base_correlation
    bucket = weights.named(sheet).buckets.index(record.bucket)
    by_bucket = weights.named_weights(sheet)
    return by_bucket.vega[bucket] if sheet in VOLATILITY_SHEETS else by_bucket.delta[bucket]


def _threshold(sheet: Sheet, record: Sensitivity, weights: Weights) -> float:
    if sheet in _RATES:
        return weights.rates_threshold(record.qualifier, vega=sheet is Sheet.RATES_VOLATILITY)
    if sheet is Sheet.FX:
        return weights.fx_threshold(record.qualifier)
    if sheet is Sheet.FX_VOLATILITY:
        return weights.pair_threshold(record.qualifier)
    if sheet is Sheet.BASE_CORRELATION:
        return math.inf
    named = weights.named(sheet)
    thresholds = named.vega_threshold_usd if sheet in VOLATILITY_SHEETS else named.delta_threshold_usd
    return weights.threshold(thresholds[named.buckets.index(record.bucket)])


def correlation_of(sheet: Sheet, weights: Weights) -> Correlation:
    """rho within a bucket, the factor itself included."""
    rates = weights.calibration.rates
    if sheet is Sheet.RATES:

        def between_rates(one: Factor, other: Factor) -> float:
            same_curve = one.sub == other.sub or not one.sub or not other.sub
            sub_curves = 1.0 if same_curve else rates.sub_curves
            return sub_curves * weights.rates_correlation(one.place, other.place)

        return between_rates
    if sheet is Sheet.RATES_VOLATILITY:

        def between_expiries(one: Factor, other: Factor) -> float:
            if one.sub != other.sub:
                return rates.inflation
            return weights.rates_correlation(one.place, other.place)

        return between_expiries
    if sheet is Sheet.FX:
        return lambda one, other: weights.fx_correlation(one.name, other.name)
    if sheet is Sheet.FX_VOLATILITY:
        apart = weights.calibration.fx.volatility_correlation
        return lambda one, other: 1.0 if one.name == other.name else apart
    if sheet is Sheet.BASE_CORRELATION:
        apart = weights.calibration.named["credit_qualifying"].base_correlation
        return lambda one, other: 1.0 if one.name == other.name else apart

    def between_names(one: Factor, other: Factor) -> float:
        if one is other:
            return 1.0
        named = weights.named(sheet)
        alike = one.sub == other.sub if sheet in _BY_GROUP else one.name == other.name
        return (named.same if alike else named.different)[named.buckets.index(one.bucket)]

    return between_names
