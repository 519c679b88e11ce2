"""The soak: ``make soak``. A broker, the simulator and a worker for an hour; what grows is found.

Every sample: resident memory, file descriptors, lag, drift of incremental against full figures, and the 99th percentile
of the time from an input to its call. At the end the verifier judges, and slopes are fitted over the second half.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from streams.broker.kafka import EmbeddedBroker
from streams.contracts.topics import TopicTable
from streams.demo.figures import Samples
from streams.verify.report import Report
from streams.verify.verify import Extent, verify

PARTITIONS = 12
READY_WITHIN_S = 240.0
SETTLED_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the worker."""

    minute: float
    memory_mb: float
    descriptors: int
    lag_messages: int
    drift_usd: float
    mismatches: int
    events: int


class Soak:
    """The processes of a soak, in a folder of their own."""

    def __init__(self, bootstrap: str, folder: Path, accounts: int, prices: float, trades: float) -> None:
        self._bootstrap, self._folder = bootstrap, folder
        self._simulator = ["--accounts", str(accounts), "--prices-per-second", str(prices),
                           "--trades-per-second", str(trades), "--bad-share", "0.001"]  # fmt: skip
        self.running: list[subprocess.Popen[bytes]] = []
        self.samples: list[Sample] = []
        self._page = ""

    def command(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command of marginmon; its output goes to files."""
        with (
            (self._folder / f"{name}.out").open("wb") as out,
            (self._folder / f"{name}.err").open("wb") as err,
        ):
            started = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", name, *arguments, "--bootstrap", self._bootstrap],
                stdout=out, stderr=err,
            )  # fmt: skip
        self.running.append(started)
        return started

    async def start(self) -> int:
        """Topics, worker, market; returns the worker's process id."""
        create = [sys.executable, "-m", "streams.cli", "topics", "create", "--bootstrap", self._bootstrap]
        if (await asyncio.to_thread(subprocess.run, create, capture_output=True, check=False)).returncode:
            raise RuntimeError("topics were not created")
        worker = self.command("worker", "--statement-interval-s", "5", "--shadow-check-interval-s", "5")
        deadline = time.monotonic() + READY_WITHIN_S
        out = self._folder / "worker.out"
        while "worker ready" not in out.read_text():
            if worker.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "worker.err").read_text()[-2000:])
            await asyncio.sleep(0.1)
        self._page = out.read_text().split("http=")[1].split()[0] + "/metrics"
        self.command("simulate", *self._simulator)
        return worker.pid

    def look(self, pid: int, minute: float) -> str:
        """Take a sample; returns the page."""
        with urllib.request.urlopen(self._page, timeout=30) as answer:
            page: str = answer.read().decode()
        seen = Samples([page], time.monotonic())
        status = Path(f"/proc/{pid}/status").read_text()
        self.samples.append(
            Sample(
                round(minute, 2),
                int(status.split("VmRSS:")[1].split()[0]) / 1024,
                sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
                int(seen.total("marginmon_consumer_lag_messages")),
                seen.total("marginmon_shadow_check_max_abs_error_usd"),
                int(seen.total("marginmon_shadow_check_total", result="mismatch")),
                int(seen.total("marginmon_input_messages_total", outcome="applied")),
            )
        )
        return page

    def end(self, name: str) -> None:
        """SIGTERM the last process of this command."""
        for process in self.running:
            if process.args[3] == name and process.poll() is None:  # type: ignore[index]
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=60)

    def close(self) -> None:
        """End what still runs."""
        for process in self.running:
            if process.poll() is None:
                process.kill()
                process.wait()


def p99_ms(page: str, name: str) -> float:
    """Upper bound of the bucket with the 99th percentile of a histogram, all labels together."""
    counts: dict[float, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == f"{name}_bucket":
                bound = float(sample.labels["le"])
                counts[bound] = counts.get(bound, 0.0) + sample.value
    total = counts.get(float("inf"), 0.0)
    return next((1000 * bound for bound in sorted(counts) if counts[bound] >= 0.99 * total), 0.0)


def slope(samples: list[Sample], name: str) -> float:
    """Least squares over the second half, an hour."""
    half = samples[len(samples) // 2 :]
    minutes = [sample.minute for sample in half]
    return float(np.polyfit(minutes, [getattr(sample, name) for sample in half], 1)[0] * 60)


async def soak(arguments: argparse.Namespace, folder: Path) -> tuple[Soak, str, Report]:
    """Run for the time given, let it settle, verify."""
    with EmbeddedBroker() as broker:
        running = Soak(broker.bootstrap, folder, arguments.accounts, arguments.prices, arguments.trades)
        try:
            pid = await running.start()
            started = time.monotonic()
            page = ""
            while (minute := (time.monotonic() - started) / 60) < arguments.minutes:
                await asyncio.sleep(arguments.every_s)
                page = running.look(pid, minute)
                print(json.dumps(asdict(running.samples[-1])), flush=True)
            running.end("simulate")
            return running, page, await settled(broker.bootstrap)
        finally:
            running.close()


async def settled(bootstrap: str) -> Report:
    """What the verifier says once nothing is under way any more."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while True:
        report = await verify(bootstrap, TopicTable(partitions=PARTITIONS), Extent(settled=True, sample=300))
        if not report.contradictions or time.monotonic() > deadline:
            return report
        await asyncio.sleep(2.0)


def main() -> None:
    """Exit code 1 if the verifier or a shadow check found anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--accounts", type=int, default=2_000)
    parser.add_argument("--prices", type=float, default=5_000.0, help="a second")
    parser.add_argument("--trades", type=float, default=500.0, help="a second")
    parser.add_argument("--every-s", type=float, default=10.0, help="between samples")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="marginmon-soak-") as folder:
        running, page, report = asyncio.run(soak(arguments, Path(folder)))
    last = running.samples[-1]
    result = {
        "minutes": last.minute,
        "inputs applied": last.events,
        "memory_mb": round(last.memory_mb, 1),
        "memory slope, MB an hour": round(slope(running.samples, "memory_mb"), 2),
        "descriptors slope, an hour": round(slope(running.samples, "descriptors"), 2),
        "largest lag, messages": max(sample.lag_messages for sample in running.samples),
        "largest drift, USD": max(sample.drift_usd for sample in running.samples),
        "mismatches": last.mismatches,
        "input to call p99 at most, ms": p99_ms(page, "marginmon_event_to_call_seconds"),
        **report.counts(),
        "first": str(report.contradictions[0]) if report.contradictions else "",
        "checked": dict(report.checked),
    }
    print(json.dumps(result, indent=2))
    sys.exit(bool(report.contradictions or last.mismatches))


if __name__ == "__main__":
    main()
