"""The soak: ``make soak``. A broker, the simulator and a worker for an hour; what grows is found.

Every sample: resident memory, file descriptors, lag, drift of incremental against full figures, entries of the day's
ledgers and the machine's load. At the end the verifier judges, and slopes are fitted over the second half. Memory that
grows with the ledgers of the day is expected: the slope is also given in bytes an entry.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from streams.broker.kafka import EmbeddedBroker
from streams.demo.figures import Samples

READY_WITHIN_S = 240.0
SETTLED_WITHIN_S = 120.0
LOOK_AGAIN_S = 3.0
LEDGER_TOPICS = ("trades", "collateral")  # whose entries of the day are kept, since they may be corrected


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
    entries: int
    load: float


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
        """Take a sample; returns the page.

        Raises:
            RuntimeError: with the last words of a process that has ended.
        """
        for process in self.running:
            if process.poll() is not None:
                name = str(process.args[3])  # type: ignore[index]
                last = (self._folder / f"{name}.err").read_text()[-3000:]
                raise RuntimeError(f"{name} ended with {process.returncode}: {last}")
        page = self._metrics()
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
                sum(
                    int(seen.total("marginmon_input_messages_total", topic=topic, outcome="applied"))
                    for topic in LEDGER_TOPICS
                ),
                os.getloadavg()[0],
            )
        )
        return page

    def _metrics(self) -> str:
        with urllib.request.urlopen(self._page, timeout=30) as answer:
            page: str = answer.read().decode()
        return page

    async def drained(self) -> None:
        """Wait until the worker has taken all there is: no lag at two looks in a row.

        Raises:
            RuntimeError: that does not come about in time.
        """
        deadline, lags = time.monotonic() + SETTLED_WITHIN_S, [1.0]
        while any(lags[-2:]):
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"{lags[-1]:.0f} messages wait {SETTLED_WITHIN_S:.0f} s after the last one"
                )
            await asyncio.sleep(LOOK_AGAIN_S)
            seen = Samples([await asyncio.to_thread(self._metrics)], time.monotonic())
            lags.append(seen.total("marginmon_consumer_lag_messages"))

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


def quantile_ms(page: str, name: str, share: float) -> float:
    """Upper bound of the bucket with this share of a histogram, all labels together; infinite beyond the last one."""
    counts: dict[float, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == f"{name}_bucket":
                bound = float(sample.labels["le"])
                counts[bound] = counts.get(bound, 0.0) + sample.value
    total = counts.get(float("inf"), 0.0)
    return next((1000 * bound for bound in sorted(counts) if counts[bound] >= share * total), 0.0)


def slope(samples: list[Sample], name: str) -> float:
    """Least squares over the second half, an hour."""
    half = samples[len(samples) // 2 :]
    minutes = [sample.minute for sample in half]
    return float(np.polyfit(minutes, [getattr(sample, name) for sample in half], 1)[0] * 60)


async def soak(arguments: argparse.Namespace, folder: Path) -> tuple[Soak, str, dict[str, Any]]:
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
            await running.drained()
            return running, page, await settled(broker.bootstrap, arguments.figures)
        finally:
            running.close()


async def settled(bootstrap: str, figures: int) -> dict[str, Any]:
    """What ``marginmon verify`` says once nothing is under way any more."""
    command = [sys.executable, "-m", "streams.cli", "verify", "--settled", "--json",
               "--sample", str(figures), "--bootstrap", bootstrap]  # fmt: skip
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while True:
        # A look takes minutes after an hour's run: one that began before the deadline is not the last word.
        is_last = time.monotonic() > deadline
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr[-2000:])
        report: dict[str, Any] = json.loads(done.stdout)
        if report["ok"] or is_last:
            return report
        await asyncio.sleep(2.0)


def summary(samples: list[Sample], page: str, report: dict[str, Any]) -> dict[str, Any]:
    """The figures that are published."""
    last = samples[-1]
    memory, entries = slope(samples, "memory_mb"), slope(samples, "entries")
    lags = sorted(sample.lag_messages for sample in samples)
    loads = [sample.load for sample in samples]
    return {
        "minutes": last.minute,
        "inputs applied": last.events,
        "load average, least, mean, most": [
            round(load, 1) for load in (min(loads), sum(loads) / len(loads), max(loads))
        ],
        "memory_mb, first and last": [round(samples[0].memory_mb, 1), round(last.memory_mb, 1)],
        "memory slope, MB an hour": round(memory, 2),
        "ledger entries an hour": round(entries),
        "memory slope, bytes a ledger entry": round(memory * 1024 * 1024 / entries) if entries else 0,
        "descriptors, least and most": [
            min(sample.descriptors for sample in samples),
            max(sample.descriptors for sample in samples),
        ],
        "descriptors slope, an hour": round(slope(samples, "descriptors"), 2),
        "lag, messages: median, largest": [lags[len(lags) // 2], lags[-1]],
        "lag slope, messages an hour": round(slope(samples, "lag_messages"), 1),
        "largest drift, USD": max(sample.drift_usd for sample in samples),
        "mismatches": last.mismatches,
        "input to call at most, ms: p50, p99": [
            quantile_ms(page, "marginmon_event_to_call_seconds", share) for share in (0.5, 0.99)
        ],
        "pass at most, ms: p50, p99": [
            quantile_ms(page, "marginmon_evaluation_duration_seconds", share) for share in (0.5, 0.99)
        ],
        **{name: report[name] for name in ("lost", "doubled", "contradictory")},
        "first": report["contradictions"][:20],
        "checked": report["checked"],
    }


def main() -> None:
    """Exit code 1 if the verifier or a shadow check found anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--accounts", type=int, default=2_000)
    parser.add_argument("--prices", type=float, default=5_000.0, help="a second")
    parser.add_argument("--trades", type=float, default=500.0, help="a second")
    parser.add_argument(
        "--figures", type=int, default=1_000, help="of evidence and statements each that the verifier checks"
    )
    parser.add_argument("--every-s", type=float, default=10.0, help="between samples")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="marginmon-soak-") as folder:
        running, page, report = asyncio.run(soak(arguments, Path(folder)))
    print(json.dumps(summary(running.samples, page, report), indent=2))
    sys.exit(not report["ok"] or running.samples[-1].mismatches > 0)


if __name__ == "__main__":
    main()
