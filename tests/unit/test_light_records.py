"""Unpacked records: cheap to go through, whole where they are kept."""

from __future__ import annotations

from typing import Any, NamedTuple

from aiokafka import TopicPartition

from engine.base.errors import Reason
from streams.inbound.intake import Intake
from streams.inbound.light_records import LightRecord, Records, whole
from tests.unit.test_intake import ACCOUNT, NOW_NS, PARTITION, intake, price, trade

__all__ = ["intake"]  # the fixture
TRADES = TopicPartition("m.trades", PARTITION)


class Unpacked(NamedTuple):
    """What the client has of a record: nothing of where it came from."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def unpacked(record: Any, headers: list[tuple[str, bytes]] | None = None) -> Unpacked:
    return Unpacked(record.offset, record.timestamp, record.key, record.value, headers or [])


def test_an_index_gives_the_record_with_its_place_and_iterating_does_not() -> None:
    one = Unpacked(7, 8, b"k", b"v", [("h", b"1")])
    records = Records(TRADES, [one, one])
    light = LightRecord("m.trades", PARTITION, 7, 8, b"k", b"v", (("h", b"1"),))
    assert list(records) == [one, one]
    assert records[:1] == [one]
    assert records[-1] == light
    assert list(whole(records)) == [light, light]
    assert whole([light]) == [light]


def test_refused_and_parked_records_know_their_place(intake: Intake) -> None:
    bad = unpacked(trade(1))._replace(value=b"{", headers=[("h", b"1")])
    waiting = unpacked(trade(2, trade_id="t2", instrument_id="LATER"))
    taken = intake.take_activity("trades", PARTITION, Records(TRADES, [unpacked(trade(0)), bad, waiting]))
    assert taken is not None
    assert [r.reason for r in taken.refusals] == [Reason.MALFORMED]
    assert taken.refusals[0].record == LightRecord(
        "m.trades", PARTITION, 1, NOW_NS // 1_000_000, ACCOUNT.encode(), b"{", (("h", b"1"),)
    )
    intake.drop_partition(PARTITION)
    assert len(intake.parking) == 0  # found again by its partition


def test_so_do_those_behind_what_a_restore_has_taken(intake: Intake) -> None:
    records = Records(TRADES, [unpacked(trade(i, trade_id=f"t{i}")) for i in range(2)])
    records.append(unpacked(trade(2))._replace(value=None))
    intake.take_activity("trades", PARTITION, records[:1])
    taken = intake.take_activity("trades", PARTITION, records)
    assert taken is not None
    assert [(r.record.topic, r.record.offset) for r in taken.refusals] == [("m.trades", 2)]


def test_so_do_refused_reference_data_and_prices(intake: Intake) -> None:
    accounts = Records(TopicPartition("m.accounts", 0), [Unpacked(3, 0, b"A", b"{", [])])
    refused = intake.take_reference("accounts", accounts, NOW_NS).refusals[0].record
    assert (refused.topic, refused.offset) == ("m.accounts", 3)
    prices = Records(TopicPartition("m.prices", 2), [unpacked(price(mark=-1.0)), unpacked(price())])
    assert not intake.stage_prices([prices], NOW_NS).refusals
    taken = intake.apply_waiting_prices()
    assert [(r.record.topic, r.record.partition) for r in taken.refusals] == [("m.prices", 2)]
    assert taken.counts == {("prices", "rejected"): 1, ("prices", "applied"): 1}
