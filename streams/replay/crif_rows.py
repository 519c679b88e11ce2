"""The rows of a CRIF: the risk data standard as CSV (comma, tab, semicolon, bar) or JSON, fields under their names."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engine.rules.simm.sensitivity import Fault
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
    "enddate": "EndDate",
    "valuationdate": "ValuationDate",
}
# Columns of the standard that no calculation needs.
UNUSED: Final = frozenset({"tradetype", "amountresultcurrency", "resultcurrency", "cpname"})
NEEDED: Final = ("PortfolioID", "RiskType")
AGREEMENT: Final = ("AgreementType", "CallType", "InitialMarginType", "LegalEntityId")
_DELIMITERS: Final = ",\t;|"

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
class Unreadable:
    """What of a file is in no figure: rows that cannot be used, and columns that nothing reads."""

    refused: list[Refused] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def rows_of(file: Path, faults: Unreadable) -> Iterator[tuple[str, Row]]:
    """Every row with its place; what cannot be one is put into ``faults``.

    Raises:
        FileError: the file is not CSV or JSON, has no rows or lacks a needed column.
    """
    count = 0
    for place, row in _rows(file, faults):
        count += 1
        yield place, row
    if count == 0:
        raise FileError(file, "", "has no rows", "give one row for each sensitivity")


def _rows(file: Path, crif: Unreadable) -> Iterator[tuple[str, Row]]:
    with open_text(file) as text:
        start = text.read(4096).lstrip()
    yield from _json_rows(file, crif) if start[:1] in ("[", "{") else _csv_rows(file, crif)


def _csv_rows(file: Path, crif: Unreadable) -> Iterator[tuple[str, Row]]:
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


def _json_rows(file: Path, crif: Unreadable) -> Iterator[tuple[str, Row]]:
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


def _check_columns(file: Path, names: list[str], crif: Unreadable, columns: list[tuple[str, bool]]) -> None:
    missing = [name for name in NEEDED if name not in names]
    if not {"Amount", "AmountUSD"} & set(names):
        missing.append("Amount or AmountUSD")
    if missing:
        remedy = "name the columns of the risk data standard (CRIF) in the first line"
        raise FileError(file, "", f"has no column {', '.join(missing)}", remedy)
    crif.unknown += [name for name, known in columns if not known and name]


def amount_usd(row: Row, rates: Mapping[str, float], faults: list[Fault]) -> float:
    if row.get("AmountUSD", ""):
        return number("AmountUSD", row, faults)
    currency = row.get("AmountCurrency", "")
    if currency not in rates:
        allowed = ", ".join(sorted(rates))
        faults.append(
            Fault("AmountCurrency", currency, f"{allowed} (others with --fx), or give the row's AmountUSD")
        )
        return 0.0
    amount = number("Amount", row, faults) * rates[currency]
    if not math.isfinite(amount):
        faults.append(
            Fault("Amount", row["Amount"], f"less: in USD, at {rates[currency]:g}, it is no number any more")
        )
        return 0.0
    return amount


def number(name: str, row: Row, faults: list[Fault], low: float = -math.inf) -> float:
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


def agreement_of(row: Row) -> Agreement:
    """PortfolioID and further columns of the netting agreement."""
    return (row.get("PortfolioID", ""), *(row.get(name, "") for name in AGREEMENT))
