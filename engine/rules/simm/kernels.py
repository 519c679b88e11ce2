"""What one bucket of risk factors comes to: its margin, clamped sum and curvature terms.

Keys are those of :mod:`engine.rules.simm.keys`; the rows of a bucket stand together, sorted.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.rules.interface import Float64s, Int64s
from engine.rules.simm.keys import (
    BUCKET_BITS,
    BUCKET_SHIFT,
    NAME_BITS,
    NAME_SHIFT,
    PLACE_BITS,
    SHEET_BITS,
    SHEET_SHIFT,
    SUB_BITS,
    SUB_SHIFT,
)
from engine.rules.simm.tables import (
    CURVATURE_SCALE,
    DELTA_THRESHOLD,
    DIFFERENT,
    EXPOSURE_SCALE,
    FX_CORRELATION,
    FX_GROUP,
    FX_THRESHOLD,
    FX_WEIGHT,
    PAIR_MOVE,
    PAIR_THRESHOLD,
    RISK_WEIGHT,
    SAME,
    SUB_CURVES,
    THRESHOLD,
    VEGA_THRESHOLD,
    Tables,
)
from engine.rules.simm.vocabulary import CROSS_CURRENCY_BASIS, INFLATION, Sheet

_PLACE_MASK: Final = (1 << PLACE_BITS) - 1
_SUB_MASK: Final = (1 << SUB_BITS) - 1
_NAME_MASK: Final = (1 << NAME_BITS) - 1
_BUCKET_MASK: Final = (1 << BUCKET_BITS) - 1
_SHEET_MASK: Final = (1 << SHEET_BITS) - 1
_RATES: Final = int(Sheet.RATES)
_RATES_VOLATILITY: Final = int(Sheet.RATES_VOLATILITY)
_CREDIT_NON_QUALIFYING: Final = int(Sheet.CREDIT_NON_QUALIFYING)
_CREDIT_NON_QUALIFYING_VOLATILITY: Final = int(Sheet.CREDIT_NON_QUALIFYING_VOLATILITY)
_CREDIT_QUALIFYING: Final = int(Sheet.CREDIT_QUALIFYING)
_CREDIT_QUALIFYING_VOLATILITY: Final = int(Sheet.CREDIT_QUALIFYING_VOLATILITY)
_FX: Final = int(Sheet.FX)
_FX_VOLATILITY: Final = int(Sheet.FX_VOLATILITY)

# Columns of a bucket's result.
MARGIN, CLAMPED, CONCENTRATION, CURVATURE, CURVATURE_CLAMPED, CURVATURE_SUM, CURVATURE_GROSS = range(7)
COLUMNS: Final = 7


@in_place
def sheet_of(key: int) -> int:
    return (key >> SHEET_SHIFT) & _SHEET_MASK


@in_place
def bucket_of(key: int) -> int:
    return (key >> BUCKET_SHIFT) & _BUCKET_MASK


@in_place
def charge_bucket(
    keys: Int64s, amounts: Float64s, first: int, last: int, tables: Tables, result: Float64s
) -> None:
    """Write the seven columns of the bucket whose rows are ``first:last``."""
    sheet = sheet_of(keys[first])
    if sheet == _RATES:
        _rates(keys, amounts, first, last, tables, result)
    elif sheet == _RATES_VOLATILITY:
        _rates_volatility(keys, amounts, first, last, tables, result)
    elif sheet == _FX:
        _fx(keys, amounts, first, last, tables, result)
    else:
        _named(keys, amounts, first, last, sheet, tables, result)


@in_place
def _concentration(exposure: float, threshold: float) -> float:
    return max(1.0, math.sqrt(abs(exposure) / threshold))


@in_place
def _linear(squared: float, total: float, concentration: float, result: Float64s) -> None:
    margin = math.sqrt(max(squared, 0.0))
    result[MARGIN] = margin
    result[CLAMPED] = max(min(total, margin), -margin)
    result[CONCENTRATION] = concentration


@kernel
def _curvature(squared: float, total: float, gross: float, result: Float64s) -> None:
    margin = math.sqrt(max(squared, 0.0))
    result[CURVATURE] = margin
    result[CURVATURE_CLAMPED] = max(min(total, margin), -margin)
    result[CURVATURE_SUM] = total
    result[CURVATURE_GROSS] = gross


@kernel
def _rates(keys: Int64s, amounts: Float64s, first: int, last: int, tables: Tables, result: Float64s) -> None:
    currency = bucket_of(keys[first])
    exposure = 0.0
    for row in range(first, last):
        if keys[row] & _PLACE_MASK != CROSS_CURRENCY_BASIS:
            exposure += amounts[row]
    concentration = _concentration(exposure, tables.currency[currency, DELTA_THRESHOLD])
    weighted = np.empty(last - first)
    squared, total = 0.0, 0.0
    for one in range(last - first):
        key = keys[first + one]
        place, sub = key & _PLACE_MASK, (key >> SUB_SHIFT) & _SUB_MASK
        here = tables.currency[currency, place] * amounts[first + one]
        if place != CROSS_CURRENCY_BASIS:
            here *= concentration
        weighted[one] = here
        total += here
        cross = 0.0
        for other in range(one):
            beside = keys[first + other]
            beside_sub = (beside >> SUB_SHIFT) & _SUB_MASK
            correlation = tables.places[place, beside & _PLACE_MASK]
            # Inflation and cross-currency basis have no sub-curve (0).
            if sub != beside_sub and sub != 0 and beside_sub != 0:
                correlation *= tables.general[SUB_CURVES]
            cross += correlation * weighted[other]
        squared += here * (here + 2.0 * cross)
    _linear(squared, total, concentration, result)
    result[CURVATURE:] = 0.0


@kernel
def _rates_volatility(
    keys: Int64s, amounts: Float64s, first: int, last: int, tables: Tables, result: Float64s
) -> None:
    """Twelve expiries of rates and, whatever the expiry, one factor of inflation."""
    currency = bucket_of(keys[first])
    exposure, curvature = np.zeros(INFLATION + 1), np.zeros(INFLATION + 1)
    for row in range(first, last):
        expiry = keys[row] & _PLACE_MASK
        factor = INFLATION if (keys[row] >> SUB_SHIFT) & _SUB_MASK else expiry
        exposure[factor] += amounts[row]
        curvature[factor] += tables.general[expiry] * amounts[row]
    concentration = _concentration(exposure.sum(), tables.currency[currency, VEGA_THRESHOLD])
    exposure *= tables.bucket[_RATES_VOLATILITY, 0, RISK_WEIGHT] * concentration
    squared, curved = 0.0, 0.0
    for one in range(INFLATION + 1):
        for other in range(INFLATION + 1):
            correlation = tables.places[one, other]
            squared += correlation * exposure[one] * exposure[other]
            curved += correlation * correlation * curvature[one] * curvature[other]
    _linear(squared, exposure.sum(), concentration, result)
    _curvature(curved, curvature.sum(), np.abs(curvature).sum(), result)


@kernel
def _fx(keys: Int64s, amounts: Float64s, first: int, last: int, tables: Tables, result: Float64s) -> None:
    count = last - first
    weighted, concentration, group = np.empty(count), np.empty(count), np.empty(count, np.int64)
    squared, total = 0.0, 0.0
    for one in range(count):
        currency = (keys[first + one] >> NAME_SHIFT) & _NAME_MASK
        amount = amounts[first + one]
        concentration[one] = _concentration(amount, tables.currency[currency, FX_THRESHOLD])
        weighted[one] = tables.currency[currency, FX_WEIGHT] * amount * concentration[one]
        group[one] = int(tables.currency[currency, FX_GROUP])
        total += weighted[one]
        cross = 0.0
        for other in range(one):
            low, high = concentration[one], concentration[other]
            if low > high:
                low, high = high, low
            correlation = tables.general[FX_CORRELATION + 2 * group[one] + group[other]]
            cross += correlation * low / high * weighted[other]
        squared += weighted[one] * (weighted[one] + 2.0 * cross)
    _linear(squared, total, 1.0, result)
    result[CURVATURE:] = 0.0


@kernel
def _named(
    keys: Int64s,
    amounts: Float64s,
    first: int,
    last: int,
    sheet: int,
    tables: Tables,
    result: Float64s,
) -> None:
    """Issuers, goods, currency pairs, indexes: two correlations within the bucket, of like factors and of others.

    In O(n) but for sorting: with d and s the two correlations and F(A) = sum over i, j in A of f(i, j) w(i) w(j),
    the square is d F(all) + (s - d) sum over groups F(group) + (1 - s) sum w(i)^2, and F needs one pass by rising
    concentration factor, since f is the smaller of two over the greater.
    """
    figures = tables.bucket[sheet, bucket_of(keys[first])]
    by_label = sheet in (_CREDIT_NON_QUALIFYING, _CREDIT_NON_QUALIFYING_VOLATILITY)
    by_expiry = by_label or sheet in (_CREDIT_QUALIFYING, _CREDIT_QUALIFYING_VOLATILITY)
    size = last - first
    weighted, curved, concentrations = np.zeros(size), np.zeros(size), np.empty(size)
    group, labels = np.empty(size, np.int64), np.empty(size, np.int64)
    count, groups, start = 0, 0, first
    while start < last:
        name = (keys[start] >> NAME_SHIFT) & _NAME_MASK
        end = start
        exposure = 0.0
        while end < last and (keys[end] >> NAME_SHIFT) & _NAME_MASK == name:
            exposure += amounts[end]
            end += 1
        scale, move = figures[EXPOSURE_SCALE], figures[CURVATURE_SCALE]
        threshold = figures[THRESHOLD]
        if sheet == _FX_VOLATILITY:
            move = tables.pair[name, PAIR_MOVE]
            scale *= move
            threshold = tables.pair[name, PAIR_THRESHOLD]
        concentration = _concentration(exposure * scale, threshold)
        weight = figures[RISK_WEIGHT] * scale * concentration
        if not by_label:
            groups += 1
        for row in range(start, end):
            label = (keys[row] >> SUB_SHIFT) & _SUB_MASK
            if by_label:
                place = 0
                while place < groups and labels[place] != label:
                    place += 1
                if place == groups:
                    labels[place] = label
                    groups += 1
            else:
                place = groups - 1
            weighted[count] += weight * amounts[row]
            curved[count] += tables.general[keys[row] & _PLACE_MASK] * move * amounts[row]
            concentrations[count], group[count] = concentration, place
            if by_expiry or row == end - 1:
                count += 1
        start = end
    same, different = figures[SAME], figures[DIFFERENT]
    squared = _squared(weighted[:count], concentrations[:count], group[:count], groups, same, different)
    _linear(squared, weighted[:count].sum(), 1.0, result)
    if figures[CURVATURE_SCALE] == 0.0:
        result[CURVATURE:] = 0.0
        return
    concentrations[:] = 1.0
    squared = _squared(
        curved[:count], concentrations[:count], group[:count], groups, same * same, different * different
    )
    _curvature(squared, curved[:count].sum(), np.abs(curved[:count]).sum(), result)


@kernel
def _squared(
    weighted: Float64s, concentration: Float64s, group: Int64s, groups: int, same: float, different: float
) -> float:
    """Sum over pairs of correlation, ratio of concentration factors and both weighted sensitivities."""
    count = len(weighted)
    level = True
    for one in range(1, count):
        level = level and concentration[one] == concentration[0]
    order = np.arange(count) if level else np.argsort(concentration)
    before, before_of = 0.0, np.zeros(groups)
    all_pairs, like_pairs, squares = 0.0, 0.0, 0.0
    for place in range(count):
        one = order[place]
        part, share = weighted[one] / concentration[one], weighted[one] * concentration[one]
        all_pairs += part * before
        like_pairs += part * before_of[group[one]]
        squares += weighted[one] * weighted[one]
        before += share
        before_of[group[one]] += share
    return squares + 2.0 * (different * all_pairs + (same - different) * like_pairs)
