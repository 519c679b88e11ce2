"""How cost grows from 1,000 to 1,000,000 accounts; a table and ``docs/images/growth.png``.

``python -m tests.bench.growth --accounts N`` measures one size in one process and prints JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from streams.worker.collector import collect_seldom, keep_what_is_there
from tests.bench.report import REPOSITORY
from tests.bench.row import Row
from tests.bench.scale_book import BLOCK, book
from tests.bench.scale_firm import Firm
from tests.bench.scale_market import HUNDREDTH, INSTRUMENTS, NOW_NS
from tests.bench.timing import cores, in_fresh_process, median_ms, resident_bytes

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
PICTURE: Final = REPOSITORY / "docs" / "images" / "growth.png"
_FIGURES: Final = {
    "build_s": ("build: accounts, positions, first charges, funding", "s"),
    "bytes": ("memory per account", "bytes"),
    "hundredth_ms": ("one instrument held by 1 % moves", "ms"),
    "all_ms": (f"all {INSTRUMENTS:,} instruments move", "ms"),
    "longest_put_ms": ("longest single put_account while growing", "ms"),
    "longest_open_ms": ("longest single open_day while growing", "ms"),
}
# Nobody feels a call that takes no longer than the time between two passes.
_LONGEST_CALL_MS: Final = 50.0
_DRAWN: Final = ("build_s", "hundredth_ms", "all_ms")


def figure(key: str, size: int) -> str:
    """Name of a figure at a number of accounts."""
    return f"growth, {size:,} accounts: {_FIGURES[key][0]}"


def measured(accounts: int, threads: int) -> dict[str, float]:
    """One size."""
    warm = Firm(book(BLOCK))
    warm.engine.apply_prices(warm.moved_prices(np.arange(INSTRUMENTS)))
    warm.evaluate()
    del warm
    positions = book(accounts)
    collect_seldom()  # as a worker does
    keep_what_is_there()
    before = resident_bytes()
    firm = Firm(positions, threads)
    figures = {
        "build_s": firm.build_s,
        "longest_put_ms": 1000.0 * firm.longest_put_s,
        "longest_open_ms": 1000.0 * firm.longest_open_s,
        "hundredth_ms": _pass_ms(firm, np.array([firm.market.place[HUNDREDTH]])),
        "all_ms": _pass_ms(firm, np.arange(INSTRUMENTS)),
    }
    gc.collect()
    return figures | {"bytes": (resident_bytes() - before) / accounts}


def _pass_ms(firm: Firm, places: NDArray[np.int64]) -> float:
    def work(prices: Any) -> None:
        firm.engine.apply_prices(prices)
        firm.engine.evaluate(NOW_NS)

    return median_ms(lambda: firm.moved_prices(places), work, most=20, within_s=4.0)


def measure() -> list[Row]:
    """All sizes, smallest first, and the picture."""
    threads = cores()
    results = {
        size: in_fresh_process("tests.bench.growth", "--accounts", size, "--threads", threads)
        for size in SIZES
    }
    draw(results)
    return [
        _row(key, size, smaller, results)
        for key in _FIGURES
        for size, smaller in zip(SIZES, (0, *SIZES), strict=False)
    ]


def _row(key: str, size: int, smaller: int, results: dict[int, dict[str, float]]) -> Row:
    """A figure beside that of the size before; a time of the whole firm may grow as the firm does, no faster."""
    unit, value = _FIGURES[key][1], results[size][key]
    budget = _LONGEST_CALL_MS if "longest" in key else None
    if not smaller:
        return Row(figure(key, size), value, unit, budget)
    before = results[smaller][key]
    if key in _DRAWN:
        budget = before * size / smaller
    return Row(figure(key, size), value, unit, budget, False, f"{smaller:,} accounts", value / before)


def draw(results: dict[int, dict[str, float]]) -> None:
    """Times against accounts, both axes logarithmic; dotted: in proportion to the accounts."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    picture, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    sizes = list(results)
    for key in _DRAWN:
        name, unit = _FIGURES[key]
        scale = 1000.0 if unit == "s" else 1.0
        times_ms = [scale * results[size][key] for size in sizes]
        (line,) = left.plot(sizes, times_ms, marker="o", label=name)
        straight = [times_ms[-1] * size / sizes[-1] for size in sizes]
        left.plot(sizes, straight, linestyle=":", linewidth=1, color=line.get_color())
    left.set(
        xscale="log", yscale="log", xlabel="accounts", ylabel="ms", title="Time (dotted: a straight line)"
    )
    left.legend(fontsize=8)
    right.plot(sizes, [results[size]["bytes"] / 1024.0 for size in sizes], marker="o")
    right.set(xscale="log", xlabel="accounts", ylabel="KiB", title="Memory per account")
    right.set_ylim(bottom=0.0)
    for axes in (left, right):
        axes.grid(visible=True, alpha=0.3)
    picture.savefig(PICTURE, dpi=110)
    plt.close(picture)


def main() -> None:
    """Measure one size in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    print(json.dumps(measured(arguments.accounts, arguments.threads)))


if __name__ == "__main__":
    main()
