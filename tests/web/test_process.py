"""`marginmon web` as a process: ready line, real Kafka, quick end, no life after its parent."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner

from streams.cli import main
from streams.contracts.topics import TopicTable, partition_of
from tests.web.live_book import LiveBook, create_topics, producer, publish

DEADLINE_S = 20.0
Start = Callable[..., tuple[str, "subprocess.Popen[str]"]]


def get(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=5) as answer:
        return json.loads(answer.read())


def wait_for(condition: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "not within the deadline"
        time.sleep(0.05)


@pytest.fixture
async def sending(kafka_bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    async with producer(kafka_bootstrap) as sending:
        yield sending


async def test_it_waits_for_topics_reads_all_partitions_and_stays_live(
    start_web: Start, kafka_bootstrap: str, topics: TopicTable, sending: AIOKafkaProducer
) -> None:
    address, _ = start_web()
    wait_for(lambda: "does not exist yet" in get(address + "/healthz")["feed"]["message"])
    await create_topics(kafka_bootstrap, topics)
    book = LiveBook(20)
    await publish(sending, topics, book.statements(""), book.step())
    await sending.send_and_wait(topics["requirements"].name, b"{ no json", key=b"X", partition=0)
    wait_for(lambda: get(address + "/api/overview")["totals"]["accounts"] == 20)
    wait_for(lambda: get(address + "/healthz")["feed"]["phase"] == "live")
    wait_for(lambda: get(address + "/healthz")["refused_messages"] == 1)
    unified = sum(statement.unified.requirement for statement in book.statements(""))
    await publish(sending, topics, book.statements(""))
    wait_for(lambda: get(address + "/api/overview")["totals"]["unified"] == str(unified))
    states = get(address + "/api/overview")["calls_by_state"]
    assert states["binding"]
    await sending.send_and_wait(
        topics["requirements"].name,
        None,
        key=b"ACC-0000",
        partition=partition_of("ACC-0000", topics.partitions),
    )
    wait_for(lambda: get(address + "/api/overview")["totals"]["accounts"] == 19)
    # A second page over the compacted log and the calls so far sees the same.
    again, _ = start_web()
    wait_for(lambda: get(again + "/healthz")["feed"]["phase"] == "live")
    first, second = get(address + "/api/overview"), get(again + "/api/overview")
    for name in ("totals", "waterfall", "calls_by_state", "newest_calls"):
        assert first[name] == second[name]


async def test_only_the_newest_calls_are_read_and_none_of_an_aborted_transaction(
    start_web: Start, kafka_bootstrap: str, topics: TopicTable, sending: AIOKafkaProducer
) -> None:
    await create_topics(kafka_bootstrap, topics)
    book = LiveBook(20)
    events = book.step()
    await publish(sending, topics, book.statements(""), events)
    aborted = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, transactional_id=topics.prefix + "t")
    await aborted.start()
    await aborted.begin_transaction()
    ghost = events[0].model_copy(update={"event_id": "ghost", "sequence": 99, "as_of_ns": 2**62})
    await publish(aborted, topics, [], [ghost])
    await aborted.abort_transaction()
    await aborted.stop()
    address, _ = start_web(NEWEST_CALLS="3")
    wait_for(lambda: get(address + "/healthz")["feed"]["phase"] == "live")
    rows = get(address + "/api/calls?limit=100")
    assert len(rows) == 3
    assert "ghost" not in {row["event_id"] for row in rows}
    counted = get(address + "/api/overview")["calls_by_state"]
    assert sum(sum(states.values()) for states in counted.values()) == len(events)


def open_stream(address: str) -> socket.socket:
    """A client that follows and never reads on."""
    host, port = address.removeprefix("http://").split(":")
    stream = socket.create_connection((host, int(port)))
    stream.sendall(f"GET /events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert b"200 OK" in stream.recv(400)
    return stream


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_under_three_seconds_although_pages_follow(
    start_web: Start, number: signal.Signals
) -> None:
    address, process = start_web()
    with open_stream(address), open_stream(address):
        wait_for(lambda: get(address + "/healthz")["clients"] == 2)
        begun = time.monotonic()
        process.send_signal(number)
        assert process.wait(10) == 0
        assert time.monotonic() - begun < 3


def test_one_page_too_many_is_told_so(start_web: Start) -> None:
    address, _ = start_web(MAX_CLIENTS="1")
    with open_stream(address):
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(address + "/events")
        assert refused.value.code == 503
        assert "MARGINMON_WEB_MAX_CLIENTS" in json.loads(refused.value.read())["error"]
    wait_for(lambda: get(address + "/healthz")["clients"] == 0)


PARENT = """
import subprocess, sys, time
from streams.broker.lifeline import Lifeline
web = Lifeline([sys.executable, "-m", "streams.cli", "web", "--port", "0"], output=subprocess.PIPE)
print(web.pid, web.output.readline().decode().split()[-1], flush=True)
time.sleep(600)
"""


def test_it_ends_with_its_parent_even_after_kill_9() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, address = parent.stdout.readline().split()
    assert get(address + "/healthz")["status"] == "ok"
    parent.kill()
    parent.wait()
    wait_for(lambda: not alive(int(pid)), 5)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_taken_port_and_a_wrong_setting_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(main, ["web", "--port", port])
    assert result.exit_code == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in result.output
    monkeypatch.setenv("MARGINMON_WEB_MAX_CLIENTS", "none")
    result = CliRunner().invoke(main, ["web", "--port", "0"])
    assert result.exit_code == 2
    assert "MAX_CLIENTS" in result.output
    assert "Traceback" not in result.output
