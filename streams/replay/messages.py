"""A book's records as messages: what a producer would put on the topics, in the order of their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streams.contracts.activity import CollateralRecord, PositionsRecord, TradeRecord
from streams.contracts.base import Message
from streams.contracts.responses import CallResponse
from streams.contracts.topics import DEFAULT_PARTITIONS, partition_of, positions_key
from streams.inbound.responses import TOPIC as RESPONSES
from streams.replay.book_file import Book

Activity = PositionsRecord | CollateralRecord | TradeRecord | CallResponse


@dataclass(frozen=True, slots=True)
class FileMessage:
    """One message that a file stands for.

    Attributes:
        topic: short name, e.g. ``trades``. place: where it stands in the file, e.g. ``trades[3]``.
        time_ns: from when on it counts; 0 for reference data. account_id: whose it is, empty for reference
            data and prices.
    """

    topic: str
    partition: int
    key: bytes
    value: bytes
    time_ns: int
    place: str
    account_id: str = ""


def _global(topic: str, index: int, key: str, record: Message, time_ns: int = 0) -> FileMessage:
    """A message that every worker reads; its topic's partitioner may put it anywhere, here it is 0."""
    return FileMessage(
        topic, 0, key.encode(), record.model_dump_json().encode(), time_ns, f"{topic}[{index}]"
    )


def reference_messages(book: Book) -> list[FileMessage]:
    """Rulebooks, instruments and accounts, in the order in which a worker reads them."""
    rulebooks = [_global("rulebooks", i, r.rulebook_id, r) for i, r in enumerate(book.rulebooks)]
    instruments = [_global("instruments", i, r.instrument_id, r) for i, r in enumerate(book.instruments)]
    accounts = [_global("accounts", i, r.account_id, r) for i, r in enumerate(book.accounts)]
    return [*rulebooks, *instruments, *accounts]


def price_messages(book: Book) -> list[FileMessage]:
    """The book's own prices by their source times."""
    return in_time_order(
        [_global("prices", i, r.instrument_id, r, r.source_time_ns) for i, r in enumerate(book.prices)]
    )


def activity_messages(book: Book, partitions: int = DEFAULT_PARTITIONS) -> list[FileMessage]:
    """Start-of-day records, collateral, trades and answers to calls by their times, in this order within one time."""

    def message(topic: str, index: int, key: bytes, record: Activity, time_ns: int) -> FileMessage:
        partition = partition_of(record.account_id, partitions)
        value = record.model_dump_json().encode()
        return FileMessage(topic, partition, key, value, time_ns, f"{topic}[{index}]", record.account_id)

    openings = [
        message("positions", i, positions_key(r.account_id, r.part, r.parts), r, r.as_of_ns)
        for i, r in enumerate(book.positions)
    ]
    movements = [
        message("collateral", i, r.account_id.encode(), r, r.time_ns) for i, r in enumerate(book.collateral)
    ]
    trades = [
        message("trades", i, r.account_id.encode(), r, r.trade_time_ns) for i, r in enumerate(book.trades)
    ]
    answers = [
        message(RESPONSES, i, r.account_id.encode(), r, r.time_ns) for i, r in enumerate(book.responses)
    ]
    return in_time_order([*openings, *movements, *trades, *answers])


def in_time_order(messages: Sequence[FileMessage]) -> list[FileMessage]:
    """By time; the order of the file within one time."""
    return sorted(messages, key=lambda message: message.time_ns)
