"""The simulator against a real Kafka: everything arrives, whole, in order, where the worker looks for it."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections import defaultdict

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.broker.ports import free_ports
from streams.contracts.cluster import create_missing
from streams.contracts.connection import connect_to
from streams.contracts.topics import TopicTable, partition_of
from streams.inbound.log_reader import group_less_consumer, read_to_end
from streams.parameters import load_policy
from streams.simulator.run import READY, SimulationRun
from streams.simulator.settings import SimulationSettings
from streams.simulator.simulation import Simulation
from tests.simulated_firm import START_NS

PARTITIONS = 5
SETTINGS = SimulationSettings(accounts=40, prices_per_s=500, trades_per_s=50, late_share=0, duplicate_share=0)


@pytest.fixture
async def table(kafka_bootstrap: str, topic_prefix: str) -> TopicTable:
    """Created topics, with a number of partitions that is not the default."""
    table = TopicTable(topic_prefix, PARTITIONS)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    await create_missing(admin, table, 1)
    await admin.close()
    return table


async def test_records_arrive_in_the_order_of_their_key(kafka_bootstrap: str, table: TopicTable) -> None:
    lines: list[str] = []
    simulation = Simulation(SETTINGS, load_policy(), START_NS)
    run = SimulationRun(simulation, connect_to(kafka_bootstrap), table, lines.append)
    await run.run(2.0, asyncio.Event())
    assert lines[0].startswith(READY)

    consumer = group_less_consumer(connect_to(kafka_bootstrap), "test")
    await consumer.start()
    partitions = [
        TopicPartition(topic.name, number)
        for topic in table
        if topic.name.removeprefix(table.prefix) in {"positions", "trades", "prices", "accounts"}
        for number in range(topic.partitions)
    ]
    consumer.assign(partitions)
    found: dict[str, list[tuple[int, dict[str, object]]]] = defaultdict(list)
    async for tp, records in read_to_end(consumer, partitions):
        for record in records:
            found[tp.topic.removeprefix(table.prefix)].append(
                (tp.partition, msgspec.json.decode(record.value))
            )
    await consumer.stop()

    assert len(found["accounts"]) == len(found["positions"]) == 40
    assert len(found["trades"]) == sum(simulation.trading.counts.values()) >= 60
    assert len(found["prices"]) > 282 + 600
    for topic in ("positions", "trades"):
        for partition, message in found[topic]:
            assert partition == partition_of(str(message["account_id"]), PARTITIONS)
    sequences: dict[object, list[int]] = defaultdict(list)
    for _, price in found["prices"]:
        sequences[price["instrument_id"]].append(int(str(price["sequence"])))
    for sequence in sequences.values():
        assert sequence == list(range(sequence[0], sequence[0] + len(sequence)))


def simulate(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", "simulate", "--accounts=20", *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_missing_topics_are_named(kafka_bootstrap: str, topic_prefix: str) -> None:
    ended = simulate("--bootstrap", kafka_bootstrap, "--prefix", topic_prefix, "--duration", "1")
    assert ended.returncode == 2
    assert re.search(r"topic \S+ does not exist; run `marginmon topics create`", ended.stderr)
    assert "Traceback" not in ended.stderr


def test_an_absent_broker_is_one_line_and_exit_code_1() -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    ended = simulate("--bootstrap", address, "--duration", "1")
    assert ended.returncode == 1
    assert f"Kafka at {address}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_setting_is_exit_code_2() -> None:
    ended = simulate("--bad-share", "3")
    assert ended.returncode == 2
    assert "--bad-share" in ended.stderr
