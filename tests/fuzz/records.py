"""Good records of every topic that a worker reads, and an intake that takes them: what fuzzing starts from."""

from __future__ import annotations

import json
from typing import Any

from engine.state.engine import Engine
from streams.inbound.intake import Intake
from streams.inbound.record import Taken
from streams.parameters import load_policy, read_rulebooks
from tests.unit.test_intake import ACCOUNT, NOW_NS
from tests.unit.test_parking import Raw

PARTITIONS = 1
DAY = "2026-11-20"

GOOD: dict[str, dict[str, Any]] = {
    "trades": {
        "trade_id": "t1", "version": 1, "account_id": ACCOUNT, "instrument_id": "SPY", "quantity": 1.0,
        "price": 10.0, "business_date": DAY, "trade_time_ns": 1, "status": "new", "silo": "securities",
    },
    "collateral": {
        "collateral_id": "c1", "version": 1, "account_id": ACCOUNT, "silo": "securities", "quantity": 5.0,
        "currency": "USD", "business_date": DAY, "time_ns": 1,
    },
    "positions": {
        "account_id": ACCOUNT, "business_date": DAY, "as_of_ns": 1, "part": 1, "parts": 1,
        "positions": [{"instrument_id": "SPY", "quantity": 1.0, "reference_price": 10.0}],
        "cash": [{"silo": "securities", "amount": 1.0}],
    },
    "prices": {"instrument_id": "SPY", "mark": 10.0, "bid": 9.0, "ask": 11.0, "source_time_ns": 1, "sequence": 1},
    "call-responses": {
        "response_id": "r1", "account_id": ACCOUNT, "call_id": "mc-1", "kind": "acknowledge",
        "operator": "o", "time_ns": 1, "text": "",
    },
    "instruments": {"instrument_id": "X", "product": "etf", "index_class": "broad", "risk_factor": "EQ:SPX"},
    "accounts": {"account_id": "A2", "approvals": ["portfolio_margin"], "owner": "o"},
    "rulebooks": {"rulebook_id": "reg-t", "version": "2", "method": "reg-t", "parameters": {}},
}  # fmt: skip


def own_key(good: dict[str, Any]) -> str:
    """The key under which the record belongs."""
    return next(str(good[name]) for name in ("account_id", "instrument_id", "rulebook_id") if name in good)


def fresh() -> Intake:
    intake = Intake(Engine(load_policy()), read_rulebooks(), PARTITIONS, 10, 5000)
    for topic, key in (("accounts", ACCOUNT), ("instruments", "SPY")):
        fields = GOOD[topic] | ({"account_id": key} if topic == "accounts" else {"instrument_id": key})
        taken = intake.take_reference(
            topic, [Raw(topic, 0, 0, json.dumps(fields).encode(), key.encode(), 1)], NOW_NS
        )
        assert taken.refusals == []
    intake.take_partition(0)
    return intake


def take(intake: Intake, topic: str, records: list[Raw]) -> Taken | None:
    if topic == "prices":
        return intake.take_prices(records, NOW_NS)
    if topic in {"instruments", "accounts", "rulebooks"}:
        return intake.take_reference(topic, records, NOW_NS)
    if topic == "call-responses":
        return Intake.stage(topic, records).taken
    return intake.take_activity(topic, 0, records)
