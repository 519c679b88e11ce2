"""Market files: tidy CSV rows of quotes and trades, read one by one, several files merged by time."""

from __future__ import annotations

import csv
import heapq
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from streams.replay.files import FileError, open_text

_NEEDED: Final = ("ts_utc_ms", "symbol", "kind")
_FIGURES: Final = ("bid", "ask", "price")
_MILLISECOND_NS: Final = 1_000_000
_LATEST_MS: Final = 2**63 // _MILLISECOND_NS - 1
_GUIDE: Final = "see docs/bring-your-own.md"


class MarketEvent(NamedTuple):
    """One row; ``bid``, ``ask`` and ``price`` are None where the cell is empty.

    ``row`` counts from 1 after the header.
    """

    time_ns: int
    symbol: str
    kind: str
    bid: float | None
    ask: float | None
    price: float | None
    file: Path
    row: int


def read_market(file: Path) -> Iterator[MarketEvent]:
    """The rows of one file, in order; nothing but the present row is held.

    Raises:
        FileError: naming row and column: missing columns, a cell that is no finite number, an unknown kind, a
            time before the row above.
    """
    with open_text(file) as content:
        rows = csv.reader(content, strict=True)
        latest_ns = 0
        try:
            columns = _columns(file, next(rows, []))
            for number, row in enumerate(rows, 1):
                if not row:
                    continue
                event = _event(file, number, columns, row)
                if event.time_ns < latest_ns:
                    raise _bad(file, number, "ts_utc_ms", "goes back in time", "sort the file by ts_utc_ms")
                latest_ns = event.time_ns
                yield event
        except csv.Error as error:
            raise FileError(file, f"line {rows.line_num}", f"is not CSV: {error}", "correct it") from None


def merged(files: Sequence[Path]) -> Iterator[MarketEvent]:
    """The rows of several files by time; within one time by the order of the files, then of their rows."""
    return heapq.merge(*(read_market(file) for file in files), key=lambda event: event.time_ns)


def _columns(file: Path, header: Sequence[str]) -> dict[str, int]:
    columns = {name.strip(): place for place, name in enumerate(header)}
    if len(columns) < len(header):
        raise FileError(file, "header", "names a column twice", "leave one of them out")
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        detail = f"has no column {missing[0]}; it has {', '.join(columns) or 'none'}"
        raise FileError(file, "header", detail, f"a market file starts with {','.join(_NEEDED)}, {_GUIDE}")
    if not {"bid", "ask"} & columns.keys() and "price" not in columns:
        raise FileError(file, "header", "has none of bid, ask and price", f"add what it quotes, {_GUIDE}")
    return columns


def _event(file: Path, number: int, columns: dict[str, int], row: Sequence[str]) -> MarketEvent:
    if len(row) < len(columns):
        detail = f"has {len(row)} cells, the header has {len(columns)}"
        raise FileError(file, f"row {number}", detail, "complete the row")
    kind = row[columns["kind"]]
    if kind not in {"quote", "trade"}:
        raise _bad(file, number, "kind", f"{kind!r} is neither quote nor trade", "correct it")
    symbol = row[columns["symbol"]]
    if not symbol:
        raise _bad(file, number, "symbol", "is empty", "correct it")
    time_ns = _time_ns(file, number, row[columns["ts_utc_ms"]])
    bid, ask, price = (_figure(file, number, columns, row, name) for name in _FIGURES)
    return MarketEvent(time_ns, symbol, kind, bid, ask, price, file, number)


def _time_ns(file: Path, number: int, text: str) -> int:
    try:
        time_ms = int(text)
    except ValueError:
        time_ms = -1
    if not 0 <= time_ms <= _LATEST_MS:
        detail = f"{text!r} is not a time in milliseconds since 1970"
        raise _bad(file, number, "ts_utc_ms", detail, "write UTC milliseconds")
    return time_ms * _MILLISECOND_NS


def _figure(file: Path, number: int, columns: dict[str, int], row: Sequence[str], name: str) -> float | None:
    place = columns.get(name)
    if place is None or not row[place]:
        return None
    try:
        value = float(row[place])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _bad(file, number, name, f"{row[place]!r} is not a finite number", "correct or empty the cell")
    return value


def _bad(file: Path, number: int, column: str, detail: str, remedy: str) -> FileError:
    return FileError(file, f"row {number}, {column}", detail, remedy)
