"""Decoders of topics: a record or a named reason, nothing lost, and the good record beside it untouched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from engine.base.errors import Reason
from streams.contracts import codec
from streams.contracts.base import Message
from streams.contracts.codec import Codec, Fault, decode_model
from streams.contracts.intraday import IntradayEventRecord
from streams.contracts.reference import AccountRecord, InstrumentRecord, RulebookRecord
from streams.contracts.responses import CallResponse
from streams.contracts.results import CallEvent, RequirementStatement
from streams.inbound.intake import Intake
from tests.fuzz.records import GOOD, fresh, own_key, take
from tests.fuzz.target import Target
from tests.rulebook_cases import shipped
from tests.unit.test_parking import Raw
from tests.web.live_book import LiveBook

CODECS: dict[str, Codec[Any]] = {
    "trades": codec.TRADES,
    "collateral": codec.COLLATERAL,
    "positions": codec.POSITIONS,
    "prices": codec.PRICES,
}
MODELS: dict[str, type[Message]] = {
    "call-responses": CallResponse,
    "instruments": InstrumentRecord,
    "accounts": AccountRecord,
    "rulebooks": RulebookRecord,
}
# What may become of a record; a part of a start-of-day record waits for the others, an answer for the engine.
OUTCOMES = ("applied", "rejected", "parked", "duplicate", "late", "covered", "superseded", "withdrawn")
WAITING = ("positions", "call-responses")
INTRADAY: dict[str, Any] = {
    "event_id": "id-A-1", "deficit_id": "id-A", "account_id": "A", "sequence": 1, "reason": "OPENED",
    "business_date": "2026-11-20", "deficit_date": "2026-11-20", "amount": "10.00", "freeze_due_date": "2026-11-30",
    "expires_date": "2026-12-15", "frozen_until": None, "account_frozen_until": None, "rulebook_id": "r",
    "rulebook_version": "1", "as_of_ns": 1, "stale": False, "partition": 0, "trades_offset": 1, "collateral_offset": -1,
    "closed_date": None, "account_sequence": 1,
    "today": {
        "business_date": "2026-11-20", "shortfall": None, "equity": "1.00", "exact": True, "decided_by": "purchase",
        "net_deposits": "0.00",
    },
    "deficits": [
        {
            "business_date": "2026-11-19", "amount": "10.00", "counts": True, "level_at_close": "1.00",
            "net_deposits": "0.00", "state": "outstanding", "late": False, "frozen_until": None,
        }
    ],
}  # fmt: skip
# An engine remembers what it took; a new one now and then keeps the campaign's memory level.
_INPUTS_AN_ENGINE = 5_000


def targets() -> Iterator[Target]:
    for topic, hot in CODECS.items():
        yield Target(f"decode {topic}", (encoded(GOOD[topic]),), decoding(hot, topic), is_json=True)
    for topic, model in MODELS.items():
        yield Target(f"decode {topic}", (encoded(GOOD[topic]),), reading(model), is_json=True)
    book = LiveBook(4)
    calls = tuple(event.model_dump_json().encode() for event in book.step()[:4])
    statements = tuple(statement.model_dump_json().encode() for statement in book.statements("")[:4])
    yield Target("decode call-cases", calls, reading(CallEvent), is_json=True)
    yield Target("decode requirements", statements, reading(RequirementStatement), is_json=True)
    yield Target("decode intraday-deficits", (encoded(INTRADAY),), reading(IntradayEventRecord), is_json=True)
    for topic in GOOD:
        yield Target(f"apply {topic}", (encoded(GOOD[topic]), *more(topic)), Applying(topic), is_json=True)


def encoded(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, default=str).encode()


def more(topic: str) -> Iterator[bytes]:
    """Further good records: every rulebook with its own parameters."""
    if topic == "rulebooks":
        for name in ("reg-t", "one-pot", "span-futures", "finra-4210g", "crypto-tiered", "policy"):
            record = {"rulebook_id": name, "version": "2", "method": name, "parameters": shipped(name)}
            yield encoded(record)


def decoding(hot: Codec[Any], topic: str) -> Callable[[bytes], bool]:
    """Of a topic with many messages a second."""
    good = encoded(GOOD[topic])
    key = own_key(GOOD[topic]).encode()
    well = codec.Raw(key, good)
    [expected] = hot.decode([well]).messages

    def check(value: bytes) -> bool:
        decoded = hot.decode([codec.Raw(key, value), well])
        assert len(decoded.messages) + len(decoded.faults) == 2, "a record is neither taken nor refused"
        assert decoded.messages[-1] == expected, "the good record beside it is not taken as it is"
        for index, fault in decoded.faults:
            assert index == 0
            named(fault)
        return not decoded.faults

    return check


def reading(model: type[Message]) -> Callable[[bytes], bool]:
    """Of a topic with few messages; what was taken reads again as itself."""

    def check(value: bytes) -> bool:
        decoded = decode_model(model, value)
        if isinstance(decoded, Fault):
            named(decoded)
            return False
        message, _ = decoded
        again = decode_model(model, message.model_dump_json().encode())
        assert again == (message, False), "what was taken is another message when it is read again"
        return True

    return check


def named(fault: Fault) -> None:
    assert isinstance(fault.reason, Reason)
    assert fault.detail, "a refusal without a word"


class Applying:
    """Decoded and taken into an engine."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._key = own_key(GOOD[topic])
        self._intake: Intake | None = None
        self._offsets = count(1)

    def __call__(self, value: bytes) -> bool:
        offset = next(self._offsets)
        if self._intake is None or offset % _INPUTS_AN_ENGINE == 0:
            self._intake = fresh()
        key = self._own_key(value)
        record = Raw(self._topic, 0, offset, value, key, 1)
        taken = take(self._intake, self._topic, [record])
        assert taken is not None
        told = sum(taken.counts[self._topic, each] for each in OUTCOMES)
        assert told == 1 or (told == 0 and self._topic in WAITING), f"no or several outcomes: {taken.counts}"
        for refusal in taken.refusals:
            named(Fault(refusal.reason, refusal.detail))
        return not taken.refusals

    def _own_key(self, value: bytes) -> bytes:
        """Rulebooks have many keys: that of the record, if it can be read at all."""
        if self._topic != "rulebooks":
            return self._key.encode()
        decoded = decode_model(RulebookRecord, value)
        return self._key.encode() if isinstance(decoded, Fault) else decoded[0].rulebook_id.encode()
