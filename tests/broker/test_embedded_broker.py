"""The embedded Kafka: it serves real clients, keeps data when told to, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from click.testing import CliRunner

from streams.broker.command import broker as broker_command
from streams.broker.errors import BrokerError, PortTakenError
from streams.broker.kafka import EmbeddedBroker, _cluster_id
from streams.broker.ports import accepts, free_ports, is_free
from streams.broker.readiness import answers
from streams.cli import main

DEADLINE_S = 30.0


def eventually(condition: Callable[[], bool], deadline_s: float = DEADLINE_S) -> bool:
    """Whether the condition holds before the deadline."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and only waits to be collected does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


async def create_topic(bootstrap: str, name: str, partitions: int = 1) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1)])
    finally:
        await admin.close()


async def read_all(
    bootstrap: str, topic: str, count: int, isolation: str = "read_uncommitted"
) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", isolation_level=isolation
    )
    await consumer.start()
    try:
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


async def test_serves_transactions_and_hides_aborted_records(kafka_bootstrap: str, topic_prefix: str) -> None:
    topic = topic_prefix + "calls"
    await create_topic(kafka_bootstrap, topic)
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, transactional_id=topic_prefix + "writer")
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"aborted")
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(topic, b"committed")
    finally:
        await producer.stop()
    assert await read_all(kafka_bootstrap, topic, 1, "read_committed") == [b"committed"]
    assert await read_all(kafka_bootstrap, topic, 2) == [b"aborted", b"committed"]


async def test_kept_data_survives_a_restart_on_other_ports(tmp_path: Path) -> None:
    with EmbeddedBroker(data_folder=tmp_path) as first:
        first_port = first.port
        await create_topic(first.bootstrap, "kept")
        async with AIOKafkaProducer(bootstrap_servers=first.bootstrap) as producer:
            await producer.send_and_wait("kept", b"value")
        with EmbeddedBroker() as neighbour:
            assert neighbour.port != first_port
            assert answers(neighbour.bootstrap)
        other = free_ports(1)[0]
    with EmbeddedBroker(data_folder=tmp_path, port=other) as second:
        assert second.port == other
        assert await read_all(second.bootstrap, "kept", 1) == [b"value"]
    assert not accepts(other)


async def test_mistyped_topic_is_not_created(kafka_bootstrap: str, topic_prefix: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, request_timeout_ms=1_000) as producer:
        with pytest.raises(KafkaError):
            await producer.send_and_wait(topic_prefix + "mistyped", b"value")


def test_taken_port_is_named_with_remedy() -> None:
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", 0))
        owner.listen()
        port = owner.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(PortTakenError, match=f"port {port} on 127.0.0.1 is taken.*choose another"):
            EmbeddedBroker(port=port).start()
        result = CliRunner().invoke(main, ["broker", "--port", str(port)])
        assert result.exit_code == 1
        assert f"port {port}" in result.output


def test_cluster_id_never_looks_like_an_option() -> None:
    dashed, plain = UUID(bytes=b"\xfb" * 16), UUID(bytes=b"\x12" * 16)
    draws = iter([dashed, dashed, plain])
    assert _cluster_id(lambda: next(draws)) == "EhISEhISEhISEhISEhISEg"


def test_wrong_option_is_exit_code_2() -> None:
    assert CliRunner().invoke(broker_command, ["--port", "0"]).exit_code == 2


def test_failed_start_shows_kafkas_own_words_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "meta.properties").write_text("version=1\ncluster.id=other\nnode.id=77\n")
    broker = EmbeddedBroker(data_folder=tmp_path)
    with pytest.raises(BrokerError, match=r"(?s)Kafka ended at its start.*77"):
        broker.start()
    assert broker.pid == 0
    assert not accepts(broker.port)


PARENT = """
import os, time
from streams.broker.kafka import EmbeddedBroker, _cluster_id
with EmbeddedBroker() as broker:
    print(broker.pid, broker.port, broker.controller_port, flush=True)
    {after}
    time.sleep(600)
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts a Python process that holds an embedded broker; its temporary files land in tmp_path."""
    started: list[subprocess.Popen[str]] = []

    def start(after: str = "pass") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PARENT.format(after=after)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


# A forked copy of the parent inherits the pipe's writing end and outlives the parent.
FORKED_COPY = "os.fork() or time.sleep(5)"


@pytest.mark.parametrize("after", ["pass", FORKED_COPY], ids=["alone", "with-forked-copy"])
def test_killed_parent_leaves_no_jvm_no_port_no_folder(
    parent: Callable[[str], subprocess.Popen[str]], tmp_path: Path, after: str
) -> None:
    process = parent(after)
    assert process.stdout is not None
    java, port, controller_port = map(int, process.stdout.readline().split())
    assert alive(java)
    assert accepts(port)
    assert accepts(controller_port)
    assert list(tmp_path.glob("marginmon-broker-*"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert eventually(lambda: not alive(java)), "the JVM outlived its parent"
    assert eventually(lambda: not list(tmp_path.glob("marginmon-broker-*"))), "temporary folder left behind"
    assert not accepts(port)
    assert not accepts(controller_port)


def test_jvm_dies_with_its_supervisor_and_the_broker_says_so(tmp_path: Path) -> None:
    with EmbeddedBroker(data_folder=tmp_path) as broker:
        java = broker.pid
        supervisor = int(Path(f"/proc/{java}/stat").read_text().rsplit(")", 1)[1].split()[1])
        os.kill(supervisor, signal.SIGKILL)
        assert eventually(lambda: not alive(java)), "the JVM outlived its supervisor"
        assert eventually(broker.ended)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_command_prints_bootstrap_and_ends_cleanly(ending: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "streams.cli", "broker"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        bootstrap = process.stdout.readline().strip()
        assert bootstrap, "the broker did not start"
        assert answers(bootstrap)
        process.send_signal(ending)
        assert process.wait(DEADLINE_S) == 0
    assert not accepts(int(bootstrap.rsplit(":", 1)[1]))
    assert not list(tmp_path.iterdir())


def test_command_reports_a_broker_that_ended_by_itself() -> None:
    command = [sys.executable, "-m", "streams.cli", "broker"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        bootstrap = process.stdout.readline()
        assert bootstrap, process.stderr.read()
        java = java_of(process.pid)
        os.kill(java, signal.SIGKILL)
        assert process.wait(DEADLINE_S) == 1
        assert "Kafka ended by itself" in process.stderr.read()


def java_of(pid: int) -> int:
    """Process id of the JVM below a process that runs an embedded broker: its supervisor's child."""
    return child_of(child_of(pid))


def child_of(pid: int) -> int:
    listings = Path(f"/proc/{pid}/task").glob("*/children")
    return next(int(child) for listing in listings for child in listing.read_text().split())
