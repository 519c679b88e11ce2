"""Reading a CRIF: the risk data standard's rows as CSV (comma, tab, semicolon, bar) or JSON.

A row that cannot be used is refused by line, field and allowed values; the rest of the file is read. Rows that SIMM
does not margin are passed over by name. Nothing goes missing: every row is an item, refused or passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.rules.simm.calibration import Calibration
from engine.rules.simm.portfolio import (
    ADD_ON_TYPES,
    COLLECT,
    EXCLUDED,
    FIXED_AMOUNT,
    MULTIPLIER,
    NOTIONAL,
    NOTIONAL_FACTOR,
    POST,
    REGULATIONS,
    AddOn,
    Item,
)
from engine.rules.simm.sensitivity import Fault, Sensitivity, by_spelling, checked
from engine.rules.simm.vocabulary import PRODUCT_CLASSES, SHEET_OF_RISK_TYPE
from streams.replay.crif_rows import (
    Agreement,
    Refused,
    Row,
    Unreadable,
    agreement_of,
    amount_usd,
    number,
    rows_of,
)

SIMM_MODELS: Final = ("SIMM", "SIMM-R", "SIMM-P")
SCHEDULE: Final = "Schedule"
# Of the schedule method, and present values that SIMM has no use for.
PASSED_OVER: Final = ("PV",)
# Words for a row that states no regulation.
NO_REGULATION: Final = ("unspecified", "included")
_MODELS: Final = (*SIMM_MODELS, SCHEDULE)
_RISK_TYPES: Final = (*SHEET_OF_RISK_TYPE, *ADD_ON_TYPES, *PASSED_OVER)
_REGULATIONS: Final = (*REGULATIONS, EXCLUDED)


@dataclass(slots=True)
class Crif(Unreadable):
    """A read file.

    Attributes:
        agreements: items by PortfolioID and further columns of the netting agreement, in order of appearance.
        passed_over: rows that SIMM does not margin, each said in a line.
    """

    agreements: dict[Agreement, list[Item]] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)


def read_crif(file: Path, calibration: Calibration, usd_per_unit: Mapping[str, float]) -> Crif:
    """Read a file; ``usd_per_unit`` converts amounts that have no AmountUSD.

    Raises:
        FileError: the file is no CRIF at all: not CSV or JSON, without rows, or without a needed column.
    """
    crif = Crif()
    rates = {"USD": 1.0, **usd_per_unit}
    stated: dict[tuple[Agreement, str, str], float] = {}
    for place, row in rows_of(file, crif):
        _take(place, row, crif, calibration, rates, stated)
    return crif


def _take(
    place: str,
    row: Row,
    crif: Crif,
    calibration: Calibration,
    rates: Mapping[str, float],
    stated: dict[tuple[Agreement, str, str], float],
) -> None:
    portfolio_id = row.get("PortfolioID", "")
    faults: list[Fault] = []
    if not portfolio_id:
        faults.append(Fault("PortfolioID", "", "the name of the portfolio"))
    agreement = agreement_of(row)
    model = _model(row.get("IMModel", ""), faults)
    risk_type = _risk_type(row.get("RiskType", ""), faults)
    if not faults and (model == SCHEDULE or risk_type in PASSED_OVER):
        why = f"IMModel {SCHEDULE}" if model == SCHEDULE else f"RiskType {risk_type}"
        crif.passed_over.append(f"{place}: portfolio {portfolio_id}: {why} is not margined by SIMM")
        crif.agreements.setdefault(agreement, [])
        return
    regulations = {
        COLLECT: _regulations("collect_regulations", row, faults),
        POST: _regulations("post_regulations", row, faults),
    }
    content: Sensitivity | AddOn | None = None
    if risk_type in ADD_ON_TYPES:
        content = _add_on(risk_type, row, rates, faults)
        if content is not None and risk_type in (MULTIPLIER, NOTIONAL_FACTOR):
            before = stated.setdefault((agreement, risk_type, content.name), content.value)
            if before != content.value:
                faults.append(Fault("Amount", row.get("Amount", ""), f"{before:g}, as an earlier row states"))
    elif risk_type in SHEET_OF_RISK_TYPE:
        content = _sensitivity(risk_type, row, calibration, rates, faults)
    if faults or content is None:
        crif.refused.append(Refused(place, portfolio_id, tuple(faults)))
        if portfolio_id:
            crif.agreements.setdefault(agreement, [])
        return
    crif.agreements.setdefault(agreement, []).append(Item(content, regulations))


def _sensitivity(
    risk_type: str, row: Row, calibration: Calibration, rates: Mapping[str, float], faults: list[Fault]
) -> Sensitivity | None:
    amount = amount_usd(row, rates, faults)
    names = ("ProductClass", "Qualifier", "Bucket", "Label1", "Label2")
    product_class, qualifier, bucket, label1, label2 = (row.get(name, "") for name in names)
    record = Sensitivity(product_class, risk_type, qualifier, bucket, label1, label2, amount)
    outcome = checked(record, calibration)
    if isinstance(outcome, list):
        faults += outcome
        return None
    return outcome


def _add_on(kind: str, row: Row, rates: Mapping[str, float], faults: list[Fault]) -> AddOn | None:
    name = row.get("Qualifier", "")
    if kind == MULTIPLIER:
        product_class = by_spelling(PRODUCT_CLASSES).get(name.casefold(), "")
        if not product_class:
            faults.append(Fault("Qualifier", name, "one of " + ", ".join(PRODUCT_CLASSES)))
        return AddOn(kind, product_class, number("Amount", row, faults, 1.0))
    if kind != FIXED_AMOUNT and not name:
        faults.append(Fault("Qualifier", name, "the name of a product"))
    if kind == NOTIONAL_FACTOR:
        return AddOn(kind, name, number("Amount", row, faults, 0.0))
    amount = amount_usd(row, rates, faults)
    return AddOn(kind, name, abs(amount) if kind == NOTIONAL else amount)


def _model(text: str, faults: list[Fault]) -> str:
    model = by_spelling(_MODELS).get(text.casefold(), "")
    if text and not model:
        faults.append(Fault("IMModel", text, "empty or one of " + ", ".join(_MODELS)))
    return model


def _risk_type(text: str, faults: list[Fault]) -> str:
    kind = by_spelling(_RISK_TYPES).get(text.casefold(), "")
    if not kind:
        faults.append(Fault("RiskType", text, "one of " + ", ".join(_RISK_TYPES)))
    return kind


def _regulations(name: str, row: Row, faults: list[Fault]) -> frozenset[str]:
    found = set()
    for part in row.get(name, "").replace(";", ",").strip("[]\"' ").split(","):
        regulation = part.strip("\"' ").casefold()
        if not regulation or regulation in NO_REGULATION:
            continue
        choice = by_spelling(_REGULATIONS).get(regulation)
        if choice is None:
            faults.append(Fault(name, part.strip(), "empty or some of " + ", ".join(_REGULATIONS)))
        else:
            found.add(choice)
    return frozenset(found)
