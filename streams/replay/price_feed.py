"""Market events to price messages of the instruments of a book."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from streams.contracts.hot import HotPrice
from streams.replay.book_file import Book
from streams.replay.market_file import MarketEvent
from streams.replay.messages import FileMessage


class PriceFeed:
    """Quotes become bid and ask. A trade becomes a mark as long as its instrument has had no quote, in the
    book or in a file; from the first quote on trades are left out, since a last trade may be older than the
    quotes around it.

    The sequence of a message is its place in the merged files, after the sequences of the book's prices.

    Attributes:
        counts: market events by what became of them: ``quote``, ``trade_as_mark``, ``trade_behind_quote``,
            ``not_in_book`` (a symbol that no instrument of the book has), ``empty`` (no figure in its cells).
    """

    def __init__(self, book: Book) -> None:
        self.counts: Counter[str] = Counter()
        self._instrument_of: Mapping[str, str] = book.instrument_of()
        self._quoted = {p.instrument_id for p in book.prices if p.bid is not None or p.ask is not None}
        self._sequence = max((price.sequence for price in book.prices), default=0)

    def messages(self, events: Iterable[MarketEvent]) -> Iterator[FileMessage]:
        """One message per event that is used, in order."""
        for event in events:
            instrument_id = self._instrument_of.get(event.symbol)
            if instrument_id is None:
                self.counts["not_in_book"] += 1
                continue
            price = self._price(event, instrument_id)
            if price is not None:
                place = f"{event.file.name} row {event.row}"
                value = msgspec.json.encode(price)
                yield FileMessage("prices", 0, instrument_id.encode(), value, event.time_ns, place)

    def _price(self, event: MarketEvent, instrument_id: str) -> HotPrice | None:
        if event.kind == "quote":
            if event.bid is None and event.ask is None:
                self.counts["empty"] += 1
                return None
            self._quoted.add(instrument_id)
            self.counts["quote"] += 1
            return self._numbered(event, instrument_id, bid=event.bid, ask=event.ask)
        if event.price is None:
            self.counts["empty"] += 1
            return None
        if instrument_id in self._quoted:
            self.counts["trade_behind_quote"] += 1
            return None
        self.counts["trade_as_mark"] += 1
        return self._numbered(event, instrument_id, mark=event.price)

    def _numbered(self, event: MarketEvent, instrument_id: str, **figures: float | None) -> HotPrice:
        self._sequence += 1
        return HotPrice(instrument_id, event.time_ns, self._sequence, **figures)
