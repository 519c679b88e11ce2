"""The plain twin of ISDA SIMM: one netting set in python floats, as the rule's text reads.

A second way to the figures of :mod:`engine.rules.simm.book`, and their explanation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.rules.requirement import Part
from engine.rules.simm.plain_factors import Correlation, Factor, correlation_of, factors_of
from engine.rules.simm.sensitivity import Sensitivity, net
from engine.rules.simm.vocabulary import (
    CLASS_OF_SHEET,
    PRODUCT_CLASSES,
    RESIDUAL,
    RISK_CLASSES,
    VOLATILITY_SHEETS,
    Sheet,
    margin_type,
)
from engine.rules.simm.weights import CURVATURE_LAMBDA, Weights


@dataclass(frozen=True, slots=True)
class Bucket:
    """K, the sum between -K and K, and the concentration factor where the whole bucket has one."""

    name: str
    margin_usd: float
    clamped_usd: float
    concentration: float


def product_class_part(
    product_class: str, sensitivities: Sequence[Sensitivity], weights: Weights, sign: float
) -> Part:
    """SIMM of one product class as a tree: risk classes, margin types, buckets.

    Args:
        sensitivities: any; those of other product classes are passed over.
        sign: 1 for the side that collects, -1 for the side that posts (curvature only).
    """
    own = net([record for record in sensitivities if record.product_class == product_class])
    classes: dict[int, list[Part]] = {}
    for sheet in Sheet:
        records = [record for record in own if record.sheet is sheet]
        if records:
            classes.setdefault(CLASS_OF_SHEET[sheet], []).extend(_sheet_parts(sheet, records, weights, sign))
    parts = [Part.sum_of(RISK_CLASSES[place], _merged(margins)) for place, margins in sorted(classes.items())]
    between = weights.calibration.risk_class_correlation
    places = sorted(classes)
    squared = sum(
        between[one][other] * parts[i].amount_usd * parts[j].amount_usd
        for i, one in enumerate(places)
        for j, other in enumerate(places)
    )
    return _with_remainder(product_class, parts, math.sqrt(max(squared, 0.0)), "between risk classes")


def _merged(margins: list[Part]) -> list[Part]:
    order = {name: place for place, name in enumerate(("Delta", "Vega", "Curvature", "BaseCorr"))}
    return sorted(margins, key=lambda part: order[part.name])


def _sheet_parts(sheet: Sheet, records: list[Sensitivity], weights: Weights, sign: float) -> list[Part]:
    factors = factors_of(sheet, records, weights)
    correlation = correlation_of(sheet, weights)
    parts = [_linear_part(sheet, factors, correlation, weights)]
    if sheet in VOLATILITY_SHEETS:
        parts.append(_curvature_part(sheet, factors, correlation, weights, sign))
    return parts


def _linear_part(sheet: Sheet, factors: list[Factor], correlation: Correlation, weights: Weights) -> Part:
    """Delta, vega or base correlation margin."""
    rates = sheet in (Sheet.RATES, Sheet.RATES_VOLATILITY)
    buckets = []
    for name, members in _by_bucket(factors).items():
        squared = sum(
            correlation(one, other)
            * (1.0 if rates else _ratio(one.concentration, other.concentration))
            * one.weighted_usd
            * other.weighted_usd
            for one in members
            for other in members
        )
        total = math.fsum(factor.weighted_usd for factor in members)
        margin = math.sqrt(max(squared, 0.0))
        concentration = max(factor.concentration for factor in members)
        buckets.append(Bucket(name, margin, max(min(total, margin), -margin), concentration))
    between = _between_buckets(sheet, weights)

    def gamma(one: Bucket, other: Bucket) -> float:
        apart = between(one.name, other.name)
        return apart * _ratio(one.concentration, other.concentration) if rates else apart

    ordinary = [bucket for bucket in buckets if bucket.name != RESIDUAL]
    residual = [bucket for bucket in buckets if bucket.name == RESIDUAL]
    margin = _across(ordinary, gamma) + sum(bucket.margin_usd for bucket in residual)
    parts = [
        Part(
            f"bucket {bucket.name}",
            bucket.margin_usd,
            facts={
                "sum of weighted sensitivities": bucket.clamped_usd,
                "concentration": bucket.concentration,
            },
        )
        for bucket in buckets
    ]
    return _with_remainder(margin_type(sheet), parts, margin, "between buckets")


def _curvature_part(
    sheet: Sheet, factors: list[Factor], correlation: Correlation, weights: Weights, sign: float
) -> Part:
    """Ordinary buckets together and the residual one alone, each with its own share of offsetting."""
    between = _between_buckets(sheet, weights)
    scale = weights.rates_curvature_scale if sheet is Sheet.RATES_VOLATILITY else 1.0
    parts = []
    for title, residual in (("buckets", False), (RESIDUAL, True)):
        members = [factor for factor in factors if (factor.bucket == RESIDUAL) is residual]
        if not members:
            continue
        buckets = []
        for name, inside in _by_bucket(members).items():
            squared = sum(
                correlation(one, other) ** 2 * one.curvature_usd * other.curvature_usd
                for one in inside
                for other in inside
            )
            total = math.fsum(factor.curvature_usd for factor in inside)
            margin = math.sqrt(max(squared, 0.0))
            buckets.append(Bucket(name, margin, max(min(total, margin), -margin), 1.0))
        total = sign * math.fsum(factor.curvature_usd for factor in members)
        gross = math.fsum(abs(factor.curvature_usd) for factor in members)
        theta = min(total / gross, 0.0) if gross > 0.0 else 0.0
        tail = CURVATURE_LAMBDA * (1.0 + theta) - theta
        spread = _across(buckets, lambda one, other: between(one.name, other.name) ** 2)
        parts.append(
            Part(
                title,
                scale * max(0.0, total + tail * spread),
                facts={"sum": total, "theta": theta, "lambda": tail, "root of squares": spread},
            )
        )
    return Part.sum_of("Curvature", parts)


def _across(buckets: list[Bucket], gamma: Callable[[Bucket, Bucket], float]) -> float:
    squared = sum(bucket.margin_usd**2 for bucket in buckets) + sum(
        gamma(one, other) * one.clamped_usd * other.clamped_usd
        for one in buckets
        for other in buckets
        if one is not other
    )
    return math.sqrt(max(squared, 0.0))


def _between_buckets(sheet: Sheet, weights: Weights) -> Callable[[str, str], float]:
    """gamma of two ordinary buckets."""
    if sheet in (Sheet.RATES, Sheet.RATES_VOLATILITY):
        return lambda one, other: weights.calibration.rates.currencies
    if sheet in (Sheet.FX, Sheet.FX_VOLATILITY, Sheet.BASE_CORRELATION):
        return lambda one, other: 0.0
    named = weights.named(sheet)
    place = {name: number for number, name in enumerate(named.buckets)}
    return lambda one, other: named.between[place[one]][place[other]]


def _by_bucket(factors: list[Factor]) -> dict[str, list[Factor]]:
    buckets: dict[str, list[Factor]] = {}
    for factor in factors:
        buckets.setdefault(factor.bucket, []).append(factor)
    return buckets


def _ratio(one: float, other: float) -> float:
    """f or g: the smaller concentration factor over the greater."""
    return min(one, other) / max(one, other)


def _with_remainder(name: str, parts: list[Part], amount_usd: float, title: str) -> Part:
    """A part whose children do not add up by themselves, with what offsetting takes off as the last child."""
    if len(parts) == 1 and parts[0].amount_usd == amount_usd:
        return Part(name, amount_usd, tuple(parts))
    rest = amount_usd - math.fsum(part.amount_usd for part in parts)
    return Part(name, amount_usd, (*parts, Part(title, rest)))


def simm_parts(sensitivities: Sequence[Sensitivity], weights: Weights, sign: float) -> list[Part]:
    """SIMM of every product class that has sensitivities."""
    present = {record.product_class for record in sensitivities}
    return [
        product_class_part(name, sensitivities, weights, sign) for name in PRODUCT_CLASSES if name in present
    ]
