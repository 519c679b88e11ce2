"""From amounts of uses back to strategies that a clerk knows by name."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from engine.rules.strategy.book import Book, Strategy
from engine.rules.strategy.formulas import CALL, Contract, Terms
from engine.rules.strategy.names import spread_name
from engine.rules.strategy.programme import (
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
    Use,
)
from engine.rules.strategy.tableau import Float64s

Amounts = dict[int, int]  # contracts by option


def strategies_of(book: Book, terms: Terms, uses: Sequence[Use], amounts: Float64s) -> tuple[Strategy, ...]:
    """The strategies of a whole solution, priced by the rule's own formulas."""
    found: dict[tuple[str, tuple[float, ...]], Amounts] = defaultdict(dict)
    for use, amount in zip(uses, amounts.tolist(), strict=True):
        if use.kind != LOSS and round(amount):
            found[use.kind, use.key][use.option] = round(amount)
    decoder = _Decoder(book, terms)
    decoder.straddles(found.pop((SAVED, ()), {}), found.pop((ALONE, ()), {}))
    for (kind, key), counts in sorted(found.items()):
        decoder.strategy(kind, key, counts, found)
    decoder.stock_left()
    return tuple(decoder.strategies)


class _Decoder:
    def __init__(self, book: Book, terms: Terms) -> None:
        self._terms = terms
        self._contracts = [position.contract for position in book.options]
        self._long = [position.count > 0 for position in book.options]
        self._shares = book.shares
        self.strategies: list[Strategy] = []

    def strategy(
        self,
        kind: str,
        key: tuple[float, ...],
        counts: Amounts,
        found: dict[tuple[str, tuple[float, ...]], Amounts],
    ) -> None:
        """Everything of one kind that may be paired with one another."""
        if kind in {COVERED, PROTECTIVE}:
            for option, count in counts.items():
                self._with_stock(kind, option, count)
        elif kind in {COLLAR_EXERCISE, COLLAR_LIMIT}:
            self._collars(counts)
        elif kind in {CONVERSION, REVERSE}:
            self._coupled(kind, int(key[0]), int(key[1]), counts)
        elif kind == BOX_LOW:
            self._boxes(counts, found[BOX_HIGH, key])
        elif kind == SPREAD:
            self._spread(counts)

    def straddles(self, saved: Amounts, alone: Amounts) -> None:
        """Each saved option with a naked one of the other right whose requirement is not less."""
        naked = {option: count for option, count in alone.items() if not self._long[option]}
        for option, count in sorted(saved.items(), key=lambda item: -self._naked(item[0])):
            while count:
                payer = max(
                    (other for other, left in naked.items() if left and self._right(other) != self._right(option)
                     and self._contracts[other].units == self._contracts[option].units),
                    key=self._naked,
                )  # fmt: skip
                times = min(count, naked[payer])
                call, put = (payer, option) if self._right(payer) == CALL else (option, payer)
                same = self._contracts[call].strike == self._contracts[put].strike
                per_unit = self._terms.straddle(self._contracts[call], self._contracts[put])
                self._add(
                    "short straddle" if same else "short strangle", {call: -1, put: -1}, per_unit, times
                )
                naked[payer] -= times
                count -= times
        for option, count in alone.items():
            if self._long[option]:
                per_unit = self._terms.long_option(self._contracts[option])
                self._add(f"long {self._right(option)}", {option: 1}, per_unit, count)
            elif naked[option]:
                self._add(f"naked {self._right(option)}", {option: -1}, self._naked(option), naked[option])

    def _with_stock(self, kind: str, option: int, count: int) -> None:
        contract = self._contracts[option]
        formula = {
            (COVERED, True): self._terms.covered_call,
            (COVERED, False): self._terms.covered_put,
            (PROTECTIVE, True): self._terms.protective_call,
            (PROTECTIVE, False): self._terms.protective_put,
        }[kind, contract.right == CALL]
        side = 1 if self._long[option] else -1
        self._add(f"{kind} {contract.right}", {option: side}, formula(contract), count, with_stock=True)

    def _collars(self, counts: Amounts) -> None:
        """From the highest exercise price down: any call not below the put will do."""
        calls = {option: count for option, count in counts.items() if self._right(option) == CALL}
        puts = [option for option in counts if self._right(option) != CALL]
        for put in sorted(puts, key=lambda option: -self._contracts[option].strike):
            count = counts[put]
            while count:
                call = max((option for option, left in calls.items() if left), key=self._strike)
                times = min(count, calls[call])
                per_unit = self._terms.collar(self._contracts[put], self._contracts[call])
                self._add("collar", {put: 1, call: -1}, per_unit, times, with_stock=True)
                calls[call] -= times
                count -= times

    def _coupled(self, kind: str, hedge: int, short: int, counts: Amounts) -> None:
        formula = self._terms.conversion if kind == CONVERSION else self._terms.reverse_conversion
        per_unit = formula(self._contracts[hedge], self._contracts[short])
        name = "conversion" if kind == CONVERSION else "reverse conversion"
        self._add(name, {hedge: 1, short: -1}, per_unit, counts[hedge], with_stock=True)

    def _boxes(self, low: Amounts, high: Amounts) -> None:
        """Low and high pairs, both from the highest exercise price down."""
        lows = sorted((o for o in low if self._right(o) == CALL), key=lambda option: -self._strike(option))
        left = {option: count for option, count in high.items() if self._right(option) == CALL}
        for call in lows:
            put = self._at(low, call)
            count = low[call]
            while count:
                high_call = max((option for option, rest in left.items() if rest), key=self._strike)
                times = min(count, left[high_call])
                legs = {call: 1, put: -1, high_call: -1, self._at(high, high_call): 1}
                per_unit = self._terms.long_box(self._contracts[high_call], self._contracts[put])
                self._add("long box", legs, per_unit, times)
                left[high_call] -= times
                count -= times

    def _at(self, pair: Amounts, call: int) -> int:
        """The put of a pair, by the exercise price of its call."""
        return next(o for o in pair if self._right(o) != CALL and self._strike(o) == self._strike(call))

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
