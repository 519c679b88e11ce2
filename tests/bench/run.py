"""``make bench``: all benchmarks; writes bench.json and docs/performance.md.

Parts can be chosen: ``make bench ARGS="--only moves --only memory"``.
"""

from __future__ import annotations

import argparse
import time
from importlib import import_module
from typing import Final, NamedTuple

from rich.console import Console

from streams.broker.kafka import EmbeddedBroker
from tests.bench.cores import can_pin, one_core_apart
from tests.bench.projection import project
from tests.bench.report import Run, load_average, show, write_json, write_page
from tests.bench.row import Row


class Part(NamedTuple):
    """A part of the run: a module of this package with a function ``measure``.

    Attributes:
        broker: ``measure`` takes the address of an embedded broker.
    """

    title: str
    module: str
    broker: bool = False


# Imported when their turn comes: some need libraries that the others do not.
PARTS: Final = {
    "moves": Part("Passes at 100,000 accounts", "scale_moves"),
    "memory": Part("Memory", "memory"),
    "growth": Part("Growth", "growth"),
    "rows": Part("Option rows", "option_rows"),
    "pairing": Part("Strategy-based pairing", "pairing"),
    "simm": Part("ISDA SIMM", "simm"),
    "evaluation": Part("Passes of the demo", "evaluation"),
    "trades": Part("Trades from Kafka", "trades", broker=True),
    "latency": Part("Price to call", "latency", broker=True),
    "overload": Part("Overload", "overload", broker=True),
    "fan-out": Part("Prices and rows for every worker", "fan_out", broker=True),
    "workers": Part("Several workers", "workers", broker=True),
}  # fmt: skip


def measure(name: str, rounds: int) -> list[Row]:
    """The rows of one part; the broker of the throughput part leaves the measured process its core."""
    part = PARTS[name]
    module = import_module(f"tests.bench.{part.module}")
    rows: list[Row]
    if name == "trades":
        with one_core_apart() as core, EmbeddedBroker() as broker:
            rows = module.measure(broker.bootstrap, rounds, core)
    elif part.broker:
        with EmbeddedBroker() as broker:
            rows = module.measure(broker.bootstrap)
    else:
        rows = module.measure()
    return rows


def main() -> None:
    """Measure, print, write. Only a run of all parts is written down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the throughput part (default 3)")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure a part; nothing is written")
    arguments = parser.parse_args()
    run, console = Run(load_average(), arguments.rounds, can_pin()), Console(stderr=True)
    for name in arguments.only or PARTS:
        console.print(f"measuring {name} ...")
        started = time.monotonic()
        rows = measure(name, arguments.rounds)
        run.add(PARTS[name].title, rows, time.monotonic() - started)
        show(PARTS[name].title, rows)
    if not arguments.only:
        run.add("Projection", project(run.rows), 0.0)
        show("Projection", run.parts["Projection"])
        write_json(run)
        write_page(run)


if __name__ == "__main__":
    main()
