"""The example of October 2013 on a real broker and a real worker: the replay's statements, the replay's calls."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engine.market.pricing_european import black_price
from streams.cli import main
from streams.contracts.connection import connect_to
from streams.contracts.topics import partition_of
from streams.replay.book_file import read_book
from streams.replay.command_errors import Time
from streams.replay.market_file import merged
from streams.replay.price_feed import PriceFeed
from streams.replay.steps import Step, steps, within
from streams.replay.to_kafka import publish
from tests.broker.worker_harness import PARTITIONS, Harness, Worker
from tests.example_2013 import EXAMPLE, book_arguments, build_scenarios, market_arguments, market_files
from tests.file_book import book, quote, trade, write_json, write_market

# The two days of the example, whole.
FROM, TO = "2013-10-07T13:31:00Z", "2013-10-08T20:00:00Z"
# The pass of the last time is due when nothing has come for so long; a step never waits as long for the worker.
QUIET_MS = 5000
MONEY = ("silos", "unified", "gap", "utilisation")


def without_origin(event: dict[str, Any]) -> dict[str, Any]:
    """An event but for the offsets, which only Kafka has."""
    return {name: value for name, value in event.items() if name != "inputs"}


async def test_the_worker_makes_the_replays_calls_and_statements(
    ordered_harness: Harness, reference_dir: Path, tmp_path: Path
) -> None:
    harness = ordered_harness
    scenarios = build_scenarios(reference_dir, tmp_path)
    window = ["--from", FROM, "--to", TO]
    arguments = ["replay", *book_arguments(scenarios), *market_arguments(reference_dir), *window, "--json"]
    replayed = json.loads(CliRunner().invoke(main, arguments).stdout)
    issued = [c for c in replayed["calls"] if c["state"] == "issued"]
    assert {c["account_id"] for c in issued} == {"walled", "stocks"}
    assert any(c["reason"] == "CURED_BY_DEPOSIT" for c in replayed["calls"])

    worker = harness.start_worker(
        clock="event", parameters=EXAMPLE / "parameters", scenarios=scenarios, **{"clock-tick-ms": QUIET_MS}
    )
    await worker.ready()
    await publish_in_step(harness, worker, reference_dir)

    per_partition = by_partition(replayed["calls"])
    records = await harness.until("calls", lambda rs: len(rs) >= len(replayed["calls"]))
    for number in range(PARTITIONS):
        seen = [json.loads(r.value) for r in records if r.partition == number]
        assert [e["event_id"] for e in seen] == [e["event_id"] for e in per_partition[number]]
        assert [without_origin(e) for e in seen] == [without_origin(e) for e in per_partition[number]]

    expected = {s["account_id"]: {name: s[name] for name in MONEY} for s in replayed["statements"]}

    def latest(rs: list[Any]) -> dict[str, Any]:
        statements = (json.loads(record.value) for record in rs)
        return {s["account_id"]: {name: s[name] for name in MONEY} for s in statements}

    await harness.until("requirements", lambda rs: latest(rs) == expected)
    assert len(await harness.read("calls")) == len(replayed["calls"])


def by_partition(calls: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    grouped: dict[int, list[dict[str, Any]]] = {number: [] for number in range(PARTITIONS)}
    for call in calls:
        grouped[partition_of(call["account_id"], PARTITIONS)].append(call)
    return grouped


class InStep:
    """Sends as fast as it can, but waits around activity until the worker has applied what was sent."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def until(self, step: Step) -> None:
        """Prices follow one another in one partition: the worker keeps their order by itself."""

    async def settle(self, sent: Mapping[str, int]) -> None:
        for topic, number in sent.items():
            await self._worker.metric_reaches(handled(topic), number)


async def publish_in_step(harness: Harness, worker: Worker, reference: Path) -> None:
    """Publish the window."""
    example, _ = read_book(EXAMPLE / "book.json")
    begin, end = (Time().convert(text, None, None) for text in (FROM, TO))
    events = within(merged(market_files(reference)), begin, end)
    course = steps(example, PriceFeed(example), events, PARTITIONS)
    await publish(connect_to(harness.bootstrap), harness.topics, example, course, InStep(worker))


def handled(topic: str) -> str:
    """The samples that together count every message of a topic once, refused quotes included."""
    outcomes = "applied|duplicate|late|covered|superseded|rejected|parked"
    return f'marginmon_input_messages_total{{outcome="({outcomes})",topic="{topic}"}}'


def in_thread(arguments: list[str]) -> Any:
    """A command that runs its own event loop."""
    return asyncio.to_thread(CliRunner().invoke, main, ["replay", *arguments])


def small_files(folder: Path) -> list[str]:
    rows = [
        line for minute in range(3) for line in (quote(minute, "SPY", 599, 601), trade(minute, "ES", 6000))
    ]
    market = write_market(folder, rows)
    return ["--market", str(market), "--book", str(write_json(folder, book(prices=[])))]


async def test_the_command_publishes_in_the_order_of_the_files(harness: Harness, tmp_path: Path) -> None:
    kafka = ["--to-kafka", "--bootstrap", harness.bootstrap, "--prefix", harness.prefix, "--speed", "max"]
    result = await in_thread([*small_files(tmp_path), *kafka, "--partitions", str(PARTITIONS)])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("published 10 messages")
    prices = [json.loads(record.value) for record in await harness.read("prices")]
    for instrument_id, sequences in (("SPY", [1, 3, 5]), ("ES", [2, 4, 6])):
        assert [p["sequence"] for p in prices if p["instrument_id"] == instrument_id] == sequences
    for topic in ("instruments", "accounts", "positions"):
        (*_, record) = await harness.read(topic)
        assert harness.topics[topic].model is not None
        assert harness.topics[topic].model.model_validate_json(record.value)
    (opening,) = await harness.read("positions")
    assert (opening.key, opening.partition) == (b"A", partition_of("A", PARTITIONS))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (["--partitions", "5"], "partitions, not 5; name their number with --partitions"),
        (["--prefix", "nowhere-"], "does not exist; run `marginmon topics create`"),
    ],
)
async def test_topics_that_do_not_fit_are_refused_before_anything_is_sent(
    harness: Harness, tmp_path: Path, changes: list[str], line: str
) -> None:
    kafka = ["--to-kafka", "--bootstrap", harness.bootstrap, "--prefix", harness.prefix, "--speed", "max"]
    result = await in_thread([*small_files(tmp_path), *kafka, *changes])
    assert (result.exit_code, result.stdout) == (2, "")
    assert line in result.stderr
    assert await harness.read("accounts") == []


async def test_options_priced_before_the_worker_started_keep_their_volatility(harness: Harness) -> None:
    """A mark of Black's formula at 20 % read at the start is explained with 20 %, not with that since 1970."""
    years, rate = 91 / 365, 0.04  # the rate of the packaged policy
    discount = math.exp(-rate * years)
    mark = black_price(True, 600.0 / discount, 610.0, 0.2 * math.sqrt(years), discount)
    await harness.account("A")
    await harness.instrument("SPY")
    await harness.instrument(
        "SPY-C", product="equity_option", index_class="", underlying="SPY", multiplier=100, strike=610, right="call",
        exercise="european", expiry=(datetime.now(UTC) + timedelta(days=91)).isoformat(),
    )  # fmt: skip
    await harness.price("SPY", 600.0)
    await harness.price("SPY-C", mark)
    await harness.opening("A", 1e6, positions=[{"instrument_id": "SPY-C", "quantity": 10}])
    worker = harness.start_worker()
    await worker.ready()
    status, body = await worker.get("/accounts/A")
    assert status == 200
    shown = [float(text) for text in re.findall(r'"(?:implied_)?volatility": ([0-9.e-]+)', body)]
    assert shown
    assert shown == pytest.approx([0.2] * len(shown), rel=1e-2)
