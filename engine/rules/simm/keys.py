"""Risk factors as int64 keys, which sort by product class, sheet, bucket, name, sub-curve and tenor.

Layout, from the high bits: product class 2, sheet 4, bucket 12, name 24, sub 12, place 4. Rates have the currency as
bucket, FX and base correlation have the one bucket 0. A key says all that the kernels need; names stay outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.rules.interface import Float64s, Int64s
from engine.rules.simm.calibration import Calibration
from engine.rules.simm.sensitivity import Sensitivity, buckets_of
from engine.rules.simm.vocabulary import (
    CROSS_CURRENCY_BASIS,
    INFLATION,
    PRODUCT_CLASSES,
    SUB_CURVES,
    Sheet,
)
from engine.rules.simm.weights import tenor_place

PLACE_BITS: Final = 4
SUB_BITS: Final = 12
NAME_BITS: Final = 24
BUCKET_BITS: Final = 12
SHEET_BITS: Final = 4
SUB_SHIFT: Final = PLACE_BITS
NAME_SHIFT: Final = SUB_SHIFT + SUB_BITS
BUCKET_SHIFT: Final = NAME_SHIFT + NAME_BITS
SHEET_SHIFT: Final = BUCKET_SHIFT + BUCKET_BITS
PRODUCT_SHIFT: Final = SHEET_SHIFT + SHEET_BITS


class Names:
    """Names numbered in order of appearance, at most as many as their bits of a key can tell apart."""

    def __init__(self, what: str, bits: int) -> None:
        self._what, self._limit = what, 1 << bits
        self._number: dict[str, int] = {}

    def number(self, name: str) -> int:
        """The name's number; a new name gets the next.

        Raises:
            MarginError: OUT_OF_RANGE if there are too many.
        """
        number = self._number.get(name)
        if number is None:
            number = len(self._number)
            if number == self._limit:
                raise MarginError(
                    Reason.OUT_OF_RANGE, f"{self._what} {name}", f"is more than the {self._limit} that fit"
                )
            self._number[name] = number
        return number

    def __len__(self) -> int:
        return len(self._number)

    def __iter__(self) -> Iterator[str]:
        return iter(self._number)


class Keys:
    """Turns checked sensitivities into keys.

    Attributes:
        currencies, pairs: names whose figures the tables hold by number.
    """

    def __init__(self, calibration: Calibration) -> None:
        self.currencies = Names("currency", BUCKET_BITS)
        self.pairs = Names("currency pair", NAME_BITS)
        self._names = Names("issuer, good or index", NAME_BITS)
        self._labels = Names("label 2", SUB_BITS)
        self._labels.number("")
        self._buckets = {
            sheet: {name: place for place, name in enumerate(buckets_of(calibration, sheet))}
            for sheet in Sheet
        }

    def columns(self, sensitivities: Sequence[Sensitivity]) -> tuple[Int64s, Float64s]:
        """int64[n] keys, sorted, each once, and float64[n] net amounts, USD."""
        keys = np.array([self.key(record) for record in sensitivities], np.int64)
        amounts = np.array([record.amount_usd for record in sensitivities], np.float64)
        return net_columns(keys, amounts)

    def key(self, record: Sensitivity) -> int:
        """Of one sensitivity that :func:`engine.rules.simm.sensitivity.checked` returned."""
        sheet = record.sheet
        bucket, name, sub = 0, 0, 0
        if sheet in (Sheet.RATES, Sheet.RATES_VOLATILITY):
            bucket = self.currencies.number(record.qualifier)
            if sheet is Sheet.RATES_VOLATILITY:
                sub = int(record.risk_type == "Risk_InflationVol")
            elif record.label2:
                sub = 1 + SUB_CURVES.index(record.label2)
        elif sheet is Sheet.FX:
            name = self.currencies.number(record.qualifier)
        elif sheet is Sheet.FX_VOLATILITY:
            name = self.pairs.number(record.qualifier)
        else:
            bucket = self._buckets[sheet].get(record.bucket, 0)
            name = self._names.number(record.qualifier)
            sub = self._labels.number(record.label2)
        return (
            PRODUCT_CLASSES.index(record.product_class) << PRODUCT_SHIFT
            | int(sheet) << SHEET_SHIFT
            | bucket << BUCKET_SHIFT
            | name << NAME_SHIFT
            | sub << SUB_SHIFT
            | _place(record)
        )


def net_columns(keys: Int64s, amounts: Float64s) -> tuple[Int64s, Float64s]:
    """Sorted keys, each once, with the sum of their amounts."""
    order = np.argsort(keys, kind="stable")
    keys, amounts = keys[order], amounts[order]
    first = (
        np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        if len(keys)
        else np.zeros(0, np.int64)
    )
    return keys[first], np.add.reduceat(amounts, first) if len(keys) else amounts


def _place(record: Sensitivity) -> int:
    if record.risk_type == "Risk_Inflation":
        return INFLATION
    if record.risk_type == "Risk_XCcyBasis":
        return CROSS_CURRENCY_BASIS
    return tenor_place(record.label1)
