"""Prices that wait for the engine: bounded by the instruments, and nothing comes out differently for it."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.base.errors import Reason
from engine.state.engine import Engine
from streams.inbound.intake import Intake
from streams.inbound.price_buffer import PriceBuffer
from streams.inbound.prices import PriceBatch
from streams.inbound.record import Record
from streams.parameters import load_policy
from tests.unit.test_parking import Raw

NOW_NS = time.time_ns()
INSTRUMENTS = ("SPY", "QQQ", "CL")


def price(offset: int, instrument_id: str, sequence: int, **fields: Any) -> Raw:
    message = {"instrument_id": instrument_id, "source_time_ns": NOW_NS, "sequence": sequence, **fields}
    return Raw("prices", 0, offset, json.dumps(message).encode(), instrument_id.encode(), NOW_NS // 1_000_000)


def new_intake() -> Intake:
    intake = Intake(Engine(load_policy()), {}, 3, 1000, 5000)
    etf = {"product": "etf", "index_class": "broad", "risk_factor": "EQ:SPX"}
    oil = {
        "product": "future", "combined_commodity": "CL", "contract_month": "2036-12", "multiplier": 1000.0,
        "risk_factor": "CMD:WTI", "price_model": "normal", "negative_price_allowed": True,
        "expiry": "2036-12-18",
    }  # fmt: skip
    for instrument_id, fields in zip(INSTRUMENTS, (etf, etf, oil), strict=True):
        value = json.dumps({"instrument_id": instrument_id, **fields}).encode()
        taken = intake.take_reference("instruments", [Raw("i", 0, 0, value, instrument_id.encode())], NOW_NS)
        assert not taken.refusals
    return intake


QUOTES = st.fixed_dictionaries(
    {},
    optional={name: st.sampled_from([-2.0, 1.0, 3.0]) for name in ("bid", "ask", "mark")}
    | {"implied_vol": st.sampled_from([0.2, 0.3])},
)
MESSAGES = st.lists(
    st.tuples(st.sampled_from([*INSTRUMENTS, "NEW"]), st.integers(1, 6), QUOTES), min_size=1, max_size=25
)


def state(intake: Intake) -> list[list[float]]:
    market = intake.engine.market
    columns = (market.bid, market.ask, market.mark, market.quoted_volatility, market.sequence)
    return [np.nan_to_num(column[: market.count].astype(float), nan=-99.0).tolist() for column in columns]


@settings(max_examples=60, deadline=None)
@given(messages=MESSAGES, cut=st.integers(0, 25))
def test_the_engine_ends_up_where_one_batch_of_all_prices_brings_it(messages: list[Any], cut: int) -> None:
    records = [price(i, name, sequence, **quote) for i, (name, sequence, quote) in enumerate(messages)]
    buffered, direct = new_intake(), new_intake()
    taken = buffered.stage_prices([records[:cut]], NOW_NS)
    taken.add(buffered.stage_prices([records[cut:], []], NOW_NS))
    taken.add(buffered.apply_waiting_prices())
    at_once = direct.take_prices(records, NOW_NS)
    assert state(buffered) == state(direct)
    assert {(r.record.offset, r.reason) for r in taken.refusals} == {
        (r.record.offset, r.reason) for r in at_once.refusals
    }
    assert taken.counts == at_once.counts
    assert buffered.parking.counts == direct.parking.counts


def test_what_waits_is_bounded_by_the_instruments() -> None:
    buffer = PriceBuffer(100)
    for lap in range(50):
        records = [
            price(0, name, 100 * lap + number, mark=1.0) for number in range(9) for name in INSTRUMENTS
        ]
        buffer.put(PriceBatch(records, NOW_NS, 5000))
    waiting = buffer.take()
    assert {message.instrument_id: message.sequence for message in waiting.messages} == dict.fromkeys(
        INSTRUMENTS, 4908
    )
    assert not buffer.take().messages


@pytest.mark.parametrize("doubtful", [True, False])
def test_a_feed_that_invents_ids_or_sends_rubbish_makes_it_full(doubtful: bool) -> None:
    buffer = PriceBuffer(10)
    mark = -1.0 if doubtful else 1.0
    records = [price(i, "SPY" if doubtful else f"N{i}", i, mark=mark) for i in range(10)]
    buffer.put(PriceBatch(records, NOW_NS, 5000))
    assert not buffer.full
    buffer.put(PriceBatch([price(10, "OTHER", 99, mark=mark)], NOW_NS, 5000))
    assert buffer.full
    buffer.take()
    assert not buffer.full


def test_a_price_ahead_of_the_clock_is_refused_before_it_waits() -> None:
    intake = new_intake()
    ahead = price(0, "SPY", 2, mark=1.0)
    late_ns = NOW_NS - 6 * 10**9
    taken = intake.stage_prices([[ahead], [price(1, "QQQ", 1, mark=2.0)]], late_ns)
    assert [refusal.reason for refusal in taken.refusals] == [Reason.CLOCK_SKEW] * 2
    assert not intake.waiting_prices.take().messages


def test_one_thread_may_put_while_another_takes() -> None:
    buffer, seen = PriceBuffer(10_000), dict.fromkeys(INSTRUMENTS, -1)
    batches: list[list[Record]] = [
        [price(0, name, 10 * lap + number, mark=1.0) for number in range(10) for name in INSTRUMENTS]
        for lap in range(200)
    ]
    decoded = [PriceBatch(batch, NOW_NS, 5000) for batch in batches]

    def put_all() -> None:
        for batch in decoded:
            buffer.put(batch)

    putting = threading.Thread(target=put_all)
    putting.start()
    taken = 0
    while putting.is_alive() or taken == 0:
        for message in buffer.take().messages:
            assert message.sequence > seen[message.instrument_id]
            seen[message.instrument_id] = message.sequence
            taken += 1
    for message in buffer.take().messages:
        seen[message.instrument_id] = message.sequence
        taken += 1
    putting.join()
    superseded = sum(batch.taken.counts[("prices", "superseded")] for batch in decoded)
    assert seen == dict.fromkeys(INSTRUMENTS, 1999)
    assert taken + superseded == 200 * 10 * len(INSTRUMENTS)
