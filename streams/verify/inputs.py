"""Inputs read with the published models, and dead letters held against them: nothing good refused, nothing bad lost."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from streams.contracts.activity import CollateralRecord, PositionsRecord, PriceRecord, TradeRecord
from streams.contracts.base import Message
from streams.contracts.reference import AccountRecord, InstrumentRecord
from streams.contracts.responses import CallResponse
from streams.contracts.topics import DEAD_LETTERS
from streams.verify.logs import Logs, place_of, places_refused
from streams.verify.report import Kind, Report

# Reasons that the schema alone decides; all others depend on what else the worker knew.
_BY_SCHEMA: Final = frozenset({"MALFORMED", "WRONG_TYPE", "NOT_FINITE", "OUT_OF_RANGE"})
# An exception for an intraday deficit has bounds that its rule knows.
_BY_RULE: Final = ("call-responses", "OUT_OF_RANGE")
# By account: the topics whose every bad record must have a dead letter.
_ACTIVITY: Final[dict[str, type[ByAccount]]] = {
    "positions": PositionsRecord,
    "trades": TradeRecord,
    "collateral": CollateralRecord,
    "call-responses": CallResponse,
}

M = TypeVar("M", bound=Message)
ByAccount = PositionsRecord | TradeRecord | CollateralRecord | CallResponse


@dataclass(frozen=True, slots=True)
class Taken:
    """One input that counts. Its bytes are held, not what they say, which takes four times as much."""

    account_id: str
    model: type[Message]
    record: Any

    @property
    def offset(self) -> int:
        """In its partition."""
        return int(self.record.offset)

    @property
    def body(self) -> Any:
        """Read anew each time."""
        return self.model.model_validate_json(self.record.value, strict=True)


@dataclass
class Inputs:
    """Attributes:
    activity: usable records by topic, in the order of partition and offset.
    refused: places (topic, partition, offset) of dead letters.
    published_live: rulebooks or a policy were, so that those of the files need not be those of a figure.
    instruments, accounts, prices: the latest of each id; first_ms, price_ms: Kafka timestamp of the first record of an
        instrument and of its latest price.
    """

    activity: dict[str, list[Taken]] = field(default_factory=dict)
    refused: set[tuple[str, int, int]] = field(default_factory=set)
    published_live: bool = False
    instruments: dict[str, InstrumentRecord] = field(default_factory=dict)
    accounts: dict[str, AccountRecord] = field(default_factory=dict)
    prices: dict[str, PriceRecord] = field(default_factory=dict)
    first_ms: dict[str, int] = field(default_factory=dict)
    price_ms: dict[str, int] = field(default_factory=dict)

    def answers_refused(self) -> set[tuple[int, int]]:
        """Places of refused answers to calls."""
        return {(partition, offset) for topic, partition, offset in self.refused if topic == "call-responses"}


def read_inputs(logs: Logs, settled: bool, report: Report) -> Inputs:
    """Everything usable; bad records and dead letters are held against each other.

    Args:
        settled: nothing is under way, so a bad record without a dead letter is lost.
    """
    inputs = Inputs(published_live=bool(logs.of("rulebooks")))
    letters = _letters(logs)
    for name, model in _ACTIVITY.items():
        kept = inputs.activity[name] = []
        for record in logs.of(name):
            letter = letters.get((name, record.partition, record.offset))
            body = _decoded(model, record)
            _check_letter(name, record, letter, body is not None, settled, report)
            if letter is not None:
                inputs.refused.add((name, record.partition, record.offset))
            elif body is not None:
                kept.append(Taken(sys.intern(body.account_id), model, record))
    _read_reference(logs, letters, inputs)
    return inputs


def _letters(logs: Logs) -> dict[tuple[str, int, int], Any]:
    letters: dict[tuple[str, int, int], Any] = {}
    for name in list(logs.records):
        if name.endswith(DEAD_LETTERS):
            topic = name.removesuffix(DEAD_LETTERS)
            letters |= {(topic, *place): record for place, record in places_refused(logs, topic).items()}
    return letters


def _decoded(model: type[M], record: Any) -> M | None:
    """The message, or None if the schema or the key forbids it."""
    try:
        body = model.model_validate_json(record.value, strict=True)
    except (ValidationError, TypeError):
        return None
    key = (record.key or b"").decode(errors="replace")
    account_id = getattr(body, "account_id", None) or getattr(body, "instrument_id", "")
    if isinstance(body, PositionsRecord) and body.parts > 1:
        account_id = f"{account_id}|{body.part}"
    return body if key == account_id else None


def _check_letter(name: str, record: Any, letter: Any, good: bool, settled: bool, report: Report) -> None:
    report.checked["inputs"] += 1
    if letter is None:
        if not good and record.value is not None and settled:
            report.found(Kind.BAD_RECORD_LOST, place_of(record), "not usable, and no dead letter says so")
        return
    report.checked["dead letters"] += 1
    headers = dict(letter.headers)
    reason = headers["dlq.reason"].decode()
    if good and reason in _BY_SCHEMA and (name, reason) != _BY_RULE:
        report.found(Kind.GOOD_RECORD_REFUSED, place_of(record), f"refused as {reason}, but it is usable")
    too_large = letter.value is None and b"exceed the limit" in headers.get("dlq.error", b"")
    if letter.key != record.key or (letter.value != record.value and not too_large):
        report.found(Kind.DEAD_LETTER_CHANGED, place_of(letter), f"differs from {place_of(record)}")


def _read_reference(logs: Logs, letters: dict[tuple[str, int, int], Any], inputs: Inputs) -> None:
    for record in logs.of("instruments"):
        instrument = _decoded(InstrumentRecord, record) or _lenient(record)
        if instrument is not None:
            inputs.instruments[instrument.instrument_id] = instrument
            inputs.first_ms.setdefault(instrument.instrument_id, record.timestamp)
    for record in logs.of("accounts"):
        account = _decoded(AccountRecord, record)
        if account is not None:
            inputs.accounts[account.account_id] = account
    for record in logs.of("prices"):
        price = _decoded(PriceRecord, record)
        if price is None or ("prices", record.partition, record.offset) in letters:
            continue
        held = inputs.prices.get(price.instrument_id)
        if held is None or price.sequence > held.sequence:
            inputs.prices[price.instrument_id] = price
            inputs.price_ms[price.instrument_id] = record.timestamp


def _lenient(record: Any) -> InstrumentRecord | None:
    """Dates come as text, which the strict mode of the models does not take."""
    try:
        return InstrumentRecord.model_validate(json.loads(record.value))
    except (ValidationError, TypeError, ValueError):
        return None
