"""The options of one underlying as columns, in an order that depends on nothing but their terms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.rules.strategy.book import Book
from engine.rules.strategy.formulas import CALL
from engine.rules.strategy.tableau import Bools, Float64s, Int64s


class Legs(NamedTuple):
    """Option positions; see :class:`engine.rules.strategy.formulas.Contract`.

    Attributes:
        contracts: float64[o], whole ones, signed.
    """

    call: Bools
    strike: Float64s
    expiry_ns: Int64s
    units: Float64s
    value: Float64s
    european: Bools
    loan_value: Bools
    cash_european: Bools
    contracts: Float64s


def legs_of(book: Book) -> Legs:
    """The options of a book, in its order."""
    contracts = [position.contract for position in book.options]
    return Legs(
        np.array([contract.right == CALL for contract in contracts], np.bool_),
        np.array([contract.strike for contract in contracts], np.float64),
        np.array([contract.expiry_ns for contract in contracts], np.int64),
        np.array([contract.units for contract in contracts], np.float64),
        np.array([contract.value for contract in contracts], np.float64),
        np.array([contract.european for contract in contracts], np.bool_),
        np.array([contract.loan_value for contract in contracts], np.bool_),
        np.array([contract.cash_european for contract in contracts], np.bool_),
        np.array([position.count for position in book.options], np.float64),
    )


@kernel
def taken(legs: Legs, order: Int64s) -> Legs:
    """Those in this order."""
    return Legs(
        legs.call[order],
        legs.strike[order],
        legs.expiry_ns[order],
        legs.units[order],
        legs.value[order],
        legs.european[order],
        legs.loan_value[order],
        legs.cash_european[order],
        legs.contracts[order],
    )


@kernel
def in_order(legs: Legs) -> Int64s:
    """By size, expiry, style, right, exercise price, then whatever else tells them apart: merge sort, stable."""
    n = len(legs.strike)
    order, other = np.arange(n), np.empty(n, np.int64)
    width = 1
    while width < n:
        for low in range(0, n, 2 * width):
            middle, high = min(low + width, n), min(low + 2 * width, n)
            left, right = low, middle
            for place in range(low, high):
                if left < middle and (right >= high or not _before(legs, order[right], order[left])):
                    other[place] = order[left]
                    left += 1
                else:
                    other[place] = order[right]
                    right += 1
        order, other = other, order
        width *= 2
    return order


@in_place
def _before(legs: Legs, one: int, two: int) -> bool:
    if legs.units[one] != legs.units[two]:
        return bool(legs.units[one] < legs.units[two])
    if legs.expiry_ns[one] != legs.expiry_ns[two]:
        return bool(legs.expiry_ns[one] < legs.expiry_ns[two])
    if legs.european[one] != legs.european[two]:
        return bool(legs.european[one] < legs.european[two])
    if legs.cash_european[one] != legs.cash_european[two]:
        return bool(legs.cash_european[one] < legs.cash_european[two])
    if legs.call[one] != legs.call[two]:
        return bool(legs.call[one] > legs.call[two])
    if legs.strike[one] != legs.strike[two]:
        return bool(legs.strike[one] < legs.strike[two])
    if legs.value[one] != legs.value[two]:
        return bool(legs.value[one] < legs.value[two])
    if legs.loan_value[one] != legs.loan_value[two]:
        return bool(legs.loan_value[one] < legs.loan_value[two])
    return bool(legs.contracts[one] < legs.contracts[two])
