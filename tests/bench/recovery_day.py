"""The day that a recovery reads back, as it stands in the log: reference data, prices, start-of-day records, trades."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Final

import msgspec
import numpy as np

from engine.market.instruments import SILOS, Instrument
from streams.contracts.hot import HotOpeningCash, HotOpeningPosition, HotPositions, HotPrice, HotTrade
from streams.contracts.reference import AccountRecord, BasketComponent, InstrumentRecord
from streams.contracts.topics import TopicTable, partition_of
from streams.simulator.record import SimulatedRecord, hot, reference
from tests.bench.load import Sender
from tests.bench.scale_book import POSITIONS, Book
from tests.bench.scale_firm import account_id
from tests.bench.scale_market import SEED

_FLUSHED_EVERY: Final = 50_000  # records
_DISTINCT_TRADES: Final = 500_000  # drawn and repeated with new ids
_TRADED_SHARE: Final = 0.001  # of the position: a day of trading leaves nobody without cover
_CASH_SHARE: Final = 2.0  # of the gross notional in a silo: nobody is called
_APPROVALS: Final = ("portfolio_margin", "cross_margin", "eligible_contract_participant")


async def publish_day(bootstrap: str, table: TopicTable, book: Book, trades: int) -> None:
    """Write the whole day; reference data first."""
    sender = Sender(bootstrap)
    await sender.start()
    time_ms = time.time_ns() // 1_000_000
    try:
        for record in _reference(book):
            topic = table[record.topic]
            partition = partition_of(record.key.decode(), topic.partitions)
            await sender.add(topic.name, partition, record.key, record.value, time_ms)
        await sender.flush()
        for number, (partition, key, value) in enumerate(_trades(book, trades, table.partitions)):
            await sender.add(table["trades"].name, partition, key, value, time_ms)
            if number % _FLUSHED_EVERY == 0:
                await sender.flush()
        await sender.flush()
    finally:
        await sender.stop()


def _reference(book: Book) -> Iterator[SimulatedRecord]:
    now_ns, market = time.time_ns(), book.market
    for instrument in market.instruments:
        yield reference("instruments", instrument.instrument_id, _instrument_record(instrument))
    for place, instrument in enumerate(market.instruments):
        volatility = float(market.volatility[place])
        quote = HotPrice(
            instrument.instrument_id, now_ns, 1, mark=float(market.mark[place]),
            implied_vol=None if np.isnan(volatility) else volatility,
        )  # fmt: skip
        yield hot("prices", instrument.instrument_id, quote)
    for number in range(book.accounts):
        name = account_id(number)
        yield reference("accounts", name, AccountRecord(account_id=name, approvals=_APPROVALS))
        yield hot("positions", name, _opening(book, number))


def _instrument_record(instrument: Instrument) -> InstrumentRecord:
    values = {field.name: getattr(instrument, field.name) for field in fields(instrument)}
    values = {name: value for name, value in values.items() if value == value}  # nan: not known yet
    expiry_ns = values.pop("expiry_ns")
    values["product"] = instrument.product.value
    values["expiry"] = datetime.fromtimestamp(expiry_ns / 1e9, UTC) if expiry_ns else None
    values["components"] = tuple(
        BasketComponent(share=share, weight=weight) for share, weight in values["components"]
    )
    return InstrumentRecord.model_validate(values)


def _opening(book: Book, number: int) -> HotPositions:
    market, places = book.market, book.place[number]
    positions = tuple(
        HotOpeningPosition(market.instruments[place].instrument_id, quantity, float(market.mark[place]))
        for place, quantity in zip(places.tolist(), book.quantity[number].tolist(), strict=True)
    )
    gross_usd = np.abs(book.quantity[number]) * market.notional_usd[places]
    cash_usd = _CASH_SHARE * np.bincount(book.silo[number], gross_usd)
    cash = tuple(
        HotOpeningCash(SILOS[silo].value, round(float(cash_usd[silo]), 2))
        for silo in np.flatnonzero(cash_usd).tolist()
    )
    return HotPositions(account_id(number), _day(-1), 1, positions=positions, cash=cash)


def _day(distance: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=distance)).isoformat()


def _trades(book: Book, count: int, partitions: int) -> Iterator[tuple[int, bytes, bytes]]:
    """(partition, key, value) of trades in what the accounts hold, each under an id of its own."""
    draws, market = np.random.default_rng([SEED, 3]), book.market
    distinct = min(count, _DISTINCT_TRADES)
    numbers = draws.integers(book.accounts, size=distinct).tolist()
    columns = draws.integers(POSITIONS, size=distinct).tolist()
    now_ns, today, drawn = time.time_ns(), _day(0), []
    for number, column in zip(numbers, columns, strict=True):
        place, name = int(book.place[number, column]), account_id(number)
        trade = HotTrade(
            "#", 1, name, market.instruments[place].instrument_id,
            float(round(_TRADED_SHARE * book.quantity[number, column], 3)) or 0.001,
            float(market.mark[place]), today, now_ns,
        )  # fmt: skip
        head, _, tail = msgspec.json.encode(trade).partition(b"#")
        drawn.append((partition_of(name, partitions), name.encode(), head, tail))
    for number, (partition, key, head, tail) in enumerate(islice(cycle(drawn), count)):
        yield partition, key, b"%bT-%09d%b" % (head, number, tail)


def publish(bootstrap: str, table: TopicTable, book: Book, trades: int) -> None:
    """:func:`publish_day` to its end."""
    asyncio.run(publish_day(bootstrap, table, book, trades))
