"""Runs a simulation against Kafka in real time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Final

from engine.base.units import NANOSECONDS_PER_MILLISECOND
from streams.contracts.connection import Connection
from streams.contracts.topics import TopicTable
from streams.simulator.call_listener import follow_calls
from streams.simulator.publisher import KafkaPublisher
from streams.simulator.record import SimulatedRecord
from streams.simulator.simulation import Simulation

READY: Final = "simulator ready"
_TICK_S: Final = 0.05
_STATUS_S: Final = 10.0

Say = Callable[[str], None]


class SimulationRun:
    """Publishes the opening, then every 50 ms what has happened since, and listens to margin calls."""

    def __init__(self, simulation: Simulation, connection: Connection, table: TopicTable, say: Say) -> None:
        """``say`` gets lines for whoever watches."""
        self._simulation = simulation
        self._connection = connection
        self._calls_topic = table["calls"].name
        self._publisher = KafkaPublisher(connection, table)
        self._say = say
        self._written = 0

    async def run(self, duration_s: float | None, ended: asyncio.Event) -> None:
        """Run until the event is set, or for a time after the opening.

        Raises:
            KafkaError: the broker does not answer or take records.
            MissingTopicError: the topics have not been created.
        """
        await self._publisher.start()
        try:
            await self._publish(list(self._simulation.opening()))
            self._say(self._ready())
            partitions = await self._publisher.partitions("calls")
            listener = asyncio.create_task(
                follow_calls(self._connection, self._calls_topic, partitions, self._simulation.hear)
            )
            try:
                await self._ticks(duration_s, ended, listener)
            finally:
                listener.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await listener
        finally:
            await self._publisher.stop()

    async def _ticks(
        self, duration_s: float | None, ended: asyncio.Event, listener: asyncio.Task[None]
    ) -> None:
        started = last = said = time.monotonic()
        while not ended.is_set() and (duration_s is None or last - started < duration_s):
            await asyncio.sleep(max(0.0, last + _TICK_S - time.monotonic()))
            last = time.monotonic()
            if listener.done():
                listener.result()  # it never ends by itself: raises why it did
            await self._publish(self._simulation.advance(time.time_ns()))
            if last - said >= _STATUS_S:
                said = last
                self._say(self._status())

    async def _publish(self, records: Sequence[SimulatedRecord]) -> None:
        await self._publisher.publish(records, time.time_ns() // NANOSECONDS_PER_MILLISECOND)
        self._written += len(records)

    def _ready(self) -> str:
        settings = self._simulation.settings
        return (
            f"{READY}: {settings.accounts:,} accounts, {len(self._simulation.market.listings)} instruments, "
            f"{settings.prices_per_s:,.0f} prices/s, {settings.trades_per_s:,.0f} trades/s"
        )

    def _status(self) -> str:
        simulation = self._simulation
        counts = simulation.trading.counts | simulation.customers.counts
        counts["bad"] = sum(simulation.faults.counts.values())
        return f"{self._written:,} records written; " + ", ".join(
            f"{number:,} {name}" for name, number in counts.items()
        )
