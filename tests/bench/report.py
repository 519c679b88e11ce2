"""The rows as a table on the terminal, as bench.json and as docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.bench.row import Row

REPOSITORY: Final = Path(__file__).resolve().parents[2]
_COLUMNS: Final = ("figure", "value", "unit", "budget", "met", "compared with", "ratio")


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


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    table = Table(title="marginmon benchmarks")
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name in {"value", "budget", "ratio"} else "left")
    for row in rows:
        style = {None: "", True: "green", False: "bold red"}[row.met]
        table.add_row(*cells(row), style=style)
    Console(width=None if os.isatty(1) else 180).print(table)


def write_json(rows: Sequence[Row]) -> None:
    """bench.json, which git ignores."""
    text = json.dumps([row.as_json() for row in rows], indent=2)
    (REPOSITORY / "bench.json").write_text(text + "\n", encoding="utf-8")


def write_page(rows: Sequence[Row], rounds: int, pinned: bool, busy: float) -> None:
    """docs/performance.md; ``busy`` is the load average before the run."""
    head = [
        "# Performance",
        "",
        "Written by `make bench`; do not edit. Every figure of one page comes from one run on one machine; what",
        "misses its budget stands here as missed.",
        "",
        *(f"* {line}" for line in _circumstances(rounds, pinned, busy)),
        "",
        "| " + " | ".join(_COLUMNS) + " |",
        "|" + "|".join("---:" if name in {"value", "budget", "ratio"} else "---" for name in _COLUMNS) + "|",
    ]
    lines = ["| " + " | ".join(cells(row)) + " |" for row in rows]
    notes = (REPOSITORY / "tests" / "bench" / "notes.md").read_text(encoding="utf-8")
    text = "\n".join([*head, *lines, "", notes])
    (REPOSITORY / "docs" / "performance.md").write_text(text, encoding="utf-8")


def _circumstances(rounds: int, pinned: bool, busy: float) -> list[str]:
    core = (
        "a core of its own" if pinned else "no core of its own (this system cannot bind processes to cores)"
    )
    return [
        f"Hardware: {_processor()}, {os.cpu_count()} logical cores, {_memory_gib()} memory, {platform.system()}",
        f"Software: Python {platform.python_version()}, numpy {np.__version__}, embedded Apache Kafka beside",
        f"Date {datetime.now(UTC):%Y-%m-%d}, commit {_commit()}",
        f"Other work on the machine: load average {busy:.1f} before the run; above 0.5 trust no wall clock",
        f"Throughput: median of {rounds} rounds, the measured process on {core}; a CPU second counts all its threads",
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
