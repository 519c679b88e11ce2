"""Parking: bounded, by missing id, released in the order of the log, and overtaking changes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.state.engine import Engine
from streams.contracts.topics import partition_of
from streams.inbound.intake import Intake
from streams.inbound.parking import Missing, Parking
from streams.parameters import load_policy

X = Missing("instrument", "X")


@dataclass(frozen=True)
class Raw:
    """A record as the consumer would give it."""

    topic: str
    partition: int
    offset: int
    value: bytes = b""
    key: bytes | None = b""
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def test_full_parking_refuses_and_counts_stay_right() -> None:
    parking = Parking(2)
    assert parking.park(X, "trades", Raw("t", 0, 1))
    assert parking.park(Missing("account", "A"), "trades", Raw("t", 0, 2))
    assert not parking.park(X, "trades", Raw("t", 0, 3))
    assert parking.park_newest(X, "prices", Raw("p", 0, 3), 1) is False
    assert len(parking) == 2
    parking.release(X)
    assert parking.counts == {"trades": 1}
    assert parking.park(X, "trades", Raw("t", 0, 3))


def test_release_gives_each_source_in_the_order_of_its_log() -> None:
    parking = Parking(10)
    for partition, offset in [(1, 5), (0, 9), (1, 3), (0, 2)]:
        parking.park(X, "trades", Raw("t", partition, offset))
    parking.park(X, "collateral", Raw("c", 0, 1))
    freed = {key: [record.offset for record in records] for key, records in parking.release(X).items()}
    assert freed == {("trades", 1): [3, 5], ("trades", 0): [2, 9], ("collateral", 0): [1]}
    assert parking.release(X) == {}
    assert len(parking) == 0


def test_only_the_newest_price_of_an_instrument_waits() -> None:
    parking = Parking(1)
    assert parking.park_newest(X, "prices", Raw("p", 0, 1), rank=5) is True
    assert parking.park_newest(X, "prices", Raw("p", 0, 2), rank=9) is None
    assert parking.park_newest(X, "prices", Raw("p", 0, 3), rank=7) is None
    assert [record.offset for record in parking.release(X)[("prices", 0)]] == [2]


def test_a_dropped_partition_takes_its_records_along_and_no_others() -> None:
    parking = Parking(10)
    parking.park(X, "trades", Raw("t", 0, 1))
    parking.park(X, "trades", Raw("t", 1, 1))
    parking.park_newest(X, "prices", Raw("p", 0, 1), rank=1)
    parking.drop_partition(0, frozenset({"trades"}))
    assert parking.counts == {"trades": 1, "prices": 1}
    assert set(parking.release(X)) == {("trades", 1), ("prices", 0)}


# -------------------------------------------------------------------- overtaking, on the real engine

ACCOUNT = "A1"
PARTITION = partition_of(ACCOUNT, 3)


def new_intake() -> Intake:
    intake = Intake(Engine(load_policy()), {}, 3, 1000, 5000)
    account = {"account_id": ACCOUNT, "approvals": ["portfolio_margin"]}
    intake.take_reference("accounts", [reference("account_id", account)], 0)
    intake.take_reference("instruments", [instrument("KNOWN")], 0)
    intake.take_partition(PARTITION)
    return intake


def reference(key: str, fields: dict[str, object]) -> Raw:
    return Raw("r", 0, 0, json.dumps(fields).encode(), str(fields[key]).encode())


def instrument(instrument_id: str) -> Raw:
    fields = {"product": "etf", "index_class": "broad", "risk_factor": "EQ:SPX"}
    return reference("instrument_id", {"instrument_id": instrument_id, **fields})


def trade(offset: int, trade_id: str, version: int, instrument_id: str, quantity: float, status: str) -> Raw:
    fields = {
        "trade_id": trade_id, "version": version, "account_id": ACCOUNT, "instrument_id": instrument_id,
        "quantity": quantity, "price": 10.0, "status": status, "business_date": "2026-11-20",
        "trade_time_ns": 1,
    }  # fmt: skip
    return Raw("trades", PARTITION, offset, json.dumps(fields).encode(), ACCOUNT.encode())


TRADES = st.lists(
    st.tuples(
        st.sampled_from(["t1", "t2"]),
        st.integers(1, 3),
        st.sampled_from(["KNOWN", "LATER"]),
        st.sampled_from(["new", "cancelled"]),
    ),
    max_size=8,
)


def one_content_per_version(
    drawn: list[tuple[str, int, str, str]],
) -> list[tuple[str, int, str, str]]:
    """A producer never gives one version two contents."""
    seen: dict[tuple[str, int], tuple[str, int, str, str]] = {}
    return [seen.setdefault((trade_id, version), t) for t in drawn for trade_id, version in [t[:2]]]


def state(intake: Intake) -> dict[str, float]:
    engine = intake.engine
    account = int(engine.account_slots([ACCOUNT])[0])
    holdings = engine.holdings.of(np.array([account]))
    held = {
        engine.market.instruments[instrument].instrument_id: quantity
        for instrument, quantity in zip(holdings.instrument.tolist(), holdings.quantity.tolist(), strict=True)
    }
    return {**held, "cash": float(np.round(engine.holdings.cash[account].sum(), 6))}


@settings(max_examples=60, deadline=None)
@given(drawn=TRADES, place=st.integers(0, 8))
def test_parking_ends_where_the_order_of_arrival_would_have(
    drawn: list[tuple[str, int, str, str]], place: int
) -> None:
    records = [
        trade(offset, trade_id, version, instrument_id, 10.0 * version, status)
        for offset, (trade_id, version, instrument_id, status) in enumerate(one_content_per_version(drawn))
    ]
    early, late = new_intake(), new_intake()
    early.take_reference("instruments", [instrument("LATER")], 0)
    early.take_activity("trades", PARTITION, records)
    late.take_activity("trades", PARTITION, records[:place])
    late.take_reference("instruments", [instrument("LATER")], 0)
    late.take_activity("trades", PARTITION, records[place:])
    assert state(late) == state(early)
    assert len(late.parking) == 0


def test_parked_trades_come_back_after_a_restart() -> None:
    records = [trade(0, "t1", 1, "LATER", 5.0, "new"), trade(1, "t2", 1, "KNOWN", 7.0, "new")]
    before, after = new_intake(), new_intake()
    for intake in (before, after):  # the second one is the restarted worker: it reads the same log
        taken = intake.take_activity("trades", PARTITION, records)
        assert taken is not None
        assert taken.counts == {("trades", "applied"): 1, ("trades", "parked"): 1}
    after.take_reference("instruments", [instrument("LATER")], 0)
    assert state(after) == {"LATER": 5.0, "KNOWN": 7.0, "cash": -120.0}


@pytest.mark.parametrize("dropped", [True, False])
def test_a_dropped_partition_is_not_resurrected_by_reference_data(dropped: bool) -> None:
    intake = new_intake()
    intake.take_activity("trades", PARTITION, [trade(0, "t1", 1, "LATER", 5.0, "new")])
    if dropped:
        intake.drop_partition(PARTITION)
    intake.take_reference("instruments", [instrument("LATER")], 0)
    assert state(intake) == ({"cash": 0.0} if dropped else {"LATER": 5.0, "cash": -50.0})
