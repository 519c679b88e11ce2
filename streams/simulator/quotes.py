"""Price messages: who is quoted next, at which bid, ask and mark; some twice, some too late."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streams.contracts.hot import HotPrice
from streams.simulator.market import SimulatedMarket
from streams.simulator.record import SimulatedRecord, hot

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]


class QuoteFlow:
    """Quotes in cycles: each listed instrument comes as often in a cycle as its listing says.

    Attributes:
        listed: bool[instruments], those that are quoted.
    """

    def __init__(
        self,
        market: SimulatedMarket,
        draws: np.random.Generator,
        first_sequence: int,
        duplicate_share: float,
        late_share: float,
    ) -> None:
        self._market = market
        self._draws = draws
        self._duplicate_share = duplicate_share
        self._late_share = late_share
        listings = market.listings
        self.listed = np.array([not listing.late for listing in listings])
        self._tick = np.array([listing.tick for listing in listings])
        self._half_spread = np.array([listing.half_spread for listing in listings])
        self._quotes = np.array([listing.quotes for listing in listings])
        self._may_be_negative = np.array([listing.record.negative_price_allowed for listing in listings])
        # Index options come without a volatility, so that readers solve it from the mark.
        self._tells_volatility = np.array([listing.record.product != "index_option" for listing in listings])
        self._sequence = np.full(len(listings), first_sequence, np.int64)
        self._cycle: Int64s = np.zeros(0, np.int64)
        self._held: dict[int, SimulatedRecord] = {}

    def next_quotes(self, count: int, now_ns: int) -> list[SimulatedRecord]:
        """The next ``count`` quotes, and what is repeated or late beside them."""
        return self._disturbed(self.quotes(self._take(count), now_ns))

    def quotes(self, places: Int64s, now_ns: int) -> list[tuple[int, SimulatedRecord]]:
        """A quote of each of these instruments, in order; one instrument may come several times."""
        unique, inverse = np.unique(places, return_inverse=True)
        fair, volatility = self._market.fair(unique, now_ns)
        mark, bid, ask = self._around(places, fair[inverse])
        volatility = np.where(self._tells_volatility[unique], volatility, np.nan)[inverse]
        columns = zip(
            places.tolist(), mark.tolist(), bid.tolist(), ask.tolist(), volatility.tolist(), strict=True
        )
        return [(place, self._record(place, now_ns, *figures)) for place, *figures in columns]

    def _record(
        self, place: int, now_ns: int, mark: float, bid: float, ask: float, volatility: float
    ) -> SimulatedRecord:
        self._sequence[place] += 1
        instrument_id = self._market.listings[place].instrument_id
        message = HotPrice(
            instrument_id,
            now_ns,
            int(self._sequence[place]),
            bid,
            ask,
            mark,
            round(volatility, 6) if volatility == volatility else None,
        )
        return hot("prices", instrument_id, message)

    def _around(self, places: Int64s, fair: Float64s) -> tuple[Float64s, Float64s, Float64s]:
        """Mark, bid and ask, each a whole number of ticks; how far bid and ask stand off varies."""
        tick = self._tick[places]
        steps = np.round(fair / tick)
        lowest = np.where(self._may_be_negative[places], -np.inf, 1.0)
        steps = np.maximum(steps, lowest)
        half = np.maximum(np.round(self._half_spread[places] * np.abs(fair) / tick), 1.0)
        half += self._draws.integers(0, 2, len(places))
        bid = np.maximum(steps - half, np.where(lowest < 0, -np.inf, 0.0))
        # Decimal ticks have no exact binary form: ten decimals take the noise off.
        return (
            np.round(steps * tick, 10),
            np.round(bid * tick, 10),
            np.round((steps + half) * tick, 10),
        )

    def _take(self, count: int) -> Int64s:
        taken = [self._cycle[:count]]
        missing = count - len(taken[0])
        self._cycle = self._cycle[count:]
        while missing > 0:
            self._cycle = self._new_cycle()
            taken.append(self._cycle[:missing])
            self._cycle = self._cycle[missing:]
            missing -= len(taken[-1])
        return np.concatenate(taken)

    def _new_cycle(self) -> Int64s:
        listed = np.flatnonzero(self.listed)
        return self._draws.permutation(np.repeat(listed, self._quotes[listed]))

    def _disturbed(self, quotes: Sequence[tuple[int, SimulatedRecord]]) -> list[SimulatedRecord]:
        """Some quotes twice; some held back until a younger quote of the instrument is out."""
        chances = self._draws.random(len(quotes)).tolist()
        records: list[SimulatedRecord] = []
        for (place, record), chance in zip(quotes, chances, strict=True):
            if chance < self._late_share and place not in self._held:
                self._held[place] = record
                continue
            records.append(record)
            if chance > 1.0 - self._duplicate_share:
                records.append(record)
            if place in self._held:
                records.append(self._held.pop(place))
        return records
