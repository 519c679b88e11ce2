"""A policy published to a running worker: swaps change silo and rulebook, a restart stands where it stood."""

from __future__ import annotations

import json
from typing import Any

from streams.parameters import read_toml
from tests.broker.worker_harness import Harness
from tests.policy_book import SECURITY_BASED, UNCLEARED, with_swaps_in

SWAP = {
    "product": "credit_default_swap", "index_class": "", "risk_factor": "", "multiplier": 1_000_000,
    "expiry": "2031-06-20", "reference_entity": "ACME", "coupon": 0.01, "recovery_rate": 0.4,
    "negative_price_allowed": True,
}  # fmt: skip


async def publish(harness: Harness, policy: dict[str, Any], version: str) -> None:
    record = {"rulebook_id": "policy", "version": version, "method": "policy", "parameters": policy}
    await harness.send("rulebooks", "policy", record)


async def figures(harness: Harness, version: str, silo: str) -> dict[str, Any]:
    """The account's figures in a silo, from the first statement under that version that has any there."""

    def found(records: list[Any]) -> list[dict[str, Any]]:
        statements = [json.loads(r.value) for r in records]
        return [
            one
            for statement in statements
            if statement["policy_version"] == version
            for one in statement["silos"]
            if one["silo"] == silo and one["maintenance"] != "0.00"
        ]

    return found(await harness.until("requirements", lambda records: bool(found(records))))[-1]


async def test_a_policy_moves_a_swap_live_and_survives_the_worker(harness: Harness) -> None:
    await harness.instrument("ACME", **SWAP)
    await harness.account("A1")
    await harness.opening("A1", 10_000.0)
    await harness.price("ACME", 0.02)
    worker = harness.start_worker("w1")
    await worker.ready()
    await harness.trade("A1", "t1", -100.0, 0.01, instrument_id="ACME")
    before = await figures(harness, read_toml("policy.toml")["version"], SECURITY_BASED)
    assert (before["rulebook_id"], before["equity"]) == ("sec-18a-3+sec-18a-3-equity", "-1000000.00")
    [issued] = await harness.calls("A1", "issued")
    assert (issued["scope"], issued["margin_call_amount"]) == (f"silo:{SECURITY_BASED}", "1000000.00")

    # A policy that leaves a product without silo goes to the dead letters; the one in force stays.
    policy = with_swaps_in({"credit_default_swap": (UNCLEARED, "schedule-im")})
    crippled = policy | {"classification": {"credit_default_swap": UNCLEARED}}
    await publish(harness, crippled, "crippled")
    [letter] = await harness.until("rulebooks.dlq", lambda records: len(records) == 1)
    assert dict(letter.headers)["dlq.reason"] == b"NO_RULEBOOK"

    await publish(harness, policy, "swaps")
    after = await figures(harness, "swaps", UNCLEARED)
    assert (after["rulebook_id"], after["equity"]) == ("isda-simm+schedule-im", "-1000000.00")
    # Five years, all of it: the firm is owed by the only swap.
    assert after["maintenance"] == "5000000.00"
    events = await harness.calls("A1", "met")
    assert [(one["scope"], one["state"], one["reason"]) for one in events[1:]] == [
        (f"silo:{SECURITY_BASED}", "met", "RULE_CHANGED"),
        (f"silo:{UNCLEARED}", "issued", "FIRST"),
    ]
    evidence = {r.key.decode(): json.loads(r.value) for r in await harness.read("call-evidence")}
    proof = evidence[events[-1]["event_id"]]
    assert proof["parameters"]["schedule-im"]["silo"] == UNCLEARED
    assert [one["silo"] for one in proof["positions"]] == [UNCLEARED]
    _, body = await worker.get("/accounts/A1")
    shown = {one["silo"]: one["maintenance"] for one in json.loads(body)["statement"]["silos"]}
    assert SECURITY_BASED not in shown
    assert json.loads(body)["explanation"]["silos"][0]["silo"] == UNCLEARED
    worker.kill()

    again = harness.start_worker("w2")
    await again.ready()
    _, body = await again.get("/accounts/A1")
    statement = json.loads(body)["statement"]
    assert statement["policy_version"] == "swaps"
    assert {one["silo"]: one["maintenance"] for one in statement["silos"]} == shown
