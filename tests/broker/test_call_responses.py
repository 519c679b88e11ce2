"""Answers to calls on a real Kafka: taken, refused with a reason, and once through a kill -9."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from tests.broker.worker_harness import DEADLINE_S, Harness


async def say(harness: Harness, call_id: str, kind: str, response_id: str = "r1", **more: Any) -> None:
    fields = {
        "response_id": response_id, "account_id": "A1", "call_id": call_id, "kind": kind, "operator": "desk",
        "time_ns": time.time_ns(),
    }  # fmt: skip
    await harness.send("call-responses", "A1", fields | more)


async def test_an_answer_moves_the_case_and_is_in_its_event(harness: Harness) -> None:
    worker = harness.start_worker()
    await worker.ready()
    call_id = (await harness.called("A1"))["A1"]
    await say(harness, call_id, "acknowledge", text="wire sent")
    *_, event = await harness.calls("A1", "acknowledged")
    assert (event["call_id"], event["reason"], event["sequence"]) == (call_id, "OPERATOR", 2)
    assert event["response"]["text"] == "wire sent"
    assert event["deadline_ns"] > event["as_of_ns"]
    assert event["response_offset"] == 0
    await harness.trade("A1", "t-A1", 100.0, 400.0, version=2)
    *_, met = await harness.calls("A1", "met")
    assert (met["previous_state"], met["response"], met["deadline_ns"]) == ("acknowledged", None, None)


async def test_what_cannot_be_taken_is_answered_on_the_dead_letter_topic(harness: Harness) -> None:
    worker = harness.start_worker()
    await worker.ready()
    call_id = (await harness.called("A1"))["A1"]
    await say(harness, "mc-unknown", "acknowledge", "r1")
    await say(harness, call_id, "shout", "r2")
    await harness.send("call-responses", "A1", b"{")
    await say(harness, call_id, "acknowledge", "r4", account_id="A2")  # under the key of A1
    await say(harness, call_id, "acknowledge", "r5")
    await say(harness, call_id, "acknowledge", "r6")
    letters = await harness.until("call-responses.dlq", lambda found: len(found) >= 5)
    reasons = [dict(letter.headers)["dlq.reason"].decode() for letter in letters]
    expected = ["KEY_MISMATCH", "MALFORMED", "OUT_OF_RANGE", "UNKNOWN_CALL", "WRONG_CALL_STATE"]
    assert sorted(reasons) == expected  # those of one fetch stand together, decoding errors first
    events = await harness.calls("A1", "acknowledged")
    assert [event["state"] for event in events] == ["issued", "acknowledged"]


async def test_a_killed_worker_takes_no_answer_twice_and_loses_none(harness: Harness) -> None:
    worker = harness.start_worker()
    await worker.ready()
    call_id = (await harness.called("A1"))["A1"]
    await say(harness, call_id, "acknowledge", "r1")
    await harness.calls("A1", "acknowledged")
    worker.kill()  # before or after the offset of the answer was committed
    await say(harness, call_id, "dispute", "r2")
    again = harness.start_worker("again")
    await again.ready()
    events = await harness.calls("A1", "disputed")
    assert [event["state"] for event in events] == ["issued", "acknowledged", "disputed"]
    assert [event["sequence"] for event in events] == [1, 2, 3]
    case = {
        json.loads(record.value)["state"]
        for record in await harness.read("call-cases")
        if record.key == b"A1|silo:securities"
    }
    assert "disputed" in case
    assert await harness.read("call-responses.dlq") == []


async def test_a_refusal_survives_a_crash_after_a_later_answer_was_read(harness: Harness) -> None:
    """Of three answers of one fetch the second is refused; the worker dies before it has written the dead letter."""
    worker = harness.start_worker()
    await worker.ready()
    call_id = (await harness.called("A1"))["A1"]
    worker.kill()
    for kind, response_id in (("acknowledge", "r1"), ("acknowledge", "r2"), ("dispute", "r3")):
        await say(harness, call_id, kind, response_id)
    dying = harness.start_worker("dying", fault_at="before-dead-letter:1")
    await asyncio.to_thread(dying.process.wait, DEADLINE_S)
    harness.start_worker("again")
    events = await harness.calls("A1", "disputed")
    assert [event["state"] for event in events] == ["issued", "acknowledged", "disputed"]
    letters = await harness.until("call-responses.dlq", lambda found: len(found) >= 1)
    assert {json.loads(letter.value)["response_id"] for letter in letters} == {"r2"}
