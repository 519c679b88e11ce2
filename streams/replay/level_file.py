"""Daily level histories: tidy CSV files with a date and a value, one factor each."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streams.replay.files import FileError, open_text

Dates = NDArray[np.datetime64]
Float64s = NDArray[np.float64]

DEFAULT_COLUMN = "value"


@dataclass(frozen=True, slots=True)
class FactorSource:
    """Where a factor's levels stand: ``EQ:SPX=eq_spy.csv:adj_close``."""

    factor: str
    file: str
    column: str

    def __str__(self) -> str:
        return f"{self.factor} = {self.file}:{self.column}"


def read_levels(folder: Path, source: FactorSource) -> tuple[Dates, Float64s]:
    """Dates and levels of a factor in the order of the file; rows with an empty cell are left out.

    Raises:
        FileError: naming row and column: no such column, a date or number that is none, dates out of order.
    """
    file = folder / source.file
    dates: list[date] = []
    values: list[float] = []
    with open_text(file) as content:
        rows = csv.DictReader(content, strict=True)
        try:
            _check_columns(file, rows.fieldnames or (), source.column)
            for number, row in enumerate(rows, 1):
                if None in row or None in row.values():
                    raise FileError(
                        file, f"row {number}", "has not the cells of the header", "complete the row"
                    )
                if row[source.column]:
                    dates.append(_date(file, number, row["date"]))
                    values.append(_level(file, number, source.column, row[source.column]))
                if len(dates) > 1 and dates[-1] < dates[-2]:
                    raise FileError(file, f"row {number}, date", "goes back in time", "sort the file by date")
        except csv.Error as error:
            raise FileError(file, f"line {rows.line_num}", f"is not CSV: {error}", "correct it") from None
    if len(set(dates)) < len(dates):
        twice = next(day for day, following in pairwise(dates) if day == following)
        raise FileError(file, f"date {twice}", "stands twice", "keep one row per date")
    return np.array(dates, "datetime64[D]"), np.array(values, np.float64)


def _check_columns(file: Path, columns: object, wanted: str) -> None:
    names = list(columns) if isinstance(columns, list | tuple) else []
    for name in ("date", wanted):
        if name not in names:
            detail = f"has no column {name}; it has {', '.join(names) or 'none'}"
            raise FileError(file, "header", detail, "name the column as FACTOR=FILE:COLUMN")
        if names.count(name) > 1:
            raise FileError(file, "header", f"names the column {name} twice", "leave one of them out")


def _date(file: Path, number: int, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise FileError(file, f"row {number}, date", f"{text!r} is not YYYY-MM-DD", "correct it") from None


def _level(file: Path, number: int, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        detail = f"{text!r} is not a finite number"
        raise FileError(file, f"row {number}, {column}", detail, "correct or empty the cell")
    return value
