"""A day back live: 100,000 accounts and five million trades, read back by two workers that start at the same moment."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Final

from streams.contracts.topics import DEFAULT_PARTITIONS, TopicTable
from tests.bench.recovery_day import publish
from tests.bench.report import REPOSITORY
from tests.bench.row import Row
from tests.bench.scale_book import book
from tests.bench.trades import create_topics
from tests.bench.workers import Worker, worker_process

ACCOUNTS: Final = 100_000
TRADES: Final = 5_000_000
WORKERS: Final = 2
BUDGET_S: Final = 20.0
_POLL_S: Final = 0.1
_DEADLINE_S: Final = 600.0
# The last line of each part of a start, in the log of a worker.
_PARTS: Final = {
    "start-up and imports": "settings ",
    "kernels": "kernels ready",
    "reference data and prices": "reference data and prices read",
    "joining the group": "generation ",
    "start-of-day records, trades, going live": "live after",
}


def measure(bootstrap: str) -> list[Row]:
    """One recovery; the kernels are compiled and the day is in the log before it begins."""
    subprocess.run(
        [sys.executable, "-m", "streams.cli", "warmup"], check=True, capture_output=True, cwd=REPOSITORY
    )
    table = TopicTable(f"bench-{uuid.uuid4().hex[:8]}.")
    asyncio.run(create_topics(bootstrap, table))
    publish(bootstrap, table, book(ACCOUNTS), TRADES)
    with _workers(bootstrap, table) as (workers, started):
        live_s = _until(workers, _are_live) - started
        cpu_s = sum(worker.cpu_s() for worker in workers)
        evaluated_s = _until(workers, _have_evaluated) - started
        parts = _parts([worker.log() for worker in workers], started)
        memory_mib = max(worker.resident_mib() for worker in workers)
    named = f"{ACCOUNTS:,} accounts and {TRADES:,} trades back on {WORKERS} workers"
    return [
        Row(f"{named}: process start to all partitions live", live_s, "s", BUDGET_S),
        Row(f"{named}: process start to every account evaluated", evaluated_s, "s"),
        Row(f"{named}: processor time of the workers until live", cpu_s, "CPU s"),
        *(Row(f"{named}: until the end of {name}, the later worker", at_s, "s") for name, at_s in parts),
        Row(f"{named}: memory of the larger worker", memory_mib, "MiB"),
    ]


@contextmanager
def _workers(bootstrap: str, table: TopicTable) -> Iterator[tuple[list[Worker], float]]:
    settings = ["--bootstrap", bootstrap, "--topic-prefix", table.prefix, "--group", table.prefix + "workers"]
    started = time.time()
    with ExitStack() as stack:
        yield [stack.enter_context(worker_process(settings)) for _ in range(WORKERS)], started


def _are_live(workers: Sequence[Worker]) -> bool:
    owned = [
        worker.metric("marginmon_partitions_owned") * worker.metric("marginmon_live") for worker in workers
    ]
    return sum(owned) == DEFAULT_PARTITIONS


def _have_evaluated(workers: Sequence[Worker]) -> bool:
    return sum(worker.metric("marginmon_accounts_evaluated_total") for worker in workers) >= ACCOUNTS


def _until(workers: Sequence[Worker], reached: Callable[[Sequence[Worker]], bool]) -> float:
    """Wall clock (s since 1970) at which it was seen."""
    deadline = time.time() + _DEADLINE_S
    while not reached(workers):
        if time.time() > deadline:
            raise RuntimeError("not back in time:\n" + "".join(worker.errors() for worker in workers))
        time.sleep(_POLL_S)
    return time.time()


def _parts(logs: Sequence[str], started: float) -> list[tuple[str, float]]:
    """By part: seconds from the start of the processes to its last line, of the worker where that came later."""
    return [(name, max(_last_at(log, mark) for log in logs) - started) for name, mark in _PARTS.items()]


def _last_at(log: str, mark: str) -> float:
    """Wall clock of the last line of a log that has the mark."""
    [*_, last] = [line for line in log.splitlines() if re.search(rf": .*{mark}", line)]
    return datetime.fromisoformat(last.split()[0]).timestamp()
