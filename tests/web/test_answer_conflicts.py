"""Answers over HTTP that come too late or at one time: the page, a real Kafka and a real worker say 409 and why."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.broker.worker_harness import DEADLINE_S, Harness

TOKENS = {name: f"{name}-token-0123456789-abcdef" for name in ("alice", "bob")}
Start = Callable[..., tuple[str, "subprocess.Popen[str]"]]


@pytest.fixture
async def desk(harness: Harness, start_web: Start, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The page's API beside a live worker."""
    await harness.start_worker().ready()
    tokens = tmp_path / "tokens"
    tokens.write_text("".join(f"{name} {token}\n" for name, token in TOKENS.items()))
    address, _ = start_web(TOKENS_FILE=str(tokens), ANSWER_TIMEOUT_S="30")
    async with httpx.AsyncClient(base_url=address, timeout=60.0) as client:
        yield client


async def answer(desk: httpx.AsyncClient, call_id: str, kind: str, operator: str = "alice") -> httpx.Response:
    headers = {"authorization": f"Bearer {TOKENS[operator]}"}
    return await desk.post(f"/api/calls/{call_id}/answers", json={"kind": kind}, headers=headers)


async def until_state(desk: httpx.AsyncClient, call_id: str, state: str) -> None:
    """Until the page knows that the call is there, in a state."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        rows = (await desk.get("/api/calls?limit=100")).json()
        if any((row["call_id"], row["state"]) == (call_id, state) for row in rows):
            return
        assert time.monotonic() < deadline, rows
        await asyncio.sleep(0.05)


async def letters(harness: Harness, number: int) -> dict[str, Any]:
    """Refused answers on their dead-letter topic: reason by response id."""
    found = await harness.until("call-responses.dlq", lambda records: len(records) >= number)
    return {
        json.loads(record.value)["response_id"]: dict(record.headers)["dlq.reason"].decode()
        for record in found
    }


async def test_an_answer_to_a_call_that_is_closed_is_a_conflict(
    harness: Harness, desk: httpx.AsyncClient
) -> None:
    call_id = (await harness.called("A1"))["A1"]
    await until_state(desk, call_id, "issued")
    taken = await answer(desk, call_id, "acknowledge")
    assert (taken.status_code, taken.json()["event"]["state"]) == (200, "acknowledged")
    again = await answer(desk, call_id, "acknowledge", "bob")
    assert again.status_code == 409
    assert again.json()["error"].startswith("WRONG_CALL_STATE: ")
    assert "is acknowledged; acknowledge is for calls that are" in again.json()["error"]

    await harness.trade("A1", "t-A1", 100.0, 400.0, version=2)
    await harness.calls("A1", "met")
    await until_state(desk, call_id, "met")
    for kind in ("acknowledge", "promise", "dispute", "cancel"):
        closed = await answer(desk, call_id, kind)
        assert closed.status_code == 409
        assert f"call {call_id} is met; {kind} is for calls that are" in closed.json()["error"]
        reasons = await letters(harness, 2)
        assert reasons[closed.json()["response_id"]] == "WRONG_CALL_STATE"
    states = [event["state"] for event in await harness.calls("A1", "met")]
    assert states == ["issued", "acknowledged", "met"]


async def test_of_two_answers_at_one_time_one_is_taken(harness: Harness, desk: httpx.AsyncClient) -> None:
    calls = await harness.called("A1", "A2", "A3")
    for account_id, call_id in calls.items():
        await until_state(desk, call_id, "issued")
        both = await asyncio.gather(*(answer(desk, call_id, "acknowledge", name) for name in TOKENS))
        by_status = {each.status_code: each.json() for each in both}
        assert sorted(by_status) == [200, 409]
        event = by_status[200]["event"]
        assert event["response"]["operator"] in TOKENS
        states = [each["state"] for each in await harness.calls(account_id, "acknowledged")]
        assert states == ["issued", "acknowledged"]
        reasons = await letters(harness, 1)
        assert reasons[by_status[409]["response_id"]] == "WRONG_CALL_STATE"
        assert event["response"]["response_id"] not in reasons
