"""Columns and rows of spreads: pools of options whose greatest loss is asked for once.

A pool for each expiry that may stand between its short and its long options; two spreads with the same one are never
worse as one, because the greatest loss of a sum is at most the sum of greatest losses. Rows: as many long as short
calls and puts; the pool's loss at each exercise price is at most its charge. Left out: a pool with the same long
options as the next one, which has its short options too, and a right that only one side has.
"""

from __future__ import annotations

import numpy as np

from engine.base.kernel import kernel
from engine.rules.strategy.builder import (
    ROWS,
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
from engine.rules.strategy.kinds import LOSS, SPREAD
from engine.rules.strategy.legs import Legs
from engine.rules.strategy.rates import Rates
from engine.rules.strategy.tableau import FALLING, FROM, RISING, Bools, Int64s


@kernel
def add_spreads(b: Builder, legs: Legs, rates: Rates) -> None:
    """The pools of every size and exercise style."""
    long = legs.contracts > 0.0
    for units in np.unique(legs.units):
        for european in (False, True):
            mine = (legs.units == units) & (legs.european == european)
            longs, shorts = mine & long, mine & ~long
            if not longs.any() or not shorts.any():
                continue
            if rates.pairwise:
                _pool(b, legs, rates, longs, shorts)
                continue
            cuts = np.unique(legs.expiry_ns[shorts])
            for at in range(len(cuts)):
                later = longs & (legs.expiry_ns >= cuts[at])
                if at + 1 < len(cuts) and later.sum() == (longs & (legs.expiry_ns >= cuts[at + 1])).sum():
                    continue
                _pool(b, legs, rates, later, shorts & (legs.expiry_ns <= cuts[at]))


@kernel
def _pool(b: Builder, legs: Legs, rates: Rates, longs: Bools, shorts: Bools) -> None:
    calls = (longs & legs.call).any() and (shorts & legs.call).any()
    puts = (longs & ~legs.call).any() and (shorts & ~legs.call).any()
    if not calls and not puts:
        return
    group, columns = new_group(b), np.full(len(legs.contracts), -1, np.int64)
    for right in (True, False):
        if calls if right else puts:
            own_longs = chosen(longs & (legs.call == right))
            own_shorts = chosen(shorts & (legs.call == right))
            paid = legs.value[own_longs] * legs.units[own_longs]
            columns[own_longs] = new_uses(b, SPREAD, own_longs, group, paid)
            columns[own_shorts] = new_uses(b, SPREAD, own_shorts, group, np.zeros(len(own_shorts)))
            as_many(b, columns[own_longs], columns[own_shorts])
            if rates.pairwise:
                takers = legs.expiry_ns[own_shorts].astype(np.float64)
                givers = legs.expiry_ns[own_longs].astype(np.float64)
                no_more_above(b, columns[own_shorts], takers, columns[own_longs], givers)
    _losses(b, legs, rates, columns, chosen(columns >= 0), group)


@kernel
def _losses(b: Builder, legs: Legs, rates: Rates, columns: Int64s, options: Int64s, group: int) -> None:
    """One row for each exercise price; losses and charge in units of a contract's underlying value."""
    points = np.unique(legs.strike[options])
    charge = new_use(b, LOSS, -1, group, legs.units[options[0]] * rates.price)
    new_block(b)
    first = int(b.used[ROWS])
    for point in points:
        new_row(b, point / rates.price, 0.0, False)
    new_entry(b, charge, first, FROM, -1.0)
    for option in options:
        place = first + int(np.searchsorted(points, legs.strike[option]))
        side = -1.0 if legs.contracts[option] > 0.0 else 1.0
        new_entry(b, columns[option], place, RISING if legs.call[option] else FALLING, side)
