"""Child processes of the benchmarks: a worker as users run it, and the load that it is under."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streams.contracts.topics import TopicTable
from tests.bench import load
from tests.bench.report import REPOSITORY
from tests.bench.timing import resident_bytes


class Child:
    """A process that has said that it is ready; ``line`` is how it said it."""

    def __init__(self, process: subprocess.Popen[str], line: str) -> None:
        self.process, self.line = process, line

    def cpu_s(self) -> float:
        """Processor seconds of all its threads so far."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> float:
        """Physical memory, shared libraries included."""
        return resident_bytes(self.process.pid) / 2**20


@contextmanager
def child(arguments: list[str], ready: str) -> Iterator[Child]:
    """``python -m ARGUMENTS`` once it has printed a line with ``ready``; ended afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        errors = Path(folder, "errors")
        with errors.open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=stderr, cwd=folder, env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            )  # fmt: skip
        assert process.stdout is not None
        try:
            while ready not in (line := process.stdout.readline()):
                if not line:
                    raise RuntimeError(f"{arguments[0]} ended:\n{errors.read_text()[-4000:]}")
            yield Child(process, line)
        finally:
            process.terminate()
            process.wait(timeout=30)


class Worker(Child):
    """A worker process and what its pages say."""

    def page(self, path: str) -> str:
        """The text of a page."""
        address = self.line.split("http=")[1].split()[0]
        with urllib.request.urlopen(address + path, timeout=30) as response:
            text: str = response.read().decode()
        return text

    def metrics(self) -> dict[str, float]:
        """All samples, by name and labels as they are written."""
        lines = (line for line in self.page("/metrics").splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def positions(self, account_id: str) -> dict[str, float]:
        """Quantity by instrument of those positions that the unified candidate takes."""
        found: dict[str, float] = {}
        for position in json.loads(self.page(f"/accounts/{account_id}"))["explanation"]["contributions"]:
            name = position["instrument_id"]
            found[name] = found.get(name, 0.0) + position["quantity"]
        return found


def summed(metrics: dict[str, float], pattern: str) -> float:
    """Sum of the samples whose name and labels match."""
    return sum(value for name, value in metrics.items() if re.fullmatch(pattern, name))


@contextmanager
def running_worker(bootstrap: str, table: TopicTable, niceness: int = 0) -> Iterator[Worker]:
    """A worker with its default settings, once it is live; ``niceness`` lets the other processes go first."""
    settings = ["--bootstrap", bootstrap, "--topic-prefix", table.prefix, "--group", table.prefix + "workers"]
    with child(["streams.cli", "worker", *settings, "--log-level", "warning"], "worker ready") as started:
        for thread in Path(f"/proc/{started.process.pid}/task").iterdir() if niceness else ():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), niceness)
        yield Worker(started.process, started.line)


class Sending(Child):
    """The load process."""

    def rates(self, prices_per_s: float, trades_per_s: float) -> dict[str, Any]:
        """Set the rates; returns what the last ones came to."""
        return self._ask(f"{prices_per_s} {trades_per_s}")

    def end(self) -> dict[str, Any]:
        """No more; returns what the last rates came to."""
        return self._ask("")

    def _ask(self, line: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        reached: dict[str, Any] = json.loads(self.process.stdout.readline())
        return reached


@contextmanager
def running_load(bootstrap: str, table: TopicTable, instrument_id: str) -> Iterator[Sending]:
    """The firm's opening is out and nothing is sent yet; the prices of the instrument never are."""
    with child(["tests.bench.load", bootstrap, table.prefix, instrument_id], load.READY) as started:
        yield Sending(started.process, started.line)
