"""Which supplies go to which demands so that the sum of gains is greatest: exact, in whole units, for few of each."""

from __future__ import annotations

import math
from collections.abc import Sequence

Plan = list[list[int]]
_NOTHING = 1e-9


def most_gainful(gain: Sequence[Sequence[float]], supply: Sequence[int], demand: Sequence[int]) -> Plan:
    """Amounts by supply and demand; what gains nothing stays.

    Successive best paths: each step takes the way from a supply to a demand that is open still, over amounts that
    are given back, with the greatest gain. Gains of successive paths fall, so the first without gain ends it.

    Args:
        gain: [supply][demand], of one unit.
    """
    rows, columns = len(supply), len(demand)
    left, wanted = list(supply), list(demand)
    plan = [[0] * columns for _ in range(rows)]
    while True:
        best, before_row, before_column = _paths(gain, plan, left, columns)
        open_columns = [column for column in range(columns) if wanted[column]]
        end = max(open_columns, key=lambda column: best[column], default=-1)
        if end < 0 or best[end] <= _NOTHING:
            return plan
        path = _walk(end, before_row, before_column)
        taken = [plan[row][column] for row, column in path[1::2]]
        amount = min(wanted[end], left[path[-1][0]], *taken)
        for place, (row, column) in enumerate(path):
            plan[row][column] += amount if place % 2 == 0 else -amount
        left[path[-1][0]] -= amount
        wanted[end] -= amount


def _paths(
    gain: Sequence[Sequence[float]], plan: Plan, left: Sequence[int], columns: int
) -> tuple[list[float], list[int], list[int]]:
    """Greatest gain on the way to each demand, the supply before it, and the demand before each supply (-1: none)."""
    rows = len(plan)
    from_row = [0.0 if amount else -math.inf for amount in left]
    best = [-math.inf] * columns
    before_row, before_column = [-1] * columns, [-1] * rows
    moved = True
    while moved:
        moved = False
        for row in range(rows):
            for column in range(columns):
                if from_row[row] + gain[row][column] > best[column] + _NOTHING:
                    best[column], before_row[column] = from_row[row] + gain[row][column], row
                    moved = True
        for row in range(rows):
            for column in range(columns):
                if plan[row][column] and best[column] - gain[row][column] > from_row[row] + _NOTHING:
                    from_row[row], before_column[row] = best[column] - gain[row][column], column
                    moved = True
    return best, before_row, before_column


def _walk(end: int, before_row: Sequence[int], before_column: Sequence[int]) -> list[tuple[int, int]]:
    """The path backwards: pairs that are added and pairs that are given back in turn."""
    path = []
    column = end
    while column >= 0:
        row = before_row[column]
        path.append((row, column))
        column = before_column[row]
        if column >= 0:
            path.append((row, column))
    return path
