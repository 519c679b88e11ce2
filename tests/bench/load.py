"""The demo's firm under a steady load of prices and trades, from a process of its own.

``python load.py BOOTSTRAP PREFIX INSTRUMENT``: prints a line when the opening is out. Every line on its standard input
sets the rates, ``PRICES_PER_S TRADES_PER_S``, and is answered by one with what the last rates came to, as JSON; the end
of the input ends it, with one more answer. INSTRUMENT is left to whoever measures with it.

The simulator draws its market; that would cost more than the worker under test. Here nearly all of a message is drawn
beforehand, so a processor core sends some hundred thousand a second.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaProducer

from streams.contracts.connection import connect_to
from streams.contracts.hot import HotTrade
from streams.contracts.topics import TopicTable, partition_of
from streams.simulator.publisher import KafkaPublisher
from streams.simulator.record import SimulatedRecord
from tests.bench.day import DISTINCT_TRADES, simulation, trade_records

READY: Final = "opening published"
_TICK_S: Final = 0.01
_MARKS: Final = 64  # prices per instrument, drawn beforehand
_STEP: Final = 1e-5  # relative move from one of them to the next: at 200 a second 0.014 % in a second
_APART: Final = 23  # instruments are at different places of the walk: the market as a whole stands still
_BATCH_BYTES: Final = 256 * 1024
_SIZE: Final = 0.02  # of the demo's trades: at fifty times its rate as much is traded
OPEN_TRADES: Final = 500  # sent before the first of them is taken back
_MOST_AT_ONCE: Final = 20_000  # one that cannot keep up still ends and answers


class Prices:
    """Endless price messages, the instruments in turn, each on a random walk that returns to where it began."""

    def __init__(self, opening: list[SimulatedRecord], left_out: bytes, partitions: int) -> None:
        walk = _closed_walk()
        self._instruments = [
            (record.key, partition_of(record.key.decode(), partitions), _texts(record, walk))
            for record in opening
            if record.topic == "prices" and record.key != left_out
        ]
        self._at = 0

    def next(self, number: int) -> Iterator[tuple[int, bytes, bytes]]:
        """(partition, key, value) of so many prices, stamped with now."""
        instruments, now_ns = self._instruments, time.time_ns()
        for at in range(self._at, self._at + number):
            lap, place = divmod(at, len(instruments))
            key, partition, texts = instruments[place]
            yield (
                partition,
                key,
                b'%b%d,"sequence":%d}' % (texts[(lap + _APART * place) % _MARKS], now_ns, now_ns + at),
            )
        self._at += number


def _closed_walk() -> list[float]:
    draw = random.Random(7)
    half = [draw.gauss(0.0, _STEP) for _ in range(_MARKS // 2)]
    level, levels = 0.0, []
    for step in [*half, *(-step for step in reversed(half))]:
        level += step
        levels.append(1.0 + level)
    return levels


def _texts(record: SimulatedRecord, walk: list[float]) -> list[bytes]:
    """The instrument's messages up to the time, with the fields that its opening price has."""
    fields = msgspec.json.decode(record.value)
    texts = []
    for factor in walk:
        moved = {
            name: fields[name] * factor for name in ("bid", "ask", "mark") if fields.get(name) is not None
        }
        if fields.get("implied_vol") is not None:
            moved["implied_vol"] = fields["implied_vol"]
        message = {"instrument_id": fields["instrument_id"], **moved, "source_time_ns": 0}
        texts.append(msgspec.json.encode(message)[:-2])
    return texts


class Trades:
    """Endless trade messages: trades, and soon after each the opposite one, so that no position grows without end."""

    def __init__(self, drawn: list[HotTrade], partitions: int) -> None:
        new = {trade.trade_id: trade for trade in drawn if trade.status == "new"}
        self._drawn = list(new.values())
        self.accounts = sorted({trade.account_id for trade in self._drawn})
        self._there = [_around_id(trade, 1.0) for trade in self._drawn]
        self._back = [_around_id(trade, -1.0) for trade in self._drawn]
        self._keys = [trade.account_id.encode() for trade in self._drawn]
        self._partitions = [partition_of(trade.account_id, partitions) for trade in self._drawn]
        self._at = 0

    def next(self, number: int) -> Iterator[tuple[int, bytes, bytes]]:
        """(partition, key, value) of so many trades."""
        for at in range(self._at, self._at + number):
            pair, back = divmod(at, 2)
            lap, place = divmod(pair - OPEN_TRADES if back else pair, len(self._drawn))
            head, tail = (self._back if back else self._there)[place]
            yield self._partitions[place], self._keys[place], b"%b%d%b" % (head, lap, tail)
        self._at += number

    def open(self) -> list[tuple[str, str, float]]:
        """(account, instrument, quantity) of what the trades sent so far have left open."""
        there, back = (self._at + 1) // 2, self._at // 2
        trades = self._drawn
        left = [(pair, 1.0) for pair in range(there)[-OPEN_TRADES - 1 :] if pair >= back - OPEN_TRADES]
        # The first opposites take back what a lap before the first would have been.
        left += [(pair, -1.0) for pair in range(-OPEN_TRADES, min(0, back - OPEN_TRADES))]
        chosen = [(trades[pair % len(trades)], sign) for pair, sign in left]
        return [
            (trade.account_id, trade.instrument_id, sign * _SIZE * trade.quantity) for trade, sign in chosen
        ]


def _around_id(trade: HotTrade, sign: float) -> tuple[bytes, bytes]:
    """The message before and behind the number that makes its trade_id unique."""
    mark, side = "#", "" if sign > 0 else "back-"
    text = msgspec.json.encode(
        msgspec.structs.replace(
            trade,
            trade_id=f"{trade.trade_id}-{side}{mark}",
            quantity=sign * _SIZE * trade.quantity,
            version=1,
        )
    )
    head, _, tail = text.partition(mark.encode())
    return head, tail


class Sender:
    """Batches per topic and partition, as full as they come."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, linger_ms=0, max_batch_size=_BATCH_BYTES
        )
        self._batches: dict[tuple[str, int], Any] = {}
        self._sent: list[asyncio.Future[Any]] = []

    async def start(self) -> None:
        """Connect."""
        await self._producer.start()

    async def add(self, topic: str, partition: int, key: bytes, value: bytes, time_ms: int) -> None:
        """Put a message into its batch; a full one goes out."""
        batch = self._batches.get((topic, partition))
        if batch is None or batch.append(key=key, value=value, timestamp=time_ms) is None:
            if batch is not None:
                await self._send(topic, partition)
            batch = self._batches[(topic, partition)] = self._producer.create_batch()
            batch.append(key=key, value=value, timestamp=time_ms)

    async def flush(self) -> None:
        """Send all batches and wait until the broker has them."""
        for topic, partition in list(self._batches):
            await self._send(topic, partition)
        await asyncio.gather(*self._sent)
        self._sent.clear()

    async def _send(self, topic: str, partition: int) -> None:
        batch = self._batches.pop((topic, partition))
        self._sent.append(await self._producer.send_batch(batch, topic, partition=partition))

    async def stop(self) -> None:
        """Let go."""
        await self._producer.stop()


class Load:
    """Sends what is due by the clock, in one go per tick, and counts it."""

    def __init__(self, sender: Sender, table: TopicTable, prices: Prices, trades: Trades) -> None:
        self._sender, self._trades = sender, trades
        self._sources = ((table["prices"].name, prices), (table["trades"].name, trades))
        self._rates = (0.0, 0.0)
        self._since, self._sent = time.monotonic(), [0, 0]
        self._all_sent, self._longest_tick_s = [0, 0], 0.0

    def set_rates(self, rates: tuple[float, float]) -> None:
        """Prices and trades a second from now on."""
        self._rates = rates
        self._since, self._sent, self._longest_tick_s = time.monotonic(), [0, 0], 0.0

    async def tick(self) -> None:
        """Send what is due."""
        started, time_ms = time.monotonic(), time.time_ns() // 1_000_000
        for which, (topic, source) in enumerate(self._sources):
            due = int(self._rates[which] * (started - self._since)) - self._sent[which]
            for partition, key, value in source.next(min(due, _MOST_AT_ONCE)):
                await self._sender.add(topic, partition, key, value, time_ms)
            self._sent[which] += min(due, _MOST_AT_ONCE)
            self._all_sent[which] += min(due, _MOST_AT_ONCE)
        await self._sender.flush()
        self._longest_tick_s = max(self._longest_tick_s, time.monotonic() - started)

    def reached(self) -> str:
        """What the present rates came to, as JSON."""
        seconds = time.monotonic() - self._since
        figures = {
            "prices_per_s": self._sent[0] / seconds, "trades_per_s": self._sent[1] / seconds,
            "longest_tick_ms": 1000.0 * self._longest_tick_s, "prices": self._all_sent[0],
            "trades": self._all_sent[1], "open": self._trades.open(), "accounts": self._trades.accounts,
        }  # fmt: skip
        return json.dumps(figures)


async def run(bootstrap: str, prefix: str, instrument_id: str) -> None:
    """Publish the opening, then send at the rates that are asked for."""
    firm, table = simulation(), TopicTable(prefix)
    opening, left_out = list(firm.opening()), instrument_id.encode()
    publisher, sender = KafkaPublisher(connect_to(bootstrap), table), Sender(bootstrap)
    await publisher.start()
    wanted = [r for r in opening if r.topic != "prices" or r.key != left_out]
    await publisher.publish(wanted, time.time_ns() // 1_000_000)
    await publisher.stop()
    await sender.start()
    drawn = [msgspec.json.decode(r.value, type=HotTrade) for r in trade_records(firm, DISTINCT_TRADES)]
    prices, trades = (
        Prices(opening, left_out, table["prices"].partitions), Trades(drawn, table["trades"].partitions)
    )  # fmt: skip
    await _follow(Load(sender, table, prices, trades))
    await sender.stop()


async def _follow(load: Load) -> None:
    print(READY, flush=True)
    asked = asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))
    while True:
        started = time.monotonic()
        await load.tick()
        if asked.done():
            print(load.reached(), flush=True)
            if not (line := asked.result()).strip():
                return
            prices_per_s, trades_per_s = map(float, line.split())
            load.set_rates((prices_per_s, trades_per_s))
            asked = asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))
        await asyncio.sleep(max(0.0, started + _TICK_S - time.monotonic()))


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
