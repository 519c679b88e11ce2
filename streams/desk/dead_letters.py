"""Dead letters as they lie on their topics, and sending them again as they first came."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from streams.contracts.cluster import TopicError
from streams.contracts.connection import Connection
from streams.contracts.topics import DEAD_LETTERS, TopicTable
from streams.desk.topic_reader import all_records

_OWN: Final = "dlq."
REPLAYED: Final = "dlq.replayed-from"


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter.

    Attributes:
        topic: where it was refused. partition, offset: of the dead letter itself. headers: those it came with.
        value: None if it was a tombstone, or too large to be kept with its headers.
    """

    topic: str
    partition: int
    offset: int
    reason: str
    error: str
    time: str
    source_offset: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def place(self) -> str:
        """How commands name it: ``trades:3:17`` with the short name of its topic."""
        return f"{self.topic}:{self.partition}:{self.offset}"

    def as_json(self) -> dict[str, Any]:
        """All of it; bytes that are no UTF-8 stand in base64."""
        return {
            "place": self.place, "topic": self.topic, "partition": self.partition, "offset": self.offset,
            "reason": self.reason, "error": self.error, "time": self.time, "source_offset": self.source_offset,
            "key": _text(self.key), "value": _text(self.value),
            "headers": {name: _text(value) for name, value in self.headers},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which letters; empty = all."""

    topics: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    key: str = ""
    places: tuple[str, ...] = ()

    def has(self, letter: Letter) -> bool:
        """Whether the letter is among them."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.key or letter.key == self.key.encode())
            and (not self.places or letter.place in self.places)
        )


def _text(raw: bytes | None) -> Any:
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


async def letters(connection: Connection, topics: TopicTable, chosen: Chosen) -> list[Letter]:
    """Dead letters, by topic, partition, offset.

    Raises:
        TopicError: naming a topic that has no dead letters, or a place that holds none.
    """
    kept_of = {
        topic.name.removeprefix(topics.prefix).removesuffix(DEAD_LETTERS): topic
        for topic in topics
        if topic.name.endswith(DEAD_LETTERS)
    }
    for name in _topics_of(chosen):
        if name not in kept_of:
            raise TopicError(f"there are no dead letters of {name!r}, but of {', '.join(kept_of)}")
    wanted = [kept_of[name] for name in _topics_of(chosen)] or list(kept_of.values())
    found = [_letter(record, topics.prefix) for record in await all_records(connection, wanted)]
    kept = [letter for letter in found if chosen.has(letter)]
    missing = set(chosen.places) - {letter.place for letter in kept}
    if missing:
        raise TopicError(f"no dead letter at {', '.join(sorted(missing))}; see `marginmon dlq list`")
    return kept


def _topics_of(chosen: Chosen) -> Sequence[str]:
    named = [place.partition(":")[0] for place in chosen.places]
    return sorted({*chosen.topics, *named})


def _letter(record: Any, prefix: str) -> Letter:
    own = {name: value.decode(errors="replace") for name, value in record.headers if name.startswith(_OWN)}
    return Letter(
        topic=record.topic.removeprefix(prefix).removesuffix(DEAD_LETTERS),
        partition=record.partition,
        offset=record.offset,
        reason=own.get("dlq.reason", ""),
        error=own.get("dlq.error", ""),
        time=own.get("dlq.time", ""),
        source_offset=own.get("dlq.offset", ""),
        key=record.key,
        value=record.value,
        headers=tuple((name, value) for name, value in record.headers if not name.startswith(_OWN)),
    )


async def replay(connection: Connection, topics: TopicTable, chosen: Iterable[Letter]) -> int:
    """Send letters again to the topics and partitions that they came from, key, value and headers as they were.

    A header says from which dead letter each comes, so that one that is refused again can be told. Nothing is taken
    off the dead letter topics: they are the record of what happened.
    """
    producer = AIOKafkaProducer(**connection.options(), acks="all", enable_idempotence=True)
    number = 0
    try:
        await producer.start()
        for letter in chosen:
            await producer.send_and_wait(
                topics[letter.topic].name,
                value=letter.value,
                key=letter.key,
                partition=letter.partition,
                headers=[*letter.headers, (REPLAYED, letter.place.encode())],
            )
            number += 1
    finally:
        await producer.stop()
    return number
