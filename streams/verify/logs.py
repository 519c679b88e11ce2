"""The topics as the verifier reads them: all that is committed, in an order in which a running system may be read."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from streams.contracts.activity import PriceRecord
from streams.contracts.connection import Connection
from streams.contracts.topics import DEAD_LETTERS, TopicTable
from streams.desk.topic_reader import all_records, batches_of

# Results before what they rest on: whatever an event names is then read too.
_LETTERS: Final = ("trades.dlq", "collateral.dlq", "positions.dlq", "call-responses.dlq", "prices.dlq")
_INPUTS: Final = (
    "accounts",
    "instruments",
    "rulebooks",
    "positions",
    "trades",
    "collateral",
    "call-responses",
)

DEFAULT_SAMPLE: Final = 1_000
QuoteKey = tuple[str, int]  # instrument_id, sequence
T = TypeVar("T")


def place_of(record: Any) -> str:
    """``topic:partition:offset``."""
    return f"{record.topic}:{record.partition}:{record.offset}"


@dataclass
class Logs:
    """Records by short topic name, each in the order of partition and offset.

    Attributes:
        later_calls: events committed while the other topics were read; a case may be one of them.
        quotes: prices that the sample of the evidence names, by instrument and sequence.
        began_ms: when reading began, ms since 1970.
    """

    records: dict[str, list[Any]] = field(default_factory=dict)
    later_calls: list[Any] = field(default_factory=list)
    quotes: dict[QuoteKey, PriceRecord] = field(default_factory=dict)
    began_ms: int = 0

    def of(self, name: str) -> list[Any]:
        """Records of a topic."""
        return self.records.get(name, [])

    def ends(self, *names: str) -> dict[tuple[str, int], int]:
        """Offset of the last record by topic and partition, of those that have one."""
        ends: dict[tuple[str, int], int] = {}
        for name in names:
            for record in self.of(name):
                ends[name, record.partition] = max(record.offset, ends.get((name, record.partition), -1))
        return ends


def drawn(items: list[T], sample: int, seed: int) -> list[T]:
    """At most so many of them: the same whenever they are drawn again."""
    return items if len(items) <= sample else random.Random(seed).sample(items, sample)  # noqa: S311 - no secret


async def read_logs(
    connection: Connection, topics: TopicTable, sample: int = DEFAULT_SAMPLE, seed: int = 1
) -> Logs:
    """Everything that is committed; of prices the newest of each instrument and those that a sample of evidence names.

    Raises:
        TopicError: a topic is missing. KafkaError: the cluster does not answer.
    """
    logs = Logs(began_ms=int(time.time() * 1_000))
    await _read(connection, topics, ("calls",), logs)
    await _read(connection, topics, ("call-cases", "call-evidence"), logs)
    await _read(connection, topics, ("intraday-deficits",), logs)
    logs.records["requirements"] = await _newest(
        connection, topics, "requirements", lambda record: record.offset
    )
    await _read(connection, topics, _LETTERS, logs)
    await _read(connection, topics, _INPUTS, logs)
    refused = places_refused(logs, "prices")
    named = _prices_named(drawn(logs.of("call-evidence"), sample, seed))
    logs.records["prices"] = await _newest(
        connection, topics, "prices", lambda record: _sequence(record, refused, named, logs.quotes)
    )
    known = {(record.partition, record.offset) for record in logs.of("calls")}
    again = await all_records(connection, [topics["calls"]])
    logs.later_calls = [record for record in again if (record.partition, record.offset) not in known]
    return logs


async def _read(connection: Connection, topics: TopicTable, names: Sequence[str], logs: Logs) -> None:
    logs.records.update({name: [] for name in names})
    short = {topics[name].name: name for name in names}
    for record in await all_records(connection, [topics[name] for name in names]):
        logs.records[short[record.topic]].append(record)


async def _newest(
    connection: Connection, topics: TopicTable, name: str, rank: Callable[[Any], int | None]
) -> list[Any]:
    """Of each key the record of the highest rank, without holding all of a day; None does not count."""
    held: dict[bytes | None, tuple[int, Any]] = {}
    async for records in batches_of(connection, [topics[name]]):
        for record in records:
            ranked = rank(record)
            if ranked is not None and (record.key not in held or ranked > held[record.key][0]):
                held[record.key] = (ranked, record)
    newest = [record for _, record in held.values()]
    return sorted(newest, key=lambda record: (record.partition, record.offset))


def places_refused(logs: Logs, name: str) -> dict[tuple[int, int], Any]:
    """Dead letters of a topic by the partition and offset of what they refuse."""
    letters = {}
    for record in logs.of(name + DEAD_LETTERS):
        headers = dict(record.headers)
        letters[int(headers["dlq.partition"]), int(headers["dlq.offset"])] = record
    return letters


def _prices_named(evidence: list[Any]) -> set[QuoteKey]:
    """What evidence rests on; one that cannot be read names nothing, which its own check tells."""
    named: set[QuoteKey] = set()
    for record in evidence:
        with suppress(TypeError, ValueError, KeyError):
            prices = json.loads(record.value)["prices"]
            named |= {(price["instrument_id"], price["sequence"]) for price in prices}
    return named


def _sequence(
    record: Any,
    refused: dict[tuple[int, int], Any],
    named: set[QuoteKey],
    quotes: dict[QuoteKey, PriceRecord],
) -> int | None:
    """Of a price that counts; one that is named is kept, of two with one sequence the first, as it counts."""
    if (record.partition, record.offset) in refused:
        return None
    try:
        price = PriceRecord.model_validate_json(record.value, strict=True)
    except (ValidationError, TypeError):
        return None
    key = (price.instrument_id, price.sequence)
    if key in named:
        quotes.setdefault(key, price)
    return price.sequence
