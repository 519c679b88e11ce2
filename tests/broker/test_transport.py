"""The batch transport against a real Kafka: the contract that an upgrade of Faust must not break."""

from __future__ import annotations

import asyncio
import inspect
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.consumer import fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import TopicPartitionState
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.contracts.cluster import create_missing
from streams.contracts.topics import TopicTable
from streams.inbound.light_records import LightRecord, with_light_records
from streams.inbound.transport import BatchConsumer
from streams.worker.faust_app import faust_app
from streams.worker.settings import WorkerSettings, load_settings

PARTITIONS = 4
DEADLINE_S = 30.0

CLIENTS_GETALL = """\
    def getall(self, max_records=None):
        tp = self._topic_partition
        if not self.check_assignment(tp) or not self.has_more():
            return []

        ret_list = []
        for msg in self._partition_records:
            ret_list.append(msg)
            if max_records is not None and len(ret_list) >= max_records:
                self._update_position()
                break
        else:
            self._update_position()
            self._partition_records = None

        return ret_list
"""


def test_the_client_still_has_what_the_lease_follows() -> None:
    assert list(inspect.signature(GroupCoordinator._do_heartbeat).parameters) == ["self"]
    assert "success = await self._do_heartbeat()" in inspect.getsource(GroupCoordinator._heartbeat_routine)


def test_fausts_look_for_idle_streams_asks_the_client_nothing() -> None:
    """It would assert that the client has a position, while it has none yet."""
    unstarted = BatchConsumer.__new__(BatchConsumer)
    unstarted.verify_event_path(0.0, TP("trades", 0))


def test_faust_still_has_what_the_transport_overrides() -> None:
    """Names and signatures of the private methods it leans on."""
    assert list(inspect.signature(Consumer._wait_next_records).parameters) == ["self", "timeout"]
    assert list(inspect.signature(Consumer._new_offset).parameters) == ["self", "tp"]
    assert list(inspect.signature(Consumer._add_gap).parameters) == ["self", "tp", "offset_from", "offset_to"]
    assert list(inspect.signature(Consumer.resume_flow).parameters) == ["self"]
    assert "await self.seek_to_committed()" in inspect.getsource(Consumer.perform_seek)
    seek = driver.AIOKafkaConsumerThread.seek_to_committed
    assert "self._ensure_consumer().seek_to_committed" in inspect.getsource(seek)
    assert list(inspect.signature(Consumer.verify_event_path).parameters) == ["self", "now", "tp"]
    assert "assert self._position is not None" in inspect.getsource(TopicPartitionState.position.fget)
    create = driver.AIOKafkaConsumerThread._create_worker_consumer
    assert list(inspect.signature(create).parameters) == ["self", "transport"]
    fetch = driver.AIOKafkaConsumerThread._fetch_records
    assert list(inspect.signature(fetch).parameters)[:3] == ["self", "consumer", "active_partitions"]
    source = inspect.getsource(AIOKafkaConsumer)
    for name in ("_partition_assignment_strategy", "_isolation_level", "_fetch_max_wait_ms"):
        assert f"self.{name}" in source


def test_the_client_still_has_what_light_records_stand_in_for() -> None:
    """Names of aiokafka, and that its fetch results ask nothing more of the records in them."""
    assert "self._records = collections.OrderedDict()" in inspect.getsource(fetcher.Fetcher.__init__)
    unpack = inspect.getsource(fetcher.PartitionRecords)
    assert "self._records_iterator = self._unpack_records()" in unpack
    assert "self._consumer_record(tp, record)" in unpack
    asked = re.findall(r"_partition_records\.(\w+)", inspect.getsource(fetcher))
    assert set(asked) == {"next_fetch_offset"}
    assert set(re.findall(r"[ (]records\.(\w+)", unpack)) == {"has_next", "next_batch"}
    going_through = inspect.getsource(fetcher.PartitionRecords._unpack_records)
    assert "for record in next_batch:" in going_through
    assert set(re.findall(r"\brecord\.(\w+)", going_through)) == {"offset"}
    assert inspect.getsource(fetcher.FetchResult.getall) == CLIENTS_GETALL


class Member:
    """One Faust app with the batch transport; remembers what it got."""

    def __init__(self, settings: WorkerSettings, folder: Path) -> None:
        self.batches: list[tuple[str, int, list[int]]] = []
        self.values: list[bytes] = []
        self.last: LightRecord | None = None
        self.owned: set[int] = set()
        self.refuse = False
        self.failing_calls = 0
        self.app = faust_app(settings, str(folder), self.stage, self.take, self.assigned)

    def stage(self, _: str, records: list[Any]) -> list[Any]:
        return records

    async def take(self, topic: str, partition: int, records: list[Any]) -> bool:
        if self.refuse:
            self.failing_calls += 1
            return False
        self.batches.append((topic, partition, [record.offset for record in records]))
        self.values.extend(record.value for record in records)
        self.last = records[-1]
        return True

    async def assigned(self, numbers: set[int], _: int) -> None:
        self.owned = numbers

    def offsets(self, topic: str, partition: int) -> list[int]:
        return [o for t, p, offsets in self.batches if (t, p) == (topic, partition) for o in offsets]

    async def __aenter__(self) -> Member:
        self.app.finalize()
        await self.app.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.app.stop()


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            met = condition()
            if met if isinstance(met, bool) else await met:
                return
            await asyncio.sleep(0.02)


def distinct(members: Iterable[Member]) -> set[tuple[str, int, int]]:
    """What came, once each: what was fetched while a rebalance is under way comes again."""
    return {
        (topic, p, offset) for member in members for topic, p, offsets in member.batches for offset in offsets
    }


@pytest.fixture
async def table(kafka_bootstrap: str, topic_prefix: str) -> TopicTable:
    topics = TopicTable(topic_prefix, PARTITIONS)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    await create_missing(admin, topics, 1)
    await admin.close()
    return topics


@pytest.fixture
def settings(kafka_bootstrap: str, topic_prefix: str) -> WorkerSettings:
    flags = {"bootstrap": kafka_bootstrap, "topic_prefix": topic_prefix, "partitions": PARTITIONS}
    return load_settings(None, flags | {"group": topic_prefix + "group", "session_timeout_s": 6})


async def produce(bootstrap: str, topic: str, partition: int, values: list[bytes], **options: Any) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, **options) as producer:
        sent = [await producer.send(topic, value, b"key", partition) for value in values]
        await asyncio.gather(*sent)


async def committed(settings: WorkerSettings, topic: str, partition: int) -> int | None:
    async with AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap, group_id=settings.group, enable_auto_commit=False
    ) as consumer:
        consumer.assign([TopicPartition(topic, partition)])
        offset: int | None = await consumer.committed(TopicPartition(topic, partition))
        return offset


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy", "zstd"])
async def test_compressed_batches_arrive_whole(
    table: TopicTable, settings: WorkerSettings, tmp_path: Path, codec: str
) -> None:
    values = [b"%d" % number * 50 for number in range(500)]
    await produce(settings.bootstrap, table["trades"].name, 1, values, compression_type=codec)
    async with Member(settings, tmp_path) as member:
        await until(lambda: len(member.values) >= len(values))
    assert member.values == values
    assert member.offsets("trades", 1) == list(range(500))
    assert len(member.batches) < 50  # batches, not single messages


@pytest.mark.parametrize("codec", [None, "lz4"])
async def test_light_records_begin_and_end_within_a_batch_of_the_log(
    table: TopicTable, settings: WorkerSettings, codec: str | None
) -> None:
    """They are the client's own records, from the offset that was asked for, never more than asked for."""
    tp = TopicPartition(table["trades"].name, 2)
    values = [b"%d" % number for number in range(100)]
    await produce(settings.bootstrap, tp.topic, 2, values, compression_type=codec, linger_ms=50)
    taken = []
    async with AIOKafkaConsumer(bootstrap_servers=settings.bootstrap, enable_auto_commit=False) as consumer:
        with_light_records(consumer)
        consumer.assign([tp])
        consumer.seek(tp, 37)
        while len(taken) < 63:
            records = (await consumer.getmany(timeout_ms=1000, max_records=10)).get(tp, [])
            taken += [(record.offset, record.value) for record in records]
            assert len(records) <= 10
            assert await consumer.position(tp) == 37 + len(taken)
    assert taken == list(enumerate(values))[37:]


async def test_a_record_comes_with_all_that_dead_letters_need(
    table: TopicTable, settings: WorkerSettings, tmp_path: Path
) -> None:
    name = table["trades"].name
    # The broker may delete a record beyond its topic's retention before it is read.
    sent_ms = time.time_ns() // 1_000_000 - 1_234
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap) as producer:
        await producer.send_and_wait(name, b"v", b"k", 3, timestamp_ms=sent_ms, headers=[("h", b"1")])
    async with Member(settings, tmp_path) as member:
        await until(lambda: len(member.values) >= 1)
    assert member.last == LightRecord(name, 3, 0, sent_ms, b"k", b"v", (("h", b"1"),))


async def test_a_taken_batch_is_committed_behind_its_last_record(
    table: TopicTable, settings: WorkerSettings, tmp_path: Path
) -> None:
    name = table["trades"].name
    await produce(settings.bootstrap, name, 0, [b"x"] * 300)
    async with Member(settings, tmp_path) as member:
        await until(lambda: len(member.values) >= 300)
    assert await committed(settings, name, 0) == 300  # stopping commits what was acknowledged
    await produce(settings.bootstrap, name, 0, [b"y"] * 5)
    async with Member(settings, tmp_path) as second:
        await until(lambda: len(second.values) >= 5)
    assert second.offsets("trades", 0) == list(range(300, 305))


async def test_a_batch_that_was_not_taken_is_never_committed(
    table: TopicTable, settings: WorkerSettings, tmp_path: Path
) -> None:
    name = table["trades"].name
    await produce(settings.bootstrap, name, 0, [b"x"] * 10)
    member = Member(settings, tmp_path)
    member.refuse = True
    async with member:
        await until(lambda: member.failing_calls > 0)
    assert await committed(settings, name, 0) in {None, 0, -1}
    async with Member(settings, tmp_path) as second:
        await until(lambda: len(second.values) >= 10)
    assert second.offsets("trades", 0) == list(range(10))


@pytest.mark.parametrize("earlier", [0, 7])
async def test_what_is_fetched_while_a_rebalance_begins_comes_again(
    table: TopicTable, settings: WorkerSettings, tmp_path: Path, earlier: int
) -> None:
    """The batch is thrown away; the next one, taken and committed, would otherwise hide it for good."""
    name = table["trades"].name
    await produce(settings.bootstrap, name, 1, [b"0"] * earlier)
    async with Member(settings, tmp_path) as member:
        await until(
            lambda: bool(member.owned) and len(member.values) >= earlier and not member.app.rebalancing
        )
        consumer, thrown_away = member.app.consumer, []
        fetch = consumer._wait_next_records

        async def interrupted(timeout: float) -> Any:  # noqa: ASYNC109 - Faust's signature
            records, active = await fetch(timeout)
            if records and not thrown_away:
                thrown_away.extend(records)
                consumer.stop_flow()
            return records, active

        consumer._wait_next_records = interrupted
        sent = earlier
        async with asyncio.timeout(DEADLINE_S):
            while not thrown_away:  # the fetch under way when it was put in place goes its way
                await produce(settings.bootstrap, name, 1, [b"1"])
                sent += 1
        consumer.resume_flow()
        await produce(settings.bootstrap, name, 1, [b"2"])
        await until(lambda: sent in member.offsets("trades", 1))
    assert set(member.offsets("trades", 1)) == set(range(sent + 1))


async def test_transaction_markers_and_aborted_records_leave_no_gap_behind(
    table: TopicTable, settings: WorkerSettings, tmp_path: Path
) -> None:
    name = table["trades"].name
    async with AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap, transactional_id=settings.group + "-feed"
    ) as producer:
        for number in range(6):
            await producer.begin_transaction()
            await producer.send_and_wait(name, b"%d" % number, partition=2)
            await (producer.abort_transaction() if number % 3 == 2 else producer.commit_transaction())
    async with Member(settings, tmp_path) as member:
        await until(lambda: len(member.values) >= 4)
        await produce(settings.bootstrap, name, 2, [b"last"])
        await until(lambda: len(member.values) >= 5)
    assert member.values == [b"0", b"1", b"3", b"4", b"last"]
    assert await committed(settings, name, 2) == 13  # 6 records, 6 markers, 1 record


async def test_topics_of_an_account_stay_together_and_nothing_is_lost_when_members_come_and_go(
    table: TopicTable, settings: WorkerSettings, tmp_path: Path
) -> None:
    names = ("trades", "collateral", "positions")
    async with Member(settings, tmp_path / "a") as first:
        await until(lambda: first.owned == set(range(PARTITIONS)))
        async with Member(settings, tmp_path / "b") as second, Member(settings, tmp_path / "c") as third:
            members = (first, second, third)
            await until(
                lambda: (
                    sorted(n for m in members for n in m.owned) == list(range(PARTITIONS))
                    and all(m.owned for m in members)
                )
            )
            for partition in range(PARTITIONS):
                for name in names:
                    await produce(settings.bootstrap, table[name].name, partition, [b"1"] * 20)
            await until(lambda: len(distinct(members)) == 20 * len(names) * PARTITIONS)
            for member in members:
                for name in names:
                    got = {partition for topic, partition, _ in member.batches if topic == name}
                    assert got == member.owned
        await until(lambda: first.owned == set(range(PARTITIONS)))
        for partition in range(PARTITIONS):
            await produce(settings.bootstrap, table["trades"].name, partition, [b"2"] * 10)
        await until(lambda: len(distinct(members)) == (20 * len(names) + 10) * PARTITIONS)
    for partition in range(PARTITIONS):
        everywhere = {o for member in members for o in member.offsets("trades", partition)}
        assert everywhere == set(range(30))


async def test_the_client_is_set_up_as_the_protocol_needs(
    table: TopicTable, settings: WorkerSettings, tmp_path: Path
) -> None:
    async with Member(settings, tmp_path) as member:
        await until(lambda: bool(member.owned))
        client = member.app.consumer._thread._consumer
        assert client._isolation_level == "read_committed"
        assert list(client._partition_assignment_strategy) == [RangePartitionAssignor]
        assert client._coordinator._assignors == [RangePartitionAssignor]
        assert not member.app.conf.web_enabled
    assert list(Path.cwd().glob("*-data")) == []
