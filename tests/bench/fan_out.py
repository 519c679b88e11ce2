"""Risk rows: made anew by every worker, or made once and sent to all? What one row costs either way.

Processor time of one process; the broker's own is left out, it would come on top of sending.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Final

import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from numpy.typing import NDArray

from engine.market.instruments import Product
from engine.market.prices import PriceColumns
from engine.rules.interface import Rulebook
from engine.state.engine import Engine
from engine.state.policy import Policy
from streams.parameters import load_policy
from tests.bench.row import Row
from tests.bench.scale_market import NOW_NS, Market, market

ROWS: Final = 20_000
_BATCH_BYTES: Final = 256 * 1024
_ROUNDS: Final = 3
_PRODUCTS: Final = {
    Product.EQUITY_OPTION: "an American option on a stock",
    Product.FUTURE_OPTION: "an American option on a future",
    Product.INDEX_OPTION: "a European option",
    Product.EQUITY: "a stock",
}
SIZE: Final = "size of a risk row, all rulebooks of an instrument"
READ: Final = "risk row read from Kafka and unpacked"
SENT: Final = "risk row packed and sent to Kafka"


def made(product: Product) -> str:
    """Name of the figure of making a row."""
    return f"risk row made, all rulebooks: {_PRODUCTS[product]}"


def measure(bootstrap: str) -> list[Row]:
    """Microseconds a row, made and broadcast."""
    policy = load_policy()
    listed, engine = market(policy.rate), Engine(policy)
    slots = _priced(engine, listed)
    rulebooks = {product: _rulebooks(policy, product) for product in _PRODUCTS}
    width = max(sum(len(rulebook.column_kinds) for rulebook in each) for each in rulebooks.values())
    sent_us, read_us = asyncio.run(_broadcast(bootstrap, width))
    rows = [
        Row(SIZE, 8.0 * width, "bytes"),
        Row(SENT, sent_us, "us"),
        Row(READ, read_us, "us"),
    ]
    for product in _PRODUCTS:
        made_us = _made_us(engine, rulebooks[product], slots[listed.places(product)])
        rows.append(Row(made(product), made_us, "us", None, False, READ, made_us / read_us))
    return rows


def _priced(engine: Engine, listed: Market) -> NDArray[np.int64]:
    """All instruments with a price; int64[n] their slots."""
    for instrument in listed.instruments:
        engine.put_instrument(instrument)
    slots = engine.instrument_slots(list(listed.place))
    n, missing = len(slots), np.full(len(slots), np.nan)
    engine.advance_time(NOW_NS)
    engine.apply_prices(
        PriceColumns(
            slots, missing, missing, listed.mark, listed.volatility, np.full(n, NOW_NS), np.zeros(n, np.int64)
        )
    )
    engine.evaluate(NOW_NS)
    return slots


def _rulebooks(policy: Policy, product: Product) -> list[Rulebook]:
    """Those that need a row of the product."""
    silo = [policy.rulebooks[each.rulebook_id] for each in policy.assignments if product in each.products]
    return [*silo, policy.unified, policy.unified.add_on]


def _made_us(engine: Engine, rulebooks: list[Rulebook], slots: NDArray[np.int64]) -> float:
    def make() -> None:
        for rulebook in rulebooks:
            rulebook.rows(engine.market.risk, slots)

    make()  # loads kernels
    return min(_cpu_us(make) for _ in range(_ROUNDS)) / len(slots)


def _cpu_us(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return 1e6 * (time.process_time() - started)


async def _broadcast(bootstrap: str, width: int) -> tuple[float, float]:
    """Processor time of sending and of reading one row of ``width`` values."""
    topic = f"bench-{uuid.uuid4().hex[:8]}.rows"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    rows = np.random.default_rng(0).standard_normal((ROWS, width))
    started = time.process_time()
    await _send(bootstrap, topic, rows)
    sent_us = 1e6 * (time.process_time() - started) / ROWS
    started = time.process_time()
    taken = await _read(bootstrap, topic, rows.shape)
    assert np.array_equal(taken, rows)
    return sent_us, 1e6 * (time.process_time() - started) / ROWS


async def _send(bootstrap: str, topic: str, rows: NDArray[np.float64]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=_BATCH_BYTES)
    await producer.start()
    batch, sent = producer.create_batch(), []
    for slot, row in enumerate(rows):
        key, value = slot.to_bytes(4, "little"), row.tobytes()
        if batch.append(key=key, value=value, timestamp=None) is None:
            sent.append(await producer.send_batch(batch, topic, partition=0))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    sent.append(await producer.send_batch(batch, topic, partition=0))
    await asyncio.gather(*sent)
    await producer.stop()


async def _read(bootstrap: str, topic: str, shape: tuple[int, int]) -> NDArray[np.float64]:
    """What a worker would do: the rows into the columns that they belong to."""
    rows = np.zeros(shape)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    seen = 0
    while seen < len(rows):
        for records in (await consumer.getmany(timeout_ms=1000)).values():
            slots = np.frombuffer(b"".join([record.key for record in records]), np.int32)
            values = np.frombuffer(b"".join([record.value for record in records]), np.float64)
            rows[slots] = values.reshape(len(records), -1)
            seen += len(records)
    await consumer.stop()
    return rows
