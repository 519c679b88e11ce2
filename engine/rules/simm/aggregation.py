"""From buckets to the margin of a netting set: sheets, risk classes, product classes."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.rules.interface import Float64s, Int64s
from engine.rules.simm.kernels import (
    CLAMPED,
    CONCENTRATION,
    CURVATURE,
    CURVATURE_CLAMPED,
    CURVATURE_GROSS,
    CURVATURE_SUM,
    MARGIN,
    bucket_of,
    charge_bucket,
    sheet_of,
)
from engine.rules.simm.keys import BUCKET_SHIFT, PRODUCT_SHIFT, SHEET_SHIFT
from engine.rules.simm.tables import CURRENCIES, IS_RESIDUAL, RATES_CURVATURE_SCALE, TAIL, Tables
from engine.rules.simm.vocabulary import CLASS_OF_SHEET, PRODUCT_CLASSES, RISK_CLASSES, Sheet

_RATES: Final = int(Sheet.RATES)
_RATES_VOLATILITY: Final = int(Sheet.RATES_VOLATILITY)
_CLASS_OF_SHEET: Final = np.array(CLASS_OF_SHEET, np.int64)
PRODUCTS: Final = len(PRODUCT_CLASSES)
SHEETS: Final = len(Sheet)
CLASSES: Final = len(RISK_CLASSES)
# Columns of a sheet's margins.
LINEAR, COLLECT, POST = range(3)


@kernel
def bucket_starts(keys: Int64s) -> Int64s:
    """int64[b + 1]: where the buckets begin in the sorted keys, and their end."""
    starts = np.empty(len(keys) + 1, np.int64)
    count = 0
    for row in range(len(keys)):
        if row == 0 or keys[row] >> BUCKET_SHIFT != keys[row - 1] >> BUCKET_SHIFT:
            starts[count] = row
            count += 1
    starts[count] = len(keys)
    return starts[: count + 1].copy()


@kernel
def charge_all(
    keys: Int64s, amounts: Float64s, starts: Int64s, tables: Tables, buckets: Float64s, sheets: Float64s
) -> None:
    """Charge every bucket (float64[b, 7]) and every sheet (float64[4, 13, 3], filled from zeros)."""
    sheets[:] = 0.0
    count = len(starts) - 1
    begin = 0
    for bucket in range(count):
        charge_bucket(keys, amounts, starts[bucket], starts[bucket + 1], tables, buckets[bucket])
        here = keys[starts[bucket]] >> SHEET_SHIFT
        if bucket == count - 1 or keys[starts[bucket + 1]] >> SHEET_SHIFT != here:
            _charge_sheet(keys, starts, begin, bucket + 1, tables, buckets, sheets)
            begin = bucket + 1


@kernel
def change_rows(
    keys: Int64s,
    amounts: Float64s,
    starts: Int64s,
    tables: Tables,
    changed: Int64s,
    by_usd: Float64s,
    buckets: Float64s,
    sheets: Float64s,
) -> bool:
    """Add to the amounts of some risk factors and charge again only their buckets and sheets.

    Args:
        changed: int64[m] keys, sorted. by_usd: float64[m].

    Returns:
        False, with nothing changed, if one of the keys is not there.
    """
    rows = np.searchsorted(keys, changed)
    for one in range(len(changed)):
        if rows[one] == len(keys) or keys[rows[one]] != changed[one]:
            return False
    for one in range(len(changed)):
        amounts[rows[one]] += by_usd[one]
    one = 0
    while one < len(changed):
        sheet = changed[one] >> SHEET_SHIFT
        place = np.searchsorted(starts, rows[one], side="right") - 1
        while one < len(changed) and changed[one] >> SHEET_SHIFT == sheet:
            bucket = np.searchsorted(starts, rows[one], side="right") - 1
            charge_bucket(keys, amounts, starts[bucket], starts[bucket + 1], tables, buckets[bucket])
            while one < len(changed) and rows[one] < starts[bucket + 1]:
                one += 1
        begin = place
        while begin > 0 and keys[starts[begin - 1]] >> SHEET_SHIFT == sheet:
            begin -= 1
        end = place + 1
        while end < len(starts) - 1 and keys[starts[end]] >> SHEET_SHIFT == sheet:
            end += 1
        _charge_sheet(keys, starts, begin, end, tables, buckets, sheets)
    return True


@in_place
def _charge_sheet(
    keys: Int64s,
    starts: Int64s,
    begin: int,
    end: int,
    tables: Tables,
    buckets: Float64s,
    sheets: Float64s,
) -> None:
    """Margin of one sheet of one product class, whose buckets are ``begin:end``."""
    key = keys[starts[begin]]
    sheet = sheet_of(key)
    rates = sheet in (_RATES, _RATES_VOLATILITY)
    last_is_residual = tables.bucket[sheet, bucket_of(keys[starts[end - 1]]), IS_RESIDUAL] != 0.0
    apart = end - 1 if last_is_residual and not rates else end
    squared, curved, total, gross = 0.0, 0.0, 0.0, 0.0
    for one in range(begin, apart):
        this = bucket_of(keys[starts[one]])
        cross, curved_cross = 0.0, 0.0
        for other in range(begin, one):
            if rates:
                gamma = tables.general[CURRENCIES]
                low, high = buckets[one, CONCENTRATION], buckets[other, CONCENTRATION]
                ratio = low / high if low < high else high / low
            else:
                gamma = tables.between[sheet, this, bucket_of(keys[starts[other]])]
                ratio = 1.0
            cross += gamma * ratio * buckets[other, CLAMPED]
            curved_cross += gamma * gamma * buckets[other, CURVATURE_CLAMPED]
        squared += buckets[one, MARGIN] ** 2 + 2.0 * buckets[one, CLAMPED] * cross
        curved += buckets[one, CURVATURE] ** 2 + 2.0 * buckets[one, CURVATURE_CLAMPED] * curved_cross
        total += buckets[one, CURVATURE_SUM]
        gross += buckets[one, CURVATURE_GROSS]
    margins = sheets[key >> PRODUCT_SHIFT, sheet]
    scale = tables.general[RATES_CURVATURE_SCALE] if sheet == _RATES_VOLATILITY else 1.0
    spread = math.sqrt(max(curved, 0.0))
    margins[LINEAR] = math.sqrt(max(squared, 0.0))
    margins[COLLECT] = scale * _curvature(total, gross, spread, tables.general[TAIL])
    margins[POST] = scale * _curvature(-total, gross, spread, tables.general[TAIL])
    if apart < end:
        last = buckets[end - 1]
        total, gross, spread = last[CURVATURE_SUM], last[CURVATURE_GROSS], last[CURVATURE]
        margins[LINEAR] += last[MARGIN]
        margins[COLLECT] += _curvature(total, gross, spread, tables.general[TAIL])
        margins[POST] += _curvature(-total, gross, spread, tables.general[TAIL])


@in_place
def _curvature(total: float, gross: float, spread: float, tail: float) -> float:
    """Margin from the sum of curvature exposures, their gross sum and the root of squares."""
    theta = min(total / gross, 0.0) if gross > 0.0 else 0.0
    return max(0.0, total + (tail * (1.0 + theta) - theta) * spread)


@kernel
def product_margins(sheets: Float64s, tables: Tables, margins: Float64s) -> None:
    """Write float64[4, 2]: SIMM of each product class for the side that collects and the one that posts."""
    classes = np.zeros((CLASSES, 2))
    for product in range(PRODUCTS):
        classes[:] = 0.0
        for sheet in range(SHEETS):
            place = _CLASS_OF_SHEET[sheet]
            classes[place, 0] += sheets[product, sheet, LINEAR] + sheets[product, sheet, COLLECT]
            classes[place, 1] += sheets[product, sheet, LINEAR] + sheets[product, sheet, POST]
        for side in range(2):
            squared = 0.0
            for one in range(CLASSES):
                cross = 0.0
                for other in range(one):
                    cross += tables.risk_classes[one, other] * classes[other, side]
                squared += classes[one, side] * (classes[one, side] + 2.0 * cross)
            margins[product, side] = math.sqrt(max(squared, 0.0))
