"""Reading a CRIF: the risk data standard's rows as CSV (comma, tab, semicolon, bar) or JSON.

A row that cannot be used is refused by line, field and allowed values; the rest of the file is read. Rows that SIMM
does not margin are passed over by name. Nothing goes missing: every row is an item, refused or passed over.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

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
from streams.replay.files import FileError, once, open_text

FIELDS: Final = {
    "portfolioid": "PortfolioID",
    "portfolio": "PortfolioID",
    "tradeid": "TradeID",
    "productclass": "ProductClass",
    "risktype": "RiskType",
    "qualifier": "Qualifier",
    "bucket": "Bucket",
    "label1": "Label1",
    "label2": "Label2",
    "amount": "Amount",
    "amountcurrency": "AmountCurrency",
    "amountusd": "AmountUSD",
    "collectregulations": "collect_regulations",
    "postregulations": "post_regulations",
    "immodel": "IMModel",
    "agreementtype": "AgreementType",
    "calltype": "CallType",
    "initialmargintype": "InitialMarginType",
    "legalentityid": "LegalEntityId",
}
# Columns of the standard that the calculation does not need.
UNUSED: Final = frozenset(
    {"valuationdate", "enddate", "tradetype", "amountresultcurrency", "resultcurrency", "cpname", "tradeid"}
)
NEEDED: Final = ("PortfolioID", "RiskType")
AGREEMENT: Final = ("AgreementType", "CallType", "InitialMarginType", "LegalEntityId")
SIMM_MODELS: Final = ("SIMM", "SIMM-R", "SIMM-P")
SCHEDULE: Final = "Schedule"
# Of the schedule method, and present values that SIMM has no use for.
PASSED_OVER: Final = ("PV",)
# Words for a row that states no regulation.
NO_REGULATION: Final = ("unspecified", "included")
_DELIMITERS: Final = ",\t;|"
_MODELS: Final = (*SIMM_MODELS, SCHEDULE)
_RISK_TYPES: Final = (*SHEET_OF_RISK_TYPE, *ADD_ON_TYPES, *PASSED_OVER)
_REGULATIONS: Final = (*REGULATIONS, EXCLUDED)

Agreement = tuple[str, ...]
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is in no figure.

    Attributes:
        place: ``line 7`` of a CSV, ``record 6`` of a JSON file. portfolio_id: empty if the row has none.
    """

    place: str
    portfolio_id: str
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return f"{self.place}: " + "; ".join(str(fault) for fault in self.faults)


@dataclass(slots=True)
class Crif:
    """A read file.

    Attributes:
        agreements: items by PortfolioID and further columns of the netting agreement, in order of appearance.
        refused: rows that cannot be used. passed_over: rows that SIMM does not margin, each said in a line.
        unknown: columns that nothing reads.
    """

    agreements: dict[Agreement, list[Item]] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def read_crif(file: Path, calibration: Calibration, usd_per_unit: Mapping[str, float]) -> Crif:
    """Read a file; ``usd_per_unit`` converts amounts that have no AmountUSD.

    Raises:
        FileError: the file is no CRIF at all: not CSV or JSON, without rows, or without a needed column.
    """
    crif = Crif()
    rates = {"USD": 1.0, **usd_per_unit}
    stated: dict[tuple[Agreement, str, str], float] = {}
    count = 0
    for place, row in _rows(file, crif):
        count += 1
        _take(place, row, crif, calibration, rates, stated)
    if count == 0:
        raise FileError(file, "", "has no rows", "give one row for each sensitivity")
    return crif


def _rows(file: Path, crif: Crif) -> Iterator[tuple[str, Row]]:
    with open_text(file) as text:
        start = text.read(4096).lstrip()
    yield from _json_rows(file, crif) if start[:1] in ("[", "{") else _csv_rows(file, crif)


def _csv_rows(file: Path, crif: Crif) -> Iterator[tuple[str, Row]]:
    with open_text(file) as text:
        head = text.readline()
        delimiter = max(_DELIMITERS, key=head.count)
        reader = csv.reader(text, delimiter=delimiter)
        line = 1
        try:
            columns = [_field(name) for name in next(csv.reader([head.lstrip("#")], delimiter=delimiter), [])]
            names = [name for name, _ in columns if name]
            _check_columns(file, names, crif, columns)
            twice = [name for name in names if names.count(name) > 1]
            if twice:
                raise FileError(file, "line 1", f"has two columns for {twice[0]}", "leave one of them out")
            line = 2
            for values in reader:
                place, line = f"line {line}", reader.line_num + 2
                if not any(value.strip() for value in values):
                    continue
                if len(values) > len(columns):
                    fault = Fault(
                        "columns", str(len(values)), f"at most {len(columns)}, as the first line names"
                    )
                    crif.refused.append(Refused(place, "", (fault,)))
                    continue
                yield place, {name: value.strip() for (name, _), value in zip(columns, values, strict=False)}
        except csv.Error as error:
            raise FileError(file, f"line {line}", f"is not CSV: {error}", "correct it") from None


def _json_rows(file: Path, crif: Crif) -> Iterator[tuple[str, Row]]:
    with open_text(file) as opened:
        text = opened.read()
    try:
        content: Any = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise FileError(file, f"line {error.lineno}", f"is not JSON: {error.msg}", "correct it") from None
    except RecursionError:
        raise FileError(file, "", "is nested too deeply", "give a list of objects") from None
    except ValueError as error:
        raise FileError(file, "", str(error), "correct it") from None
    records = content.get("crif") if isinstance(content, dict) else content
    if not isinstance(records, list):
        raise FileError(file, "", "is no list of rows", "give a list of objects, or {'crif': [...]}")
    names = {name: _field(name) for row in records if isinstance(row, dict) for name in row}
    _check_columns(file, [name for name, _ in names.values()], crif, list(names.values()))
    for number, row in enumerate(records, start=1):
        place = f"record {number}"
        if not isinstance(row, dict):
            crif.refused.append(Refused(place, "", (Fault("record", repr(row)[:60], "an object"),)))
            continue
        fields = {names[name][0]: _json_text(value) for name, value in row.items()}
        if len(fields) < len(row):
            crif.refused.append(
                Refused(place, "", (Fault("record", ", ".join(row), "one key for each field"),))
            )
            continue
        yield place, fields


def _json_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return "" if value is None else str(value).strip()


def _field(name: str) -> tuple[str, bool]:
    """The standard's name of a column and whether it is known."""
    plain = name.strip().lower().replace("_", "").replace(" ", "")
    return (FIELDS[plain], True) if plain in FIELDS else (name.strip(), plain in UNUSED)


def _check_columns(file: Path, names: list[str], crif: Crif, columns: list[tuple[str, bool]]) -> None:
    missing = [name for name in NEEDED if name not in names]
    if not {"Amount", "AmountUSD"} & set(names):
        missing.append("Amount or AmountUSD")
    if missing:
        remedy = "name the columns of the risk data standard (CRIF) in the first line"
        raise FileError(file, "", f"has no column {', '.join(missing)}", remedy)
    crif.unknown += [name for name, known in columns if not known and name]


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
    agreement = (portfolio_id, *(row.get(name, "") for name in AGREEMENT))
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
    amount = _amount_usd(row, rates, faults)
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
        return AddOn(kind, product_class, _number("Amount", row, faults, 1.0))
    if kind != FIXED_AMOUNT and not name:
        faults.append(Fault("Qualifier", name, "the name of a product"))
    if kind == NOTIONAL_FACTOR:
        return AddOn(kind, name, _number("Amount", row, faults, 0.0))
    amount = _amount_usd(row, rates, faults)
    return AddOn(kind, name, abs(amount) if kind == NOTIONAL else amount)


def _amount_usd(row: Row, rates: Mapping[str, float], faults: list[Fault]) -> float:
    if row.get("AmountUSD", ""):
        return _number("AmountUSD", row, faults)
    currency = row.get("AmountCurrency", "")
    if currency not in rates:
        allowed = ", ".join(sorted(rates))
        faults.append(
            Fault("AmountCurrency", currency, f"{allowed} (others with --fx), or give the row's AmountUSD")
        )
        return 0.0
    amount = _number("Amount", row, faults) * rates[currency]
    if not math.isfinite(amount):
        faults.append(
            Fault("Amount", row["Amount"], f"less: in USD, at {rates[currency]:g}, it is no number any more")
        )
        return 0.0
    return amount


def _number(name: str, row: Row, faults: list[Fault], low: float = -math.inf) -> float:
    text = row.get(name, "")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < low:
        bound = "" if low == -math.inf else f" of at least {low:g}"
        faults.append(Fault(name, text, f"a finite number{bound} such as -1250.75"))
        return 0.0
    return value


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
