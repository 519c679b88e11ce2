"""One, two and four real workers on one machine, on the twelve partitions of one embedded broker."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import fmean
from typing import Final

import msgspec
import numpy as np

from streams.contracts.connection import connect_to
from streams.contracts.hot import HotPrice
from streams.contracts.topics import DEFAULT_PARTITIONS, TopicTable
from streams.simulator.publisher import KafkaPublisher
from streams.simulator.record import SimulatedRecord, hot
from streams.simulator.simulation import Simulation
from tests.bench.day import simulation, trade_records
from tests.bench.report import REPOSITORY
from tests.bench.row import Row
from tests.bench.timing import cores, resident_bytes
from tests.bench.trades import create_topics

COUNTS: Final = (1, 2, 4)
BACKLOG: Final = 100_000  # trades of the day that lie in the log when the workers start
TRADES: Final = 200_000  # trades that come while they are live
BURST: Final = 100_000  # prices at once
PRICES_S: Final = 8.0  # seconds of prices at the demo's rate
_AT_ONCE: Final = 20_000
_TICK_S, _POLL_S = 0.05, 0.05
_DEADLINE_S: Final = 120.0
_SETTLED_S: Final = 4.0  # longer than a join takes
_TRIES: Final = 3
_REBALANCES: Final = "marginmon_rebalances_total"
_TRADES_TAKEN, _PRICES_TAKEN = (
    rf'marginmon_input_messages_total\{{.*topic="{topic}".*\}}' for topic in ("trades", "prices")
)


class Worker:
    """A ``marginmon worker`` process and its metrics."""

    def __init__(self, process: subprocess.Popen[bytes], said: Path, errors: Path) -> None:
        self._process, self._said, self._errors = process, said, errors

    def metric(self, name: str) -> float:
        """Sum of the samples whose name and labels match the expression; 0 before it answers."""
        address = re.search(r"worker ready.*http=(\S+)", self._said.read_text(encoding="utf-8"))
        if self._process.poll() is not None:
            raise RuntimeError(f"worker ended:\n{self.errors()}")
        if address is None:
            return 0.0
        with urllib.request.urlopen(f"{address[1]}/metrics", timeout=10) as response:
            lines = response.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if re.fullmatch(f"{name} .*", line))

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def log(self) -> str:
        """What it has said on standard error."""
        return self._errors.read_text(encoding="utf-8")

    def errors(self) -> str:
        """The end of it."""
        return self.log()[-2000:]

    def cpu_s(self) -> float:
        """Processor seconds of all its threads so far."""
        fields = (
            Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        )
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> float:
        """Physical memory, shared libraries included."""
        return resident_bytes(self._process.pid) / 2**20


@contextmanager
def worker_process(arguments: list[str]) -> Iterator[Worker]:
    """A worker with these arguments, ended afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        said, errors = Path(folder, "said"), Path(folder, "errors")
        with said.open("w") as out, errors.open("w") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "worker", *arguments], stdout=out, stderr=err, cwd=folder,
                env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            )  # fmt: skip
        try:
            yield Worker(process, said, errors)
        finally:
            process.terminate()
            process.wait(timeout=60)


class DisturbedError(RuntimeError):
    """Partitions moved while something was measured."""


async def _all_live(workers: list[Worker], settled_s: float = 0.0) -> None:
    """Wait until the workers share all partitions and have done so for a while."""
    deadline, since = time.monotonic() + _DEADLINE_S, time.monotonic()
    while True:
        owned = [
            worker.metric("marginmon_partitions_owned") * worker.metric("marginmon_live")
            for worker in workers
        ]
        if min(owned) == 0 or sum(owned) != DEFAULT_PARTITIONS:
            since = time.monotonic()
        elif time.monotonic() - since >= settled_s:
            return
        if time.monotonic() > deadline:
            said = "".join(worker.errors() for worker in workers)
            raise DisturbedError(f"not all workers live within {_DEADLINE_S:g} s:\n{said}")
        await asyncio.sleep(_POLL_S)


async def _taken(workers: list[Worker], metric: str, count: float) -> None:
    """Wait until so many messages are taken."""
    rebalances, deadline = _sum(workers, _REBALANCES), time.monotonic() + _DEADLINE_S
    while _sum(workers, metric) < count:
        if _sum(workers, _REBALANCES) != rebalances or time.monotonic() > deadline:
            said = "".join(worker.errors() for worker in workers)
            raise DisturbedError(f"the workers did not take {count:,.0f} messages undisturbed:\n{said}")
        await asyncio.sleep(_POLL_S)


def _sum(workers: list[Worker], metric: str) -> float:
    return sum(worker.metric(metric) for worker in workers)


class Course:
    """The course of one measurement: workers become live, trades come, prices come."""

    def __init__(self, bootstrap: str, table: TopicTable, workers: list[Worker]) -> None:
        self._bootstrap, self._table, self._workers = bootstrap, table, workers
        self.figures: dict[str, float] = {}

    async def run(self, firm: Simulation, records: list[SimulatedRecord]) -> None:
        """``records``: trades; those of the backlog are out already."""
        await _all_live(self._workers, _SETTLED_S)
        publisher = KafkaPublisher(connect_to(self._bootstrap), self._table)
        await publisher.start()
        try:
            await self._trades(publisher, records)
            await self._prices(publisher, firm)
            await self._burst(publisher, firm)
        finally:
            await publisher.stop()
        self.figures["resident_mib"] = fmean(worker.resident_mib() for worker in self._workers)

    async def _trades(self, publisher: KafkaPublisher, records: list[SimulatedRecord]) -> None:
        before, started = _sum(self._workers, _TRADES_TAKEN), time.monotonic()
        cpu_s = sum(worker.cpu_s() for worker in self._workers)
        await publish(publisher, records)
        self.figures["published_per_s"] = len(records) / (time.monotonic() - started)
        await _taken(self._workers, _TRADES_TAKEN, before + len(records))
        self.figures["trades_per_s"] = len(records) / (time.monotonic() - started)
        cpu_s = sum(worker.cpu_s() for worker in self._workers) - cpu_s
        self.figures["trades_per_cpu_s"] = len(records) / cpu_s

    async def _prices(self, publisher: KafkaPublisher, firm: Simulation) -> None:
        """The market at the demo's rate; every worker reads all of it."""
        duration = "marginmon_evaluation_duration_seconds_"
        before = [_sum(self._workers, duration + name) for name in ("sum", "count")]
        started, cpu_s = time.monotonic(), sum(worker.cpu_s() for worker in self._workers)
        while time.monotonic() - started < PRICES_S:
            tick = time.monotonic()
            prices = [record for record in firm.advance(time.time_ns()) if record.topic == "prices"]
            await publisher.publish(prices, time.time_ns() // 1_000_000)
            await asyncio.sleep(max(0.0, tick + _TICK_S - time.monotonic()))
        elapsed_s = time.monotonic() - started
        cpu_s = sum(worker.cpu_s() for worker in self._workers) - cpu_s
        spent_s, passes = (_sum(self._workers, duration + name) for name in ("sum", "count"))
        self.figures["passes_per_s"] = (passes - before[1]) / elapsed_s / len(self._workers)
        self.figures["pass_ms"] = 1000.0 * (spent_s - before[0]) / max(passes - before[1], 1.0)
        self.figures["cores"] = cpu_s / elapsed_s / len(self._workers)

    async def _burst(self, publisher: KafkaPublisher, firm: Simulation) -> None:
        """Prices as fast as they can be published, with marks that stand still: what reading them costs."""
        count = len(self._workers)
        records = price_records(firm, BURST)
        before, cpu_s = _sum(self._workers, _PRICES_TAKEN), sum(worker.cpu_s() for worker in self._workers)
        await publish(publisher, records)
        await _taken(self._workers, _PRICES_TAKEN, before + count * len(records))
        cpu_s = sum(worker.cpu_s() for worker in self._workers) - cpu_s
        self.figures["price_us"] = 1e6 * cpu_s / len(records) / count


def price_records(firm: Simulation, count: int) -> list[SimulatedRecord]:
    """So many prices of all instruments in turn, each with a higher sequence and the same mark."""
    now_ns = time.time_ns()
    listed = np.flatnonzero(firm.quotes.listed)
    quotes = [
        msgspec.json.decode(record.value, type=HotPrice) for _, record in firm.quotes.quotes(listed, now_ns)
    ]
    return [
        hot("prices", quote.instrument_id, msgspec.structs.replace(quote, sequence=quote.sequence + lap))
        for lap in range(count // len(quotes) + 1)
        for quote in quotes
    ]


async def publish(publisher: KafkaPublisher, records: list[SimulatedRecord]) -> None:
    """Publish in pieces that the broker takes at once."""
    for start in range(0, len(records), _AT_ONCE):
        await publisher.publish(records[start : start + _AT_ONCE], time.time_ns() // 1_000_000)


async def _prepare(bootstrap: str, table: TopicTable, records: list[SimulatedRecord]) -> None:
    publisher = KafkaPublisher(connect_to(bootstrap), table)
    await publisher.start()
    await publish(publisher, records)
    await publisher.stop()


def _measured(bootstrap: str, count: int) -> dict[str, float]:
    """So many workers; once more where partitions moved in the middle of it."""
    for _ in range(_TRIES - 1):
        try:
            return _once(bootstrap, count)
        except DisturbedError:
            continue
    return _once(bootstrap, count)


def _once(bootstrap: str, count: int) -> dict[str, float]:
    """So many workers on topics of their own."""
    table = TopicTable(f"bench-{uuid.uuid4().hex[:8]}.")
    asyncio.run(create_topics(bootstrap, table))
    firm = simulation()
    opening, trades = list(firm.opening()), list(trade_records(firm, BACKLOG + TRADES))
    asyncio.run(_prepare(bootstrap, table, [*opening, *trades[:BACKLOG]]))
    settings = ["--bootstrap", bootstrap, "--topic-prefix", table.prefix, "--group", table.prefix + "workers"]
    with ExitStack() as stack:
        workers: list[Worker] = []
        for _ in range(count):  # one by one, as a rolling start does
            started = time.monotonic()
            workers.append(stack.enter_context(worker_process([*settings, "--log-level", "warning"])))
            asyncio.run(_all_live(workers))
            live_s = time.monotonic() - started
        course = Course(bootstrap, table, workers)
        asyncio.run(course.run(firm, trades[BACKLOG:]))
    return course.figures | {"live_s": live_s}


_FIGURES: Final = {
    "live_s": (f"start of the last to all partitions live, {BACKLOG:,} trades of the day in the log", "s"),
    "trades_per_s": (f"{TRADES:,} trades published and applied", "trades per second"),
    "trades_per_cpu_s": ("the same by the processor time of the workers", "trades per CPU second"),
    "published_per_s": ("rate at which they were published", "trades per second"),
    "passes_per_s": ("passes of each worker at the demo's prices", "passes per second"),
    "pass_ms": ("mean pass at the demo's prices", "ms"),
    "cores": ("processor time of each worker at the demo's prices", "cores"),
    "price_us": ("processor time of each worker for a price that it reads", "us"),
    "resident_mib": ("memory of each worker", "MiB"),
}


def figure(count: int, key: str) -> str:
    """Name of a figure of so many workers."""
    return f"{count} worker{'s' if count > 1 else ''} on {cores()} cores: {_FIGURES[key][0]}"


def measure(bootstrap: str) -> list[Row]:
    """1,000 accounts of the simulator, twelve partitions, shared by the workers."""
    subprocess.run(
        [sys.executable, "-m", "streams.cli", "warmup"], check=True, capture_output=True, cwd=REPOSITORY
    )
    results = {count: _measured(bootstrap, count) for count in COUNTS}
    rows = []
    for key, (_, unit) in _FIGURES.items():
        alone = results[COUNTS[0]][key]
        for count in COUNTS:
            value = results[count][key]
            compared, ratio = ("", None) if count == COUNTS[0] else ("1 worker", value / alone)
            rows.append(Row(figure(count, key), value, unit, None, False, compared, ratio))
    return rows
