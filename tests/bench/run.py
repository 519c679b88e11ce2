"""``make bench``: all benchmarks, one table; writes bench.json and docs/performance.md."""

from __future__ import annotations

import argparse

from rich.console import Console

from streams.broker.kafka import EmbeddedBroker
from tests.bench import evaluation, latency, trades
from tests.bench.cores import leave_one_core
from tests.bench.report import load_average, show, write_json, write_page
from tests.bench.row import Row

PARTS = ("evaluation", "trades", "latency")


def main() -> None:
    """Measure, print, write. Parts can be chosen; only a run of all of them is written down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the throughput part (default 3)")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure a part; nothing is written")
    arguments = parser.parse_args()
    busy, core = load_average(), leave_one_core()
    console = Console(stderr=True)
    rows: list[Row] = []
    with EmbeddedBroker() as broker:
        for part in arguments.only or PARTS:
            console.print(f"measuring {part} ...")
            if part == "evaluation":
                rows += evaluation.measure()
            elif part == "trades":
                rows += trades.measure(broker.bootstrap, arguments.rounds, core)
            else:
                rows += latency.measure(broker.bootstrap)
    show(rows)
    if not arguments.only:
        write_json(rows)
        write_page(rows, arguments.rounds, core is not None, busy)


if __name__ == "__main__":
    main()
