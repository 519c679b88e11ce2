"""Trades a second, Kafka to positions, beside plain Faust, Quix Streams, a bare client loop and the engine alone.

Quix Streams wants an environment of its own; where MARGINMON_BENCH_QUIX names the python of one, it is measured too.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient

from streams.contracts.cluster import create_missing
from streams.contracts.connection import connect_to
from streams.contracts.topics import TopicTable
from streams.simulator.publisher import KafkaPublisher
from tests.bench.day import simulation, trade_records
from tests.bench.row import Row, median_of

QUIX_PYTHON: Final = os.environ.get("MARGINMON_BENCH_QUIX", "")
TRADES: Final = 300_000
PLAIN_FAUST_TRADES: Final = 30_000  # it is that much slower
BUDGET_PER_CORE_SECOND: Final = 300_000.0
_PUBLISHED_AT_ONCE: Final = 20_000
_NAMES: Final = {
    "worker": "the worker's path",
    "plain-faust": "plain Faust agent, decode only",
    "quix": "Quix Streams, decode only",
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
    publisher = KafkaPublisher(connect_to(bootstrap), table)
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
    if not QUIX_PYTHON:
        del results["quix"]
    for _ in range(rounds):
        for path, measured in results.items():
            measured.append(_one(path, bootstrap, table, core))
    return _rows(results)


def _one(path: str, bootstrap: str, table: TopicTable, core: int | None) -> dict[str, float]:
    trades = PLAIN_FAUST_TRADES if path == "plain-faust" else TRADES
    shared = ["--bootstrap", bootstrap, "--group", f"bench-{uuid.uuid4().hex}", "--trades", str(trades)]
    shared += [] if core is None else ["--core", str(core)]
    environment = dict(os.environ)
    if path == "quix":
        environment.pop("PYTHONPATH", None)  # its environment has other versions of what this one has
        command = [
            QUIX_PYTHON,
            str(Path(__file__).with_name("quix_path.py")),
            "--topic",
            table["trades"].name,
        ]
    else:
        command = [sys.executable, "-m", "tests.bench.trade_path", path, "--prefix", table.prefix]
    done = subprocess.run([*command, *shared], capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _rows(results: dict[str, list[dict[str, float]]]) -> list[Row]:
    rows = []
    worker = median_of(results["worker"], "per_core_second")
    for path, name in _NAMES.items():
        if path not in results:
            rows.append(
                Row(f"trades Kafka -> positions: {name} (set MARGINMON_BENCH_QUIX)", None, "not measured")
            )
            continue
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
