"""Restores from checkpoints on a real Kafka: what they spare, and that nothing is lost without them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from streams.contracts.cluster import create_missing
from tests.broker.test_worker_faults import check_history
from tests.broker.worker_harness import DEADLINE_S, PARTITIONS, Harness, Worker

ACCOUNTS = [f"A{number}" for number in range(6)]
FROM_CHECKPOINT = r'marginmon_restore_duration_seconds_count\{source="checkpoint"\}'
UNUSED = "marginmon_checkpoints_unused_total"


@pytest.fixture
async def harness(kafka_bootstrap: str, topic_prefix: str, tmp_path: Path) -> AsyncIterator[Harness]:
    async with Harness(kafka_bootstrap, topic_prefix, tmp_path) as running:
        await begin(running)
        yield running


async def begin(harness: Harness) -> None:
    """Three trades an account, all covered."""
    await harness.instrument("SPY")
    for account_id in ACCOUNTS:
        await harness.account(account_id)
        await harness.opening(account_id, 10_000.0)
        for number in range(3):
            await harness.trade(account_id, f"t{number}-{account_id}", 10.0, 400.0)
    await harness.price("SPY", 400.0)


def worker_with(harness: Harness, name: str, fault_at: str = "") -> Worker:
    return harness.start_worker(
        name, fault_at, checkpoints=harness.folder / "kept", **{"checkpoint-interval-s": 1}
    )


def files(harness: Harness) -> list[Path]:
    return sorted((harness.folder / "kept").glob("*.checkpoint"))


def unusable(reason: str) -> str:
    return rf'{UNUSED}\{{reason="{reason}"\}}'


async def until(true: Callable[[], bool], worker: Worker) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        worker.check()
        assert time.monotonic() < deadline, worker.err.read_text()[-3000:]
        await asyncio.sleep(0.05)


async def died(worker: Worker) -> None:
    await until(lambda: worker.process.poll() is not None, worker)


async def kept(harness: Harness, worker: Worker) -> None:
    """Wait for a checkpoint of every partition that was copied after now."""
    since = time.time()
    await until(
        lambda: (
            len(files(harness)) == PARTITIONS and all(path.stat().st_mtime > since for path in files(harness))
        ),
        worker,
    )
    since = time.time()  # one that was being written then may have been copied before
    await until(lambda: all(path.stat().st_mtime > since for path in files(harness)), worker)


async def margined(harness: Harness, worker: Worker) -> None:
    """A trade of 480 more on top of 30: the requirement shows that all were counted, once."""
    for account_id in ACCOUNTS:
        await harness.trade(account_id, f"last-{account_id}", 480.0, 400.0)
        (issued,) = await harness.calls(account_id, "issued")
        assert issued["requirement"] == "16320.00"  # 8 % of 510 x 400
    check_history([json.loads(record.value) for record in await harness.read("calls")])
    worker.check()


async def test_a_restart_reads_only_what_came_behind_the_checkpoints(harness: Harness) -> None:
    first = worker_with(harness, "first")
    await first.ready()
    assert await first.metric(unusable("absent")) == PARTITIONS
    await kept(harness, first)
    first.kill()
    await harness.trade(ACCOUNTS[0], "while-away", 1.0, 400.0)
    await harness.trade(ACCOUNTS[0], "while-away", 0.0, 400.0, version=2)

    second = worker_with(harness, "second")
    await second.ready()
    assert await second.metric(FROM_CHECKPOINT) == PARTITIONS
    assert await second.metric("marginmon_restored_messages_total") == 2
    assert await second.metric(UNUSED + ".*") == 0
    await harness.trade(
        ACCOUNTS[1], f"t0-{ACCOUNTS[1]}", 99.0, 400.0
    )  # held since the checkpoint: a duplicate
    await second.metric_reaches(r'marginmon_input_messages_total\{outcome="duplicate",topic="trades"\}', 1)
    await margined(harness, second)


async def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before_or_the_log(
    harness: Harness,
) -> None:
    await died(worker_with(harness, "first-write", "checkpoint-written:1"))
    whole = worker_with(harness, "whole")  # a partition that is live later than others is written later, too
    await whole.ready()
    await kept(harness, whole)
    whole.kill()
    for point in (f"checkpoint-written:{PARTITIONS + 1}", "checkpoint-copied:2"):
        await died(worker_with(harness, point.replace(":", "-"), point))
    assert len(files(harness)) == PARTITIONS
    last = worker_with(harness, "last")
    await last.ready()
    assert await last.metric(FROM_CHECKPOINT) == PARTITIONS
    await kept(harness, last)
    await until(lambda: not list((harness.folder / "kept").glob("*.part")), last)
    await margined(harness, last)


async def test_damaged_checkpoints_are_told_of_and_the_log_is_read(harness: Harness) -> None:
    first = worker_with(harness, "first")
    await first.ready()
    await kept(harness, first)
    first.kill()
    flipped, cut, other = files(harness)
    data = bytearray(flipped.read_bytes())
    data[len(data) // 2] ^= 1
    flipped.write_bytes(data)
    cut.write_bytes(cut.read_bytes()[:-1])
    other.write_bytes(other.read_bytes().replace(b"checkpoint 1\n", b"checkpoint 0\n", 1))

    second = worker_with(harness, "second")
    await second.ready()
    assert await second.metric(FROM_CHECKPOINT) == 0
    assert await second.metric(unusable("damaged")) == 2
    assert await second.metric(unusable("other_version")) == 1
    told = [line for line in second.err.read_text().splitlines() if "read from the log" in line]
    assert len(told) == PARTITIONS
    assert all("WARNING" in line.upper() for line in told)
    await margined(harness, second)


async def test_a_partition_moves_to_a_worker_that_has_no_checkpoint(harness: Harness) -> None:
    first = worker_with(harness, "first")
    await first.ready()
    await kept(harness, first)
    other = harness.start_worker("other")
    first.kill()
    await other.ready()
    assert await other.metric('marginmon_restore_duration_seconds_count.source="replay".') >= PARTITIONS
    await margined(harness, other)


async def test_topics_that_were_made_anew_are_not_taken_for_the_ones_before(harness: Harness) -> None:
    first = worker_with(harness, "first")
    await first.ready()
    await kept(harness, first)
    first.kill()
    admin = AIOKafkaAdminClient(bootstrap_servers=harness.bootstrap)
    await admin.start()
    gone = [harness.topics[name] for name in ("positions", "trades", "collateral")]
    await admin.delete_topics([topic.name for topic in gone])
    deadline = time.monotonic() + DEADLINE_S
    while {topic.name for topic in gone} & set(await admin.list_topics()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await create_missing(admin, gone, 1)
    await admin.close()
    await begin(harness)

    second = worker_with(harness, "second")
    await second.ready()
    assert await second.metric(FROM_CHECKPOINT) == 0
    assert await second.metric(unusable("log_differs")) == PARTITIONS
    await margined(harness, second)


async def test_a_refused_record_that_a_checkpoint_covers_is_dead_lettered(harness: Harness) -> None:
    first = worker_with(
        harness, "first", "before-dead-letter:1"
    )  # dies when it has applied it, and not written it
    await first.ready()
    await kept(harness, first)
    await harness.send("trades", ACCOUNTS[0], b"{")
    await died(first)
    second = worker_with(harness, "second")
    await second.ready()
    assert await second.metric(FROM_CHECKPOINT) == PARTITIONS
    assert len(await harness.read("trades.dlq")) == 1
    await kept(harness, second)
    second.kill()
    third = worker_with(harness, "third")
    await third.ready()
    await margined(harness, third)
    assert len(await harness.read("trades.dlq")) == 1


async def test_a_folder_that_cannot_be_written_stops_nothing(harness: Harness) -> None:
    (harness.folder / "kept").write_text("not a folder")
    worker = worker_with(harness, "first")
    await worker.metric_reaches("marginmon_checkpoint_errors_total", PARTITIONS)
    assert await worker.metric(unusable("damaged")) == PARTITIONS
    await margined(harness, worker)
    (harness.folder / "kept").unlink()
    await kept(harness, worker)
