"""The topics as the verifier reads them: all that is committed, in an order in which a running system may be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from streams.contracts.activity import PriceRecord
from streams.contracts.connection import Connection
from streams.contracts.topics import DEAD_LETTERS, TopicTable
from streams.desk.topic_reader import all_records, batches_of

# Results before what they rest on: whatever an event names is then read too.
_LETTERS: Final = ("trades.dlq", "collateral.dlq", "positions.dlq", "call-responses.dlq", "prices.dlq")
_INPUTS: Final = ("accounts", "instruments", "positions", "trades", "collateral", "call-responses")


def place_of(record: Any) -> str:
    """``topic:partition:offset``."""
    return f"{record.topic}:{record.partition}:{record.offset}"


@dataclass
class Logs:
    """Records by short topic name, each in the order of partition and offset.

    Attributes:
        later_calls: events committed while the other topics were read; a case may be one of them.
    """

    records: dict[str, list[Any]] = field(default_factory=dict)
    later_calls: list[Any] = field(default_factory=list)

    def of(self, name: str) -> list[Any]:
        """Records of a topic."""
        return self.records.get(name, [])


async def read_logs(connection: Connection, topics: TopicTable) -> Logs:
    """Everything that is committed.

    Raises:
        TopicError: a topic is missing. KafkaError: the cluster does not answer.
    """
    logs = Logs()
    await _read(connection, topics, ("calls",), logs)
    await _read(connection, topics, ("call-cases", "call-evidence"), logs)
    logs.records["requirements"] = await _newest(
        connection, topics, "requirements", lambda record: record.offset
    )
    await _read(connection, topics, _LETTERS, logs)
    await _read(connection, topics, _INPUTS, logs)
    refused = places_refused(logs, "prices")
    logs.records["prices"] = await _newest(
        connection, topics, "prices", lambda record: _sequence(record, refused)
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


def _sequence(record: Any, refused: dict[tuple[int, int], Any]) -> int | None:
    """Of a price that counts."""
    if (record.partition, record.offset) in refused:
        return None
    try:
        return PriceRecord.model_validate_json(record.value, strict=True).sequence
    except (ValidationError, TypeError):
        return None
