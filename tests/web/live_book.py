"""A real engine over a small book, its statements and call events, and the worker's own pages over it."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client import CollectorRegistry

from engine.market.instruments import SILO_INDEX
from engine.portfolio.accounts import Account
from engine.state.engine import Engine
from streams.contracts.cluster import create_missing
from streams.contracts.results import CallEvent, RequirementStatement
from streams.contracts.topics import TopicTable, case_key, partition_of
from streams.outbound.calls import call_event
from streams.outbound.requirements import requirement_statement
from streams.parameters import load_policy
from streams.worker.clock import WallClock
from streams.worker.engine_thread import EngineThread
from streams.worker.health import Pages
from tests.engine_book import APPROVED, INSTRUMENTS, MARKS, NOW_NS, TODAY, movements, prices, trades

SECOND_NS = 1_000_000_000
# Positions by kind of account: hedged over the wall, one-sided, options, crypto against perpetual.
KINDS: dict[str, dict[str, float]] = {
    "hedged": {"SPY": 10_000, "ESZ6": -20},
    "long": {"SPY": 6_000, "AAPL": 4_000},
    "spread": {"ESZ6": 30, "ESH7": -30, "ESZ6-P": 10},
    "options": {"AAPL": 5_000, "AAPL-C": -50, "SPX-P": 4, "ESZ6": -5},
    "basis": {"BTC": 40, "BTC-PERP": -40},
    "mixed": {"SPY": 5_000, "SPX-P": 10, "ESZ6": -12, "BTC": 5, "BTC-PERP": -9},
}
FUNDING = (1.8, 1.25, 1.09, 2.4, 0.97, 1.5, 1.04)  # equity of a silo over its requirement, in turns
PLENTY_USD = 50_000_000.0
SILO_NAMES = ("securities", "futures", "digital_assets")
OWNERS = ("Ashgrove Capital", "Birchfield Fund", "Cormorant Partners", "Dunmore Pension", "Eastwater Trading")
DESKS = ("prime brokerage", "listed derivatives", "digital assets")


@dataclass
class LiveBook:
    """Accounts ``ACC-0000`` ... with positions by kind; :meth:`step` moves the market and evaluates."""

    accounts: int
    start_ns: int = NOW_NS
    partitions: int = 4
    engine: Engine = field(init=False)
    sequence: int = 0
    now_ns: int = 0

    def __post_init__(self) -> None:
        self.ids = [f"ACC-{number:04d}" for number in range(self.accounts)]
        self.engine = Engine(load_policy())
        for instrument in INSTRUMENTS:
            self.engine.put_instrument(instrument)
        for partition in range(self.partitions):
            self.engine.take_partition(partition)
        for number, account_id in enumerate(self.ids):
            self.engine.put_account(
                Account(
                    account_id,
                    owner=OWNERS[number % len(OWNERS)],
                    desk=DESKS[number % len(DESKS)],
                    approvals=APPROVED,
                ),
                self._partition(account_id),
            )
        self._trade()
        self._fund(1, {account_id: dict.fromkeys(SILO_NAMES, PLENTY_USD) for account_id in self.ids})
        for partition in range(self.partitions):
            self.engine.go_live(partition)
        self.step()
        self._fund(2, {statement.account_id: self._cash(statement) for statement in self.statements("")})

    def _trade(self) -> None:
        for number, account_id in enumerate(self.ids):
            held = list(KINDS.values())[number % len(KINDS)]
            size = 0.4 + (number * 37 % 100) / 60
            rows = [
                (
                    f"t-{account_id}-{name}",
                    1,
                    account_id,
                    name,
                    round(quantity * size),
                    MARKS[name],
                    False,
                    TODAY,
                )
                for name, quantity in held.items()
            ]
            self.engine.apply_trades(self._partition(account_id), trades(self.engine, rows))

    def _fund(self, version: int, cash: dict[str, dict[str, float]]) -> None:
        for account_id, by_silo in cash.items():
            rows = [
                (
                    f"c-{account_id}-{silo}",
                    version,
                    account_id,
                    "",
                    "USD",
                    usd,
                    False,
                    TODAY,
                    SILO_INDEX[silo],
                )
                for silo, usd in by_silo.items()
            ]
            self.engine.apply_collateral(self._partition(account_id), movements(self.engine, rows))

    def _cash(self, statement: RequirementStatement) -> dict[str, float]:
        """Cash that brings every silo's equity to a multiple of its requirement."""
        cash = {}
        for silo in statement.silos:
            place = self.ids.index(statement.account_id) + SILO_INDEX[silo.silo]
            wanted = max(float(silo.maintenance), 10_000.0) * FUNDING[place % len(FUNDING)]
            cash[silo.silo] = PLENTY_USD + wanted - float(silo.equity)
        return cash

    def _partition(self, account_id: str) -> int:
        return partition_of(account_id, self.partitions)

    def step(self, marks: dict[str, float] | None = None, *, now_ns: int | None = None) -> list[CallEvent]:
        """New marks (all of them, unless named), one evaluation pass; the call events it brought."""
        self.sequence += 1
        self.now_ns = now_ns or self.start_ns + self.sequence * SECOND_NS
        self.engine.apply_prices(prices(self.engine, MARKS | (marks or {}), self.sequence, self.now_ns))
        return [call_event(transition) for transition in self.engine.evaluate(self.now_ns).transitions]

    def statements(self, served_by: str, ids: Sequence[str] | None = None) -> list[RequirementStatement]:
        """Statements of the last evaluation."""
        return [
            requirement_statement(self.engine.statement(account_id, self.now_ns), self.sequence, served_by)
            for account_id in ids or self.ids
        ]


def shaken(generator: random.Random, size: float) -> dict[str, float]:
    """Marks moved by one factor per asset class."""
    equity, crypto = generator.gauss(0, size), generator.gauss(0, 2 * size)
    moved = {}
    for instrument in INSTRUMENTS:
        name, mark = instrument.instrument_id, MARKS[instrument.instrument_id]
        factor = crypto if name.startswith("BTC") else equity
        moved[name] = mark * (
            1 + (8 * factor * (-1 if name.endswith("-P") else 1) if instrument.is_option else factor)
        )
    return {name: max(mark, 0.5) for name, mark in moved.items() if name not in {"EURUSD", "T-NOTE"}}


@contextlib.asynccontextmanager
async def worker_pages(book: LiveBook) -> AsyncIterator[Pages]:
    """The worker's own HTTP server over the book's engine."""
    thread = EngineThread()
    pages = Pages(book.engine, thread, CollectorRegistry(), lambda: "", WallClock())
    await pages.start("127.0.0.1", 0)
    try:
        yield pages
    finally:
        await pages.stop()
        thread.stop()


async def create_topics(bootstrap: str, table: TopicTable) -> None:
    """The topics that the page reads and writes, under the table's prefix."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        wanted = [
            table[name]
            for name in ("requirements", "calls", "call-cases", "call-responses", "call-responses.dlq")
        ]
        await create_missing(admin, [replace(topic, partitions=table.partitions) for topic in wanted], 1)
    finally:
        await admin.close()


@contextlib.asynccontextmanager
async def producer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    sending = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await sending.start()
    try:
        yield sending
    finally:
        await sending.stop()


async def publish(
    sending: AIOKafkaProducer,
    table: TopicTable,
    statements: Sequence[RequirementStatement],
    events: Sequence[CallEvent] = (),
) -> None:
    """Statements, events and cases under the keys and partitions of the topic table."""
    waiting: list[Any] = []
    for statement in statements:
        key = statement.account_id.encode()
        partition = partition_of(statement.account_id, table.partitions)
        body = statement.model_dump_json().encode()
        waiting.append(await sending.send(table["requirements"].name, body, key=key, partition=partition))
    for event in events:
        body, partition = event.model_dump_json().encode(), partition_of(event.account_id, table.partitions)
        waiting.append(
            await sending.send(table["calls"].name, body, key=event.account_id.encode(), partition=partition)
        )
        key = case_key(event.account_id, event.scope)
        waiting.append(await sending.send(table["call-cases"].name, body, key=key, partition=partition))
    for sent in waiting:
        await sent
