"""The pairings of a book as a linear programme: a column for each use of a position, rows for what uses share.

Every strategy splits into uses of single positions whose costs add up, so that no column per pair is needed:

* a **spread** is a pool for each expiry that may stand between its short and its long options; two spreads with
  the same one are never worse as one, because the greatest loss of a sum is at most the sum of greatest losses.
  Rows: as many long as short calls and puts; the pool's loss at each exercise price is at most its charge;
* a **straddle** saves the lesser of its naked options all but its premium, if an option of the other right
  with no lesser requirement stands naked. Rows: of each requirement and above, no more saved than naked;
* a **collar** costs the sum of a share of its put and a share of its call under either limit of the rule. Rows:
  of each exercise price and above, no more puts than calls;
* conversions, reverse conversions and long boxes couple their options row by row.

Rows of the form "of each level and above" are Hall's condition: they hold if and only if the uses can be
paired one to one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.rules.strategy.book import Book
from engine.rules.strategy.formulas import CALL, PUT, Contract, Terms
from engine.rules.strategy.parameters import PAIRWISE
from engine.rules.strategy.tableau import Float64s, Int64s, Rows, Sets, by_column

ALONE, SAVED, COVERED, PROTECTIVE = "alone", "saved", "covered", "protective"
COLLAR_EXERCISE, COLLAR_LIMIT, CONVERSION, REVERSE = "collar", "collar by limit", "conversion", "reverse"
BOX_LOW, BOX_HIGH, SPREAD, LOSS = "box low", "box high", "spread", "loss"


class Use(NamedTuple):
    """What a column stands for: a use of an option; ``key`` tells uses of one kind apart that may not mix."""

    kind: str
    option: int
    key: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Programme:
    """Columns and rows; ``constant_usd`` is the stock by itself, which uses of stock change."""

    uses: list[Use]
    cost: Float64s
    sets: Sets
    rows: Rows
    constant_usd: float


def programme(book: Book, terms: Terms) -> Programme:
    """The least cost of this programme in whole numbers is the requirement of the book, as published, USD."""
    builder = _Builder(book, terms)
    builder.alone()
    builder.straddles()
    if book.shares > 0.0:
        builder.with_long_stock()
    if book.shares < 0.0:
        builder.with_short_stock()
    builder.stock_row()
    builder.boxes()
    builder.spreads()
    return builder.finish()


Levelled = tuple[float, int]  # level of a use, its column


class _Builder:
    def __init__(self, book: Book, terms: Terms) -> None:
        self._terms = terms
        self._contracts = [position.contract for position in book.options]
        self._counts = [position.count for position in book.options]
        self._shares = book.shares
        self._stock = terms.long_stock() if book.shares > 0.0 else terms.short_stock()
        self._naked = [
            terms.naked(contract) if count < 0 else 0.0
            for contract, count in zip(self._contracts, self._counts, strict=True)
        ]
        self._uses: list[Use] = []
        self._cost: list[float] = []
        self._strikes = np.array([contract.strike for contract in self._contracts])
        self._sides = np.array([1.0 if contract.right == CALL else -1.0 for contract in self._contracts])
        self._held = np.sign(np.array(self._counts, np.float64))
        self._columns: list[Int64s] = []
        self._values: list[Float64s] = []
        self._lengths: list[int] = []
        self._bound: list[float] = []
        self._equal: list[bool] = []
        self._of_stock: list[int] = []

    # -- columns and rows ----------------------------------------------------------------------------------
    def _use(self, kind: str, option: int, per_unit: float, key: tuple[float, ...] = ()) -> int:
        self._uses.append(Use(kind, option, key))
        self._cost.append(per_unit * (self._contracts[option].units if option >= 0 else 1.0))
        return len(self._uses) - 1

    def _stock_use(self, kind: str, option: int, per_unit: float, key: tuple[float, ...] = ()) -> int:
        """A use that takes the stock of one contract along."""
        column = self._use(kind, option, per_unit - self._stock, key)
        self._of_stock.append(column)
        return column

    def _row(self, columns: Sequence[int] | Int64s, values: Float64s, bound: float, *, equal: bool) -> None:
        self._columns.append(np.asarray(columns, np.int64))
        self._values.append(values)
        self._lengths.append(len(values))
        self._bound.append(bound)
        self._equal.append(equal)

    def _as_many(self, some: Sequence[int], others: Sequence[int]) -> None:
        self._row([*some, *others], np.repeat([1.0, -1.0], [len(some), len(others)]), 0.0, equal=True)

    def _no_more_above(self, takers: list[Levelled], givers: list[Levelled]) -> None:
        """Of each level and above no more takers than givers."""
        takers, givers = sorted(takers, reverse=True), sorted(givers, reverse=True)
        taking = np.array([column for _, column in takers], np.int64)
        giving = np.array([column for _, column in givers], np.int64)
        given = 0
        for place, (level, _) in enumerate(takers):
            if place + 1 < len(takers) and takers[place + 1][0] == level:
                continue
            while given < len(givers) and givers[given][0] >= level:
                given += 1
            columns = np.concatenate([taking[: place + 1], giving[:given]])
            self._row(columns, np.repeat([1.0, -1.0], [place + 1, given]), 0.0, equal=False)

    def _options(self, right: str, side: int, among: Iterable[int] | None = None) -> list[int]:
        return [
            option
            for option in (range(len(self._counts)) if among is None else among)
            if self._contracts[option].right == right and self._counts[option] * side > 0
        ]

    # -- strategies ----------------------------------------------------------------------------------------
    def alone(self) -> None:
        """Column k is option k by itself."""
        for option, contract in enumerate(self._contracts):
            long = self._counts[option] > 0
            self._use(ALONE, option, self._terms.long_option(contract) if long else self._naked[option])

    def straddles(self) -> None:
        for units in sorted({contract.units for contract in self._contracts}):
            shorts = {
                right: [
                    option for option in self._options(right, -1) if self._contracts[option].units == units
                ]
                for right in (CALL, PUT)
            }
            if shorts[CALL] and shorts[PUT]:
                for saved, naked in ((shorts[CALL], shorts[PUT]), (shorts[PUT], shorts[CALL])):
                    takers = [
                        (self._naked[option], self._use(SAVED, option, self._contracts[option].value))
                        for option in saved
                    ]
                    self._no_more_above(takers, [(self._naked[option], option) for option in naked])

    def with_long_stock(self) -> None:
        for option in self._coverable(PUT, 1):
            self._stock_use(PROTECTIVE, option, self._terms.protective_put(self._contracts[option]))
        for option in self._coverable(CALL, -1):
            self._stock_use(COVERED, option, self._terms.covered_call(self._contracts[option]))
        if not self._terms.is_initial:
            for puts, calls in self._by_expiry(self._coverable(PUT, 1), self._coverable(CALL, -1)):
                self._collars(puts, calls)

    def with_short_stock(self) -> None:
        for option in self._coverable(CALL, 1):
            self._stock_use(PROTECTIVE, option, self._terms.protective_call(self._contracts[option]))
        for option in self._coverable(PUT, -1):
            self._stock_use(COVERED, option, self._terms.covered_put(self._contracts[option]))
        for calls, puts in self._by_expiry(self._coverable(CALL, 1), self._coverable(PUT, -1)):
            for call, put in self._same_strike(calls, puts):
                per_unit = self._terms.reverse_conversion(self._contracts[call], self._contracts[put])
                self._couple(REVERSE, call, put, per_unit)

    def _collars(self, puts: list[int], calls: list[int]) -> None:
        """Either limit of a collar is a sum over its legs; the least one is found by offering both."""
        rates, price = self._terms.parameters.option, self._terms.price
        for kind in (COLLAR_EXERCISE, COLLAR_LIMIT):
            takers, givers = [], []
            for option in puts:
                put = self._contracts[option]
                hedged = rates.hedged_exercise * put.strike + put.out_of_the_money(price)
                own = put.value + (hedged if kind == COLLAR_EXERCISE else 0.0)
                takers.append((put.strike, self._stock_use(kind, option, own, _class(put))))
            for option in calls:
                call = self._contracts[option]
                limit = rates.collar_exercise * call.strike if kind == COLLAR_LIMIT else 0.0
                own = call.intrinsic(price) + limit
                givers.append((call.strike, self._use(kind, option, own, _class(call))))
            self._no_more_above(takers, givers)
            self._as_many([column for _, column in takers], [column for _, column in givers])
        for put_option, call_option in self._same_strike(puts, calls):
            put, call = self._contracts[put_option], self._contracts[call_option]
            self._couple(CONVERSION, put_option, call_option, self._terms.conversion(put, call))

    def _couple(self, kind: str, hedge: int, short: int, per_unit: float) -> None:
        """Long option with stock, and short option, one of each."""
        key = (float(hedge), float(short))
        self._as_many(
            [self._stock_use(kind, hedge, per_unit, key)],
            [self._use(kind, short, 0.0, key)],
        )

    def stock_row(self) -> None:
        if self._of_stock:
            units = np.array([self._contracts[self._uses[column].option].units for column in self._of_stock])
            most = float(units.max())
            self._row(self._of_stock, units / most, abs(self._shares) / most, equal=False)

    def boxes(self) -> None:
        """Long boxes of European options settled in cash, as a low pair and a high pair."""
        if self._terms.parameters.option.long_box >= 1.0:
            return
        eligible = [option for option, contract in enumerate(self._contracts) if contract.cash_european]
        calls, puts = self._options(CALL, 1, eligible), self._options(PUT, -1, eligible)
        for long_calls, short_puts in self._by_expiry(calls, puts):
            key = _class(self._contracts[long_calls[0]])
            same = [option for option in eligible if _class(self._contracts[option]) == key]
            lows = self._same_strike(long_calls, short_puts)
            highs = self._same_strike(self._options(CALL, -1, same), self._options(PUT, 1, same))
            if lows and highs:
                self._boxes_of(lows, highs)

    def _boxes_of(self, lows: list[tuple[int, int]], highs: list[tuple[int, int]]) -> None:
        rate = self._terms.parameters.option.long_box
        takers, givers = [], []
        for call, put in lows:
            strike, key = self._contracts[call].strike, _class(self._contracts[call])
            low = self._use(BOX_LOW, call, -rate * strike, key)
            self._as_many([low], [self._use(BOX_LOW, put, self._contracts[put].value, key)])
            takers.append((strike, low))
        for call, put in highs:
            strike, key = self._contracts[call].strike, _class(self._contracts[call])
            high = self._use(BOX_HIGH, call, rate * strike + self._contracts[call].value, key)
            self._as_many([high], [self._use(BOX_HIGH, put, 0.0, key)])
            givers.append((math.nextafter(strike, -math.inf), high))  # the high one is strictly above
        self._no_more_above(takers, givers)
        self._as_many([column for _, column in takers], [column for _, column in givers])

    def spreads(self) -> None:
        pairwise = self._terms.parameters.readings.spread_expiries == PAIRWISE
        for style in sorted({(contract.european, contract.units) for contract in self._contracts}):
            mine = [
                option
                for option, contract in enumerate(self._contracts)
                if (contract.european, contract.units) == style
            ]
            longs = [option for option in mine if self._counts[option] > 0]
            shorts = [option for option in mine if self._counts[option] < 0]
            if pairwise:
                self._spread(longs, shorts, 0)
                continue
            for cut in sorted({self._contracts[option].expiry_ns for option in shorts}):
                self._spread(
                    [option for option in longs if self._contracts[option].expiry_ns >= cut],
                    [option for option in shorts if self._contracts[option].expiry_ns <= cut],
                    cut,
                )

    def _spread(self, longs: list[int], shorts: list[int], cut: int) -> None:
        """One pool; its charge is a column of its own, the greatest loss over exercise prices."""
        if not longs or not shorts:
            return
        key = (float(cut), self._contracts[longs[0]].units, float(self._contracts[longs[0]].european))
        paid = [self._contracts[option].value for option in longs] + [0.0] * len(shorts)
        column_of = {
            option: self._use(SPREAD, option, cost, key)
            for option, cost in zip((*longs, *shorts), paid, strict=True)
        }
        for right in (CALL, PUT):
            long, short = self._options(right, 1, longs), self._options(right, -1, shorts)
            if not long and not short:
                continue
            self._as_many([column_of[option] for option in long], [column_of[option] for option in short])
            if not cut:
                self._no_more_above(
                    [(float(self._contracts[option].expiry_ns), column_of[option]) for option in short],
                    [(float(self._contracts[option].expiry_ns), column_of[option]) for option in long],
                )
        self._losses(list(column_of), list(column_of.values()))

    def _losses(self, options: list[int], columns: list[int]) -> None:
        """One row for each exercise price; losses and charge in units of a contract's underlying value."""
        scale = self._terms.price
        charge = self._use(LOSS, -1, self._contracts[options[0]].units * scale)
        strikes = self._strikes[options]
        points = np.unique(strikes)
        losses = np.full((len(points), len(options) + 1), -1.0)
        losses[:, :-1] = np.maximum(self._sides[options] * (points[:, None] - strikes), 0.0)
        losses[:, :-1] *= -self._held[options] / scale
        row, place = np.nonzero(losses)
        self._columns.append(np.array([*columns, charge], np.int64)[place])
        self._values.append(losses[row, place])
        self._lengths += np.bincount(row, minlength=len(points)).tolist()
        self._bound += [0.0] * len(points)
        self._equal += [False] * len(points)

    # -- helpers -------------------------------------------------------------------------------------------
    def _coverable(self, right: str, side: int) -> list[int]:
        """Options whose contract the stock is enough for."""
        return [
            option
            for option in self._options(right, side)
            if self._contracts[option].units <= abs(self._shares)
        ]

    def _by_expiry(self, some: list[int], others: list[int]) -> list[tuple[list[int], list[int]]]:
        """Those of one expiry and one number of units; where there are both."""
        classes = sorted({_class(self._contracts[option]) for option in some})
        split = [
            tuple(
                [option for option in side if _class(self._contracts[option]) == key]
                for side in (some, others)
            )
            for key in classes
        ]
        return [(left, right) for left, right in split if left and right]

    def _same_strike(self, some: list[int], others: list[int]) -> list[tuple[int, int]]:
        return [
            (left, right)
            for left in some
            for right in others
            if self._contracts[left].strike == self._contracts[right].strike
        ]

    def finish(self) -> Programme:
        """All columns and rows as arrays."""
        n_options = len(self._counts)
        of = np.array([use.option for use in self._uses], np.int64)
        order = np.argsort(of, kind="stable").astype(np.int64)
        members = order[np.searchsorted(of[order], 0) :]
        starts = np.searchsorted(of[members], np.arange(n_options + 1)).astype(np.int64)
        quantity = np.abs(np.array(self._counts, np.float64))
        return Programme(
            self._uses,
            np.array(self._cost),
            Sets(of, starts, members, quantity),
            self._rows(),
            self._stock * abs(self._shares),
        )

    def _rows(self) -> Rows:
        starts = np.zeros(len(self._lengths) + 1, np.int64)
        np.cumsum(self._lengths, out=starts[1:])
        columns = np.concatenate([np.zeros(0, np.int64), *self._columns])
        values = np.concatenate([np.zeros(0), *self._values])
        by = by_column(columns, values, starts, len(self._uses))
        return Rows(
            starts, columns, values, *by, np.array(self._bound, np.float64), np.array(self._equal, np.bool_)
        )


def _class(contract: Contract) -> tuple[float, float]:
    return float(contract.expiry_ns), contract.units
