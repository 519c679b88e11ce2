"""Every command through SASL_SSL and mTLS, with nothing allowed but its role."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.contracts.topics import TopicTable
from tests.broker.worker_harness import Harness
from tests.file_book import book, quote, write_json, write_market
from tests.security.secure_kafka import SecureKafka, user_of


@pytest.fixture
async def harness(secured: SecureKafka, tmp_path: Path) -> AsyncIterator[Harness]:
    """Topics, and what goes in from outside, through the unencrypted listener of the test's administrator."""
    prefix = f"secure-{uuid.uuid4().hex[:8]}-"
    async with Harness(secured.broker.bootstrap, prefix, tmp_path) as running:
        for role in ("worker", "web", "web-answers", "desk", "repair", "simulator", "administrator"):
            await asyncio.to_thread(secured.allow, role, running.topics, prefix + "group")
        yield running


@pytest.mark.parametrize("protocol", ["SASL_SSL", "SSL"])
async def test_a_call_is_made_shown_and_answered(
    secured: SecureKafka, harness: Harness, protocol: str
) -> None:
    settings = secured.settings(user_of("worker"), protocol)
    worker = harness.start_worker(**{key.replace("_", "-"): value for key, value in settings.items()})
    await worker.ready()
    await harness.instrument("SPY")
    await harness.account("A1")
    await harness.opening("A1", 1_000.0)
    await harness.price("SPY", 500.0)
    await harness.trade("A1", "t1", 1_000, 500.0)
    [*_, issued] = await harness.calls("A1", "issued")
    await harness.send("trades", "A1", b"no JSON")
    await harness.until("trades.dlq", bool)

    def run(role: str, *arguments: str) -> str:
        return command(secured, role, protocol, *arguments, "--prefix", harness.prefix)

    assert issued["call_id"] in await asyncio.to_thread(run, "desk", "calls", "list", "--json")
    answer = ("calls", "ack", issued["call_id"], "--operator", "desk1", "--wait", "30", "--json")
    assert '"acknowledged"' in await asyncio.to_thread(run, "desk", *answer)
    assert "trades:" in await asyncio.to_thread(run, "repair", "dlq", "list", "--json")
    assert "1 sent" in await asyncio.to_thread(run, "repair", "dlq", "replay", "--topic", "trades")
    said = await asyncio.to_thread(page_takes, secured, harness, protocol, issued["call_id"])
    assert (said["state"], said["response"]["operator"]) == ("disputed", "alice")
    assert said["response"]["text"] == "wrong marks"
    checked = ("topics", "check", "--partitions", "3")
    assert "as expected" in await asyncio.to_thread(run, "administrator", *checked)
    simulated = ("simulate", "--accounts", "3", "--duration", "0.5")
    assert "simulator ready" in await asyncio.to_thread(run_process, secured, harness, protocol, *simulated)
    address = await asyncio.to_thread(web_shows, secured, harness, protocol, issued["call_id"])
    assert address.startswith("http://127.0.0.1:")
    code, _ = await asyncio.to_thread(worker.terminate)
    assert code == 0
    for password in secured.folder.glob("*.password"):
        assert password.read_text().strip() not in worker.err.read_text() + worker.out.read_text()


@pytest.mark.parametrize("protocol", ["SASL_SSL", "SSL"])
def test_topics_are_created_and_files_published(secured: SecureKafka, tmp_path: Path, protocol: str) -> None:
    table = TopicTable(f"created-{uuid.uuid4().hex[:8]}.", 3)
    for role in ("administrator", "replay"):
        secured.allow(role, table, "group")
    where = ("--prefix", table.prefix, "--partitions", "3")
    created = command(secured, "administrator", protocol, "topics", "create", *where)
    assert f"{len(list(table))} topics created" in created
    market = write_market(tmp_path, [quote(1, "SPY", 599, 601)])
    files = ("--market", str(market), "--book", str(write_json(tmp_path, book(prices=[]))))
    published = command(secured, "replay", protocol, "replay", *files, "--to-kafka", "--speed", "max", *where)
    assert published.startswith("published 5 messages")


def command(secured: SecureKafka, role: str, protocol: str, *arguments: str) -> str:
    """What a command of a role says, which must end well."""
    result = CliRunner().invoke(main, list(arguments), env=secured.environment(user_of(role), protocol))
    assert result.exit_code == 0, result.output
    return result.output


def run_process(secured: SecureKafka, harness: Harness, protocol: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", *arguments, "--prefix", harness.prefix],
        env=os.environ | secured.environment(user_of("simulator"), protocol),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def page_takes(secured: SecureKafka, harness: Harness, protocol: str, call_id: str) -> dict[str, Any]:
    """Answer the call through the page's API; the event that it made."""
    tokens = harness.folder / "tokens"
    tokens.write_text("alice alice-token-0123456789-abcdef\n")
    with page(secured, harness, "web-answers", protocol, MARGINMON_WEB_TOKENS_FILE=str(tokens)) as address:
        until_shown(address, call_id)
        request = urllib.request.Request(
            f"{address}/api/calls/{call_id}/answers",
            json.dumps({"kind": "dispute", "text": "wrong marks"}).encode(),
            {"content-type": "application/json", "authorization": "Bearer alice-token-0123456789-abcdef"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            event: dict[str, Any] = json.load(answer)["event"]
    return event


def web_shows(secured: SecureKafka, harness: Harness, protocol: str, call_id: str) -> str:
    with page(secured, harness, "web", protocol) as address:
        until_shown(address, call_id)
        return address


@contextmanager
def page(secured: SecureKafka, harness: Harness, role: str, protocol: str, **more: str) -> Iterator[str]:
    """`marginmon web` in a role; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "web", "--port", "0", "--prefix", harness.prefix],
        env=os.environ | secured.environment(user_of(role), protocol) | more, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait(10)


def until_shown(address: str, call_id: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        with urllib.request.urlopen(f"{address}/api/calls") as answer:
            calls = json.load(answer)
        if any(row["call_id"] == call_id for row in calls):
            return
        assert time.monotonic() < deadline, calls
        time.sleep(0.05)
