"""The topics as the verifier reads them: all that is committed, in an order in which a running system may be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from streams.contracts.connection import Connection
from streams.contracts.topics import Topic, TopicTable
from streams.desk.topic_reader import all_records

# Results before what they rest on: whatever an event names is then read too.
_RESULTS: Final = (("calls",), ("call-cases", "call-evidence", "requirements"))
_LETTERS: Final = ("trades.dlq", "collateral.dlq", "positions.dlq", "call-responses.dlq", "prices.dlq")
_INPUTS: Final = ("accounts", "instruments", "positions", "trades", "collateral", "call-responses", "prices")


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
    for names in (*_RESULTS, _LETTERS, _INPUTS):
        await _read(connection, topics, names, logs)
    known = {(record.partition, record.offset) for record in logs.of("calls")}
    again = await all_records(connection, [topics["calls"]])
    logs.later_calls = [record for record in again if (record.partition, record.offset) not in known]
    return logs


async def _read(connection: Connection, topics: TopicTable, names: Sequence[str], logs: Logs) -> None:
    wanted: list[Topic] = [topics[name] for name in names]
    logs.records.update({name: [] for name in names})
    short = {topics[name].name: name for name in names}
    for record in await all_records(connection, wanted):
        logs.records[short[record.topic]].append(record)
