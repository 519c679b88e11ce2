"""From amounts of uses back to strategies that a clerk knows by name."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterator

import numpy as np

from engine.rules.strategy.book import Book, Strategy
from engine.rules.strategy.formulas import CALL, Contract, Terms
from engine.rules.strategy.kinds import (
    ALONE,
    BOX_HIGH,
    BOX_LOW,
    COLLAR_EXERCISE,
    COLLAR_LIMIT,
    CONVERSION,
    COVERED,
    LOSS,
    PROTECTIVE,
    REVERSE,
    SAVED,
    SPREAD,
)
from engine.rules.strategy.names import spread_name
from engine.rules.strategy.programme import Programme
from engine.rules.strategy.tableau import Float64s, Int64s

Amounts = dict[int, int]  # contracts by option
Found = dict[tuple[int, int], Amounts]  # by kind and group of use


def strategies_of(
    book: Book, terms: Terms, order: Int64s, problem: Programme | None, amounts: Float64s
) -> tuple[Strategy, ...]:
    """The strategies of a whole solution, priced by the rule's own formulas.

    Args:
        order: the programme's option k is option ``order[k]`` of the book; no programme: no options.
    """
    found: Found = defaultdict(dict)
    if problem is not None:
        used = np.flatnonzero((problem.kind != LOSS) & (amounts > 0.5))
        uses = zip(problem.kind[used].tolist(), problem.group[used].tolist(), strict=True)
        options = order[problem.option[used]].tolist()
        for use, option, count in zip(uses, options, np.rint(amounts[used]).tolist(), strict=True):
            found[use][option] = int(count)
    decoder = _Decoder(book, terms)
    decoder.straddles(found.pop((SAVED, 0), {}), found.pop((ALONE, 0), {}))
    for (kind, group), counts in sorted(found.items()):
        decoder.strategy(kind, group, counts, found)
    decoder.stock_left()
    return tuple(decoder.strategies)


class _Decoder:
    def __init__(self, book: Book, terms: Terms) -> None:
        self._terms = terms
        self._contracts = [position.contract for position in book.options]
        self._long = [position.count > 0 for position in book.options]
        self._shares = book.shares
        self.strategies: list[Strategy] = []

    def strategy(self, kind: int, group: int, counts: Amounts, found: Found) -> None:
        """Everything of one kind that may be paired with one another."""
        if kind in {COVERED, PROTECTIVE}:
            for option, count in counts.items():
                self._with_stock(kind, option, count)
        elif kind in {COLLAR_EXERCISE, COLLAR_LIMIT}:
            self._collars(counts)
        elif kind in {CONVERSION, REVERSE}:
            self._coupled(kind, counts)
        elif kind == BOX_LOW:
            self._boxes(counts, found[BOX_HIGH, group])
        elif kind == SPREAD:
            self._spread(counts)

    def straddles(self, saved: Amounts, alone: Amounts) -> None:
        """Each saved option with a naked one of the other right whose requirement is not less."""
        naked = {option: count for option, count in alone.items() if not self._long[option]}
        payers: dict[tuple[bool, float], deque[int]] = defaultdict(
            deque
        )  # by right and size, the dearest first
        for option in sorted(naked, key=lambda option: -self._naked(option)):
            payers[self._right(option) == CALL, self._contracts[option].units].append(option)
        for option, count in sorted(saved.items(), key=lambda item: -self._naked(item[0])):
            line = payers[self._right(option) != CALL, self._contracts[option].units]
            while count:
                payer = line[0]
                times = min(count, naked[payer])
                call, put = (payer, option) if self._right(payer) == CALL else (option, payer)
                same = self._contracts[call].strike == self._contracts[put].strike
                per_unit = self._terms.straddle(self._contracts[call], self._contracts[put])
                self._add(
                    "short straddle" if same else "short strangle", {call: -1, put: -1}, per_unit, times
                )
                naked[payer] -= times
                count -= times
                if not naked[payer]:
                    line.popleft()
        for option, count in alone.items():
            if self._long[option]:
                per_unit = self._terms.long_option(self._contracts[option])
                self._add(f"long {self._right(option)}", {option: 1}, per_unit, count)
            elif naked[option]:
                self._add(f"naked {self._right(option)}", {option: -1}, self._naked(option), naked[option])

    def _with_stock(self, kind: int, option: int, count: int) -> None:
        contract = self._contracts[option]
        formula = {
            (COVERED, True): self._terms.covered_call,
            (COVERED, False): self._terms.covered_put,
            (PROTECTIVE, True): self._terms.protective_call,
            (PROTECTIVE, False): self._terms.protective_put,
        }[kind, contract.right == CALL]
        side = 1 if self._long[option] else -1
        name = f"{'covered' if kind == COVERED else 'protective'} {contract.right}"
        self._add(name, {option: side}, formula(contract), count, with_stock=True)

    def _collars(self, counts: Amounts) -> None:
        """From the highest exercise price down: any call not below the put will do."""
        for put, call, times in self._matched(*self._by_right(counts)):
            contracts = self._contracts[put], self._contracts[call]
            same = contracts[0].strike == contracts[1].strike
            collar, conversion = self._terms.collar(*contracts), self._terms.conversion(*contracts)
            name, per_unit = (
                ("conversion", conversion) if same and conversion <= collar else ("collar", collar)
            )
            self._add(name, {put: 1, call: -1}, per_unit, times, with_stock=True)

    def _coupled(self, kind: int, counts: Amounts) -> None:
        """Long and short options of one exercise price."""
        longs = {option: count for option, count in counts.items() if self._long[option]}
        shorts = {option: count for option, count in counts.items() if not self._long[option]}
        formula = self._terms.conversion if kind == CONVERSION else self._terms.reverse_conversion
        name = "conversion" if kind == CONVERSION else "reverse conversion"
        for hedge, short, times in self._matched(longs, shorts):
            per_unit = formula(self._contracts[hedge], self._contracts[short])
            self._add(name, {hedge: 1, short: -1}, per_unit, times, with_stock=True)

    def _matched(self, some: Amounts, others: Amounts) -> Iterator[tuple[int, int, int]]:
        """(one, other, times), both from the highest exercise price down."""
        left = sorted(others.items(), key=lambda item: -self._strike(item[0]))
        place = 0
        for one in sorted(some, key=lambda option: -self._strike(option)):
            count = some[one]
            while count:
                other, rest = left[place]
                times = min(count, rest)
                yield one, other, times
                count -= times
                left[place] = (other, rest - times)
                place += rest == times

    def _by_right(self, counts: Amounts) -> tuple[Amounts, Amounts]:
        """Puts and calls."""
        puts = {option: count for option, count in counts.items() if self._right(option) != CALL}
        return puts, {option: count for option, count in counts.items() if self._right(option) == CALL}

    def _boxes(self, low: Amounts, high: Amounts) -> None:
        """Low pairs and high pairs, each matched at one exercise price, then both from the highest down."""
        lows, highs = self._pairs(low), self._pairs(high)
        place, used = 0, 0
        for low_put, low_call, count in lows:
            left = count
            while left:
                high_put, high_call, rest = highs[place]
                times = min(left, rest - used)
                legs = {low_call: 1, low_put: -1, high_call: -1, high_put: 1}
                per_unit = self._terms.long_box(self._contracts[high_call], self._contracts[low_put])
                self._add("long box", legs, per_unit, times)
                left, used = left - times, used + times
                if used == rest:
                    place, used = place + 1, 0

    def _pairs(self, counts: Amounts) -> list[tuple[int, int, int]]:
        return list(self._matched(*self._by_right(counts)))

    def _spread(self, counts: Amounts) -> None:
        times = math.gcd(*counts.values())
        legs = {
            option: count // times * (1 if self._long[option] else -1) for option, count in counts.items()
        }
        named = [(self._contracts[option], count) for option, count in legs.items()]
        self._add(spread_name(named), legs, self._terms.spread(named), times)

    def stock_left(self) -> None:
        if abs(self._shares) > 1e-9:
            long = self._shares > 0.0
            per_share = self._terms.long_stock() if long else self._terms.short_stock()
            name = "long stock" if long else "short stock"
            self.strategies.append(Strategy(name, (), self._shares, per_share * abs(self._shares)))

    def _add(
        self, name: str, legs: Amounts, per_unit: float, times: int, *, with_stock: bool = False
    ) -> None:
        units = self._contracts[next(iter(legs))].units
        shares = math.copysign(units, self._shares) if with_stock else 0.0
        self._shares -= shares * times
        options: tuple[tuple[Contract, int], ...] = tuple(
            (self._contracts[option], count) for option, count in legs.items()
        )
        self.strategies.append(Strategy(name, options, shares, per_unit * units, times))

    def _naked(self, option: int) -> float:
        return self._terms.naked(self._contracts[option])

    def _right(self, option: int) -> str:
        return self._contracts[option].right

    def _strike(self, option: int) -> float:
        return self._contracts[option].strike
