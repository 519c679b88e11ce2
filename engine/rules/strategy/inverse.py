"""Keeps the inverse of a small square matrix while its columns and rows come, go and are replaced.

``inverse[index, at]``: by column of the matrix, then by row. Arrays are larger than the matrix; ``size`` counts.
``solved``: the inverse times the column that enters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place, kernel

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]


@in_place
def solve(inverse: Float64s, size: int, asked: Float64s, solved: Float64s) -> None:
    """The inverse times a column of numbers, by row of the matrix; four at once, since each sum waits for itself."""
    four = size - size % 4
    for index in range(0, four, 4):
        first = second = third = fourth = 0.0
        for at in range(size):
            first += inverse[index, at] * asked[at]
            second += inverse[index + 1, at] * asked[at]
            third += inverse[index + 2, at] * asked[at]
            fourth += inverse[index + 3, at] * asked[at]
        solved[index], solved[index + 1], solved[index + 2], solved[index + 3] = first, second, third, fourth
    for index in range(four, size):
        total = 0.0
        for at in range(size):
            total += inverse[index, at] * asked[at]
        solved[index] = total


@in_place
def solve_sparse(inverse: Float64s, size: int, asked: Float64s, some: Int64s, solved: Float64s) -> None:
    """The same where most numbers are zero; ``some``: scratch."""
    count = 0
    for at in range(size):
        some[count] = at
        count += asked[at] != 0.0
    for index in range(size):
        total = 0.0
        for near in range(count):
            at = some[near]
            total += inverse[index, at] * asked[at]
        solved[index] = total


@kernel
def border(inverse: Float64s, size: int, solved: Float64s, row: Float64s, corner: float) -> None:
    """One more row and column."""
    below, pivot = np.zeros(size), corner
    for index in range(size):
        pivot -= row[index] * solved[index]
        if row[index] != 0.0:
            for at in range(size):
                below[at] += row[index] * inverse[index, at]
    for index in range(size):
        factor = solved[index] / pivot
        if factor != 0.0:
            for at in range(size):
                inverse[index, at] += factor * below[at]
        inverse[index, size] = -factor
    for at in range(size):
        inverse[size, at] = -below[at] / pivot
    inverse[size, size] = 1.0 / pivot


@in_place
def replace_column(inverse: Float64s, size: int, solved: Float64s, leaving: int) -> None:
    for at in range(size):
        inverse[leaving, at] /= solved[leaving]
    for index in range(size):
        if index != leaving and solved[index] != 0.0:
            for at in range(size):
                inverse[index, at] -= solved[index] * inverse[leaving, at]


@kernel
def replace_row(inverse: Float64s, size: int, row: Float64s, leaving: int) -> None:
    solved = np.zeros(size)
    for index in range(size):
        if row[index] != 0.0:
            for at in range(size):
                solved[at] += row[index] * inverse[index, at]
    for index in range(size):
        inverse[index, leaving] /= solved[leaving]
        factor = inverse[index, leaving]
        if factor != 0.0:
            for at in range(size):
                if at != leaving:
                    inverse[index, at] -= factor * solved[at]


@in_place
def shrink(inverse: Float64s, size: int, index_out: int, at_out: int) -> None:
    """Without one column and one row; the last ones take their places."""
    pivot = inverse[index_out, at_out]
    for index in range(size):
        if index != index_out:
            factor = inverse[index, at_out] / pivot
            if factor != 0.0:
                for at in range(size):
                    inverse[index, at] -= factor * inverse[index_out, at]
    last = size - 1
    for at in range(size):
        inverse[index_out, at] = inverse[last, at]
    for index in range(size):
        inverse[index, at_out] = inverse[index, last]


@kernel
def invert(matrix: Float64s, size: int, inverse: Float64s) -> None:
    """From scratch: ``matrix`` is [size, 2 x size], the unit matrix behind it; partial pivoting."""
    for step in range(size):
        best = step
        for at in range(step, size):
            if abs(matrix[at, step]) > abs(matrix[best, step]):
                best = at
        if best != step:
            for at in range(2 * size):
                matrix[step, at], matrix[best, at] = matrix[best, at], matrix[step, at]
        pivot = matrix[step, step]
        for at in range(step, 2 * size):
            matrix[step, at] /= pivot
        for other in range(size):
            factor = matrix[other, step]
            if other != step and factor != 0.0:
                for at in range(step, 2 * size):
                    matrix[other, at] -= factor * matrix[step, at]
    inverse[:size, :size] = matrix[:, size:]
