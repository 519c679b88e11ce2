"""Positions that cannot be margined, on a real Kafka: each is named, the rest of the account is margined."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.broker.worker_harness import Harness

CALL = {
    "product": "equity_option", "underlying": "SPY", "multiplier": 100, "expiry": "2036-12-19", "strike": 450.0,
    "right": "call", "exercise": "american", "settlement": "physical",
}  # fmt: skip
BAD = {
    "NO-STRIKE": (CALL | {"strike": 0.0}, "BAD_INSTRUMENT"),
    "ADJUSTED": (CALL | {"deliverable": "unknown"}, "UNKNOWN_DELIVERABLE"),
    "PAST": (CALL | {"expiry": "2020-01-17"}, "EXPIRED"),
    "AT-ZERO": ({"product": "equity", "risk_factor": "EQ:SPX"}, "ZERO_PRICE"),
}


def figures(statement: dict[str, Any]) -> dict[str, Any]:
    (silo,) = (each for each in statement["silos"] if each["silo"] == "securities")
    return {name: silo[name] for name in ("initial", "maintenance")}


async def test_each_is_named_and_the_rest_is_margined_and_marked_incomplete(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    async with Harness(kafka_bootstrap, topic_prefix, tmp_path) as harness:
        worker = harness.start_worker()
        await worker.ready()
        await harness.instrument("SPY")
        for name, (terms, _) in BAD.items():
            await harness.send("instruments", name, {"instrument_id": name} | terms)
        await harness.price("SPY", 400.0)
        await harness.price("PAST", 5.0)
        await harness.price("AT-ZERO", 0.0)
        for account_id, approvals in (("REG-T", []), ("PM", ["portfolio_margin"])):
            for suffix in ("", "-GOOD"):
                account = {"account_id": account_id + suffix, "approvals": approvals}
                await harness.send("accounts", account_id + suffix, account)
                held = [{"instrument_id": "SPY", "quantity": 100}]
                if not suffix:
                    held += [{"instrument_id": name, "quantity": 1} for name in BAD]
                await harness.opening(account_id + suffix, 1_000_000.0, positions=held)
        refused = await harness.until("instruments.dlq", lambda rs: len(rs) >= 2)
        assert {record.key.decode() for record in refused} == {"NO-STRIKE", "ADJUSTED"}

        def told(records: list[Any]) -> dict[str, Any]:
            last = {record.key.decode(): json.loads(record.value) for record in records}
            return {key: each for key, each in last.items() if figures_known(each)}

        def figures_known(statement: dict[str, Any]) -> bool:
            named = statement["quality"]["incomplete"]
            wanted = 0 if statement["account_id"].endswith("-GOOD") else len(BAD)
            return (
                bool(statement["silos"]) and len(named) == wanted and not any("NO_PRICE" in n for n in named)
            )

        statements = told(await harness.until("requirements", lambda rs: len(told(rs)) == 4))
        for account_id in ("REG-T", "PM"):
            named = statements[account_id]["quality"]["incomplete"]
            for name, (_, reason) in BAD.items():
                assert [n for n in named if n.startswith(reason) and name in n], (reason, name, named)
        assert figures(statements["REG-T"]) == figures(statements["REG-T-GOOD"])
        await worker.metric_reaches('marginmon_accounts{state="incomplete"}', 2)
        await harness.send("instruments", "NO-STRIKE", {"instrument_id": "NO-STRIKE"} | CALL)
        await harness.price("NO-STRIKE", 20.0)

        def mended(records: list[Any]) -> bool:
            named = json.loads([r for r in records if r.key == b"REG-T"][-1].value)["quality"]["incomplete"]
            return len(named) == len(BAD) - 1 and not any("NO-STRIKE" in each for each in named)

        await harness.until("requirements", mended)
