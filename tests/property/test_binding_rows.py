"""Rows that are left of a programme say what all of its rows say."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules.strategy.binding_rows import binding_rows
from engine.rules.strategy.tableau import FALLING, FROM, RISING, Rows, activity_of, grouped

COLUMNS = 6
_WHOLE = st.integers(-9, 9).map(float)


@st.composite
def blocks_of_rows(draw: st.DrawFn) -> tuple[Rows, np.ndarray]:
    """One to three blocks of up to twelve rows, whose entries are level or of all laws; and which are left of them."""
    first_row, first_entry = [0], [0]
    point, place, law, value, column = [], [], [], [], []
    for _ in range(draw(st.integers(1, 3))):
        count = draw(st.integers(1, 12))
        point += np.cumsum(draw(st.lists(st.integers(1, 5), min_size=count, max_size=count))).tolist()
        laws = draw(st.sampled_from([[FROM], [FROM, RISING, FALLING]]))
        for _ in range(draw(st.integers(0, 8))):
            place.append(first_row[-1] + draw(st.integers(0, count - 1)))
            law.append(draw(st.sampled_from(laws)))
            value.append(draw(_WHOLE))
            column.append(draw(st.integers(0, COLUMNS - 1)))
        first_row.append(first_row[-1] + count)
        first_entry.append(len(place))
    m = first_row[-1]
    left = np.flatnonzero([draw(st.booleans()) for _ in place])
    bound = np.array([draw(_WHOLE) for _ in range(m)])
    rows = Rows(
        np.repeat(np.arange(len(first_row) - 1), np.diff(first_row)),
        np.array(first_row),
        np.array(point, float),
        bound,
        np.zeros(m, np.bool_),
        np.array(first_entry),
        np.array(column, np.uint32),
        np.array(place, np.int64),
        np.array(law, np.int8),
        (np.array(law, np.int64) * m + np.array(place, np.int64)).astype(np.uint32),
        np.array(value, float),
        *grouped(np.array(column, np.int64), COLUMNS),
    )
    return rows, left


def only(rows: Rows, left: np.ndarray) -> Rows:
    """The same rows with some of the entries."""
    column = rows.column[left]
    column_starts, column_entries = grouped(column.astype(np.int64), COLUMNS)
    return rows._replace(
        first_entry=np.searchsorted(left, rows.first_entry),
        column=column,
        place=rows.place[left],
        law=rows.law[left],
        cell=rows.cell[left],
        value=rows.value[left],
        column_starts=column_starts,
        column_entries=column_entries,
    )


@settings(deadline=None)
@given(blocks_of_rows(), st.lists(st.floats(0.0, 9.0), min_size=COLUMNS, max_size=COLUMNS))
def test_the_rows_left_are_exceeded_as_much_as_all(
    drawn: tuple[Rows, np.ndarray], amounts: list[float]
) -> None:
    rows, left = drawn
    fewer = only(rows, left)
    number, first_row = binding_rows(rows, rows.bound, left, fewer.first_entry)
    over = activity_of(fewer, np.array(amounts)) - rows.bound
    kept = number >= 0
    assert number[kept].tolist() == list(range(first_row[-1]))
    for block in range(len(first_row) - 1):
        whole = slice(rows.first_row[block], rows.first_row[block + 1])
        assert kept[whole].sum() == first_row[block + 1] - first_row[block]
        assert np.isclose(over[whole][kept[whole]].max(), over[whole].max(), rtol=0.0, atol=1e-9)
    assert kept[fewer.place].all()


def test_a_row_that_follows_from_others_goes() -> None:
    """Level: the least bound of five. Straight: what is above the line between two bounds."""
    bound, left = np.array([5.0, 3.0, 4.0, 9.0, 6.0]), np.zeros(1, np.int64)
    numbers = [
        binding_rows(
            Rows(
                np.zeros(5, np.int64), np.array([0, 5]), np.arange(5.0), bound, np.zeros(5, np.bool_),
                np.array([0, 1]), np.zeros(1, np.uint32), left, np.full(1, law, np.int8),
                np.full(1, 5 * law, np.uint32), np.ones(1), np.array([0, 1]), left,
            ),
            bound, left, np.array([0, 1]),
        )[0].tolist()
        for law in (FROM, RISING)
    ]  # fmt: skip
    assert numbers == [[0, 1, -1, -1, -1], [0, 1, -1, -1, 2]]
