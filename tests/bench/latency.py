"""Price to margin call: from handing a price to the producer until a read_committed reader has the call event.

Twice: with the demo at its rates, and with the firm of the demo under the load that the budget names. Beside it some
accounts hold one stock with thin equity. Its price falls and rises again, at moments that have nothing to do with the
worker's passes, and each time every one of these accounts is called or recovers.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from typing import Any, Final

import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.contracts.topics import TopicTable, partition_of
from tests.bench.background import READY
from tests.bench.processes import Sending, Worker, child, running_load, running_worker
from tests.bench.row import Row
from tests.bench.trades import create_topics

INSTRUMENT: Final = "AIG"
SAFE, FALLEN = 80.0, 70.0
ACCOUNTS: Final = 20
CROSSINGS: Final = 60
LONGEST_S: Final = 60.0
DEMO_P99_MS: Final = 250.0
PRICES_PER_S, TRADES_PER_S = 50_000, 5_000
LOADED_S: Final = 40.0
BUDGET_P50_MS, BUDGET_P99_MS = 30.0, 100.0
_QUANTITY: Final = 20_000.0
# At the safe price equity is 1.3 times the 15 % of portfolio margin, at the fallen one 0.5 times.
_CASH_USD: Final = -_QUANTITY * SAFE * (1.0 - 1.3 * 0.15)
_PAUSE_S: Final = (0.1, 0.3)
_DEADLINE_S: Final = 60.0
_SETTLED_S: Final = 5.0
_MOST_CROSSINGS: Final = 10_000
_PASSES: Final = "marginmon_evaluation_duration_seconds_count"
_TRANSACTIONS: Final = "marginmon_txn_commit_duration_seconds_count"
_STAGES: Final = {
    "evaluation pass": "evaluation_duration",
    "transaction, begin to commit": "txn_commit_duration",
    "newest input of a pass to its calls committed": "event_to_call",
    "lag of the worker's event loop": "event_loop_lag",
}


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


async def _cross(crossings: Crossings, longest_s: float, most: int) -> list[float]:
    """Latencies of so many crossings, or of those that fit into the time; the first one loads kernels."""
    pauses, ends = random.Random(7), time.monotonic() + longest_s
    for number in range(most):
        if time.monotonic() > ends:
            break
        await crossings.cross(FALLEN, "issued")
        await asyncio.sleep(pauses.uniform(*_PAUSE_S))
        await crossings.cross(SAFE, "met")
        await asyncio.sleep(pauses.uniform(*_PAUSE_S))
        if number == 0:
            crossings.latencies_ms.clear()
    return crossings.latencies_ms


async def _with_demo(bootstrap: str, table: TopicTable) -> list[float]:
    crossings = Crossings(bootstrap, table)
    await crossings.start()
    try:
        with running_worker(bootstrap, table):
            return await _cross(crossings, LONGEST_S, CROSSINGS)
    finally:
        await crossings.stop()


def _new_table(bootstrap: str) -> TopicTable:
    table = TopicTable(f"bench-{uuid.uuid4().hex[:8]}.")
    asyncio.run(create_topics(bootstrap, table))
    return table


def _demo(bootstrap: str) -> list[Row]:
    table = _new_table(bootstrap)
    with child(["tests.bench.background", bootstrap, table.prefix, INSTRUMENT], READY):
        latencies_ms = asyncio.run(_with_demo(bootstrap, table))
    return _rows("the demo's rates", latencies_ms, None, DEMO_P99_MS)


def _rows(rates: str, latencies_ms: list[float], p50: float | None, p99: float | None) -> list[Row]:
    figure = f"price -> call at {rates}"
    middle, high = np.percentile(latencies_ms, [50, 99])
    return [
        Row(f"{figure}, {len(latencies_ms)} transitions: p50", float(middle), "ms", p50),
        Row(f"{figure}: p99", float(high), "ms", p99),
        Row(f"{figure}: longest", max(latencies_ms), "ms"),
    ]


class Loaded:
    """The budgeted load on one worker, and where its time goes meanwhile."""

    def __init__(self, worker: Worker, sending: Sending) -> None:
        self._worker, self._sending = worker, sending
        self.rows: list[Row] = []

    async def run(self, crossings: Crossings) -> None:
        """Measure once the load has been on for a while."""
        await asyncio.to_thread(self._sending.rates, PRICES_PER_S, TRADES_PER_S)
        await asyncio.sleep(_SETTLED_S)
        await asyncio.to_thread(self._sending.rates, PRICES_PER_S, TRADES_PER_S)
        before, cpu_s, started = (
            await asyncio.to_thread(self._worker.metrics),
            self._cpu_s(),
            time.monotonic(),
        )
        latencies_ms = await _cross(crossings, LOADED_S, _MOST_CROSSINGS)
        seconds = time.monotonic() - started
        cpu = [(now - then) / seconds for now, then in zip(self._cpu_s(), cpu_s, strict=True)]
        after = await asyncio.to_thread(self._worker.metrics)
        reached = await asyncio.to_thread(self._sending.end)
        rates = f"{PRICES_PER_S:,} prices/s and {TRADES_PER_S:,} trades/s"
        self.rows = [
            *_rows(rates, latencies_ms, BUDGET_P50_MS, BUDGET_P99_MS),
            Row("- prices sent", reached["prices_per_s"], "per second", 0.99 * PRICES_PER_S, True),
            Row("- trades sent", reached["trades_per_s"], "per second", 0.99 * TRADES_PER_S, True),
            Row("- longest wait of the sender for the broker", reached["longest_tick_ms"], "ms"),
            Row("- processor cores in use by the worker", cpu[0], "cores"),
            Row("- processor cores in use by the sender", cpu[1], "cores"),
            *(
                Row(f"- {what}: mean", 1000.0 * _mean(before, after, f"marginmon_{name}_seconds"), "ms")
                for what, name in _STAGES.items()
            ),
            Row("- evaluation passes", _grown(before, after, _PASSES) / seconds, "per second"),
            Row("- transactions", _grown(before, after, _TRANSACTIONS) / seconds, "per second"),
        ]

    def _cpu_s(self) -> tuple[float, float]:
        return self._worker.cpu_s(), self._sending.cpu_s()


def _grown(before: dict[str, float], after: dict[str, float], name: str) -> float:
    return after.get(name, 0.0) - before.get(name, 0.0)


def _mean(before: dict[str, float], after: dict[str, float], name: str) -> float:
    return _grown(before, after, f"{name}_sum") / max(1.0, _grown(before, after, f"{name}_count"))


def _loaded(bootstrap: str) -> list[Row]:
    async def run() -> list[Row]:
        crossings = Crossings(bootstrap, table)
        await crossings.start()
        try:
            with running_worker(bootstrap, table) as worker:
                loaded = Loaded(worker, sending)
                await loaded.run(crossings)
                return loaded.rows
        finally:
            await crossings.stop()

    table = _new_table(bootstrap)
    with running_load(bootstrap, table, INSTRUMENT) as sending:
        return asyncio.run(run())


def measure(bootstrap: str) -> list[Row]:
    """p50 and p99 over all accounts and crossings, at both rates."""
    return _demo(bootstrap) + _loaded(bootstrap)
