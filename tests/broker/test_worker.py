"""One worker process end to end on a real Kafka: in, figures, calls, dead letters, parking, pages, end."""

from __future__ import annotations

import json
import time
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.contracts.topics import partition_of
from tests.broker.worker_harness import DAY, NEXT_DAY, PARTITIONS, Harness


async def reference(harness: Harness, *accounts: str) -> None:
    """SPY at 400 and accounts with 10,000 in cash."""
    await harness.instrument("SPY")
    for account_id in accounts:
        await harness.account(account_id)
        await harness.opening(account_id, 10_000.0)
    await harness.price("SPY", 400.0)


def headers(record: Any) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}


async def test_trades_lead_to_a_call_and_a_falling_requirement_meets_it(harness: Harness) -> None:
    await reference(harness, "A1", "A2")
    worker = harness.start_worker()
    await worker.ready()
    for _ in range(2):  # a duplicate changes nothing
        await harness.trade("A1", "t1", 500.0, 400.0)
    await harness.trade("A2", "t2", 1.0, 400.0)
    (issued,) = await harness.calls("A1", "issued")
    # 500 shares at 400 under an 8 % fall: 16,000 required of 10,000
    assert (issued["requirement"], issued["equity"]) == ("16000.00", "10000.00")
    assert issued["margin_call_amount"] == "6000.00"
    assert issued["scope"] == "silo:securities"
    assert issued["reason"] == "FIRST"
    assert not issued["quality"]["stale"]
    assert issued["quality"]["incomplete"] == []
    await worker.metric_reaches('marginmon_input_messages_total{outcome="duplicate",topic="trades"}', 1)

    await harness.trade("A1", "t1", 100.0, 400.0, version=2)  # corrected down
    events = await harness.calls("A1", "met")
    assert [event["state"] for event in events] == ["issued", "met"]
    assert [event["sequence"] for event in events] == [1, 2]
    assert events[1]["reason"] == "CURED_BY_TRADE"
    assert events[1]["call_id"] == issued["call_id"]
    assert len({event["event_id"] for event in events}) == 2

    records = [r for r in await harness.read("calls") if r.key == b"A1"]
    assert {r.partition for r in records} == {partition_of("A1", PARTITIONS)}
    for record in records:
        body = json.loads(record.value)
        assert headers(record)["ce_id"] == body["event_id"]
        assert headers(record)["ce_type"] == f"marginmon.call.{body['state']}"
        assert headers(record)["ce_specversion"] == "1.0"
    cases = {r.key: json.loads(r.value) for r in await harness.read("call-cases")}
    assert cases[b"A1|silo:securities"] == events[1]
    evidence = {r.key.decode(): json.loads(r.value) for r in await harness.read("call-evidence")}
    proof = evidence[issued["event_id"]]
    assert proof["positions"] == [{"instrument_id": "SPY", "quantity": 500.0, "silo": "securities"}]
    assert proof["requirement"] == "16000.00"
    assert proof["parameters"]["finra-4210g"]["valuation_range"]["high_cap_broad"]["down"] == 0.08
    assert events[1]["event_id"] not in evidence


async def test_a_price_alone_issues_and_meets_a_call(harness: Harness) -> None:
    await reference(harness, "A1")
    await harness.trade("A1", "t1", 300.0, 400.0)
    worker = harness.start_worker()
    await worker.ready()
    await harness.price("SPY", 390.0)  # equity 7,000, requirement 9,360
    assert [e["state"] for e in await harness.calls("A1", "issued")] == ["warning", "issued"]
    await harness.price("SPY", 420.0)
    events = await harness.calls("A1", "met")
    assert events[-1]["reason"] == "CURED_BY_MARKET"
    assert await worker.metric("marginmon_event_to_call_seconds_count") >= 2


async def test_statements_are_published_and_pages_answer(harness: Harness) -> None:
    await reference(harness, "A1")
    worker = harness.start_worker(**{"top-accounts": 3})
    address = await worker.ready()
    await harness.trade("A1", "t1", 500.0, 400.0)
    statements = await harness.until(
        "requirements",
        lambda rs: any(json.loads(r.value)["silos"][0]["maintenance"] == "16000.00" for r in rs),
    )
    last = json.loads(statements[-1].value)
    assert last["served_by"] == address
    assert last["inputs"]["trades_offset"] == 0
    status, body = await worker.get("/accounts/A1")
    view = json.loads(body)
    assert status == 200
    assert view["statement"]["silos"] == last["silos"]
    assert view["explanation"]["silos"][0]["maintenance"] == "16000.00"
    assert (await worker.get("/accounts/nobody"))[0] == 404
    assert (await worker.get("/healthz"))[0] == 200
    assert (await worker.get("/readyz"))[0] == 200
    await worker.metric_reaches('marginmon_margin_requirement_usd{silo="securities",view="silo"}', 16_000.0)
    await worker.metric_reaches('marginmon_top_account_deficit_usd{account="A1"}', 6_000.0)
    durations = []
    for _ in range(5):
        started = time.perf_counter()
        await worker.get("/metrics")
        durations.append(time.perf_counter() - started)
    assert min(durations) < 0.020


async def test_bad_messages_go_to_dead_letters_untouched_and_the_worker_goes_on(harness: Harness) -> None:
    await reference(harness, "A1")
    worker = harness.start_worker()
    await worker.ready()
    good = {
        "trade_id": "t1", "version": 1, "account_id": "A1", "instrument_id": "SPY", "quantity": 500.0,
        "price": 400.0, "business_date": NEXT_DAY, "trade_time_ns": 1,
    }  # fmt: skip
    partition = partition_of("A1", PARTITIONS)
    bad: list[tuple[bytes | None, bytes | None, str]] = [
        (b"A1", b"not json", "MALFORMED"),
        (b"A1", b"", "MALFORMED"),
        (b"A1", None, "MALFORMED"),
        (b"A1", json.dumps(good | {"price": "high"}).encode(), "WRONG_TYPE"),
        (b"A1", json.dumps(good | {"price": float("nan")}).encode(), "NOT_FINITE"),
        (b"A1", json.dumps(good | {"quantity": 1e300}).encode(), "OUT_OF_RANGE"),
        (b"A2", json.dumps(good).encode(), "KEY_MISMATCH"),
        (None, json.dumps(good).encode(), "KEY_MISMATCH"),
    ]
    offsets = [await harness.send("trades", key, value, partition) for key, value, _ in bad]
    await harness.price("SPY", -5.0)
    await harness.price("SPY", 400.0, source_time_ns=time.time_ns() + 3600 * 10**9)
    await harness.send("instruments", "BAD", {"instrument_id": "BAD", "product": "equity_option"})
    await harness.send("trades", "A1", good | {"colour": "red"})
    await harness.calls("A1", "issued")

    letters = await harness.until("trades.dlq", lambda rs: len(rs) >= len(bad))
    assert [(r.key, r.value) for r in letters] == [(key, value) for key, value, _ in bad]
    assert [headers(r)["dlq.reason"] for r in letters] == [reason for _, _, reason in bad]
    assert [int(headers(r)["dlq.offset"]) for r in letters] == offsets
    assert {headers(r)["dlq.topic"] for r in letters} == {harness.topics["trades"].name}
    assert (
        {int(headers(r)["dlq.partition"]) for r in letters} == {partition} == {r.partition for r in letters}
    )
    prices = await harness.until("prices.dlq", lambda rs: len(rs) >= 2)
    assert sorted(headers(r)["dlq.reason"] for r in prices) == ["CLOCK_SKEW", "NEGATIVE_PRICE"]
    instruments = await harness.until("instruments.dlq", lambda rs: len(rs) >= 1)
    assert headers(instruments[0])["dlq.reason"] == "BAD_INSTRUMENT"
    assert await worker.metric('marginmon_input_messages_total{outcome="unknown_field",topic="trades"}') == 1
    assert await worker.metric('marginmon_dlq_messages_total{reason="MALFORMED",topic="trades"}') == 3


async def test_dead_letters_are_not_written_again_by_the_next_worker(harness: Harness) -> None:
    await reference(harness, "A1")
    partition = partition_of("A1", PARTITIONS)
    await harness.send("instruments", "BAD", b"no json")
    await harness.send("trades", "A1", b"no json", partition)
    first = harness.start_worker("first")
    await harness.until("instruments.dlq", lambda rs: len(rs) == 1)
    await harness.until("trades.dlq", lambda rs: len(rs) == 1)
    assert first.terminate()[0] == 0
    second = harness.start_worker("second")
    await harness.send("instruments", "BAD", b"no json either")
    await harness.send("trades", "A1", b"no json either", partition)
    letters = await harness.until("instruments.dlq", lambda rs: len(rs) >= 2)
    assert [r.value for r in letters] == [b"no json", b"no json either"]
    letters = await harness.until("trades.dlq", lambda rs: len(rs) >= 2)
    assert [r.value for r in letters] == [b"no json", b"no json either"]
    second.check()


async def test_parked_trades_survive_a_restart_and_count_once_reference_data_comes(harness: Harness) -> None:
    await reference(harness, "A1")
    first = harness.start_worker("first")
    await first.ready()
    await harness.trade("A1", "t1", 500.0, 400.0, instrument_id="QQQ")
    await harness.trade("A9", "t9", 500.0, 400.0)
    await harness.price("QQQ", 400.0)
    await first.metric_reaches('marginmon_parked_messages{topic="trades"}', 2)
    await first.metric_reaches('marginmon_parked_messages{topic="prices"}', 1)
    code, _ = first.terminate()
    assert code == 0
    for partition in {partition_of("A1", PARTITIONS), partition_of("A9", PARTITIONS)}:
        assert await committed(harness, "trades", partition) >= 1
    second = harness.start_worker("second")
    await second.ready()
    await harness.instrument("QQQ")
    (issued,) = await harness.calls("A1", "issued")
    assert issued["drivers"][0]["instrument_id"] == "QQQ"
    await harness.account("A9")
    await harness.calls("A9", "issued")
    await second.metric_reaches('marginmon_margin_calls_open{scope="silo",state="issued"}', 2)
    assert await second.metric('marginmon_parked_messages{topic="trades"}') == 0
    assert await harness.read("trades.dlq") == []


async def committed(harness: Harness, topic: str, partition: int) -> int:
    async with AIOKafkaConsumer(
        bootstrap_servers=harness.bootstrap, group_id=harness.prefix + "group", enable_auto_commit=False
    ) as consumer:
        tp = TopicPartition(harness.topics[topic].name, partition)
        consumer.assign([tp])
        return int(await consumer.committed(tp) or 0)


async def test_a_later_start_of_day_replaces_the_holdings(harness: Harness) -> None:
    await reference(harness, "A1")
    await harness.trade("A1", "t1", 500.0, 400.0, business_date=DAY)  # not after the start of day: in it
    await harness.trade("A1", "t2", 1.0, 400.0)
    worker = harness.start_worker()
    await worker.ready()
    await harness.until("requirements", lambda rs: "32.00" in maintenance(rs))
    positions = [{"instrument_id": "SPY", "quantity": 10.0}]
    for part in (2, 1):
        more = {"business_date": NEXT_DAY, "as_of_ns": 2, "part": part, "parts": 2}
        await harness.opening("A1", 500.0, positions=positions, **more)
    await harness.until("requirements", lambda rs: "640.00" in maintenance(rs))  # 20 shares, t2 is covered
    assert [e["state"] for e in map(json.loads, (r.value for r in await harness.read("calls")))] == []


def maintenance(records: list[Any]) -> list[str]:
    statements = [json.loads(record.value) for record in records]
    return [silo["maintenance"] for statement in statements for silo in statement["silos"]]


async def test_a_new_rulebook_version_takes_effect_live(harness: Harness) -> None:
    from streams.parameters import read_toml

    await reference(harness, "A1")
    worker = harness.start_worker()
    await worker.ready()
    await harness.trade("A1", "t1", 200.0, 400.0)
    await harness.until("requirements", lambda rs: "6400.00" in maintenance(rs))
    parameters = read_toml("finra-4210g.toml")
    parameters["valuation_range"]["high_cap_broad"]["down"] = 0.20
    record = {
        "rulebook_id": "finra-4210g",
        "version": "stress-1",
        "method": "finra-4210g",
        "parameters": parameters,
    }
    await harness.send("rulebooks", "finra-4210g", json.loads(json.dumps(record, default=str)))
    (issued,) = await harness.calls("A1", "issued")
    assert issued["requirement"] == "16000.00"
    assert "stress-1" in issued["rulebook_version"]


async def test_sigterm_ends_in_time_commits_and_leaves_nothing_behind(harness: Harness) -> None:
    await reference(harness, *(f"A{i}" for i in range(20)))
    worker = harness.start_worker()
    await worker.ready()
    for number in range(200):
        await harness.trade(f"A{number % 20}", f"t{number}", 50.0, 400.0)
    assert await group_members(harness) == 1
    code, seconds = worker.terminate()
    assert code == 0, worker.err.read_text()[-3000:]
    assert seconds < 5.0
    assert list(worker.cwd.iterdir()) == []
    assert worker.out.read_text().count("\n") == 1
    assert await group_members(harness) == 0  # left, not timed out: a successor need not wait


async def group_members(harness: Harness) -> int:
    admin = AIOKafkaAdminClient(bootstrap_servers=harness.bootstrap)
    await admin.start()
    (response,) = await admin.describe_consumer_groups([harness.prefix + "group"])
    await admin.close()
    (group,) = response.to_object()["groups"]
    return len(group["members"])


async def test_a_wrong_number_of_partitions_is_one_line_and_exit_code_2(harness: Harness) -> None:
    worker = harness.start_worker(partitions=5)
    worker.expected_to_end = True
    assert worker.process.wait(timeout=30) == 2
    last = worker.err.read_text().splitlines()[-1]
    assert "3 partitions, expected 5" in last
    assert "Traceback" not in worker.err.read_text()


async def test_missing_topics_are_one_line_and_exit_code_2(harness: Harness) -> None:
    worker = harness.start_worker(**{"topic-prefix": harness.prefix + "other-"})
    worker.expected_to_end = True
    assert worker.process.wait(timeout=30) == 2
    assert "run `marginmon topics create`" in worker.err.read_text().splitlines()[-1]
