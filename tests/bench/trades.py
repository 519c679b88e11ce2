"""Trades a second, Kafka to positions, beside plain Faust, a bare client loop and the engine alone."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import uuid
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient

from streams.contracts.cluster import create_missing
from streams.contracts.topics import TopicTable
from streams.simulator.publisher import KafkaPublisher
from tests.bench.day import simulation, trade_records
from tests.bench.row import Row, median_of

TRADES: Final = 300_000
PLAIN_FAUST_TRADES: Final = 30_000  # it is that much slower
BUDGET_PER_CORE_SECOND: Final = 200_000.0
_PUBLISHED_AT_ONCE: Final = 20_000
_NAMES: Final = {
    "worker": "the worker's path",
    "plain-faust": "plain Faust agent, decode only",
    "bare-loop": "bare getmany loop, decode only",
    "engine": "engine alone, decoded columns",
}


async def create_topics(bootstrap: str, table: TopicTable) -> None:
    """All topics of one benchmark."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await create_missing(admin, table, 1)
    finally:
        await admin.close()


async def _publish(bootstrap: str, table: TopicTable) -> None:
    await create_topics(bootstrap, table)
    publisher = KafkaPublisher(bootstrap, table)
    await publisher.start()
    records = list(trade_records(simulation(), TRADES))
    for start in range(0, len(records), _PUBLISHED_AT_ONCE):
        await publisher.publish(records[start : start + _PUBLISHED_AT_ONCE], time.time_ns() // 1_000_000)
    await publisher.stop()


def measure(bootstrap: str, rounds: int, core: int | None) -> list[Row]:
    """All paths in turn, round after round, on the same trades."""
    table = TopicTable(f"bench-{uuid.uuid4().hex[:8]}.")
    asyncio.run(_publish(bootstrap, table))
    results: dict[str, list[dict[str, float]]] = {path: [] for path in _NAMES}
    for _ in range(rounds):
        for path, measured in results.items():
            measured.append(_one(path, bootstrap, table.prefix, core))
    return _rows(results)


def _one(path: str, bootstrap: str, prefix: str, core: int | None) -> dict[str, float]:
    trades = PLAIN_FAUST_TRADES if path == "plain-faust" else TRADES
    arguments = ["--bootstrap", bootstrap, "--prefix", prefix, "--group", f"bench-{uuid.uuid4().hex}"]
    pinned = [] if core is None else ["--core", str(core)]
    command = [
        sys.executable,
        "-m",
        "tests.bench.trade_path",
        path,
        "--trades",
        str(trades),
        *arguments,
        *pinned,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _rows(results: dict[str, list[dict[str, float]]]) -> list[Row]:
    rows = []
    worker = median_of(results["worker"], "per_core_second")
    for path, name in _NAMES.items():
        cpu = median_of(results[path], "per_core_second")
        wall = median_of(results[path], "per_wall_second")
        own = path == "worker"
        budget = BUDGET_PER_CORE_SECOND if own else None
        compared, ratio = ("", None) if own else (_NAMES["worker"], cpu / worker)
        figure = f"trades Kafka -> positions: {name}" if path != "engine" else f"trades -> positions: {name}"
        rows.append(Row(figure, cpu, "trades per CPU second", budget, True, compared, ratio))
        compared, ratio = (
            ("", None) if own else (_NAMES["worker"], wall / median_of(results["worker"], "per_wall_second"))
        )
        rows.append(Row(figure, wall, "trades per second", None, True, compared, ratio))
    return rows
