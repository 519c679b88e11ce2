"""What a pass takes at 100,000 accounts when one instrument moves, or all do.

``python -m tests.bench.scale_moves --accounts N --threads T`` measures in one process and prints JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from engine.market.prices import PriceColumns
from tests.bench.row import Row
from tests.bench.scale_book import POSITIONS, Book, book
from tests.bench.scale_firm import Firm, account_id
from tests.bench.scale_market import HALF, HUNDREDTH, INSTRUMENTS, NOW_NS, WITH_CHAIN, Market
from tests.bench.timing import copy_bytes_per_s, cores, in_fresh_process, median_ms, profile_ms

ACCOUNTS: Final = 100_000
CHAIN_HOLDERS: Final = 7_864  # of so many accounts: a hundredth holds the stock, the others options on it
_TOLERANCE_USD: Final = 0.01
_CHECKED: Final = 60
_PROFILED: Final = ("hundredth", "half")
_NAMED: Final = 8  # functions of a profile
_VALUE_BYTES: Final = 8
_POSITION_BYTES: Final = 16  # an instrument, a quantity and where they stand: no layout needs much less


class Move(NamedTuple):
    """One way in which the market moves.

    Attributes:
        instruments: ids of those that get a price; empty = all.
        options: renew risk arrays of options too. solve: implied volatilities are solved from the marks.
    """

    name: str
    instruments: tuple[str, ...] = ()
    budget_ms: float | None = None
    options: bool = True
    solve: bool = False

    def places(self, listed: Market) -> NDArray[np.int64]:
        """int64[n] where the instruments stand in the market."""
        return np.array([listed.place[each] for each in self.instruments or listed.place], np.int64)


MOVES: Final = {
    "hundredth": Move(f"one instrument, held by {ACCOUNTS // 100:,}", (HUNDREDTH,), 2.0),
    "chain": Move(f"one stock and the 20 options on it, held by {CHAIN_HOLDERS:,}", (WITH_CHAIN,)),
    "half": Move(f"one instrument, held by {ACCOUNTS // 2:,}", (HALF,), 50.0),
    "all": Move(f"all {INSTRUMENTS:,} instruments", (), 1000.0),
    "linear": Move(f"all {INSTRUMENTS:,}, a pass that leaves option rows", options=False),
    "solve": Move(f"all {INSTRUMENTS:,}, volatilities solved from marks", solve=True),
}


def figure(key: str, threads: int) -> str:
    """Name of the figure of a move."""
    return f"{_where(threads)}: {MOVES[key].name}"


def _where(threads: int) -> str:
    return f"{ACCOUNTS:,} accounts, {threads} thread{'s' if threads > 1 else ''}"


def measured(accounts: int, threads: int) -> dict[str, Any]:
    """Every move by one engine, and what else could have been done on this machine."""
    positions = book(accounts)
    assert (positions.holders(HALF), positions.holders(HUNDREDTH)) == (accounts // 2, accounts // 100)
    assert accounts != ACCOUNTS or positions.holders(WITH_CHAIN, options=True) == CHAIN_HOLDERS
    firm = Firm(positions, threads)
    figures: dict[str, Any] = {}
    for key, move in MOVES.items():
        places = move.places(positions.market)
        prepare, take = partial(firm.moved_prices, places, solve=move.solve), _taken(firm, move.options)
        figures[key] = median_ms(prepare, take)
        if key in _PROFILED and threads == 1:
            figures[f"{key} profile"] = dict(list(profile_ms(prepare, take).items())[:_NAMED])
        firm.evaluate()  # a pass that left option rows has left them for this one
        if move.options:
            _check(firm, positions, places)
    figures["bandwidth"] = copy_bytes_per_s(threads)
    rows = firm.engine.unified.rulebook.rows(firm.engine.market, firm.slots)
    del firm
    figures |= _recomputed(positions, rows)
    silos = positions.silos_per_account()
    return figures | {"bytes": _least_bytes(positions, rows.shape[1]), "silos": silos}


def _taken(firm: Firm, options: bool) -> Callable[[PriceColumns], None]:
    """Prices in, changes out."""

    def take(prices: PriceColumns) -> None:
        firm.engine.apply_prices(prices)
        firm.engine.evaluate(NOW_NS, options)

    return take


def _check(firm: Firm, positions: Book, places: NDArray[np.int64]) -> None:
    """The figures of some accounts that the move concerned are those of the plain twins."""
    concerned = np.flatnonzero(np.isin(positions.place, places).any(axis=1))
    sample = concerned[:: max(1, len(concerned) // _CHECKED)]
    difference = firm.engine.shadow_check([account_id(number) for number in sample.tolist()])
    assert difference <= _TOLERANCE_USD, f"{difference} USD off the plain twin after {len(places)} moves"


def _recomputed(positions: Book, rows: NDArray[np.float64]) -> dict[str, Any]:
    """Positions x rows of all accounts and silos by scipy: the unified sums, nothing charged."""
    keys = np.arange(positions.accounts)[:, None] * 16 + positions.silo
    units, unit = np.unique(keys, return_inverse=True)
    matrix = csr_array(
        (positions.quantity.ravel(), (unit.ravel(), positions.place.ravel())),
        shape=(len(units), INSTRUMENTS),
    )  # fmt: skip
    took_ms = median_ms(lambda: rows, lambda dense: matrix @ dense, most=5)
    return {"recomputed": took_ms, "shape": f"{len(units):,} x {INSTRUMENTS:,} x {rows.shape[1]}"}


def _least_bytes(positions: Book, columns: int) -> dict[str, int]:
    """Bytes that a pass must read and write however it is written, for the moves that memory bounds.

    One instrument: the sums of every silo of its holders are read, those of one silo written back. All: the
    sums of every silo are written. Either way the positions of the accounts are read once; rows stay in cache.
    """
    sums = columns * _VALUE_BYTES
    silos = 1 + (np.diff(positions.silo, axis=1) != 0).sum(axis=1)

    def one(instrument_id: str) -> int:
        holders = (positions.place == positions.market.place[instrument_id]).any(axis=1)
        return int(((silos[holders] + 1) * sums + POSITIONS * _POSITION_BYTES).sum())

    everything = int((silos * sums + POSITIONS * _POSITION_BYTES).sum())
    return {"hundredth": one(HUNDREDTH), "half": one(HALF), "all": everything}


def measure() -> list[Row]:
    """Rows for one thread and for all cores; the budgets are those of all cores."""
    rows = []
    for threads in sorted({1, cores()}):
        figures = in_fresh_process("tests.bench.scale_moves", "--accounts", ACCOUNTS, "--threads", threads)
        rows += _rows(figures, threads, budgeted=threads == cores())
    return rows


def _rows(figures: dict[str, Any], threads: int, budgeted: bool) -> list[Row]:
    where = _where(threads)
    fresh, fresh_ms = f"scipy CSR @ dense, {figures['shape']}", figures["recomputed"]
    rows = []
    for key, move in MOVES.items():
        budget = move.budget_ms if budgeted else None
        rows.append(
            Row(figure(key, threads), figures[key], "ms", budget, False, fresh, figures[key] / fresh_ms)
        )
        for name, own_ms in figures.get(f"{key} profile", {}).items():
            part = f"{figure(key, threads)}, of which {name}"
            rows.append(Row(part, own_ms, "ms", None, False, "the pass above", own_ms / figures[key]))
        if key in figures["bytes"]:
            least_ms = 1000.0 * figures["bytes"][key] / figures["bandwidth"]
            limit = f"{where}: memory bound of {move.name} ({figures['bytes'][key] / 1e6:,.1f} MB)"
            rows.append(Row(limit, least_ms, "ms", None, False, "the pass above", least_ms / figures[key]))
    rows.append(Row(f"{where}: memory copied, read and written", figures["bandwidth"] / 1e9, "GB/s"))
    rows.append(Row(f"{where}: silos an account on average", figures["silos"], "silos"))
    return [*rows, Row(f"{where}: {fresh} (one thread, sums alone)", fresh_ms, "ms")]


def main() -> None:
    """Measure in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    print(json.dumps(measured(arguments.accounts, arguments.threads)))


if __name__ == "__main__":
    main()
