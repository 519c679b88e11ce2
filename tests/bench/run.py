"""``make bench``: all benchmarks, one table; writes bench.json and docs/performance.md."""

from __future__ import annotations

import argparse

from rich.console import Console

from streams.broker.kafka import EmbeddedBroker
from tests.bench import evaluation, latency, trades
from tests.bench.cores import can_pin, one_core_apart
from tests.bench.report import load_average, show, write_json, write_page
from tests.bench.row import Row

PARTS = ("evaluation", "trades", "latency")


def measure(part: str, rounds: int) -> list[Row]:
    """The rows of one part; the broker of the throughput part leaves the measured process its core."""
    if part == "evaluation":
        return evaluation.measure()
    if part == "latency":
        with EmbeddedBroker() as broker:
            return latency.measure(broker.bootstrap)
    with one_core_apart() as core, EmbeddedBroker() as broker:
        return trades.measure(broker.bootstrap, rounds, core)


def main() -> None:
    """Measure, print, write. Parts can be chosen; only a run of all of them is written down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the throughput part (default 3)")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure a part; nothing is written")
    arguments = parser.parse_args()
    busy, console = load_average(), Console(stderr=True)
    rows: list[Row] = []
    for part in arguments.only or PARTS:
        console.print(f"measuring {part} ...")
        rows += measure(part, arguments.rounds)
    show(rows)
    if not arguments.only:
        write_json(rows)
        write_page(rows, arguments.rounds, can_pin(), busy)


if __name__ == "__main__":
    main()
