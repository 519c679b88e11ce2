"""The demo's market and trades in a process of their own, but for the one instrument that the benchmark moves.

``python background.py BOOTSTRAP PREFIX INSTRUMENT``: prints a line when the opening is out, runs until its
standard input ends.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence

from streams.contracts.connection import connect_to
from streams.contracts.topics import TopicTable
from streams.simulator.publisher import KafkaPublisher
from streams.simulator.record import SimulatedRecord
from tests.bench.day import simulation

READY = "opening published"
_TICK_S = 0.05


async def run(bootstrap: str, prefix: str, instrument_id: str) -> None:
    """Publish the opening, then what happens, every 50 ms."""
    firm, publisher = simulation(), KafkaPublisher(connect_to(bootstrap), TopicTable(prefix))
    kept_back = instrument_id.encode()

    async def publish(records: Sequence[SimulatedRecord]) -> None:
        wanted = [r for r in records if r.topic != "prices" or r.key != kept_back]
        await publisher.publish(wanted, time.time_ns() // 1_000_000)

    await publisher.start()
    await publish(list(firm.opening()))
    print(READY, flush=True)
    ended = asyncio.ensure_future(asyncio.to_thread(sys.stdin.read))
    while not ended.done():
        started = time.monotonic()
        await publish(firm.advance(time.time_ns()))
        await asyncio.wait({ended}, timeout=max(0.0, _TICK_S - (time.monotonic() - started)))
    await publisher.stop()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
