"""What many books of options and stock ask for at both stages, in one kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.base.inner import inner
from engine.base.kernel import kernel
from engine.rules.strategy.legs import Legs, in_order, taken
from engine.rules.strategy.programme import programme
from engine.rules.strategy.rates import RateTable, rates_of
from engine.rules.strategy.tableau import Bools, Float64s, Int64s
from engine.rules.strategy.whole import MOST_PIVOTS, least_amounts


class Roots(NamedTuple):
    """The underlying of each book: price in USD, leverage, whether its options are on a broad index; shares held."""

    price: Float64s
    leverage: Float64s
    broad: Bools
    shares: Float64s


@kernel
def published_of_sets(legs: Legs, first: Int64s, roots: Roots, table: RateTable) -> Float64s:
    """float64[u, 2], USD, as published, at initial and maintenance.

    Args:
        legs: options of all books; those of book k at ``first[k]:first[k + 1]``, one at least.
    """
    books = len(first) - 1
    published = np.empty((books, 2))
    for book in range(books):
        some, shares = taken(legs, np.arange(first[book], first[book + 1])), roots.shares[book]
        some = taken(some, in_order(some))
        for stage in range(1, -1, -1):
            if stage == 0 and shares == 0.0:  # options by themselves are margined alike at both stages
                published[book, 0] = published[book, 1]
                continue
            rates = rates_of(
                table, roots.price[book], roots.leverage[book], True, roots.broad[book], stage == 0
            )
            problem = programme(some, rates, shares)
            amounts, _, _ = least_amounts(problem, MOST_PIVOTS)
            published[book, stage] = inner(problem.cost, amounts) + problem.constant_usd
    return published
