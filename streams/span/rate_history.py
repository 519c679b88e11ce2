"""Outright rates of futures over the years, from CSV files in the layout of QuantConnect LEAN.

LEAN (Apache-2.0) keeps them as ``Data/future/<exchange>/margins/<SYMBOL>.csv``; names such as ``cme_ES.csv`` do too.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from engine.rules.span_rates import DatedRates, dated_rates
from streams.replay.files import FileError, open_text

_COLUMNS: Final = ("date", "initial", "maintenance")


@dataclass(frozen=True, slots=True)
class Histories:
    """Rates by symbol, and what each file was."""

    rates: Mapping[str, DatedRates]
    files: Mapping[str, Path]


def read_histories(folder: Path) -> Histories:
    """All rate files below a folder.

    Raises:
        FileError: naming file, row and column; two files of one symbol; none at all.
        MarginError: BAD_PARAMETER if initial is below maintenance.
    """
    files: dict[str, Path] = {}
    for file in sorted(folder.rglob("*.csv")):
        symbol = file.stem.rpartition("_")[2]
        if symbol in files:
            raise FileError(
                file, "", f"is a second history of {symbol} beside {files[symbol]}", "leave one out"
            )
        files[symbol] = file
    if not files:
        raise FileError(folder, "", "holds no CSV file", "name the folder with the rate histories")
    return Histories({symbol: read_history(file, symbol) for symbol, file in files.items()}, files)


def read_history(file: Path, symbol: str) -> DatedRates:
    """One file: ``date,initial,maintenance`` with dates YYYYMMDD, lines that begin with # left out.

    Raises:
        FileError, MarginError: see :func:`read_histories`.
    """
    with open_text(file) as content:
        lines = ((number, line) for number, line in enumerate(content, 1) if not line.startswith("#"))
        numbered = list(lines)
    # Each line by itself: no cell of such a file goes over several.
    rows = [(number, _cells(file, number, line)) for number, line in numbered]
    header = tuple(cell.strip() for cell in rows[0][1]) if rows else ()
    if header != _COLUMNS:
        raise FileError(file, "header", f"is {','.join(header)}", f"it must be {','.join(_COLUMNS)}")
    return dated_rates([_row(file, number, row) for number, row in rows[1:] if row], symbol)


def _cells(file: Path, number: int, line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise FileError(file, f"line {number}", f"is not CSV: {error}", "correct it") from None


def _row(file: Path, number: int, row: list[str]) -> tuple[date, float, float]:
    try:
        day, initial, maintenance = row
        when = datetime.strptime(day.strip(), "%Y%m%d").date()  # noqa: DTZ007 (a calendar date has no zone)
        return when, float(initial), float(maintenance)
    except ValueError:
        detail = f"{','.join(row)!r} is not a date YYYYMMDD and two numbers"
        raise FileError(file, f"line {number}", detail, "correct it") from None


@dataclass(frozen=True, slots=True)
class Dated:
    """A parameter file with dated rates.

    Attributes:
        mapping: the file. taken: symbols whose rates are in it.
        left_out: symbols that are no commodity of the file.
    """

    mapping: dict[str, Any]
    taken: tuple[str, ...]
    left_out: tuple[str, ...]


def with_histories(mapping: Mapping[str, Any], histories: Histories) -> Dated:
    """A copy of a parsed parameter file whose commodities hold the rates of their histories.

    A history whose symbol is no commodity is left out; so is that of a micro, which its commodity's rate covers.
    """
    commodities = {name: dict(table) for name, table in mapping["commodities"].items()}
    taken = tuple(symbol for symbol in histories.rates if symbol in commodities)
    for symbol in taken:
        commodities[symbol].pop("month_scans", None)
        if "price_scan_rate" in commodities[symbol]:  # rates in USD stand beside a range in USD
            del commodities[symbol]["price_scan_rate"]
            commodities[symbol]["price_scan_usd"] = histories.rates[symbol].rates[-1].maintenance
        commodities[symbol]["rates"] = [
            {
                "from": rate.effective_from,
                "initial_usd": rate.initial,
                "maintenance_usd": rate.maintenance,
            }
            for rate in histories.rates[symbol].rates
        ]
    left_out = tuple(symbol for symbol in histories.rates if symbol not in commodities)
    return Dated({**mapping, "commodities": commodities}, taken, left_out)
