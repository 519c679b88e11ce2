"""The pairings of a book as a linear programme: a column for each use of a position, rows for what uses share.

Every strategy splits into uses of single positions whose costs add up, so that no column per pair is needed:

* a **spread** is a pool for each expiry that may stand between its short and its long options (``spreads.py``);
* a **straddle** saves the lesser of its naked options all but its premium, if an option of the other right
  with no lesser requirement stands naked. Rows: of each requirement and above, no more saved than naked;
* **with stock** (``with_stock.py``), and **long boxes** (``boxes.py``).

Rows of the form "of each level and above" are Hall's condition: they hold if and only if the uses can be
paired one to one. A use that can always be had otherwise at no greater cost is left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.base.kernel import kernel
from engine.rules.strategy.boxes import add_boxes
from engine.rules.strategy.builder import (
    BLOCKS,
    COLUMNS,
    ENTRIES,
    ROWS,
    Builder,
    builder_for,
    chosen,
    new_block,
    new_use,
    new_uses,
    no_more_above,
)
from engine.rules.strategy.kinds import ALONE, SAVED
from engine.rules.strategy.legs import Legs
from engine.rules.strategy.rates import Rates, naked
from engine.rules.strategy.spreads import add_spreads
from engine.rules.strategy.tableau import Float64s, Int8s, Int64s, Rows, Sets, grouped
from engine.rules.strategy.with_stock import add_long_stock, add_short_stock, add_stock_row


class Programme(NamedTuple):
    """Its least cost in whole numbers and ``constant_usd`` are the requirement of the book, as published, USD.

    Attributes:
        kind, option: int[n], what each column stands for (``kinds.py``); option -1 for a greatest loss.
        group: int64[n], tells uses of one kind apart that may not mix, 0 where all may.
        cost: float64[n], of one contract, beside what its stock costs alone.
        constant_usd: the stock by itself.
    """

    kind: Int8s
    option: Int64s
    group: Int64s
    cost: Float64s
    sets: Sets
    rows: Rows
    constant_usd: float


@kernel
def programme(legs: Legs, rates: Rates, shares: float) -> Programme:
    """Legs in the order of :func:`engine.rules.strategy.legs.in_order`; column k is option k by itself."""
    b = builder_for(legs)
    requirements = _alone(b, legs, rates)
    _straddles(b, legs, requirements)
    begun = int(b.used[COLUMNS])
    if shares > 0.0:
        add_long_stock(b, legs, rates, shares)
    elif shares < 0.0:
        add_short_stock(b, legs, rates, shares)
    add_stock_row(b, legs, begun, shares)
    add_boxes(b, legs, rates)
    add_spreads(b, legs, rates)
    stock = rates.long_stock if shares > 0.0 else rates.short_stock
    return _finished(b, np.abs(legs.contracts), stock * abs(shares))


@kernel
def _alone(b: Builder, legs: Legs, rates: Rates) -> Float64s:
    """Returns requirements of naked options per unit, 0 for long ones."""
    requirements = np.zeros(len(legs.contracts))
    for option in range(len(legs.contracts)):
        value = legs.value[option]
        if legs.contracts[option] > 0.0:
            per_unit = (rates.long_term if legs.loan_value[option] else 1.0) * value
        else:
            per_unit = requirements[option] = naked(rates, legs.call[option], legs.strike[option], value)
        new_use(b, ALONE, option, 0, per_unit * legs.units[option])
    return requirements


@kernel
def _straddles(b: Builder, legs: Legs, requirements: Float64s) -> None:
    short = legs.contracts < 0.0
    for units in np.unique(legs.units):
        mine = short & (legs.units == units)
        calls, puts = chosen(mine & legs.call), chosen(mine & ~legs.call)
        if len(calls) and len(puts):
            for saved, giving in ((calls, puts), (puts, calls)):
                takers = new_uses(b, SAVED, saved, 0, legs.value[saved] * units)
                no_more_above(b, takers, requirements[saved], giving, requirements[giving])


@kernel
def _finished(b: Builder, quantity: Float64s, constant_usd: float) -> Programme:
    columns, rows, entries, blocks = b.used[COLUMNS], b.used[ROWS], b.used[ENTRIES], b.used[BLOCKS]
    new_block(b)  # the ends of the last one
    option, column = b.option[:columns].copy(), b.column[:entries].copy()
    starts, members = grouped(option, len(quantity))
    column_starts, column_entries = grouped(column, columns)
    return Programme(
        b.kind[:columns].copy(),
        option,
        b.group[:columns].copy(),
        b.cost[:columns].copy(),
        Sets(option, starts, members, quantity),
        Rows(
            b.block[:rows].copy(),
            b.first_row[: blocks + 1].copy(),
            b.point[:rows].copy(),
            b.bound[:rows].copy(),
            b.equal[:rows].copy(),
            b.first_entry[: blocks + 1].copy(),
            column.astype(np.uint32),
            b.place[:entries].copy(),
            b.law[:entries].copy(),
            (b.law[:entries] * rows + b.place[:entries]).astype(np.uint32),
            b.value[:entries].copy(),
            column_starts,
            column_entries,
        ),
        constant_usd,
    )
