"""Intraday deficits on a real Kafka: a story of nine days, told with and without kill -9 in between."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from click.testing import CliRunner, Result

from engine.base.business_days import day_of
from engine.shortfall.intraday_account import deficit_id
from streams.cli import main
from streams.contracts.connection import connect_to
from streams.parameters import packaged
from streams.replay.book_file import read_book
from streams.replay.market_file import merged
from streams.replay.price_feed import PriceFeed
from streams.replay.steps import steps
from streams.replay.to_kafka import publish
from streams.verify.logs import read_logs
from streams.verify.verify import Extent, check
from tests.broker.test_replay_through_kafka import InStep
from tests.broker.worker_harness import PARTITIONS, Harness, Worker
from tests.file_book import write_json
from tests.intraday_files import days_market, margin_book

NAME = "finra-4210d-intraday.toml"
NEW_YORK = ZoneInfo("America/New_York")
BOUGHT = "2026-06-29"


def at(day: str, clock: str = "15:00") -> int:
    """Nanoseconds since 1970 of an instant in New York."""
    return int(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=NEW_YORK).timestamp()) * 10**9


class Story:
    """Account M without portfolio margin, 10,000 in cash, SPY at 100; the prices' times are the worker's clock."""

    def __init__(self, harness: Harness, *, killed: bool) -> None:
        self.harness, self.killed, self.lives = harness, killed, 0
        shipped = (packaged() / NAME).read_text()
        strict = shipped.replace("[practice_failures]\nvalue = 2", "[practice_failures]\nvalue = 1")
        assert strict != shipped
        (harness.parameters / NAME).write_text(strict)

    async def begin(self) -> None:
        harness = self.harness
        await harness.instrument("SPY")
        await harness.send("accounts", "M", {"account_id": "M"})
        await harness.opening("M", 10_000.0, business_date="2026-06-26")
        await self.clock(BOUGHT)
        await self.start()

    async def start(self) -> Worker:
        self.lives += 1
        self.worker = self.harness.start_worker(f"life-{self.lives}", clock="event", **{"clock-tick-ms": 100})
        await self.worker.ready()
        return self.worker

    async def may_die(self) -> None:
        if self.killed:
            self.worker.kill()
            await self.start()

    async def clock(self, day: str, mark: float = 100.0) -> None:
        await self.harness.price("SPY", mark, source_time_ns=at(day), sequence=at(day))

    async def trade(self, trade_id: str, quantity: float, clock: str) -> None:
        await self.harness.trade(
            "M", trade_id, quantity, 100.0, business_date=BOUGHT, trade_time_ns=at(BOUGHT, clock)
        )

    async def deposit(self, day: str, amount: float) -> None:
        movement = {
            "collateral_id": f"c-{day}", "version": 1, "account_id": "M", "silo": "securities", "currency": "USD",
            "quantity": amount, "business_date": day, "time_ns": at(day),
        }  # fmt: skip
        await self.harness.send("collateral", "M", movement)

    async def told(self, number: int) -> list[dict[str, Any]]:
        """The first so many events, once they are there."""
        records = await self.harness.until("intraday-deficits", lambda rs: len(rs) >= number)
        for record in records:
            body = json.loads(record.value)
            headers = {name: value.decode() for name, value in record.headers}
            assert record.key == b"M"
            assert headers["ce_id"] == body["event_id"]
            assert headers["ce_type"] == f"marginmon.intraday_deficit.{body['reason'].lower()}"
        return [json.loads(record.value) for record in records]


async def until_frozen(story: Story) -> list[dict[str, Any]]:
    """A deficit that nobody satisfies: nine events, the last one ``FROZEN``."""
    await story.begin()
    await story.trade("t1", 450.0, "14:00")
    (opened,) = await story.told(1)
    assert (opened["reason"], opened["amount"]) == ("OPENED", "1250.00")
    assert opened["today"]["decided_by"] == "purchase"
    await story.may_die()
    await story.trade("t2", -450.0, "14:30")  # the highest stands although all is sold
    await story.told(2)
    await story.may_die()
    days = ("2026-06-30", "2026-07-01", "2026-07-02", "2026-07-06", "2026-07-07")
    for number, day in enumerate(days, start=3):
        await story.clock(day)
        await story.told(number)
        if day == days[1]:
            await story.may_die()
    await story.clock("2026-07-08")  # business day 5 is over
    events = await story.told(9)
    assert [event["reason"] for event in events[7:]] == ["NOT_PROMPT", "FROZEN"]
    assert events[8]["account_frozen_until"] == "2026-10-05"
    return events


async def tell(story: Story) -> list[dict[str, Any]]:
    await until_frozen(story)
    await story.may_die()
    await story.worker.metric_reaches("marginmon_intraday_accounts_frozen", 1)
    await frozen_is_shown(story)
    if story.killed:  # paid while no worker runs
        story.worker.kill()
    await story.deposit("2026-07-08", 1_250.0)
    if story.killed:
        await story.start()
    await story.told(10)
    await story.clock("2026-07-09")
    return await story.told(12)


async def frozen_is_shown(story: Story) -> None:
    """On the topic of statements and on the worker's page of the account."""

    def frozen(records: list[Any]) -> bool:
        return bool(records) and (json.loads(records[-1].value)["intraday"] or {}).get("frozen", False)

    (*_, last) = await story.harness.until("requirements", frozen)
    shown = json.loads((await story.worker.get("/accounts/M"))[1])["statement"]["intraday"]
    assert shown == json.loads(last.value)["intraday"]
    assert shown == {
        "deficit_today": "0.00", "open_deficits": 1, "outstanding": "1250.00", "freeze_due_date": "2026-07-07",
        "expires_date": "2026-07-21", "frozen": True, "frozen_until": "2026-10-05", "freeze_violations": 0,
        "deficits": [
            {
                "deficit_id": deficit_id("M", day_of(BOUGHT)), "business_date": BOUGHT, "amount": "1250.00",
                "state": "outstanding", "counts": True, "late": True, "extended_until": None,
            }
        ],
    }  # fmt: skip


async def test_a_story_with_kills_is_the_story_without(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    told = []
    for killed in (False, True):
        folder = tmp_path / str(killed)
        folder.mkdir()
        async with Harness(kafka_bootstrap, f"{topic_prefix}{killed}.", folder) as harness:
            story = Story(harness, killed=killed)
            told.append(await tell(story))
            story.worker.kill()
    still, killed_at_times = told
    assert [event["reason"] for event in still] == [
        *("OPENED", "OBSERVED", "OCCURRED", *["DAY_CLOSED"] * 3, "DAY_CLOSED", "NOT_PROMPT", "FROZEN"),
        *("OBSERVED", "SATISFIED_BY_DEPOSITS", "FREEZE_LIFTED"),
    ]
    assert [event["sequence"] for event in still] == list(range(1, 13))
    assert killed_at_times == still


async def command(harness: Harness, *arguments: str) -> Result:
    """A command, beside the test's own event loop."""
    where = ["--bootstrap", harness.bootstrap, "--prefix", harness.prefix, "--operator", "desk1", "--json"]
    return await asyncio.to_thread(CliRunner().invoke, main, [*arguments, *where])


async def test_exceptions_are_granted_once_through_kills_and_what_a_freeze_forbids_is_told(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    async with Harness(kafka_bootstrap, topic_prefix, tmp_path) as harness:
        story = Story(harness, killed=True)
        await story.begin()
        await story.trade("t1", 450.0, "14:00")
        await story.told(1)
        await story.clock("2026-06-30")
        occurred = (await story.told(2))[-1]
        named = ("calls", "except", occurred["deficit_id"], "--text", "wire delayed")
        refused = await command(harness, *named, "--until", "2026-07-04")  # a Saturday
        assert (refused.exit_code, "OUT_OF_RANGE" in refused.output) == (1, True)
        granted = await command(harness, *named, "--until", "2026-07-08")
        assert granted.exit_code == 0, granted.output
        event = json.loads(granted.stdout)
        assert (event["reason"], event["freeze_due_date"], event["sequence"]) == ("EXTENDED", "2026-07-08", 3)
        assert (event["response"]["operator"], event["response"]["text"]) == ("desk1", "wire delayed")
        await story.may_die()
        last = (await harness.until("call-responses", lambda rs: len(rs) >= 2))[-1]
        await harness.send(
            "call-responses", "M", json.loads(last.value)
        )  # said again: at another place it is another
        await harness.until("call-responses.dlq", lambda rs: len(rs) >= 2)  # it would be no more time
        for day in ("2026-07-07", "2026-07-08", "2026-07-09"):
            await story.clock(day)
        events = await harness.until("intraday-deficits", lambda rs: _reasons(rs)[-1:] == ["FROZEN"])
        assert _reasons(events).count("EXTENDED") == 1
        await harness.trade(
            "M", "t2", 100.0, 100.0, business_date="2026-07-09", trade_time_ns=at("2026-07-09", "14:00")
        )  # on credit
        await story.clock("2026-07-10")
        events = await harness.until("intraday-deficits", lambda rs: "FREEZE_VIOLATION" in _reasons(rs))
        (told,) = (e for e in map(_body, events) if e["reason"] == "FREEZE_VIOLATION")
        (violation,) = told["violations"]
        assert (violation["kind"], violation["debit_increase"], told["deficit_id"]) == (
            "purchase", "10000.00", occurred["deficit_id"],
        )  # fmt: skip
        counted = 'marginmon_intraday_events_total{reason="FREEZE_VIOLATION"}'
        await story.worker.metric_reaches(counted, 1)
        excused = await command(harness, *named)
        assert json.loads(excused.stdout)["reason"] == "EXTRAORDINARY", excused.output
        events = await harness.until("intraday-deficits", lambda rs: _reasons(rs)[-1:] == ["FREEZE_LIFTED"])
        assert [_body(record)["sequence"] for record in events] == list(range(1, len(events) + 1))
        unknown = await command(harness, "calls", "except", "im-0", "--text", "why")
        assert unknown.exit_code == 2
        story.worker.kill()
        await is_verified(harness, exceptions=4, violations=1)


async def is_verified(harness: Harness, exceptions: int, violations: int) -> None:
    """The independent verifier went through all of it and agrees."""
    logs = await read_logs(connect_to(harness.bootstrap), harness.topics)
    report = check(logs, PARTITIONS, Extent(parameters=harness.parameters))
    assert [str(found) for found in report.contradictions] == []
    assert report.checked["intraday events"] == len(logs.of("intraday-deficits"))
    assert report.checked["intraday passes gone through again"] > 0
    assert (report.checked["exceptions"], report.checked["freeze violations"]) == (exceptions, violations)


async def test_a_burst_is_looked_at_pass_by_pass_without_waiting_for_anything_else(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    async with Harness(kafka_bootstrap, topic_prefix, tmp_path) as harness:
        ticks = {"intraday-looks-per-pass": 5, "clock-tick-ms": 60_000}  # nothing else makes a pass
        worker = harness.start_worker(**ticks)
        await worker.ready()
        await harness.instrument("SPY")
        await harness.send("accounts", "M", {"account_id": "M"})
        await harness.opening("M", 1_000_000.0)
        await harness.price("SPY", 100.0)
        await worker.metric_reaches('marginmon_input_messages_total{outcome="applied",topic="prices"}', 1)
        offsets = [await harness.trade("M", f"t{number}", 10.0, 100.0) for number in range(40)]
        records = await harness.until(
            "intraday-deficits", lambda rs: bool(rs) and _body(rs[-1])["trades_offset"] == offsets[-1]
        )
        seen = [_body(record)["trades_offset"] for record in records]
        assert seen == sorted(seen)
        assert max(after - before for before, after in pairwise([offsets[0] - 1, *seen])) <= 5
        await worker.metric_reaches("marginmon_intraday_accounts_waiting", 0)


def _body(record: Any) -> dict[str, Any]:
    return json.loads(record.value)  # type: ignore[no-any-return]


def _reasons(records: list[Any]) -> list[str]:
    return [_body(record)["reason"] for record in records]


async def test_the_worker_tells_what_the_replay_tells(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    market, file = days_market(tmp_path), write_json(tmp_path, margin_book())
    files = ["--market", str(market), "--book", str(file)]
    replayed = json.loads(CliRunner().invoke(main, ["replay", *files, "--json"]).stdout)["intraday_deficits"]
    async with Harness(kafka_bootstrap, topic_prefix, tmp_path) as harness:
        worker = harness.start_worker(clock="event", **{"clock-tick-ms": 5000})
        await worker.ready()
        book, _ = read_book(file)
        course = steps(book, PriceFeed(book), merged([market]), PARTITIONS)
        await publish(connect_to(kafka_bootstrap), harness.topics, book, course, InStep(worker))

        def told(records: list[Any]) -> list[dict[str, Any]]:
            events = (json.loads(record.value) for record in records)
            return [e for e in events if e["reason"] not in {"OBSERVED", "DAY_CLOSED"}]

        records = await harness.until("intraday-deficits", lambda rs: len(told(rs)) >= len(replayed))
    assert [without_place(event) for event in told(records)] == [without_place(event) for event in replayed]


def without_place(event: dict[str, Any]) -> dict[str, Any]:
    """An event but for its partition, of which files have another number."""
    return {name: value for name, value in event.items() if name != "partition"}
