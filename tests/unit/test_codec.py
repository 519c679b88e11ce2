"""Bytes to values: every kind of bad message has its own name, and never takes a good one with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.base.errors import Reason
from streams.contracts import codec
from streams.contracts.reference import AccountRecord, InstrumentRecord, RulebookRecord

TRADE: dict[str, Any] = {
    "trade_id": "t1", "version": 1, "account_id": "A1", "instrument_id": "SPY", "quantity": 5.0,
    "price": 10.0,
    "business_date": "2026-11-20", "trade_time_ns": 1_700_000_000_000_000_000,
}  # fmt: skip


def raw(**changes: Any) -> bytes:
    return json.dumps({**TRADE, **changes}).encode()


BAD = {
    "not json": (b"hello", Reason.MALFORMED),
    "cut off": (raw()[:-5], Reason.MALFORMED),
    "two values": (raw() + b"{}", Reason.MALFORMED),
    "not utf-8": (raw().replace(b"SPY", b"\xff\xfe"), Reason.MALFORMED),
    "empty": (b"", Reason.MALFORMED),
    "tombstone": (None, Reason.MALFORMED),
    "array": (b"[]", Reason.WRONG_TYPE),
    "null": (b"null", Reason.WRONG_TYPE),
    "deep": (b"[" * 200_000, Reason.WRONG_TYPE),
    "missing field": (json.dumps({"trade_id": "x"}).encode(), Reason.WRONG_TYPE),
    "text for a number": (raw(quantity="5"), Reason.WRONG_TYPE),
    "bool for a number": (raw(price=True), Reason.WRONG_TYPE),
    "fraction for an integer": (raw(version=1.5), Reason.WRONG_TYPE),
    "null for a number": (raw(quantity=None), Reason.WRONG_TYPE),
    "nan": (raw(price=float("nan")), Reason.NOT_FINITE),
    "infinity": (raw(quantity=float("-inf")), Reason.NOT_FINITE),
    "overflow": (raw().replace(b"10.0", b"1e400"), Reason.OUT_OF_RANGE),
    "huge": (raw(quantity=1e13), Reason.OUT_OF_RANGE),
    "huge integer": (raw(trade_time_ns=10**40), Reason.OUT_OF_RANGE),
    "negative version": (raw(version=-1), Reason.OUT_OF_RANGE),
    "empty id": (raw(trade_id=""), Reason.OUT_OF_RANGE),
    "long id": (raw(trade_id="x" * 129), Reason.OUT_OF_RANGE),
    "no such status": (raw(status="amended"), Reason.OUT_OF_RANGE),
    "no such date": (raw(business_date="2026-02-30"), Reason.OUT_OF_RANGE),
    "no such silo": (raw(silo="bonds"), Reason.OUT_OF_RANGE),
}


@pytest.mark.parametrize("name", BAD)
def test_each_kind_of_bad_message_has_its_reason(name: str) -> None:
    value, reason = BAD[name]
    decoded = codec.TRADES.decode([codec.Raw(b"A1", value)])
    assert [(at, fault.reason) for at, fault in decoded.faults] == [(0, reason)]
    assert decoded.faults[0][1].detail


def test_bad_messages_leave_the_good_ones_in_order() -> None:
    values = [value for value, _ in BAD.values()]
    mixed = [item for index, value in enumerate(values) for item in (value, raw(trade_id=f"good{index}"))]
    decoded = codec.TRADES.decode([codec.Raw(b"A1", value) for value in mixed])
    assert [trade.trade_id for trade in decoded.messages] == [f"good{i}" for i in range(len(BAD))]
    assert decoded.at == list(range(1, 2 * len(BAD), 2))
    assert [at for at, _ in decoded.faults] == list(range(0, 2 * len(BAD), 2))


@pytest.mark.parametrize("key", [None, b"", b"A2", "A1".encode("utf-16")])
def test_a_key_that_is_not_the_account_is_refused(key: bytes | None) -> None:
    decoded = codec.TRADES.decode([codec.Raw(key, raw())])
    assert decoded.faults[0][1].reason == Reason.KEY_MISMATCH


def test_unknown_fields_are_kept_out_and_counted_exactly() -> None:
    values = [raw(), raw(colour="red"), raw(colour="red", size=1), raw(colour="red", quantity="x")]
    decoded = codec.TRADES.decode([codec.Raw(b"A1", value) for value in values])
    assert len(decoded.messages) == 3
    assert decoded.with_unknown_fields == 2
    assert not hasattr(decoded.messages[1], "colour")


def test_collateral_is_an_asset_or_cash_never_both() -> None:
    base = {
        "collateral_id": "c", "version": 1, "account_id": "A1", "silo": "futures", "quantity": 1.0,
        "business_date": "2026-11-20", "time_ns": 1,
    }  # fmt: skip
    cases = [{}, {"currency": "USD", "instrument_id": "T"}, {"currency": "USD"}, {"instrument_id": "T"}]
    decoded = codec.COLLATERAL.decode([codec.Raw(b"A1", json.dumps({**base, **c}).encode()) for c in cases])
    assert decoded.at == [2, 3]
    assert [fault.reason for _, fault in decoded.faults] == [Reason.WRONG_TYPE, Reason.WRONG_TYPE]


def test_positions_in_parts_have_their_own_keys() -> None:
    def record(part: int, parts: int) -> bytes:
        fields = {
            "account_id": "A1",
            "business_date": "2026-11-20",
            "as_of_ns": 1,
            "part": part,
            "parts": parts,
        }
        return json.dumps(fields).encode()

    keys = [(b"A1", 1, 1), (b"A1|2", 2, 3), (b"A1", 2, 3), (b"A1|4", 4, 3)]
    decoded = codec.POSITIONS.decode([codec.Raw(key, record(part, parts)) for key, part, parts in keys])
    assert decoded.at == [0, 1]
    assert [fault.reason for _, fault in decoded.faults] == [Reason.KEY_MISMATCH, Reason.OUT_OF_RANGE]


def test_days_count_from_1970() -> None:
    assert codec.days["1970-01-02"] == 1
    assert codec.days["2026-13-01"] == codec.INVALID


def test_reference_data_is_as_strict() -> None:
    assert not isinstance(codec.decode_model(AccountRecord, b'{"account_id":"A","later":1}'), codec.Fault)
    cases = {
        b'{"account_id":1}': Reason.WRONG_TYPE,
        b'{"account_id":"A","type":"friend"}': Reason.OUT_OF_RANGE,
        b'{"account_id":""}': Reason.OUT_OF_RANGE,
        b"": Reason.MALFORMED,
        b"{": Reason.MALFORMED,
    }
    for value, reason in cases.items():
        fault = codec.decode_model(AccountRecord, value)
        assert isinstance(fault, codec.Fault)
        assert fault.reason == reason


def test_a_number_that_is_none_does_not_hide_in_rulebook_parameters() -> None:
    value = b'{"rulebook_id":"R","version":"1","method":"m","parameters":{"rate":NaN}}'
    fault = codec.decode_model(RulebookRecord, value)
    assert isinstance(fault, codec.Fault)
    assert fault.reason == Reason.NOT_FINITE


@pytest.mark.parametrize(
    ("expiry", "expected"),
    [("2026-03-20", "2026-03-20T21:00"), ("2026-03-20T10:30:00Z", "2026-03-20T10:30"),
     ("2026-03-20T10:30:00-05:00", "2026-03-20T15:30"), ("2026-03-20T10:30:00", "2026-03-20T10:30")],
)  # fmt: skip
def test_expiry_is_a_date_or_a_timestamp(expiry: str, expected: str) -> None:
    from datetime import UTC

    value = json.dumps({"instrument_id": "X", "product": "future", "expiry": expiry}).encode()
    decoded = codec.decode_model(InstrumentRecord, value)
    assert not isinstance(decoded, codec.Fault)
    assert decoded[0].expiry is not None
    assert decoded[0].expiry.astimezone(UTC).isoformat().startswith(expected)
