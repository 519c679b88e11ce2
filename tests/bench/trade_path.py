"""One way of reading trades, measured in a process of its own: ``python trade_path.py PATH ...`` prints JSON.

The clock runs from the first batch that begins after a tenth of the trades, so that compiled kernels are loaded
and fetches are in steady state, to the last trade.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from typing import Any

import faust
import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.state.activity_state import TradeColumns
from engine.state.engine import Engine
from streams.contracts.codec import TRADES, days
from streams.contracts.hot import HotTrade
from streams.contracts.topics import DEFAULT_PARTITIONS
from streams.inbound.intake import Staged
from streams.worker.collector import collect_seldom, keep_what_is_there
from streams.worker.engine_thread import EngineThread
from streams.worker.faust_app import faust_app
from streams.worker.metrics import WorkerMetrics
from streams.worker.settings import WorkerSettings
from tests.bench.cores import take_core
from tests.bench.day import LogRecord, by_partition, opened_intake, simulation, trade_records

_BATCH = 4_500  # trades of one fetch: 1 MiB at the demo's message size
_WARM_SHARE = 0.1
_DEADLINE_S = 60.0


class Meter:
    """Counts trades; wall and processor time between the warm-up and the last one."""

    def __init__(self, total: int) -> None:
        self._total, self._warm = total, int(total * _WARM_SHARE)
        self._seen = self._from = 0
        self._started = (0.0, 0.0)
        self.result: dict[str, float] = {}
        self.done = asyncio.Event()

    def add(self, count: int) -> None:
        """So many trades are through."""
        self._seen += count
        if not self._from and self._seen >= self._warm:
            self._from, self._started = self._seen, (time.perf_counter(), time.process_time())
        if self._seen >= self._total and not self.result:
            measured = self._seen - self._from
            wall_s, cpu_s = time.perf_counter() - self._started[0], time.process_time() - self._started[1]
            self.result = {"per_wall_second": measured / wall_s, "per_core_second": measured / cpu_s}
            self.done.set()


def columns_of(engine: Engine, records: list[LogRecord]) -> TradeColumns:
    """Decoded columns of a batch, as the inbound code makes them."""
    trades = TRADES.decode(records).messages
    return TradeColumns(
        [trade.trade_id for trade in trades],
        np.array([trade.version for trade in trades], np.int64),
        engine.account_slots([trade.account_id for trade in trades]),
        engine.instrument_slots([trade.instrument_id for trade in trades]),
        np.array([trade.quantity for trade in trades], np.float64),
        np.array([trade.price for trade in trades], np.float64),
        np.array([trade.status == "cancelled" for trade in trades], np.bool_),
        np.array([days[trade.business_date] for trade in trades], np.int64),
        np.full(len(trades), -1, np.int64),
    )


def engine_alone(arguments: argparse.Namespace) -> dict[str, float]:
    """``apply_trades`` on columns that are there already; no Kafka, no decoding."""
    firm = simulation()
    engine = opened_intake(firm.opening()).engine
    batches = [
        (partition, columns_of(engine, log[start : start + _BATCH]))
        for partition, log in by_partition(trade_records(firm, arguments.trades)).items()
        for start in range(0, len(log), _BATCH)
    ]
    meter = Meter(arguments.trades)
    for partition, columns in batches:
        engine.apply_trades(partition, columns)
        meter.add(len(columns.trade_ids))
    return meter.result


async def bare_loop(arguments: argparse.Namespace) -> dict[str, float]:
    """``getmany`` and msgspec, nothing else: what no Python consumer can be faster than."""
    decode = msgspec.json.Decoder(HotTrade).decode
    consumer = AIOKafkaConsumer(
        bootstrap_servers=arguments.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    partitions = [TopicPartition(arguments.prefix + "trades", n) for n in range(DEFAULT_PARTITIONS)]
    consumer.assign(partitions)
    meter = Meter(arguments.trades)
    while not meter.result:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=_BATCH)).values():
            for record in records:
                decode(record.value)
            meter.add(len(records))
    await consumer.stop()
    return meter.result


async def through_worker(arguments: argparse.Namespace) -> dict[str, float]:
    """The worker's own parts: Faust with the batch transport, intake and codec, engine thread, input metrics."""
    intake = opened_intake(simulation().opening())
    keep_what_is_there()
    thread, metrics, meter = EngineThread(), WorkerMetrics(), Meter(arguments.trades)

    async def take(topic: str, partition: int, staged: Staged) -> bool:
        taken = await thread.run(intake.apply_activity, topic, partition, staged)
        assert taken is not None
        metrics.count_taken(taken, time.time_ns(), live=True)
        assert not taken.refusals, taken.refusals[0]
        meter.add(len(staged.raw))
        return True

    async def assigned(_: set[int], __: int) -> None:
        return

    settings = WorkerSettings(
        bootstrap=arguments.bootstrap, topic_prefix=arguments.prefix, group=arguments.group
    )
    with tempfile.TemporaryDirectory() as folder:
        await _run(faust_app(settings, folder, intake.stage_activity, take, assigned), meter)
    thread.stop()
    return meter.result


async def plain_faust(arguments: argparse.Namespace) -> dict[str, float]:
    """A Faust agent as the manual has it: one event per trade, the same decoder."""
    meter, decode = Meter(arguments.trades), msgspec.json.Decoder(HotTrade).decode
    with tempfile.TemporaryDirectory() as folder:
        app = faust.App(
            arguments.group, broker=f"kafka://{arguments.bootstrap}", store="memory://", datadir=folder,
            autodiscover=False, web_enabled=False, topic_disable_leader=True, topic_allow_declare=False,
            table_standby_replicas=0, consumer_auto_offset_reset="earliest",
        )  # fmt: skip

        async def take(stream: Any) -> None:
            async for value in stream:
                decode(value)
                meter.add(1)

        app.agent(app.topic(arguments.prefix + "trades", value_serializer="raw"))(take)
        await _run(app, meter)
    return meter.result


async def _run(app: faust.App, meter: Meter) -> None:
    app.finalize()
    await app.start()
    await asyncio.wait_for(meter.done.wait(), _DEADLINE_S)
    await app.stop()


PATHS: dict[str, Callable[[argparse.Namespace], Any]] = {
    "worker": through_worker,
    "plain-faust": plain_faust,
    "bare-loop": bare_loop,
    "engine": engine_alone,
}


def main() -> None:
    """Measure one path once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", choices=PATHS)
    parser.add_argument("--bootstrap", default="")
    parser.add_argument("--prefix", default="")
    parser.add_argument("--group", default="bench")
    parser.add_argument("--trades", type=int, required=True)
    parser.add_argument("--core", type=int)
    arguments = parser.parse_args()
    take_core(arguments.core)
    collect_seldom()  # as the worker does; for all paths alike, or the comparison would be unfair
    result = PATHS[arguments.path](arguments)
    print(json.dumps(asyncio.run(result) if asyncio.iscoroutine(result) else result))


if __name__ == "__main__":
    main()
