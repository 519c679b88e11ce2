"""Columns and rows of the strategies that take stock along.

A **collar** costs the sum of a share of its put and a share of its call under either limit of the rule; the least of
the two is found by offering both. Rows: of each exercise price and above, no more puts than calls. Conversions and
reverse conversions couple the options of one exercise price row by row.

Left out, because stock and option apart never cost more: a put that hedges stock no better than the stock's own
requirement; a collar under the limit of its call, unless the fund's leverage makes the stock dearer than that limit; a
conversion at or above the price of the stock, where a collar is one.
"""

from __future__ import annotations

import numpy as np

from engine.base.kernel import kernel
from engine.rules.strategy.builder import (
    COLUMNS,
    Builder,
    as_many,
    chosen,
    new_block,
    new_entry,
    new_group,
    new_row,
    new_use,
    new_uses,
    no_more_above,
)
from engine.rules.strategy.kinds import (
    COLLAR_EXERCISE,
    COLLAR_LIMIT,
    CONVERSION,
    COVERED,
    PROTECTIVE,
    REVERSE,
)
from engine.rules.strategy.legs import Legs
from engine.rules.strategy.rates import (
    Rates,
    covered_call,
    covered_put,
    hedged,
    protective_call,
    protective_put,
    reverse_conversion,
)
from engine.rules.strategy.tableau import FROM, Float64s, Int64s


@kernel
def takes_stock(kind: int, call: bool, long_stock: bool) -> bool:
    """Whether a use of this kind takes the stock of one contract along; of coupled options the long one does."""
    if kind in (COVERED, PROTECTIVE):
        return True
    if kind in (COLLAR_EXERCISE, COLLAR_LIMIT, CONVERSION):
        return not call
    return call if kind == REVERSE else False


@kernel
def add_long_stock(b: Builder, legs: Legs, rates: Rates, shares: float) -> None:
    """Covered calls; at maintenance also protective puts, collars and conversions."""
    enough = legs.units <= shares
    calls = enough & legs.call & (legs.contracts < 0.0)
    for option in chosen(calls):
        per_unit = covered_call(rates, legs.strike[option]) - rates.long_stock
        new_use(b, COVERED, option, 0, per_unit * legs.units[option])
    if rates.initial:
        return
    puts = enough & ~legs.call & (legs.contracts > 0.0)
    for option in chosen(puts):
        if hedged(rates, False, legs.strike[option]) < rates.long_stock:
            asked = protective_put(rates, legs.strike[option], legs.value[option])
            new_use(b, PROTECTIVE, option, 0, (asked - rates.long_stock) * legs.units[option])
    for low, high in _classes(legs):
        own_puts, own_calls = chosen(puts[low:high]) + low, chosen(calls[low:high]) + low
        if len(own_puts) and len(own_calls):
            _collars(b, legs, rates, own_puts, own_calls)
            _conversions(b, legs, rates, own_puts, own_calls)


@kernel
def add_short_stock(b: Builder, legs: Legs, rates: Rates, shares: float) -> None:
    """Protective calls, covered puts, reverse conversions."""
    enough = legs.units <= -shares
    calls, puts = enough & legs.call & (legs.contracts > 0.0), enough & ~legs.call & (legs.contracts < 0.0)
    for option in chosen(calls):
        asked = protective_call(rates, legs.strike[option], legs.value[option])
        new_use(b, PROTECTIVE, option, 0, (asked - rates.short_stock) * legs.units[option])
    for option in chosen(puts):
        asked = covered_put(rates, legs.strike[option])
        new_use(b, COVERED, option, 0, (asked - rates.short_stock) * legs.units[option])
    for low, high in _classes(legs):
        own_calls, own_puts = chosen(calls[low:high]) + low, chosen(puts[low:high]) + low
        costs = np.empty(len(own_calls))
        for at in range(len(own_calls)):
            option = own_calls[at]
            asked = reverse_conversion(rates, legs.strike[option], legs.value[option])
            costs[at] = (asked - rates.short_stock) * legs.units[option]
        couple(b, legs, REVERSE, own_calls, costs, own_puts, np.zeros(len(own_puts)))


@kernel
def _classes(legs: Legs) -> list[tuple[int, int]]:
    """Runs of one size and expiry."""
    runs, low = [(0, 0)], 0
    for option in range(1, len(legs.contracts) + 1):
        if (
            option == len(legs.contracts)
            or legs.units[option] != legs.units[low]
            or legs.expiry_ns[option] != legs.expiry_ns[low]
        ):
            runs.append((low, option))
            low = option
    return runs[1:]


@kernel
def _collars(b: Builder, legs: Legs, rates: Rates, puts: Int64s, calls: Int64s) -> None:
    hedges = np.array([hedged(rates, False, strike) for strike in legs.strike[puts]])
    kept = hedges < rates.long_stock
    _collars_under(b, legs, rates, COLLAR_EXERCISE, puts[kept], hedges[kept], calls, 0.0)
    if rates.long_stock / rates.price > rates.collar:
        kept = hedges > rates.collar * legs.strike[puts]
        _collars_under(b, legs, rates, COLLAR_LIMIT, puts[kept], np.zeros(kept.sum()), calls, rates.collar)


@kernel
def _collars_under(
    b: Builder,
    legs: Legs,
    rates: Rates,
    kind: int,
    puts: Int64s,
    hedges: Float64s,
    calls: Int64s,
    call_share: float,
) -> None:
    if len(puts) == 0:
        return
    group, units = new_group(b), legs.units[puts[0]]
    of_puts = new_uses(b, kind, puts, group, (legs.value[puts] + hedges - rates.long_stock) * units)
    asked = np.maximum(rates.price - legs.strike[calls], 0.0) + call_share * legs.strike[calls]
    of_calls = new_uses(b, kind, calls, group, asked * units)
    no_more_above(b, of_puts, legs.strike[puts], of_calls, legs.strike[calls])
    as_many(b, of_puts, of_calls)


@kernel
def _conversions(b: Builder, legs: Legs, rates: Rates, puts: Int64s, calls: Int64s) -> None:
    puts, calls = puts[legs.strike[puts] < rates.price], calls[legs.strike[calls] < rates.price]
    own = legs.value[puts] + rates.hedged * legs.strike[puts] - rates.long_stock
    in_money = rates.price - legs.strike[calls]
    couple(b, legs, CONVERSION, puts, own * legs.units[puts], calls, in_money * legs.units[calls])


@kernel
def couple(
    b: Builder, legs: Legs, kind: int, some: Int64s, costs: Float64s, others: Int64s, other_costs: Float64s
) -> None:
    """As many of either, at each exercise price that both have; a group each. In order of exercise price."""
    for strike in np.unique(legs.strike[some]):
        ours, theirs = legs.strike[some] == strike, legs.strike[others] == strike
        if theirs.any():
            group = new_group(b)
            of_some = new_uses(b, kind, some[ours], group, costs[ours])
            as_many(b, of_some, new_uses(b, kind, others[theirs], group, other_costs[theirs]))


@kernel
def add_stock_row(b: Builder, legs: Legs, begun: int, shares: float) -> None:
    """No more stock than there is, in units of the largest contract; the columns from ``begun`` on."""
    most = 0.0
    for column in range(begun, b.used[COLUMNS]):
        if takes_stock(b.kind[column], legs.call[b.option[column]], shares > 0.0):
            most = max(most, legs.units[b.option[column]])
    if most == 0.0:
        return
    new_block(b)
    row = new_row(b, 0.0, abs(shares) / most, False)
    for column in range(begun, b.used[COLUMNS]):
        option = b.option[column]
        if takes_stock(b.kind[column], legs.call[option], shares > 0.0):
            new_entry(b, column, row, FROM, legs.units[option] / most)
