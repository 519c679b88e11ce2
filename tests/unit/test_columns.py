"""Columns grow: contents stay, new rows are neutral, large ones are not copied."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from engine.base.columns import longer, room


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
@pytest.mark.parametrize("shape", [(10,), (10, 3), (300_000,), (100_000, 3)])
def test_contents_stay_and_new_rows_are_neutral(shape: tuple[int, ...], value: float) -> None:
    column = np.random.default_rng(1).normal(size=shape)
    wanted = column.copy()
    for rows in (shape[0] + 1, 3 * shape[0], 100 * shape[0]):
        column = longer(column, rows, value)
        assert column.shape == (rows, *shape[1:])
        assert np.array_equal(column[: shape[0]], wanted)
        assert np.array_equal(column[shape[0] :], np.full_like(column[shape[0] :], value), equal_nan=True)


def test_a_large_column_stays_where_it_is() -> None:
    column = longer(np.ones((10_000, 20)), 20_000, 0.0)
    address = column.ctypes.data
    for rows in (40_000, 80_000, 1_000_000):
        column = longer(column, rows, 0.0)
    assert column.ctypes.data == address
    assert column.flags.c_contiguous
    assert column.flags.aligned


def test_a_wide_column_stays_where_it_is_beyond_four_gigabytes() -> None:
    column = longer(np.ones((1_000, 258)), 2_000, 0.0)
    address = column.ctypes.data
    column = longer(column, 3_000_000, 0.0)  # addresses, not memory
    assert column.nbytes > 1 << 32
    assert column.ctypes.data == address
    assert not column[-1].any()


def test_room_doubles_what_is_small_and_adds_to_what_is_large() -> None:
    assert room(65, 64) == 128
    assert room(1_000, 64) == 1_000
    assert 1_000_000 < room(1_000_001, 1_000_000) < 1_050_000


def test_without_addresses_to_spare_columns_are_copied() -> None:
    pytest.importorskip("resource")
    limited = (
        "import resource, numpy as np; from engine.base.columns import longer;"
        "resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30));"
        "column = longer(longer(np.arange(300_000.0), 600_000, -1.0), 2_000_000, -1.0);"
        "assert np.array_equal(column[:300_000], np.arange(300_000.0)) and (column[300_000:] == -1.0).all()"
    )
    subprocess.run([sys.executable, "-c", limited], check=True, timeout=60)
