"""Price to margin call: from handing a price to the producer until a read_committed reader has the call event.

The demo runs at its rates; beside it some accounts hold one stock with thin equity. Its price falls and rises
again, at moments that have nothing to do with the worker's passes, and each time every one of these accounts
is called or recovers.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.contracts.topics import TopicTable, partition_of
from tests.bench.background import READY
from tests.bench.row import Row
from tests.bench.trades import create_topics

INSTRUMENT: Final = "AIG"
SAFE, FALLEN = 80.0, 70.0
ACCOUNTS: Final = 20
CROSSINGS: Final = 60
LONGEST_S: Final = 60.0
BUDGET_P99_MS: Final = 250.0
_QUANTITY: Final = 20_000.0
# At the safe price equity is 1.3 times the 15 % of portfolio margin, at the fallen one 0.5 times.
_CASH_USD: Final = -_QUANTITY * SAFE * (1.0 - 1.3 * 0.15)
_PAUSE_S: Final = (0.1, 0.3)
_DEADLINE_S: Final = 60.0


class Crossings:
    """Moves the price and takes the time of what comes back."""

    def __init__(self, bootstrap: str, table: TopicTable) -> None:
        self._table = table
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        self._calls = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False,
            auto_offset_reset="earliest",
        )  # fmt: skip
        self._accounts = [f"BENCH-{number:03d}" for number in range(ACCOUNTS)]
        self._sequence = time.time_ns() // 1000 + 10**9  # above the simulator's own
        self.latencies_ms: list[float] = []

    async def start(self) -> None:
        """Open the accounts at the safe price."""
        await self._producer.start()
        await self._calls.start()
        calls = self._table["calls"]
        self._calls.assign([TopicPartition(calls.name, n) for n in range(calls.partitions)])
        for account_id in self._accounts:
            await self._open(account_id)
        await self._move(SAFE)

    async def stop(self) -> None:
        """Close the connections."""
        await self._producer.stop()
        await self._calls.stop()

    async def cross(self, price: float, state: str) -> None:
        """Move the price and wait until every account has said so."""
        sent_ns = await self._move(price)
        missing, deadline = set(self._accounts), time.monotonic() + _DEADLINE_S
        while missing:
            if time.monotonic() > deadline:
                raise RuntimeError(f"no event {state} of {sorted(missing)[:3]} within {_DEADLINE_S:g} s")
            fetched = await self._calls.getmany(timeout_ms=1000)
            seen_ns = time.time_ns()
            for event in (json.loads(r.value) for records in fetched.values() for r in records):
                known = event["binding"] and event["account_id"] in missing and event["as_of_ns"] > sent_ns
                if known and event["state"] == state:
                    missing.discard(event["account_id"])
                    self.latencies_ms.append((seen_ns - sent_ns) / 1e6)

    async def _open(self, account_id: str) -> None:
        account = {"account_id": account_id, "approvals": ["portfolio_margin", "cross_margin"]}
        position = {"instrument_id": INSTRUMENT, "quantity": _QUANTITY}
        opening = {
            "account_id": account_id, "business_date": "2026-01-02", "as_of_ns": 1, "positions": [position],
            "cash": [{"silo": "securities", "amount": _CASH_USD}],
        }  # fmt: skip
        await self._send("accounts", account_id, account)
        await self._send("positions", account_id, opening)

    async def _move(self, price: float) -> int:
        self._sequence += 1
        sent_ns = time.time_ns()
        message = {
            "instrument_id": INSTRUMENT, "mark": price, "source_time_ns": sent_ns, "sequence": self._sequence
        }  # fmt: skip
        await self._send("prices", INSTRUMENT, message)
        return sent_ns

    async def _send(self, topic: str, key: str, message: dict[str, Any]) -> None:
        target = self._table[topic]
        await self._producer.send_and_wait(
            target.name, json.dumps(message).encode(), key=key.encode(),
            partition=partition_of(key, target.partitions),
        )  # fmt: skip


@contextmanager
def _process(arguments: list[str], ready: str) -> Iterator[None]:
    """A child process that has said that it is ready; ended afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        errors = Path(folder, "errors")
        with errors.open("w") as stderr:
            child = subprocess.Popen(
                [sys.executable, "-m", *arguments], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=stderr,
            )  # fmt: skip
        assert child.stdout is not None
        try:
            while ready not in (line := child.stdout.readline()):
                if not line:
                    raise RuntimeError(f"{arguments[0]} ended:\n{errors.read_text()[-4000:]}")
            yield
        finally:
            child.terminate()
            child.wait(timeout=30)


async def _crossings(bootstrap: str, table: TopicTable, worker: list[str]) -> list[float]:
    crossings, pauses = Crossings(bootstrap, table), random.Random(7)
    await crossings.start()
    try:
        with _process(worker, "worker ready"):
            ends = time.monotonic() + LONGEST_S
            for number in range(CROSSINGS):
                if time.monotonic() > ends:
                    break
                await crossings.cross(FALLEN, "issued")
                await asyncio.sleep(pauses.uniform(*_PAUSE_S))
                await crossings.cross(SAFE, "met")
                await asyncio.sleep(pauses.uniform(*_PAUSE_S))
                if number == 0:
                    crossings.latencies_ms.clear()  # the first crossing loads kernels
    finally:
        await crossings.stop()
    return crossings.latencies_ms


def measure(bootstrap: str) -> list[Row]:
    """p50 and p99 over all accounts and crossings."""
    table = TopicTable(f"bench-{uuid.uuid4().hex[:8]}.")
    asyncio.run(create_topics(bootstrap, table))
    settings = ["--bootstrap", bootstrap, "--topic-prefix", table.prefix, "--group", table.prefix + "workers"]
    worker = ["streams.cli", "worker", *settings, "--log-level", "warning"]
    with _process(["tests.bench.background", bootstrap, table.prefix, INSTRUMENT], READY):
        latencies_ms = asyncio.run(_crossings(bootstrap, table, worker))
    p50, p99 = np.percentile(latencies_ms, [50, 99])
    figure = f"price -> call, {len(latencies_ms)} transitions at the demo's rates"
    return [
        Row(f"{figure}: p50", float(p50), "ms"),
        Row(f"{figure}: p99", float(p99), "ms", BUDGET_P99_MS),
        Row(f"{figure}: longest", max(latencies_ms), "ms"),
    ]
