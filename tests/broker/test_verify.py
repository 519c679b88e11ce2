"""The independent verifier: a clean run passes, and every kind of contradiction, forged on a topic, is named."""

from __future__ import annotations

import asyncio
import copy
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from engine.base.units import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND
from streams.contracts.connection import connect_to
from streams.parameters import packaged
from streams.verify.logs import Logs, read_logs
from streams.verify.report import CLASS, Kind
from streams.verify.verify import Extent, check
from tests.broker.worker_harness import DEADLINE_S, NEXT_DAY, PARTITIONS, Harness
from tests.forged import Forged

ACCOUNTS = ["A0", "A1", "A2", "A3"]
# Beside the packaged ones, so that a story of one silo meets each kind of limit.
LIMITS = """
[[limits]]
silos = ["securities"]
name = "funds"
products = ["etf"]
largest_share = 0.25
source = "this test"

[[volume_limits]]
silos = ["securities"]
products = ["etf"]
largest_days = 1
source = "this test"
"""


async def story(harness: Harness) -> None:
    """Two calls, one answered and one met; a bad trade and a bad answer; trades corrected and cancelled."""
    (harness.parameters / "collateral.toml").write_text((packaged() / "collateral.toml").read_text() + LIMITS)
    await harness.instrument("SPY")
    await harness.instrument("QQQ", average_daily_volume=60.0)
    await harness.instrument(
        "EURUSD", product="fx_rate", index_class="", currency="EUR", risk_factor="FX:EUR"
    )
    for account_id in ACCOUNTS:
        await harness.account(account_id)
        await harness.opening(account_id, 10_000.0)
    await harness.price("SPY", 400.0)
    await harness.price("QQQ", 300.0)
    await harness.price("EURUSD", 1.1)
    worker = harness.start_worker(**{"statement-interval-s": 0.5, "statement-threshold-usd": 50})
    await worker.ready()
    await harness.trade("A0", "t-0", 500.0, 400.0)
    await harness.trade("A1", "t-1", 100.0, 400.0)
    await harness.trade("A1", "t-1", 600.0, 400.0, version=2)
    await harness.trade("A2", "t-2", 10.0, 400.0)
    await harness.trade("A2", "t-3", 7.0, 400.0)
    await harness.trade("A2", "t-3", 7.0, 400.0, version=2, status="cancelled")
    await harness.send("trades", "A2", b"not a trade")
    await harness.send("collateral", "A2", deposit("A2", "c-4", quantity=1_000.0, location="clearing-house"))
    await pledges(harness)
    called = (await harness.calls("A0", "issued"))[-1]
    await harness.calls("A1", "issued")
    answer = {
        "response_id": "r-1", "account_id": "A0", "call_id": called["call_id"], "kind": "acknowledge",
        "operator": "desk", "time_ns": 1,
    }  # fmt: skip
    await harness.send("call-responses", "A0", answer)
    await harness.calls("A0", "acknowledged")
    await harness.send("call-responses", "A0", answer | {"response_id": "r-2", "call_id": "mc-none"})
    await harness.until("call-responses.dlq", lambda records: len(records) == 1)
    for topic in ("trades.dlq", "collateral.dlq"):
        await harness.until(topic, lambda records: len(records) == 1)
    await harness.price("SPY", 480.0)
    await harness.calls("A1", "met")
    await harness.calls("A0", "met")

    await statements_after_prices(harness)


async def statements_after_prices(harness: Harness) -> None:
    """Small deposits until each account has a statement that is certainly of the last prices."""

    def certain(records: list[Any]) -> bool:
        last = {record.key: json.loads(record.value) for record in records if record.value}
        price_ns = max(statement["inputs"]["price_time_ns"] for statement in last.values())
        since_ns = min(statement["as_of_ns"] for statement in last.values()) - price_ns
        return len(last) == len(ACCOUNTS) and since_ns > 6 * NANOSECONDS_PER_SECOND

    deadline, number = time.monotonic() + DEADLINE_S, 0
    while not certain(await harness.read("requirements")):
        assert time.monotonic() < deadline, "statements keep older than the last prices"
        number += 1
        for account_id in ACCOUNTS:
            await harness.send(
                "collateral", account_id, deposit(account_id, f"d-{account_id}-{number}", quantity=100.0)
            )


def deposit(account_id: str, collateral_id: str, **more: Any) -> dict[str, Any]:
    return {
        "collateral_id": collateral_id, "version": 1, "account_id": account_id, "silo": "securities",
        "currency": "USD", "business_date": NEXT_DAY, "time_ns": 1, **more,
    }  # fmt: skip


async def pledges(harness: Harness) -> None:
    """A3 brings euros and a fund, both beyond what counts, exchanges some of one for the other, and is called."""
    for movement in (
        deposit("A3", "c-1", currency="EUR", quantity=20_000.0),
        deposit("A3", "c-2", currency=None, instrument_id="QQQ", quantity=80.0),
        deposit("A3", "c-3", currency=None, instrument_id="QQQ", quantity=10.0, released_currency="EUR",
                released_quantity=3_000.0),
    ):  # fmt: skip
        last = await harness.send("collateral", "A3", movement)

    def has_all(records: list[Any]) -> bool:
        """The call rests on all three: else what is forged of the last would not be in its evidence."""
        statements = [json.loads(record.value) for record in records if record.key == b"A3" and record.value]
        return any(statement["inputs"]["collateral_offset"] >= last for statement in statements)

    await harness.until("requirements", has_all)
    await harness.trade("A3", "t-4", 1_500.0, 400.0)
    await harness.calls("A3", "issued")


async def verified(harness: Harness) -> Logs:
    """The story's logs, after the verifier has found nothing wrong with them."""
    extent = Extent(settled=True, parameters=harness.parameters)
    for _ in range(40):
        logs = await read_logs(connect_to(harness.bootstrap), harness.topics)
        report = check(logs, PARTITIONS, extent)
        if not report.contradictions:
            break
        await asyncio.sleep(0.5)  # statements of the last price are still under way
    assert [str(found) for found in report.contradictions] == []
    for name in (
        "positions recomputed", "equity recomputed", "requirement recomputed", "answers", "marks held against quotes",
    ):  # fmt: skip
        assert report.checked[name] > 0, name
    assert report.checked["requirement recomputed"] == report.checked["equity recomputed"]
    assert report.checked["requirement not recomputed"] == 0
    assert report.checked["statements' equity recomputed"] == len(ACCOUNTS)
    assert report.checked["statements' requirements recomputed"] == 2 * len(ACCOUNTS)  # a silo, and unified
    return logs


def of(logs: Logs, topic: str, **fields: Any) -> Forged:
    """The first record of a topic whose body has these fields, or of which nothing is asked."""
    for record in logs.records[topic]:
        body = json.loads(record.value) if fields and record.value.startswith(b"{") else {}
        if all(body.get(name) == value for name, value in fields.items()):
            found: Forged = record
            return found
    raise AssertionError(f"no {fields} in {topic}")


def issued(logs: Logs, *, binding: bool = True) -> Forged:
    return of(logs, "calls", state="issued", binding=binding)


def doubled(logs: Logs, topic: str, record: Forged, **changes: Any) -> Forged:
    """The record once more, right behind itself."""
    again = copy.deepcopy(record)
    again.offset += 1
    if changes:
        again.body(**changes)
    records = logs.records[topic]
    records.insert(records.index(record) + 1, again)
    return again


def dropped(logs: Logs, topic: str, record: Forged) -> None:
    logs.records[topic].remove(record)


def evidence(logs: Logs) -> Forged:
    return of(logs, "call-evidence", scope="silo:securities")


def nested(record: Forged, name: str, **changes: Any) -> None:
    record.body(**{name: json.loads(record.value or b"")[name] | changes})


def forge_times(logs: Logs) -> None:
    of(logs, "calls", state="acknowledged").body(deadline_ns=17)


def forge_position(logs: Logs) -> None:
    trade = of(logs, "trades", trade_id="t-0")
    trade.body(quantity=501.0)


def forge_requirement(logs: Logs, *, binding: bool = True) -> None:
    event = issued(logs, binding=binding)
    body = json.loads(event.value or b"")
    requirement = f"{float(body['requirement']) + 1:.2f}"
    excess = f"{float(body['margin_excess']) - 1:.2f}"
    event.body(requirement=requirement, margin_excess=excess)
    of(logs, "call-evidence", event_id=body["event_id"]).body(requirement=requirement)


def forge_equity(logs: Logs, *, binding: bool = True) -> None:
    event = issued(logs, binding=binding)
    body = json.loads(event.value or b"")
    equity = f"{float(body['equity']) + 1:.2f}"
    event.body(equity=equity, margin_excess=f"{float(body['margin_excess']) + 1:.2f}")
    of(logs, "call-evidence", event_id=body["event_id"]).body(equity=equity)


def forge_cash(logs: Logs) -> None:
    record = evidence(logs)
    body = json.loads(record.value or b"")
    record.body(cash=[row | {"amount": row["amount"] + 1} for row in body["cash"]])


def forge_call_lost(logs: Logs) -> None:
    record = of(logs, "requirements", account_id="A2")
    for other in logs.records["requirements"]:
        if other.key == record.key:
            silos = json.loads(other.value)["silos"]
            other.body(silos=[silos[0] | {"excess": "-9000.00"}, *silos[1:]])


def forge_call_not_ended(logs: Logs) -> None:
    events = logs.records["calls"]
    logs.records["calls"] = [e for e in events if json.loads(e.value)["state"] not in ("met", "clear")]


def forge_answer_doubled(logs: Logs) -> None:
    event = of(logs, "calls", state="acknowledged")
    doubled(logs, "calls", event, event_id="other", sequence=99)


def pledged_evidence(logs: Logs) -> Forged:
    return of(logs, "call-evidence", account_id="A3", scope="silo:securities")


def forge_rate(logs: Logs) -> None:
    """What cash in euros counts."""
    record = pledged_evidence(logs)
    prices = json.loads(record.value or b"")["prices"]
    record.body(prices=[p | ({"mark": 1.2} if p["instrument_id"] == "EURUSD" else {}) for p in prices])


def forge_volume(logs: Logs) -> None:
    """What of the fund counts in a day of its volume."""
    record = pledged_evidence(logs)
    records = json.loads(record.value or b"")["instruments"]
    thin = {"average_daily_volume": 10.0}
    record.body(instruments=[i | (thin if i["instrument_id"] == "QQQ" else {}) for i in records])


def statement(logs: Logs, account_id: str, **changes: str) -> None:
    """Figures of the silo in the latest statement, whose sums go on being right."""
    record = of(logs, "requirements", account_id=account_id)
    body = json.loads(record.value or b"")
    (silo,) = body["silos"]
    silo |= changes
    silo["excess"] = str(Decimal(silo["equity"]) - Decimal(silo["maintenance"]))
    body["gap"]["terms"][0]["amount"] = str(
        Decimal(body["gap"]["terms"][0]["amount"])
        + Decimal(silo["maintenance"])
        - Decimal(body["gap"]["silo_sum"])
    )
    body["gap"]["gap"] = str(
        Decimal(body["gap"]["gap"]) + Decimal(silo["maintenance"]) - Decimal(body["gap"]["silo_sum"])
    )
    body["gap"]["silo_sum"] = silo["maintenance"]
    record.value = json.dumps(body).encode()


# What else must be found, by what is forged: the kind and what the contradiction names.
MORE_FORGERIES: list[tuple[Callable[[Logs], Any], Kind, str]] = [
    (forge_rate, Kind.WRONG_EQUITY, "equity"),
    (forge_volume, Kind.WRONG_EQUITY, "equity"),
    (lambda logs: statement(logs, "A2", equity="1.00"), Kind.WRONG_EQUITY, "A2 silo:securities: equity 1.00"),
    (lambda logs: statement(logs, "A3", equity="1.00"), Kind.WRONG_EQUITY, "A3 silo:securities: equity 1.00"),
    (lambda logs: forge_requirement(logs, binding=False), Kind.WRONG_REQUIREMENT, "its evidence gives"),
    (lambda logs: forge_equity(logs, binding=False), Kind.WRONG_EQUITY, "its evidence gives"),
    (lambda logs: nested(of(logs, "requirements", account_id="A2"), "unified", requirement="1.00"),
     Kind.WRONG_REQUIREMENT, "A2 unified: requirement 1.00"),
    (lambda logs: statement(logs, "A2", maintenance="1.00"),
     Kind.WRONG_REQUIREMENT, "A2 silo:securities: requirement 1.00"),
    (lambda logs: logs.records["collateral.dlq"].clear(), Kind.BAD_RECORD_LOST, "c-4 is kept at clearing-house"),
    (lambda logs: of(logs, "collateral", collateral_id="c-4").body(location="bd-custodian"),
     Kind.GOOD_RECORD_REFUSED, "c-4 is refused at bd-custodian"),
    (lambda logs: of(logs, "collateral", collateral_id="c-3").body(released_quantity=2_000.0),
     Kind.WRONG_CASH, "cash EUR of A3"),
    (lambda logs: of(logs, "collateral", collateral_id="c-3").body(quantity=11.0),
     Kind.WRONG_POSITION, "collateral QQQ of A3"),
]  # fmt: skip


# Of intraday deficits alone: forged in tests/unit/test_verify_intraday.py.
OF_DEFICITS = {Kind.WRONG_STANDING, Kind.WRONG_VIOLATION}
# Kind -> how it is forged. What stands here is all that the verifier can find.
FORGERIES: dict[Kind, Callable[[Logs], Any]] = {
    Kind.UNREADABLE: lambda logs: setattr(issued(logs), "value", b"{"),
    Kind.EVENT_DOUBLED: lambda logs: doubled(logs, "calls", issued(logs)),
    Kind.SEQUENCE_DOUBLED: lambda logs: doubled(logs, "calls", issued(logs), event_id="another"),
    Kind.SEQUENCE_GAP: lambda logs: dropped(logs, "calls", issued(logs)),
    Kind.WRONG_PARTITION: lambda logs: setattr(issued(logs), "partition", (issued(logs).partition + 1) % PARTITIONS),
    Kind.WRONG_ID: lambda logs: issued(logs).body(call_id="mc-1"),
    Kind.WRONG_CASE_NUMBER: lambda logs: issued(logs).body(case_number=7),
    Kind.WRONG_PREVIOUS_STATE: lambda logs: issued(logs).body(previous_state="overdue"),
    Kind.ILLEGAL_TRANSITION: lambda logs: issued(logs).body(reason="REMINDER"),
    Kind.WRONG_AMOUNT: lambda logs: issued(logs).body(margin_call_amount="-1.00"),
    Kind.WRONG_TIMES: forge_times,
    Kind.OFFSET_WENT_BACK: lambda logs: nested(of(logs, "calls", state="acknowledged"), "inputs", trades_offset=-1),
    Kind.OFFSET_BEYOND_END: lambda logs: nested(issued(logs), "inputs", trades_offset=10_000),
    Kind.CASE_MISSING: lambda logs: logs.records["call-cases"].clear(),
    Kind.CASE_IS_NOT_LAST_EVENT: lambda logs: logs.records["call-cases"][-1].body(requirement="1.00"),
    Kind.EVIDENCE_MISSING: lambda logs: dropped(logs, "call-evidence", evidence(logs)),
    Kind.EVIDENCE_WITHOUT_EVENT: lambda logs: doubled(logs, "call-evidence", evidence(logs), event_id="none-1"),
    Kind.EVIDENCE_DOUBLED: lambda logs: doubled(logs, "call-evidence", evidence(logs)),
    Kind.ANSWER_DOUBLED: forge_answer_doubled,
    Kind.ANSWER_UNKNOWN: lambda logs: of(logs, "call-responses", response_id="r-1").body(response_id="r-9"),
    Kind.ANSWER_LOST: lambda logs: logs.records["call-responses.dlq"].clear(),
    Kind.WRONG_POSITION: forge_position,
    Kind.WRONG_CASH: forge_cash,
    Kind.WRONG_MARK: forge_rate,
    Kind.WRONG_EQUITY: forge_equity,
    Kind.WRONG_REQUIREMENT: forge_requirement,
    Kind.WRONG_SUM: lambda logs: nested(of(logs, "requirements", account_id="A2"), "gap", silo_sum="1.00"),
    Kind.BAD_RECORD_LOST: lambda logs: logs.records["trades.dlq"].clear(),
    Kind.GOOD_RECORD_REFUSED: lambda logs: setattr(
        logs.records["trades.dlq"][0], "headers",
        [(n, {"dlq.partition": str(t.partition), "dlq.offset": str(t.offset)}.get(n, v.decode()).encode())
         for t in [of(logs, "trades", trade_id="t-2")] for n, v in logs.records["trades.dlq"][0].headers],
    ),
    Kind.DEAD_LETTER_CHANGED: lambda logs: setattr(logs.records["trades.dlq"][0], "value", b"something else"),
    Kind.STATEMENT_LOST: lambda logs: logs.records["requirements"].clear(),
    Kind.CALL_LOST: forge_call_lost,
    Kind.CALL_NOT_ENDED: forge_call_not_ended,
}  # fmt: skip


def forgeable(logs: Logs) -> Logs:
    copied = {topic: [Forged.of(record) for record in records] for topic, records in logs.records.items()}
    # Only the latest statement of an account counts: earlier ones would hide a forgery.
    latest = {record.key: record for record in copied["requirements"]}
    return replace(logs, records=copied | {"requirements": list(latest.values())}, later_calls=[])


async def test_a_clean_run_passes_and_every_forgery_is_named(harness: Harness) -> None:
    await story(harness)
    logs = await verified(harness)
    extent = Extent(settled=True, parameters=harness.parameters)
    assert check(forgeable(logs), PARTITIONS, extent).contradictions == []
    missed: dict[str, list[Any]] = {}
    for kind, forge in FORGERIES.items():
        forged = forgeable(logs)
        forge(forged)
        found = {contradiction.kind for contradiction in check(forged, PARTITIONS, extent).contradictions}
        if kind not in found:
            missed[kind] = sorted(found)
    for number, (forge, kind, named) in enumerate(MORE_FORGERIES):
        forged = forgeable(logs)
        forge(forged)
        found = {c for c in check(forged, PARTITIONS, extent).contradictions if c.kind is kind}
        if not any(named in contradiction.detail for contradiction in found):
            missed[f"{kind} {number}"] = sorted(map(str, found))
    assert missed == {}
    assert set(FORGERIES) | OF_DEFICITS == set(Kind) == set(CLASS)
    ahead = forgeable(logs)
    for record in ahead.records["requirements"]:
        record.body(as_of_ns=(record.timestamp + 1) * NANOSECONDS_PER_MILLISECOND)
    report = check(ahead, PARTITIONS, extent)
    left_out = report.checked["statements not recomputed: a clock that is ahead of the topic's"]
    assert (report.contradictions, left_out) == ([], len(ACCOUNTS))
    live = forgeable(logs)
    live.records["rulebooks"].append(issued(live))
    report = check(live, PARTITIONS, extent)
    assert (report.contradictions, report.checked["requirement not recomputed"] > 0) == ([], True)
    await named_by_the_command(harness, issued(forgeable(logs)))


async def named_by_the_command(harness: Harness, event: Forged) -> None:
    """Exit code 0 before, 1 with the first contradiction on stderr after an event is forged on the topic itself."""
    command = [
        sys.executable, "-m", "streams.cli", "verify", "--bootstrap", harness.bootstrap, "--prefix",
        harness.prefix, "--partitions", str(PARTITIONS), "--parameters", str(harness.parameters), "--json",
    ]  # fmt: skip
    clean = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    assert clean.returncode == 0, clean.stderr
    assert json.loads(clean.stdout)["ok"]
    await harness.send("calls", event.key, event.value, event.partition)
    forged = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    assert forged.returncode == 1
    assert "EVENT_DOUBLED" in forged.stderr
    assert json.loads(forged.stdout)["doubled"] >= 1
