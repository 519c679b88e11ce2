"""An account's record says where its security futures stand: published to a running worker, a restart agrees."""

from __future__ import annotations

import json
from typing import Any

from tests.broker.worker_harness import Harness

FUTURE = {
    "product": "security_future", "underlying": "ACME", "multiplier": 100, "expiry": "2099-12-18", "index_class": "",
    "risk_factor": "EQ:SPX",
}  # fmt: skip
SHARE = {"product": "equity", "index_class": "", "risk_factor": "EQ:SPX"}
Figures = dict[str, tuple[str, str]]


async def record(harness: Harness, **silos: str) -> None:
    await harness.send("accounts", "A1", {"account_id": "A1", "silos": silos})


def figures_of(statement: dict[str, Any]) -> Figures:
    return {one["silo"]: (one["maintenance"], one["equity"]) for one in statement["silos"]}


async def reaches(harness: Harness, expected: Figures) -> None:
    """A statement has maintenance and equity of these silos."""

    def found(records: list[Any]) -> bool:
        return bool(records) and figures_of(json.loads(records[-1].value)) == expected

    await harness.until("requirements", found)


async def test_a_record_moves_security_futures_live_and_survives_the_worker(harness: Harness) -> None:
    await harness.instrument("ACME", **SHARE)
    await harness.instrument("ACME1C", **FUTURE)
    await record(harness)
    await harness.opening("A1", 100_000.0)
    worker = harness.start_worker("w1")
    await worker.ready()
    await harness.price("ACME", 200.0)
    await harness.price("ACME1C", 202.0)
    # Two contracts that say nothing, one that names its silo: 15 % of 20,200 each; variation of 200 a contract.
    await harness.trade("A1", "t1", 2.0, 200.0, instrument_id="ACME1C")
    await harness.trade("A1", "t2", 1.0, 200.0, instrument_id="ACME1C", silo="securities")
    await reaches(harness, {"securities": ("9090.00", "100600.00")})

    await record(harness, security_future="futures")
    moved: Figures = {"securities": ("3030.00", "100200.00"), "futures": ("6060.00", "400.00")}
    await reaches(harness, moved)
    await harness.trade("A1", "t3", 1.0, 200.0, instrument_id="ACME1C")
    last: Figures = {"securities": ("3030.00", "100200.00"), "futures": ("9090.00", "600.00")}
    await reaches(harness, last)
    worker.kill()

    again = harness.start_worker("w2")
    await again.ready()
    _, body = await again.get("/accounts/A1")
    assert figures_of(json.loads(body)["statement"]) == last

    await record(harness)
    await reaches(harness, {"securities": ("12120.00", "100800.00")})


async def test_a_silo_that_cannot_hold_them_is_refused_by_name(harness: Harness) -> None:
    await harness.start_worker("w1").ready()
    await record(harness, security_future="digital_assets")
    (letter,) = await harness.until("accounts.dlq", lambda records: len(records) == 1)
    headers = {name: value.decode() for name, value in letter.headers}
    assert headers["dlq.reason"] == "OUT_OF_RANGE"
    assert "security_future" in headers["dlq.error"]
