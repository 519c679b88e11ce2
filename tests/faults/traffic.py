"""Traffic that makes every kind of transition: trades, corrections, deposits, new days, answers, poison."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from datetime import date, timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.contracts.topics import TopicTable, partition_of

FIRST_DAY = date(2026, 11, 20)
POISON = (b"", b"{", b"[]", b"\xff\xfe", b'{"trade_id": 7}', b'{"price": NaN}', b"null", b"1e999")
POISON_SHARE = 0.01


class Traffic:
    """Sends until it is stopped; the same seed draws the same.

    Attributes:
        sent: records by topic.
    """

    def __init__(self, bootstrap: str, topics: TopicTable, accounts: int, seed: int, pause_s: float) -> None:
        self._bootstrap, self._topics, self._pause_s = bootstrap, topics, pause_s
        self.accounts = [f"A{number}" for number in range(accounts)]
        self._draws = random.Random(seed)
        self._number, self._price = 0, 400.0
        self._day = dict.fromkeys(self.accounts, FIRST_DAY)
        self._trades: list[dict[str, Any]] = []
        self._open: dict[str, dict[str, Any]] = {}
        self.sent: Counter[str] = Counter()
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, enable_idempotence=True, request_timeout_ms=120_000, linger_ms=0
        )

    async def start(self) -> None:
        """Connect and send reference data, start of day and a first price."""
        await self._producer.start()
        fields = {"product": "etf", "index_class": "high_cap_broad", "risk_factor": "EQ:SPX"}
        await self._send("instruments", "SPY", {"instrument_id": "SPY", **fields})
        for account_id in self.accounts:
            approvals = ["portfolio_margin", "cross_margin"]
            await self._send("accounts", account_id, {"account_id": account_id, "approvals": approvals})
            await self._open_day(account_id)
        await self._send_price()

    async def stop(self) -> None:
        """Everything sent is acknowledged."""
        await self._producer.stop()

    async def run(self) -> None:
        """Send until cancelled."""
        listening = asyncio.create_task(self._listen())
        try:
            while True:
                await self.one()
                await asyncio.sleep(self._pause_s)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def one(self) -> None:
        """One record of a kind drawn at random."""
        account_id = self._draws.choice(self.accounts)
        kind = self._draws.random()
        if kind < POISON_SHARE:
            topic = self._draws.choice(("trades", "collateral", "positions", "call-responses", "prices"))
            await self._send(topic, account_id, self._draws.choice(POISON))
        elif kind < 0.45:
            await self._trade(account_id)
        elif kind < 0.55 and self._trades:
            await self._again(self._draws.choice(self._trades[-50:]))
        elif kind < 0.70:
            await self._deposit(account_id)
        elif kind < 0.75:
            self._day[account_id] += timedelta(days=1)
            await self._open_day(account_id)
        elif kind < 0.85 and self._open:
            await self._answer(self._draws.choice(list(self._open.values())))
        else:
            self._price = max(300.0, min(500.0, self._price + self._draws.uniform(-30, 30)))
            await self._send_price()

    async def _trade(self, account_id: str) -> None:
        self._number += 1
        trade = {
            "trade_id": f"t{self._number}", "version": 1, "account_id": account_id, "instrument_id": "SPY",
            "quantity": float(self._draws.randint(-300, 400)), "price": round(self._price, 2),
            "business_date": self._next_day(account_id), "trade_time_ns": time.time_ns(),
        }  # fmt: skip
        self._trades.append(trade)
        await self._send("trades", account_id, trade)

    async def _again(self, trade: dict[str, Any]) -> None:
        """The same trade again, corrected, or cancelled."""
        if self._draws.random() < 0.7:
            trade["version"] += 1
            trade["quantity"] += 10.0
            trade["business_date"] = self._next_day(trade["account_id"])
            trade["status"] = self._draws.choice(("new", "new", "cancelled"))
        await self._send("trades", trade["account_id"], trade)

    async def _deposit(self, account_id: str) -> None:
        self._number += 1
        movement = {
            "collateral_id": f"c{self._number}", "version": 1, "account_id": account_id, "silo": "securities",
            "currency": "USD", "quantity": float(self._draws.randint(-5_000, 15_000)),
            "business_date": self._next_day(account_id), "time_ns": time.time_ns(),
        }  # fmt: skip
        await self._send("collateral", account_id, movement)

    async def _open_day(self, account_id: str) -> None:
        record = {
            "account_id": account_id, "business_date": self._day[account_id].isoformat(),
            "as_of_ns": time.time_ns(), "cash": [{"silo": "securities", "amount": 10_000.0}],
            "positions": [{"instrument_id": "SPY", "quantity": float(self._draws.randint(0, 100))}],
        }  # fmt: skip
        await self._send("positions", account_id, record)

    async def _answer(self, event: dict[str, Any]) -> None:
        self._number += 1
        answer = {
            "response_id": f"r{self._number}", "account_id": event["account_id"], "call_id": event["call_id"],
            "kind": self._draws.choice(("acknowledge", "promise", "dispute", "cancel")), "operator": "desk",
            "time_ns": time.time_ns(),
        }  # fmt: skip
        await self._send("call-responses", event["account_id"], answer)

    async def _send_price(self) -> None:
        now_ns = time.time_ns()
        price = {
            "instrument_id": "SPY",
            "mark": round(self._price, 2),
            "source_time_ns": now_ns,
            "sequence": now_ns,
        }
        await self._send("prices", "SPY", price)

    async def send_last_price(self) -> None:
        """A price after everything else, so that every statement is made once more."""
        self._price += 1.0
        await self._send_price()

    async def _send(self, topic: str, key: str, value: Any) -> None:
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        by_account = self._topics[topic].by_account
        partition = partition_of(key, self._topics.partitions) if by_account else None
        await self._producer.send_and_wait(
            self._topics[topic].name, raw, key=key.encode(), partition=partition
        )
        self.sent[topic] += 1

    def _next_day(self, account_id: str) -> str:
        return (self._day[account_id] + timedelta(days=1)).isoformat()

    async def _listen(self) -> None:
        """Follow the calls, as a desk does."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            name = self._topics["calls"].name
            consumer.assign([TopicPartition(name, number) for number in range(self._topics.partitions)])
            async for record in consumer:
                event = json.loads(record.value)
                self._open[event["account_id"]] = event
        finally:
            with contextlib.suppress(Exception):
                await consumer.stop()
