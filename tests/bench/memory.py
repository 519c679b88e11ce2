"""Memory of 100,000 accounts, all told, and where it goes.

``python -m tests.bench.memory --accounts N`` measures in one process and prints JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.bench.row import Row
from tests.bench.scale_book import BLOCK, book
from tests.bench.scale_firm import Firm
from tests.bench.scale_market import HALF, INSTRUMENTS
from tests.bench.timing import in_fresh_process, resident_bytes

ACCOUNTS: Final = 100_000
BUDGET_BYTES: Final = 6_144
WHOLE: Final = f"memory per account, {ACCOUNTS:,} accounts, all told"
_MOST_NAMES: Final = 100  # a longer mapping is one thing, not many
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_PAGEMAP_ENTRY: Final = 8  # bytes; the highest bit says that the page is in memory
_NAMED: Final = 12  # objects listed by name; the rest is one row


def measured(accounts: int) -> dict[str, Any]:
    """Growth of this process while the firm was built and evaluated, per account."""
    _settle(Firm(book(BLOCK)))  # loads libraries and kernels, which belong to no account
    positions = book(accounts)
    gc.collect()
    before = resident_bytes()
    firm = Firm(positions)
    _settle(firm)
    gc.collect()
    # The instruments were there before, with the book that was drawn.
    grown = resident_bytes() - before + held_by(firm.market.instruments).total()
    held = {name: size / accounts for name, size in held_by(firm.engine).items()}
    return {"bytes": grown / accounts, "held": held}


def _settle(firm: Firm) -> None:
    """Passes of both kinds, so that what they keep to work with is there."""
    for places in (np.array([firm.market.place[HALF]]), np.arange(INSTRUMENTS)):
        firm.engine.apply_prices(firm.moved_prices(places))
        firm.evaluate()


def held_by(thing: object) -> Counter[str]:
    """Bytes of physical memory by attribute path of everything reachable, largest first.

    Paths go two attributes deep (``unified.sums``); what lies deeper counts there. Keys that are no names are
    left out.
    """
    sizes: Counter[str] = Counter()
    seen: set[int] = set()
    waiting: list[tuple[tuple[str, ...], Any]] = [((), thing)]
    while waiting:
        path, each = waiting.pop()
        while isinstance(each, np.ndarray) and isinstance(each.base, np.ndarray):
            each = each.base
        if id(each) in seen or isinstance(each, type) or callable(each):
            continue
        seen.add(id(each))
        size = _resident_bytes(each) if isinstance(each, np.ndarray) else sys.getsizeof(each)
        sizes[".".join(filter(None, path[:2]))] += size
        waiting += [((*path, name), part) for name, part in _parts(each)]
    return Counter(dict(sizes.most_common()))


def _resident_bytes(array: NDArray[Any]) -> int:
    """How much of an array is in memory: columns may reserve far more addresses than they use so far."""
    first, last = array.ctypes.data // _PAGE, -(-(array.ctypes.data + array.nbytes) // _PAGE)
    if array.nbytes < _PAGE:
        return array.nbytes
    with Path("/proc/self/pagemap").open("rb") as entries:
        entries.seek(first * _PAGEMAP_ENTRY)
        pages = np.frombuffer(entries.read((last - first) * _PAGEMAP_ENTRY), np.uint64)
    return min(array.nbytes, int((pages >> np.uint64(63)).sum()) * _PAGE)


def _parts(thing: Any) -> list[tuple[str, Any]]:
    """What an object refers to, with names where they say more than the object's own."""
    if isinstance(thing, dict):
        if all(isinstance(key, str) for key in thing) and len(thing) <= _MOST_NAMES:
            return list(thing.items())
        return [("", part) for pair in thing.items() for part in pair]
    if isinstance(thing, list | tuple | set | frozenset):
        return [("", part) for part in thing]
    attributes = dict(getattr(thing, "__dict__", {}))
    for kind in type(thing).__mro__:
        for name in getattr(kind, "__slots__", ()):
            if hasattr(thing, name):
                attributes[name] = getattr(thing, name)
    return list(attributes.items())


def measure() -> list[Row]:
    """Bytes per account, then the largest parts."""
    figures = in_fresh_process("tests.bench.memory", "--accounts", ACCOUNTS)
    rows = [Row(WHOLE, figures["bytes"], "bytes", BUDGET_BYTES)]
    parts = list(figures["held"].items())
    rest = sum(size for _, size in parts[_NAMED:])
    for name, size in [*parts[:_NAMED], ("everything else", rest)]:
        rows.append(Row(f"of which {name}", size, "bytes", None, False, WHOLE, size / figures["bytes"]))
    return rows


def main() -> None:
    """Measure in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    print(json.dumps(measured(parser.parse_args().accounts)))


if __name__ == "__main__":
    main()
