"""Closed accounts on a real Kafka: statements are withdrawn, a restart comes to the same, late trades count."""

from __future__ import annotations

from typing import Any

from streams.contracts.topics import partition_of
from tests.broker.worker_harness import NEXT_DAY, PARTITIONS, Harness

AFTER = "2026-11-22"


def last_of(records: list[Any], account_id: str) -> Any:
    """The last statement of an account; None if there is none or it was withdrawn."""
    values = [record.value for record in records if record.key == account_id.encode()]
    return values[-1] if values else None


async def close(harness: Harness, account_id: str) -> None:
    fields = {"account_id": account_id, "approvals": ["portfolio_margin", "cross_margin"], "status": "closed"}
    await harness.send("accounts", account_id, fields)


async def empty_day(harness: Harness, account_id: str, business_date: str) -> None:
    await harness.opening(account_id, 0.0, business_date=business_date, as_of_ns=2)


async def test_a_closed_account_leaves_when_it_is_empty_and_stays_away_after_a_restart(
    harness: Harness,
) -> None:
    await harness.instrument("SPY")
    await harness.price("SPY", 400.0)
    for account_id in ("A1", "A2"):
        await harness.account(account_id)
        await harness.opening(account_id, 50_000.0)
        await harness.trade(account_id, f"t-{account_id}", 100.0, 400.0)
    worker = harness.start_worker()
    await worker.ready()
    await harness.until("requirements", lambda found: bool(last_of(found, "A1") and last_of(found, "A2")))
    await close(harness, "A1")
    await harness.trade("A1", "t2", -100.0, 400.0)
    await worker.metric_reaches("marginmon_accounts_closing", 1)
    assert await worker.metric("marginmon_accounts{.*clear.*}") == 2
    await empty_day(harness, "A1", NEXT_DAY)
    await harness.until("requirements", lambda found: last_of(found, "A1") is None and last_of(found, "A2"))
    assert (await worker.get("/accounts/A1"))[0] == 404

    worker.kill()
    again = harness.start_worker("again")
    await again.ready()
    await again.metric_reaches("marginmon_accounts{.*clear.*}", 1)
    await harness.trade("A1", "t3", 500.0, 400.0, business_date=AFTER)  # booked all the same: it is margined
    (issued,) = await harness.calls("A1", "issued")
    assert issued["requirement"] == "16000.00"


async def test_records_taken_back_are_forgotten_and_refused_where_something_rests_on_them(
    harness: Harness,
) -> None:
    await harness.instrument("SPY")
    await harness.price("SPY", 400.0)
    for account_id in ("A1", "A2"):
        await harness.account(account_id)
        await harness.opening(account_id, 0.0 if account_id == "A1" else 50_000.0)
    worker = harness.start_worker()
    await worker.ready()
    await harness.until("requirements", lambda found: bool(last_of(found, "A1") and last_of(found, "A2")))
    await harness.send("accounts", "A1", None)
    await harness.until("requirements", lambda found: last_of(found, "A1") is None and last_of(found, "A2"))
    for account_id in ("A1", "A2"):
        await harness.send("positions", account_id, None, partition_of(account_id, PARTITIONS))
    (letter,) = await harness.until("positions.dlq", lambda found: len(found) > 0)
    headers = {name: value.decode() for name, value in letter.headers}
    assert letter.key == b"A2"
    assert "IN_USE" in headers.values()
    await worker.metric_reaches('marginmon_input_messages_total{outcome="withdrawn",topic="positions"}', 1)
    assert (await worker.get("/accounts/A2"))[0] == 200  # held as before
