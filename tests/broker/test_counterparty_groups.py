"""One threshold over a group whose accounts lie on several workers, through kill -9 and a record that changes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from streams.contracts.topics import partition_of
from tests.broker.test_worker_faults import check_history, events
from tests.broker.test_worker_policy import SWAP
from tests.broker.worker_harness import PARTITIONS, Harness
from tests.policy_book import SECURITY_BASED

MARK = 0.02
MILLION = Decimal(1_000_000)
# One account a partition, so that two workers hold parts of the group between them.
IDS = {partition_of(name, PARTITIONS): name for name in (f"ALDER-{number}" for number in range(20))}
A, B, C = (IDS[partition] for partition in range(PARTITIONS))


async def put(harness: Harness, account_id: str, threshold_usd: float) -> None:
    part = {"silo": SECURITY_BASED, "threshold_usd": threshold_usd, "minimum_transfer_usd": 0.0}
    record = {
        "account_id": account_id, "approvals": ["portfolio_margin", "cross_margin"], "counterparty_group": "Alder",
        "threshold_allocations": [part],
    }  # fmt: skip
    await harness.send("accounts", account_id, record)


async def silos(
    harness: Harness, thresholds: dict[str, Decimal], served_by: str = ""
) -> dict[str, dict[str, Any]]:
    """The accounts' figures, once the last statement of each shows its threshold (and comes from one worker)."""

    def last(records: list[Any]) -> dict[str, dict[str, Any]]:
        found = {}
        for statement in events(records):
            for silo in statement["silos"]:
                if silo["silo"] == SECURITY_BASED and served_by in statement["served_by"]:
                    found[statement["account_id"]] = silo
        return {
            name: silo for name, silo in found.items() if Decimal(silo["threshold"]) == thresholds.get(name)
        }

    return last(
        await harness.until("requirements", lambda records: last(records).keys() == thresholds.keys())
    )


async def called(harness: Harness, expected: dict[str, Decimal]) -> list[dict[str, Any]]:
    """All binding events, once the last one of each account says so much."""

    def binding(records: list[Any]) -> list[dict[str, Any]]:
        return [event for event in events(records) if event["binding"]]

    def amounts(records: list[Any]) -> dict[str, Decimal]:
        return {one["account_id"]: Decimal(one["margin_call_amount"]) for one in binding(records)}

    return binding(await harness.until("calls", lambda records: amounts(records) == expected))


async def test_one_threshold_on_two_workers_through_kills_and_a_record_that_changes(harness: Harness) -> None:
    await harness.instrument("ACME", **SWAP)
    for account_id, threshold in ((A, 30e6), (B, 20e6), (C, 0.0)):
        await put(harness, account_id, threshold)
        await harness.opening(account_id, 0.0)
    await harness.price("ACME", MARK)
    first, second = (harness.start_worker(name) for name in ("w1", "w2"))
    for worker in (first, second):
        await worker.ready()
        await worker.metric_reaches("marginmon_partitions_owned", 1)
    for account_id in (A, B, C):
        await harness.trade(account_id, f"t-{account_id}", -1_000.0, MARK, instrument_id="ACME")
    allocated = {A: 30 * MILLION, B: 20 * MILLION, C: 0 * MILLION}
    before = await silos(harness, allocated)
    required = {name: Decimal(silo["initial"]) - Decimal(silo["equity"]) for name, silo in before.items()}
    assert min(required.values()) > 50 * MILLION
    assert {silo["allocation"] for silo in before.values()} == {"allocated in group Alder"}
    await called(harness, {name: required[name] - allocated[name] for name in required})

    # While one worker is dead C's record allocates as much again: 100 million, and the rule gives 50.
    first.kill()
    await put(harness, C, 50e6)
    cut = {A: 15 * MILLION, B: 10 * MILLION, C: 25 * MILLION}
    after = await silos(harness, cut)
    assert all(silo["allocation"].startswith("OVER_ALLOCATED: group Alder") for silo in after.values())
    history = await called(harness, {name: required[name] - cut[name] for name in required})
    assert [one["reason"] for one in history if one["account_id"] == A] == ["FIRST", "LARGER"]
    assert [one["reason"] for one in history if one["account_id"] == C] == ["FIRST", "SMALLER"]
    await second.metric_reaches("marginmon_counterparty_groups_over_allocated", 1)

    # A third life reads everything again, comes to the same and has nothing to say.
    second.kill()
    third = harness.start_worker("w3")
    address = (await third.ready()).removeprefix("http://")
    again = await silos(harness, cut, address)
    assert {name: silo["initial"] for name, silo in again.items()} == {
        name: silo["initial"] for name, silo in after.items()
    }
    whole = events(await harness.read("calls"))
    assert sorted(one["event_id"] for one in whole if one["binding"]) == sorted(
        one["event_id"] for one in history
    )
    check_history(whole)
