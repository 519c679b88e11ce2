"""A net sensitivity to one risk factor, and what its fields may hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from engine.rules.simm.calibration import Calibration
from engine.rules.simm.vocabulary import (
    CREDIT_TENORS,
    NAMED_CLASSES,
    PRODUCT_CLASSES,
    SHEET_OF_RISK_TYPE,
    SUB_CURVES,
    TENORS,
    VOLATILITY_SHEETS,
    Sheet,
)

_CURRENCY = re.compile(r"[A-Z]{3}")
_PAIR = re.compile(r"[A-Z]{6}")
_RATES = (Sheet.RATES, Sheet.RATES_VOLATILITY)
_CREDIT = (
    Sheet.CREDIT_QUALIFYING, Sheet.CREDIT_QUALIFYING_VOLATILITY,
    Sheet.CREDIT_NON_QUALIFYING, Sheet.CREDIT_NON_QUALIFYING_VOLATILITY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a field cannot be used: its name as in the file, what it holds, what it may hold."""

    field: str
    value: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.field} {self.value!r} is not allowed; it may be {self.allowed}"


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """One sensitivity in the fields of the risk data standard; amounts in USD.

    Of volatilities the amount is vega; of rates and credit the loss or gain per basis point, of equity, commodity and
    FX per one percent.
    """

    product_class: str
    risk_type: str
    qualifier: str
    bucket: str
    label1: str
    label2: str
    amount_usd: float

    @property
    def sheet(self) -> Sheet:
        return SHEET_OF_RISK_TYPE[self.risk_type]


def buckets_of(calibration: Calibration, sheet: Sheet) -> tuple[str, ...]:
    """Names of the buckets that a sensitivity of this sheet must choose from; none where it has no bucket."""
    for name, sheets in NAMED_CLASSES.items():
        if sheet in sheets:
            return calibration.named[name].buckets
    return ()


def checked(record: Sensitivity, calibration: Calibration) -> Sensitivity | list[Fault]:
    """The sensitivity in the one spelling that the calculation uses, or every fault of it.

    Spelling of labels, product class and ``Residual`` may differ in case; a currency pair is put in alphabetical
    order; fields that the risk type does not use are emptied (rates have no bucket of their own: it follows from the
    currency). Nothing is guessed: a bucket that is not one is a fault, never ``Residual``.
    """
    faults: list[Fault] = []
    product_class = _choice("ProductClass", record.product_class, PRODUCT_CLASSES, faults)
    risk_type = record.risk_type
    if risk_type not in SHEET_OF_RISK_TYPE:
        risk_type = _choice("RiskType", risk_type, tuple(SHEET_OF_RISK_TYPE), faults)
    if risk_type not in SHEET_OF_RISK_TYPE:
        return faults
    sheet = SHEET_OF_RISK_TYPE[risk_type]
    buckets = buckets_of(calibration, sheet)
    clean = replace(
        record,
        product_class=product_class,
        risk_type=risk_type,
        qualifier=_qualifier(record.qualifier.strip(), sheet, faults),
        bucket=_choice("Bucket", record.bucket, buckets, faults) if buckets else "",
        label1=_label1(record.label1, risk_type, sheet, faults),
        label2=_label2(record.label2, risk_type, sheet, faults),
    )
    return faults or clean


@cache
def by_spelling(choices: tuple[str, ...]) -> dict[str, str]:
    """Choice by its spelling without case."""
    return {choice.casefold(): choice for choice in choices}


def _choice(field: str, value: str, choices: tuple[str, ...], faults: list[Fault]) -> str:
    choice = by_spelling(choices).get(value.strip().casefold())
    if choice is not None:
        return choice
    faults.append(Fault(field, value, "one of " + ", ".join(choices)))
    return value


def _qualifier(value: str, sheet: Sheet, faults: list[Fault]) -> str:
    if sheet in _RATES or sheet is Sheet.FX:
        if not _CURRENCY.fullmatch(value):
            faults.append(Fault("Qualifier", value, "a currency of three capitals such as USD"))
    elif sheet is Sheet.FX_VOLATILITY:
        if not _PAIR.fullmatch(value) or value[:3] == value[3:]:
            faults.append(Fault("Qualifier", value, "two currencies in six capitals such as EURUSD"))
        return "".join(sorted((value[:3], value[3:])))
    elif not value:
        faults.append(Fault("Qualifier", value, "the name of an issuer, a good or an index"))
    return value


def _label1(value: str, risk_type: str, sheet: Sheet, faults: list[Fault]) -> str:
    if sheet in _CREDIT:
        return _choice("Label1", value, CREDIT_TENORS, faults)
    if risk_type == "Risk_IRCurve" or sheet in VOLATILITY_SHEETS:
        return _choice("Label1", value, TENORS, faults)
    return ""


def _label2(value: str, risk_type: str, sheet: Sheet, faults: list[Fault]) -> str:
    if risk_type == "Risk_IRCurve":
        return _choice("Label2", value, SUB_CURVES, faults)
    return value.strip() if sheet in _CREDIT else ""


def net(sensitivities: Sequence[Sensitivity]) -> list[Sensitivity]:
    """Amounts of the same risk factor added up; order of first appearance."""
    totals: dict[Sensitivity, float] = {}
    for record in sensitivities:
        factor = replace(record, amount_usd=0.0)
        totals[factor] = totals.get(factor, 0.0) + record.amount_usd
    return [replace(factor, amount_usd=total) for factor, total in totals.items()]
