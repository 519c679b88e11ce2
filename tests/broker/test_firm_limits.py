"""What a firm has taken of one asset, on two real workers: each exports its part, the parts add up."""

from __future__ import annotations

import asyncio
import time

import pytest

from streams.contracts.topics import partition_of
from streams.parameters import packaged
from tests.broker.worker_harness import DEADLINE_S, NEXT_DAY, PARTITIONS, Harness, Worker

LIMIT = """
[[firm_limits]]
name = "volume"
products = ["equity"]
largest_days = 1
"""
USE = r'marginmon_collateral_limit_use_ratio\{asset="AAPL",limit="volume"\}'
# One account a partition, so that two workers hold parts of it between them.
IDS = sorted(
    {partition_of(name, PARTITIONS): name for name in (f"A{number}" for number in range(20))}.items()
)


async def parts(*workers: Worker) -> list[float]:
    return [await worker.metric(USE) for worker in workers]


async def until(workers: list[Worker], expected: list[float]) -> None:
    """The workers' parts, least first, have come to these."""
    deadline = time.monotonic() + DEADLINE_S
    while sorted(found := await parts(*workers)) != pytest.approx(expected):
        assert time.monotonic() < deadline, f"parts {found} do not come to {expected}"
        await asyncio.sleep(0.05)


async def test_parts_of_two_workers_add_up_and_go_where_the_partitions_go(harness: Harness) -> None:
    schedule = (packaged() / "collateral.toml").read_text(encoding="utf-8")
    (harness.parameters / "collateral.toml").write_text(schedule + LIMIT, encoding="utf-8")
    await harness.instrument(
        "AAPL", product="equity", index_class="", risk_factor="EQ:AAPL", average_daily_volume=1_000.0
    )
    await harness.price("AAPL", 200.0)
    for number, account_id in IDS:
        await harness.account(account_id)
        await harness.opening(account_id, 10_000.0)
        movement = {
            "collateral_id": f"C{number}", "version": 1, "account_id": account_id, "silo": "securities",
            "instrument_id": "AAPL", "quantity": 400.0, "business_date": NEXT_DAY, "time_ns": time.time_ns(),
        }  # fmt: skip
        await harness.send("collateral", account_id, movement)
    first, second = (harness.start_worker(name) for name in ("w1", "w2"))
    for worker in (first, second):
        await worker.ready()
        await worker.metric_reaches("marginmon_partitions_owned", 1)
    await until([first, second], [0.4, 0.8])  # neither sees by itself that the firm is over its limit
    first.kill()
    await until([second], [1.2])
