"""Accounts with thin equity in one stock, whose price falls and rises again: each time all are called or recover."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.contracts.topics import TopicTable, partition_of

INSTRUMENT: Final = "AIG"
SAFE, FALLEN = 80.0, 70.0
ACCOUNTS: Final = 20
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


async def cross_for(crossings: Crossings, longest_s: float, most: int) -> list[float]:
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
    return list(crossings.latencies_ms)
