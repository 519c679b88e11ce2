"""The course of a replay: one step per distinct price time, what the accounts did since the last one first."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from streams.contracts.topics import DEFAULT_PARTITIONS
from streams.replay.book_file import Book
from streams.replay.market_file import MarketEvent
from streams.replay.messages import FileMessage, activity_messages, price_messages
from streams.replay.price_feed import PriceFeed


@dataclass(frozen=True, slots=True)
class Step:
    """All that becomes known by ``time_ns``: activity since the step before, prices of exactly this time."""

    time_ns: int
    activity: list[FileMessage]
    prices: list[FileMessage]


def within(events: Iterable[MarketEvent], from_ns: int | None, to_ns: int | None) -> Iterator[MarketEvent]:
    """Events from ``from_ns`` to ``to_ns``, both included; reading stops behind the end."""
    for event in events:
        if to_ns is not None and event.time_ns > to_ns:
            return
        if from_ns is None or event.time_ns >= from_ns:
            yield event


def steps(
    book: Book, feed: PriceFeed, events: Iterable[MarketEvent], partitions: int = DEFAULT_PARTITIONS
) -> Iterator[Step]:
    """The steps in order; activity that is later than the last price stays out.

    The book's own prices are events at their source times like those of the market files.
    """
    waiting = deque(activity_messages(book, partitions))
    prices = heapq.merge(price_messages(book), feed.messages(events), key=lambda message: message.time_ns)
    for time_ns, group in groupby(prices, key=lambda message: message.time_ns):
        activity = []
        while waiting and waiting[0].time_ns <= time_ns:
            activity.append(waiting.popleft())
        yield Step(time_ns, activity, list(group))
