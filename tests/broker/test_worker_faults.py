"""Workers that are killed, frozen, doubled: no call lost, none doubled."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from typing import Any

import pytest

from tests.broker.worker_harness import Harness

ACCOUNTS = [f"A{number}" for number in range(12)]


@pytest.fixture
async def harness(harness: Harness) -> Harness:
    await harness.instrument("SPY")
    for account_id in ACCOUNTS:
        await harness.account(account_id)
        await harness.opening(account_id, 10_000.0)
    await harness.price("SPY", 400.0)
    return harness


def events(records: list[Any]) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in records]


async def all_issued(harness: Harness, accounts: list[str]) -> list[dict[str, Any]]:
    """Wait until each account has an issued binding call."""

    def enough(records: list[Any]) -> bool:
        issued = {e["account_id"] for e in events(records) if e["binding"] and e["state"] == "issued"}
        return issued >= set(accounts)

    return events(await harness.until("calls", enough))


def check_history(history: list[dict[str, Any]]) -> None:
    """Every event once, every case's sequence without gap, each event going on from the one before."""
    assert [n for n in Counter(e["event_id"] for e in history).values() if n > 1] == []
    cases: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for event in history:
        cases.setdefault((event["account_id"], event["scope"]), []).append(event)
    for case in cases.values():
        assert [event["sequence"] for event in case] == list(range(1, len(case) + 1))
        assert [event["previous_state"] for event in case] == [
            "clear",
            *(event["state"] for event in case[:-1]),
        ]


async def test_a_killed_worker_loses_and_doubles_no_call(harness: Harness) -> None:
    """Kill -9 at any moment between trade and call, several times; trades come while no worker runs, too."""
    pending = list(ACCOUNTS)
    for life in range(3):
        worker = harness.start_worker(f"life-{life}")
        await worker.ready()
        traded = [pending.pop() for _ in range(4)]
        for account_id in traded[:3]:
            await harness.trade(account_id, f"t-{account_id}", 500.0, 400.0)
        if life == 0:
            await all_issued(harness, traded[:1])
        worker.kill()
        await harness.trade(traded[3], f"t-{traded[3]}", 500.0, 400.0)
        await harness.price("SPY", 400.0)
    harness.start_worker("last")
    history = await all_issued(harness, ACCOUNTS)
    check_history(history)
    amounts = {e["margin_call_amount"] for e in history if e["binding"] and e["state"] == "issued"}
    assert amounts == {"6000.00"}


async def test_a_frozen_worker_is_fenced_and_its_successor_goes_on(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARGINMON_STATEMENT_THRESHOLD_USD", "1")
    frozen = harness.start_worker("frozen")
    await frozen.ready()
    await harness.trade("A0", "t-A0", 500.0, 400.0)
    await all_issued(harness, ["A0"])
    frozen.process.send_signal(signal.SIGSTOP)
    successor = harness.start_worker("successor")
    await successor.ready()  # after the session timeout
    for account_id in ACCOUNTS[1:6]:
        await harness.trade(account_id, f"t-{account_id}", 500.0, 400.0)
    await all_issued(harness, ACCOUNTS[:6])
    frozen.process.send_signal(signal.SIGCONT)
    await harness.price(
        "SPY", 399.9
    )  # both evaluate what they believe to own: statements change, calls do not
    for account_id in ACCOUNTS[6:]:
        await harness.trade(account_id, f"t-{account_id}", 600.0, 400.0)
    history = await all_issued(harness, ACCOUNTS)
    deadline = time.monotonic() + 30
    while await owned(frozen) + await owned(successor) != 3:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    await harness.price("SPY", 450.0)
    await harness.until(
        "calls", lambda rs: sum(e["state"] == "met" and e["binding"] for e in events(rs)) == 12
    )
    check_history(events(await harness.read("calls")))
    assert len(history) >= 12
    check_statements(events(await harness.read("requirements")))


def check_statements(statements: list[dict[str, Any]]) -> None:
    """None rests on less of the inputs than one before it: who has lost the partitions tells nothing any more."""
    reached: dict[str, list[int]] = {}
    for statement in statements:
        inputs = statement["inputs"]
        offsets = [inputs[name] for name in ("trades_offset", "collateral_offset", "positions_offset")]
        before = reached.get(statement["account_id"], offsets)
        assert all(now >= then for now, then in zip(offsets, before, strict=True)), statement
        reached[statement["account_id"]] = offsets


async def owned(worker: Any) -> float:
    return float(await worker.metric("marginmon_partitions_owned"))


async def test_the_latest_of_two_workers_on_the_same_partitions_fences_the_other(harness: Harness) -> None:
    """Two groups by mistake: both believe to own everything, only one at a time can publish."""
    first = harness.start_worker("first")
    await first.ready()
    await harness.trade("A0", "t-A0", 500.0, 400.0)
    await all_issued(harness, ["A0"])
    second = harness.start_worker("second", group=harness.prefix + "other")
    await second.ready()
    for account_id in ACCOUNTS[1:]:
        await harness.trade(account_id, f"t-{account_id}", 500.0, 400.0)
    check_history(await all_issued(harness, ACCOUNTS))
    await first.metric_reaches("marginmon_fenced_total", 1)
    assert "fenced by another worker" in first.err.read_text()
    first.kill()
    second.kill()
    harness.start_worker("third")
    await harness.price("SPY", 450.0)
    await harness.until(
        "calls", lambda rs: sum(e["state"] == "met" and e["binding"] for e in events(rs)) == 12
    )
    check_history(events(await harness.read("calls")))


async def test_two_workers_share_the_partitions_and_hand_them_over(harness: Harness) -> None:
    first = harness.start_worker("first")
    await first.ready()
    second = harness.start_worker("second")
    await second.ready()
    deadline = time.monotonic() + 30
    while sorted([await owned(first), await owned(second)]) != [1.0, 2.0]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    for account_id in ACCOUNTS[:6]:
        await harness.trade(account_id, f"t-{account_id}", 500.0, 400.0)
    await all_issued(harness, ACCOUNTS[:6])
    assert second.terminate()[0] == 0
    for account_id in ACCOUNTS[6:]:
        await harness.trade(account_id, f"t-{account_id}", 500.0, 400.0)
    check_history(await all_issued(harness, ACCOUNTS))
    assert await owned(first) == 3
