"""The demo's day as records: opening, prices and trades of the simulator with its default settings."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from typing import NamedTuple

import msgspec

from engine.state.engine import Engine
from streams.contracts.hot import HotTrade
from streams.contracts.topics import DEFAULT_PARTITIONS, partition_of
from streams.inbound.intake import Intake
from streams.parameters import load_policy
from streams.simulator.record import SimulatedRecord, hot
from streams.simulator.settings import SimulationSettings
from streams.simulator.simulation import Simulation

# Drawing up a simulated trade costs more than applying it, so this many are drawn and repeated with new ids.
DISTINCT_TRADES = 20_000
_PARKING_LIMIT, _SKEW_LIMIT_MS = 1000, 5000


class LogRecord(NamedTuple):
    """What the inbound code reads of a Kafka record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


def simulation() -> Simulation:
    """The demo's firm: 1,000 accounts."""
    return Simulation(SimulationSettings(), load_policy(), time.time_ns())


def trade_records(firm: Simulation, count: int) -> Iterator[SimulatedRecord]:
    """So many trades, a share of them duplicates as in the demo."""
    drawn = firm.trading.next_trades(DISTINCT_TRADES, time.time_ns())
    trades = [msgspec.json.decode(record.value, type=HotTrade) for record in drawn]
    for number, trade in enumerate(islice(cycle(trades), count)):
        lap = number // len(trades)
        yield hot(
            "trades", trade.account_id, msgspec.structs.replace(trade, trade_id=f"{trade.trade_id}-{lap}")
        )


def by_partition(records: Iterable[SimulatedRecord]) -> dict[int, list[LogRecord]]:
    """Records of one topic as the log of each account partition has them."""
    logs: dict[int, list[LogRecord]] = {}
    time_ms = time.time_ns() // 1_000_000
    for topic, key, value in records:
        partition = partition_of(key.decode(), DEFAULT_PARTITIONS)
        log = logs.setdefault(partition, [])
        log.append(LogRecord(topic, partition, len(log), time_ms, key, value))
    return logs


def opened_intake(opening: Iterable[SimulatedRecord]) -> Intake:
    """An engine behind its intake that has read the opening and is live on all partitions."""
    intake = Intake(Engine(load_policy()), {}, DEFAULT_PARTITIONS, _PARKING_LIMIT, _SKEW_LIMIT_MS)
    topics: dict[str, list[SimulatedRecord]] = {}
    for record in opening:
        topics.setdefault(record.topic, []).append(record)
    now_ns = time.time_ns()
    logs = {
        topic: [r for log in by_partition(records).values() for r in log] for topic, records in topics.items()
    }
    for topic in ("instruments", "accounts"):
        intake.take_reference(topic, logs[topic], now_ns)
    intake.take_prices(logs["prices"], now_ns)
    for partition in range(DEFAULT_PARTITIONS):
        intake.take_partition(partition)
    for partition, log in by_partition(topics["positions"]).items():
        intake.take_activity("positions", partition, log)
    for partition in range(DEFAULT_PARTITIONS):
        intake.engine.go_live(partition)
    intake.engine.evaluate(now_ns)
    return intake
