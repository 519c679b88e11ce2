"""What becomes of records that decode but cannot be used, and what is skipped."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from engine.base.errors import Reason
from engine.state.engine import Engine
from streams.contracts.topics import partition_of, positions_key
from streams.inbound.intake import Intake
from streams.inbound.record import Taken
from streams.outbound.calls import case_of
from streams.parameters import load_policy
from tests.unit.test_parking import Raw

ACCOUNT = "A1"
PARTITION = partition_of(ACCOUNT, 3)
NOW_NS = time.time_ns()


def raw(
    topic: str, key: str | bytes, fields: dict[str, Any], offset: int = 0, partition: int = PARTITION
) -> Raw:
    key_bytes = key if isinstance(key, bytes) else key.encode()
    return Raw(topic, partition, offset, json.dumps(fields).encode(), key_bytes, NOW_NS // 1_000_000)


@pytest.fixture
def intake() -> Intake:
    intake = Intake(Engine(load_policy()), {}, 3, 10, 5000)
    put(intake, "accounts", {"account_id": ACCOUNT, "approvals": ["portfolio_margin"]}, "account_id")
    etf = {"instrument_id": "SPY", "product": "etf", "index_class": "broad", "risk_factor": "EQ:SPX"}
    put(intake, "instruments", etf, "instrument_id")
    level = {"instrument_id": "SPX", "product": "index", "risk_factor": "EQ:SPX"}
    put(intake, "instruments", level, "instrument_id")
    intake.take_partition(PARTITION)
    return intake


def put(intake: Intake, topic: str, fields: dict[str, Any], key: str) -> Taken:
    return intake.take_reference(topic, [raw(topic, str(fields[key]), fields)], NOW_NS)


def trade(offset: int = 0, **changes: Any) -> Raw:
    fields = {
        "trade_id": "t1", "version": 1, "account_id": ACCOUNT, "instrument_id": "SPY", "quantity": 1.0,
        "price": 10.0, "business_date": "2026-11-20", "trade_time_ns": 1,
    } | changes  # fmt: skip
    return raw("trades", str(fields["account_id"]), fields, offset)


def reasons(taken: Taken | None) -> list[Reason]:
    assert taken is not None
    return [refusal.reason for refusal in taken.refusals]


def test_a_trade_on_another_partition_than_its_account_is_refused(intake: Intake) -> None:
    wrong = (PARTITION + 1) % 3
    intake.take_partition(wrong)
    taken = intake.take_activity("trades", wrong, [trade()])
    assert reasons(taken) == [Reason.KEY_MISMATCH]
    assert taken is not None
    assert "murmur2" in taken.refusals[0].detail


def test_what_cannot_be_held_is_refused(intake: Intake) -> None:
    taken = intake.take_activity("trades", PARTITION, [trade(instrument_id="SPX"), trade(1)])
    assert reasons(taken) == [Reason.NO_RULEBOOK]
    named = trade(2, instrument_id="SPX", silo="futures")
    assert reasons(intake.take_activity("trades", PARTITION, [named])) == [Reason.NO_RULEBOOK]


def test_a_silo_where_no_rulebook_margins_the_product_is_refused_as_such(intake: Intake) -> None:
    taken = intake.take_activity("trades", PARTITION, [trade(silo="futures"), trade(1)])
    assert reasons(taken) == [Reason.NO_RULEBOOK]
    assert taken is not None
    assert "no rulebook" in taken.refusals[0].detail
    assert taken.counts == {("trades", "rejected"): 1, ("trades", "applied"): 1}


COIN_RATE = {"instrument_id": "BTCUSD", "product": "fx_rate", "currency": "BTC", "risk_factor": "CRYPTO:BTC"}
COIN_MARGINED = {
    "instrument_id": "BTCUSD_PERP", "product": "perpetual", "multiplier": 100, "currency": "BTC",
    "settlement": "inverse", "margin_schedule": "binance-coinm:BTC", "risk_factor": "CRYPTO:BTC",
}  # fmt: skip


def test_an_inverse_contract_enters_at_a_positive_price_only(intake: Intake) -> None:
    """In trades, start-of-day records and prices: anything else would make coins without bound."""
    for instrument in (COIN_RATE, COIN_MARGINED):
        assert put(intake, "instruments", instrument, "instrument_id").refusals == []
    trades = [
        trade(i, trade_id=f"t{i}", instrument_id="BTCUSD_PERP", price=p)
        for i, p in enumerate((0.0, -5.0, 5e4))
    ]
    taken = intake.take_activity("trades", PARTITION, trades)
    assert reasons(taken) == [Reason.ZERO_PRICE, Reason.NEGATIVE_PRICE]
    assert taken is not None
    assert taken.refusals[0].detail == "price 0 of inverse contract BTCUSD_PERP is not positive"
    held_at = [{"instrument_id": "BTCUSD_PERP", "quantity": 1.0, "reference_price": 0.0}]
    taken = intake.take_activity("positions", PARTITION, [opening(0, 1, 1, positions=held_at)])
    assert reasons(taken) == [Reason.ZERO_PRICE]
    quote = {"instrument_id": "BTCUSD_PERP", "source_time_ns": NOW_NS, "sequence": 1, "bid": 0.0, "mark": 0.0}
    taken = intake.take_prices([raw("prices", "BTCUSD_PERP", quote)], NOW_NS)
    assert reasons(taken) == [Reason.ZERO_PRICE]


def test_a_trade_cannot_change_its_account(intake: Intake) -> None:
    other = next(f"B{i}" for i in range(99) if partition_of(f"B{i}", 3) == PARTITION)
    put(intake, "accounts", {"account_id": other}, "account_id")
    intake.take_activity("trades", PARTITION, [trade()])
    taken = intake.take_activity("trades", PARTITION, [trade(1, account_id=other, version=2)])
    assert reasons(taken) == [Reason.TRADE_MOVED]


def test_outcomes_are_counted_by_name(intake: Intake) -> None:
    records = [trade(0, version=2), trade(1, version=2), trade(2, version=1), trade(3, account_id="nobody")]
    records[3] = raw("trades", "nobody", json.loads(records[3].value), 3)
    taken = intake.take_activity("trades", PARTITION, records)
    assert taken is not None
    names = ("applied", "duplicate", "late", "parked")
    assert dict(taken.counts) == {("trades", name): 1 for name in names}


def test_records_at_or_below_the_high_water_mark_are_skipped(intake: Intake) -> None:
    intake.take_activity("trades", PARTITION, [trade(7)])
    again = intake.take_activity(
        "trades", PARTITION, [trade(6, trade_id="t0"), trade(7), trade(8, trade_id="t2")]
    )
    assert again is not None
    assert again.counts == {("trades", "applied"): 1}
    assert intake.high_water("trades", PARTITION) == 8
    assert intake.engine.inputs_of(0).trades_offset == 8


def test_what_was_staged_before_a_restore_took_it_is_skipped(intake: Intake) -> None:
    staged = intake.stage_activity("trades", [trade(i, trade_id=f"t{i}") for i in range(4)])
    intake.take_activity("trades", PARTITION, [trade(i, trade_id=f"t{i}") for i in range(2)])
    taken = intake.apply_activity("trades", PARTITION, staged)
    assert taken is not None
    assert taken.counts == {("trades", "applied"): 2}
    assert held(intake) == 4.0
    assert intake.high_water("trades", PARTITION) == 3


def test_a_partition_that_is_not_owned_takes_nothing(intake: Intake) -> None:
    intake.drop_partition(PARTITION)
    assert intake.take_activity("trades", PARTITION, [trade()]) is None


def opening(offset: int, part: int, parts: int, as_of_ns: int = 5, **more: Any) -> Raw:
    fields = {
        "account_id": ACCOUNT, "business_date": "2026-11-20", "as_of_ns": as_of_ns, "part": part,
        "parts": parts, **more,
    }  # fmt: skip
    return raw("positions", positions_key(ACCOUNT, part, parts), fields, offset)


def held(intake: Intake) -> float:
    engine = intake.engine
    return float(engine.holdings.of(np.arange(engine.accounts.count)).quantity.sum())


def position(instrument_id: str, quantity: float) -> list[dict[str, Any]]:
    return [{"instrument_id": instrument_id, "quantity": quantity}]


def test_a_start_of_day_record_counts_once_all_its_parts_are_there(intake: Intake) -> None:
    parts = [opening(i, i + 1, 3, positions=position("SPY", 10.0**i)) for i in range(3)]
    intake.take_activity("positions", PARTITION, parts[:2])
    assert held(intake) == 0.0
    intake.take_activity("positions", PARTITION, parts[2:])
    assert held(intake) == 111.0


def test_parts_of_a_later_record_replace_those_of_an_earlier(intake: Intake) -> None:
    records = [
        opening(0, 1, 2, as_of_ns=5, positions=position("SPY", 1.0)),
        opening(1, 1, 2, as_of_ns=9, positions=position("SPY", 10.0)),
        opening(2, 2, 2, as_of_ns=5, positions=position("SPY", 100.0)),
        opening(3, 2, 2, as_of_ns=9, positions=position("SPY", 1000.0)),
    ]
    taken = intake.take_activity("positions", PARTITION, records)
    assert taken is not None
    assert taken.counts == {("positions", "late"): 1, ("positions", "applied"): 1}
    assert held(intake) == 1010.0


def test_a_start_of_day_record_waits_as_a_whole_for_an_unknown_instrument(intake: Intake) -> None:
    positions = [*position("SPY", 1.0), *position("LATER", 2.0)]
    taken = intake.take_activity("positions", PARTITION, [opening(0, 1, 1, positions=positions)])
    assert taken is not None
    assert taken.counts == {("positions", "parked"): 1}
    assert held(intake) == 0.0
    etf = {"instrument_id": "LATER", "product": "etf", "index_class": "broad", "risk_factor": "EQ:SPX"}
    put(intake, "instruments", etf, "instrument_id")
    assert held(intake) == 3.0


def price(**changes: Any) -> Raw:
    fields = {"instrument_id": "SPY", "mark": 10.0, "source_time_ns": NOW_NS, "sequence": 1} | changes
    return raw("prices", str(fields["instrument_id"]), fields)


PRICES = {
    "ahead of the clock": (price(source_time_ns=NOW_NS + 6 * 10**9), Reason.CLOCK_SKEW),
    "negative": (price(mark=-1.0), Reason.NEGATIVE_PRICE),
    "crossed": (price(mark=None, bid=11.0, ask=10.0), Reason.CROSSED_QUOTE),
    "empty": (price(mark=None), Reason.WRONG_TYPE),
}


@pytest.mark.parametrize("name", PRICES)
def test_an_impossible_price_is_refused_and_the_next_one_taken(intake: Intake, name: str) -> None:
    bad, reason = PRICES[name]
    taken = intake.take_prices([bad, price(sequence=2)], NOW_NS)
    assert reasons(taken) == [reason]
    assert taken.counts == {("prices", "rejected"): 1, ("prices", "applied"): 1}


def test_a_price_within_the_skew_limit_is_taken(intake: Intake) -> None:
    assert reasons(intake.take_prices([price(source_time_ns=NOW_NS + 4 * 10**9)], NOW_NS)) == []


def test_oil_may_be_negative(intake: Intake) -> None:
    oil = {
        "instrument_id": "CL", "product": "future", "combined_commodity": "CL", "contract_month": "2026-12",
        "multiplier": 1000.0, "risk_factor": "CMD:WTI", "price_model": "normal",
        "negative_price_allowed": True, "expiry": "2026-12-18",
    }  # fmt: skip
    assert reasons(put(intake, "instruments", oil, "instrument_id")) == []
    taken = intake.take_prices([price(instrument_id="CL", mark=-37.63)], NOW_NS)
    assert taken.counts == {("prices", "applied"): 1}


def test_refused_reference_data_names_reason_and_thing(intake: Intake) -> None:
    option = {"instrument_id": "O", "product": "equity_option", "right": "call"}
    taken = put(intake, "instruments", option, "instrument_id")
    assert reasons(taken) == [Reason.BAD_INSTRUMENT]
    assert "instrument O" in taken.refusals[0].detail
    rulebook = {"rulebook_id": "x", "version": "1", "method": "no-such", "parameters": {}}
    assert reasons(put(intake, "rulebooks", rulebook, "rulebook_id")) == [Reason.UNKNOWN_RULEBOOK]
    mismatch = intake.take_reference("accounts", [raw("accounts", "B", {"account_id": "A"})], NOW_NS)
    assert reasons(mismatch) == [Reason.KEY_MISMATCH]


def test_a_full_parking_refuses_with_the_id_that_is_missing(intake: Intake) -> None:
    records: Sequence[Raw] = [trade(i, trade_id=f"t{i}", instrument_id=f"I{i}") for i in range(12)]
    taken = intake.take_activity("trades", PARTITION, records)
    assert reasons(taken) == [Reason.PARKING_FULL] * 2
    assert taken is not None
    assert "instrument I10" in taken.refusals[0].detail


def test_a_case_waits_for_its_account(intake: Intake) -> None:
    late = next(f"L{i}" for i in range(99) if partition_of(f"L{i}", 3) == PARTITION)
    intake.restore_case(case_of(issued(late)), 77, PARTITION)
    put(intake, "accounts", {"account_id": late}, "account_id")
    slot = intake.engine.accounts.slot_of[late]
    assert intake.engine.cases.open_usd[slot].sum() == 1234.56


def issued(account_id: str) -> Any:
    from streams.contracts.results import CallEvent, DataQuality, InputOffsets

    return CallEvent(
        event_id="e", call_id="c", account_id=account_id, scope="silo:securities", binding=True, case_number=1,
        sequence=1, previous_state="clear", state="issued", reason="FIRST", margin_call_amount="1234.56",
        requirement="1", equity="1", margin_excess="0", collateral_assignment_reason="3", rulebook_id="r",
        rulebook_version="1", as_of_ns=77, quality=DataQuality(oldest_price_age_ms=0, stale=False),
        inputs=InputOffsets(
            partition=0, trades_offset=0, collateral_offset=0, positions_offset=0, price_time_ns=0
        ),
    )  # fmt: skip


TREASURY = {"instrument_id": "UST", "product": "treasury", "expiry": "2030-01-01"}


def movement(offset: int = 0, **changes: Any) -> Raw:
    fields = {
        "collateral_id": "c1", "version": 1, "account_id": ACCOUNT, "silo": "futures", "instrument_id": "SPY",
        "quantity": 5.0, "business_date": "2026-11-20", "time_ns": 1,
    } | changes  # fmt: skip
    return raw("collateral", ACCOUNT, fields, offset)


def test_a_substitution_waits_as_a_whole_for_the_asset_that_it_releases(intake: Intake) -> None:
    both = movement(released_instrument_id="UST", released_quantity=3.0)
    taken = intake.take_activity("collateral", PARTITION, [both])
    assert taken is not None
    assert taken.counts == {("collateral", "parked"): 1}
    assert held(intake) == 0.0
    put(intake, "instruments", TREASURY, "instrument_id")
    assert held(intake) == 5.0 - 3.0


def test_what_is_kept_where_the_silo_is_not_segregated_is_refused_and_can_be_taken_out(
    intake: Intake,
) -> None:
    taken = intake.take_activity("collateral", PARTITION, [movement(location="bd-custodian")])
    assert reasons(taken) == [Reason.NOT_SEGREGATED]
    assert taken is not None
    assert taken.refusals[0].detail == "SPY at 'bd-custodian' is not segregated for silo futures"
    good = [
        movement(1, location="fcm-custodian"),
        movement(2, collateral_id="c2", quantity=-1.0, location="bd-custodian"),
    ]
    assert reasons(intake.take_activity("collateral", PARTITION, good)) == []
    assert held(intake) == 4.0


def test_a_start_of_day_with_collateral_that_is_not_segregated_is_refused(intake: Intake) -> None:
    asset = {"silo": "futures", "instrument_id": "SPY", "quantity": 1.0, "location": "bd-custodian"}
    taken = intake.take_activity("positions", PARTITION, [opening(0, 1, 1, collateral=[asset])])
    assert reasons(taken) == [Reason.NOT_SEGREGATED]
