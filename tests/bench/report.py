"""The rows as a table on the terminal, as bench.json and as docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.bench.row import Row

REPOSITORY: Final = Path(__file__).resolve().parents[2]
_COLUMNS: Final = ("figure", "value", "unit", "budget", "met", "compared with", "ratio")
_NUMBERS: Final = frozenset({"value", "budget", "ratio"})


def number(value: float | None) -> str:
    """Three digits where they matter, thousands separated."""
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def cells(row: Row) -> list[str]:
    """A row as text, in the order of the columns."""
    bound = "" if row.budget is None else f"{'>=' if row.at_least else '<='} {number(row.budget)}"
    met = {None: "", True: "yes", False: "MISSED"}[row.met]
    return [row.figure, number(row.value), row.unit, bound, met, row.compared_with, number(row.ratio)]


@dataclass
class Run:
    """What one run has measured.

    Attributes:
        busy: load average before it. rounds: of the throughput part.
        pinned: the measured process of the throughput part has a core of its own.
        parts: rows by title. seconds: time that each part took.
    """

    busy: float
    rounds: int
    pinned: bool
    parts: dict[str, Sequence[Row]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, title: str, rows: Sequence[Row], seconds: float) -> None:
        """A part is done."""
        self.parts[title], self.seconds[title] = rows, seconds

    @property
    def rows(self) -> list[Row]:
        """All rows in order."""
        return [row for rows in self.parts.values() for row in rows]


def show(title: str, rows: Sequence[Row]) -> None:
    """Print one part."""
    table = Table(title=title, title_justify="left")
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name in _NUMBERS else "left")
    for row in rows:
        style = {None: "", True: "green", False: "bold red"}[row.met]
        table.add_row(*cells(row), style=style)
    Console(width=None if os.isatty(1) else 200).print(table)


def write_json(run: Run) -> None:
    """bench.json, which git ignores."""
    text = json.dumps([row.as_json() for row in run.rows], indent=2)
    (REPOSITORY / "bench.json").write_text(text + "\n", encoding="utf-8")


def write_page(run: Run) -> None:
    """docs/performance.md: the budgets first, then every part."""
    head = [
        "# Performance",
        "",
        "Written by `make bench`; do not edit. Every figure of one page comes from one run on one machine; what",
        "misses its budget stands here as missed.",
        "",
        *(f"* {line}" for line in _circumstances(run)),
        "",
        *_table("Budgets", [row for row in run.rows if row.budget is not None]),
    ]
    parts = [line for title, rows in run.parts.items() for line in _table(title, rows)]
    notes = (REPOSITORY / "tests" / "bench" / "notes.md").read_text(encoding="utf-8")
    text = "\n".join([*head, *parts, notes])
    (REPOSITORY / "docs" / "performance.md").write_text(text, encoding="utf-8")


def _table(title: str, rows: Sequence[Row]) -> list[str]:
    return [
        f"## {title}",
        "",
        "| " + " | ".join(_COLUMNS) + " |",
        "|" + "|".join("---:" if name in _NUMBERS else "---" for name in _COLUMNS) + "|",
        *("| " + " | ".join(cells(row)) + " |" for row in rows),
        "",
    ]


def _circumstances(run: Run) -> list[str]:
    core = (
        "a core of its own"
        if run.pinned
        else "no core of its own (this system cannot bind processes to cores)"
    )
    took = ", ".join(f"{title.lower()} {seconds:.0f} s" for title, seconds in run.seconds.items())
    return [
        f"Hardware: {_processor()}, {os.cpu_count()} logical cores, {_memory_gib()} memory, {platform.system()}",
        f"Software: Python {platform.python_version()}, numpy {np.__version__}, embedded Apache Kafka beside",
        f"Date {datetime.now(UTC):%Y-%m-%d}, commit {_commit()}",
        f"Other work on the machine: load average {run.busy:.1f} before the run; above 0.5 trust no wall clock",
        f"Trades: median of {run.rounds} rounds, the measured process on {core}; a CPU second counts all its threads",
        f"The run took {sum(run.seconds.values()) / 60:.0f} minutes: {took}",
    ]


def load_average() -> float:
    """Mean number of runnable processes of the last minute, NaN where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_gib() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (AttributeError, ValueError, OSError):
        return "unknown"


def _commit() -> str:
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
