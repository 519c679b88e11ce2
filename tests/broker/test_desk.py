"""`marginmon calls` and `marginmon dlq` against a real Kafka and a real worker."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from click.testing import CliRunner, Result

from streams.cli import main
from tests.broker.worker_harness import Harness


async def run(harness: Harness, *arguments: str) -> Result:
    """A command, beside the test's own event loop."""
    where = ["--bootstrap", harness.bootstrap, "--prefix", harness.prefix]
    return await asyncio.to_thread(CliRunner().invoke, main, [*arguments, *where])


def objects(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


async def test_calls_are_listed_answered_and_refused(harness: Harness) -> None:
    worker = harness.start_worker()
    await worker.ready()
    calls = await harness.called("A1", "A2")
    listed = objects(await run(harness, "calls", "list", "--json"))
    assert {event["call_id"] for event in listed} == set(calls.values())
    assert "no such calls" in (await run(harness, "calls", "list", "--account", "nobody")).stdout
    following = await follower(harness, "A1")
    answer = ("--operator", "desk1", "--text", "wire sent", "--json")
    [event] = objects(await run(harness, "calls", "ack", calls["A1"], *answer))
    assert (event["state"], event["reason"]) == ("acknowledged", "OPERATOR")
    assert (event["response"]["operator"], event["response"]["text"]) == ("desk1", "wire sent")
    [event] = objects(await run(harness, "calls", "dispute", calls["A1"], *answer))
    assert event["state"] == "disputed"
    [event] = objects(await run(harness, "calls", "promise", calls["A2"], *answer))
    assert event["state"] == "acknowledged"

    refused = await run(harness, "calls", "ack", calls["A2"], *answer)
    assert refused.exit_code == 1
    assert "WRONG_CALL_STATE" in refused.stderr
    unknown = await run(harness, "calls", "ack", "mc-0", *answer)
    assert unknown.exit_code == 2
    assert "no case has call mc-0" in unknown.stderr

    [event] = objects(await run(harness, "calls", "cancel", calls["A1"], *answer))
    assert event["state"] == "cancelled"
    assert {event["account_id"] for event in objects(await run(harness, "calls", "list", "--json"))} == {"A2"}
    everything = objects(await run(harness, "calls", "list", "--all", "--json"))
    assert {(event["account_id"], event["state"]) for event in everything} == {
        ("A1", "cancelled"),
        ("A2", "acknowledged"),
    }
    assert following.stdout is not None
    followed = [json.loads(await following.stdout.readline())["state"] for _ in range(3)]
    assert followed == ["acknowledged", "disputed", "cancelled"]
    following.terminate()
    await following.wait()


async def follower(harness: Harness, account_id: str) -> asyncio.subprocess.Process:
    """`marginmon calls follow` in a process of its own, reading already."""
    arguments = ["calls", "follow", "--account", account_id, "--for", "60", "--json"]
    where = ["--bootstrap", harness.bootstrap, "--prefix", harness.prefix]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "streams.cli", *arguments, *where,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    assert b"following" in await process.stderr.readline()
    return process


async def test_without_a_worker_an_answer_is_sent_and_nobody_says_what_became_of_it(harness: Harness) -> None:
    worker = harness.start_worker()
    await worker.ready()
    calls = await harness.called("A1")
    worker.kill()
    result = await run(harness, "calls", "ack", calls["A1"], "--operator", "desk1", "--wait", "0.5")
    assert result.exit_code == 3
    assert "nobody answered within 0.5 s" in result.stderr
    again = harness.start_worker("again")
    await again.ready()
    assert [event["state"] for event in await harness.calls("A1", "acknowledged")] == [
        "issued",
        "acknowledged",
    ]


async def test_dead_letters_are_listed_shown_and_replayed_as_they_came(harness: Harness) -> None:
    worker = harness.start_worker(**{"parking-limit": 1})
    await worker.ready()
    await harness.account("A1")
    await harness.opening("A1", 1e6)
    for number in (1, 2, 3):  # SPY is not known yet: one waits, two find the parking full
        await harness.trade("A1", f"t{number}", 10.0, 400.0)
    await harness.send("trades", "A1", b"\xff{")
    await harness.until("trades.dlq", lambda found: len(found) >= 3)
    counted = objects(await run(harness, "dlq", "list", "--count", "--json"))
    assert counted == [
        {"topic": "trades", "reason": "MALFORMED", "number": 1},
        {"topic": "trades", "reason": "PARKING_FULL", "number": 2},
    ]
    [broken] = objects(await run(harness, "dlq", "list", "--reason", "MALFORMED", "--json"))
    assert broken["value"] == {"base64": "/3s="}
    shown = await run(harness, "dlq", "show", broken["place"], "--raw")
    assert shown.stdout_bytes == b"\xff{"
    assert "fix the producer" in (await run(harness, "dlq", "show", broken["place"])).stdout
    assert (await run(harness, "dlq", "show", "trades:0:999")).exit_code == 2
    assert "no dead letters of 'nothing'" in (await run(harness, "dlq", "list", "--topic", "nothing")).stderr

    await harness.instrument("SPY")
    await harness.price("SPY", 400.0)
    await worker.metric_reaches("marginmon_positions", 1)
    assert (await run(harness, "dlq", "replay")).exit_code == 2  # nothing chosen
    chosen = ("dlq", "replay", "--topic", "trades", "--reason", "PARKING_FULL")
    dry = await run(harness, *chosen, "--dry-run")
    assert dry.stdout.endswith("2 would be sent, nothing was\n")
    before = len(await harness.read("trades"))
    assert (await run(harness, *chosen)).stdout.endswith("2 sent\n")
    trades = await harness.read("trades")
    assert len(trades) == before + 2
    again = [record for record in trades if dict(record.headers).get("dlq.replayed-from")]
    first = {record.value for record in trades if not record.headers}
    assert {record.value for record in again} <= first
    await worker.metric_reaches('marginmon_input_messages_total{outcome="applied",topic="trades"}', 3)
    assert len(await harness.read("trades.dlq")) == 3  # they stay as the record of what happened


def test_a_cluster_that_is_not_there_is_one_line() -> None:
    result = CliRunner().invoke(main, ["dlq", "list", "--bootstrap", "127.0.0.1:1"])
    assert result.exit_code == 2
    assert "127.0.0.1:1" in result.stderr
    assert "Traceback" not in result.output
