"""A day back live: 100,000 accounts and five million trades, on two workers that start at the same moment.

First from the log alone; then, killed once every partition has a checkpoint, from the checkpoints.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
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
_FROM_CHECKPOINT: Final = r'marginmon_restore_duration_seconds_count\{source="checkpoint"\}'
# The last line of each part of a start, in the log of a worker.
_PARTS: Final = {
    "start-up and imports": "settings ",
    "kernels": "kernels ready",
    "reference data and prices": "reference data and prices read",
    "joining the group": "generation ",
    "start-of-day records, trades, going live": "live after",
}


def measure(bootstrap: str) -> list[Row]:
    """Both recoveries; the kernels are compiled and the day is in the log before they begin."""
    subprocess.run(
        [sys.executable, "-m", "streams.cli", "warmup"], check=True, capture_output=True, cwd=REPOSITORY
    )
    table = TopicTable(f"bench-{uuid.uuid4().hex[:8]}.")
    asyncio.run(create_topics(bootstrap, table))
    publish(bootstrap, table, book(ACCOUNTS), TRADES)
    named = f"{ACCOUNTS:,} accounts and {TRADES:,} trades back on {WORKERS} workers"
    with tempfile.TemporaryDirectory() as folder:
        with _workers(bootstrap, table, folder) as (workers, started):
            rows = _recovery(named, workers, started)
            _until(workers, _have_checkpoints)
            rows += _checkpoints(workers, Path(folder))
            for worker in workers:
                worker.kill()
        with _workers(bootstrap, table, folder) as (workers, started):
            rows += _recovery(f"{named}, killed, from checkpoints", workers, started)
            taken = sum(worker.metric(_FROM_CHECKPOINT) for worker in workers)
    rows.append(Row("partitions restored from checkpoints, moved ones again", taken, "partitions"))
    return rows


def _recovery(named: str, workers: Sequence[Worker], started: float) -> list[Row]:
    """Of workers that were started then."""
    live_s = _until(workers, _are_live) - started
    cpu_s = sum(worker.cpu_s() for worker in workers)
    load = os.getloadavg()[0]
    evaluated_s = _until(workers, _have_evaluated) - started
    parts = _parts([worker.log() for worker in workers], started)
    memory_mib = max(worker.resident_mib() for worker in workers)
    return [
        Row(f"{named}: process start to all partitions live", live_s, "s", BUDGET_S),
        Row(f"{named}: process start to every account evaluated", evaluated_s, "s"),
        Row(f"{named}: processor time of the workers until live", cpu_s, "CPU s"),
        Row(f"{named}: load of the machine meanwhile (1 min)", load, "processes"),
        *(Row(f"{named}: until the end of {name}, the later worker", at_s, "s") for name, at_s in parts),
        Row(f"{named}: memory of the larger worker", memory_mib, "MiB"),
    ]


def _checkpoints(workers: Sequence[Worker], folder: Path) -> list[Row]:
    """What writing them cost."""
    total_s, number = (
        sum(worker.metric(f"marginmon_checkpoint_pause_seconds_{name}") for worker in workers)
        for name in ("sum", "count")
    )
    size = sum(path.stat().st_size for path in folder.iterdir())
    return [
        Row("checkpoint of a partition: evaluation waits for the copy, mean", total_s / number * 1e3, "ms"),
        Row("checkpoints of all partitions: size", size / 2**20, "MiB"),
    ]


@contextmanager
def _workers(bootstrap: str, table: TopicTable, checkpoints: str) -> Iterator[tuple[list[Worker], float]]:
    settings = ["--bootstrap", bootstrap, "--topic-prefix", table.prefix, "--group", table.prefix + "workers"]
    settings += ["--checkpoints", checkpoints]
    started = time.time()
    with ExitStack() as stack:
        yield [stack.enter_context(worker_process(settings)) for _ in range(WORKERS)], started


def _have_checkpoints(workers: Sequence[Worker]) -> bool:
    """Each live partition has been copied to disk by its owner since it went live."""
    written = sum(worker.metric("marginmon_checkpoint_duration_seconds_count") for worker in workers)
    return written >= DEFAULT_PARTITIONS and _are_live(workers)


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
