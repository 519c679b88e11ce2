"""Kernels that count references, and those that do not: what they may do, and that nothing is kept."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import numpy as np
import pytest
from numba.core.errors import NumbaError
from numba.core.runtime.nrt import rtsys

from engine.base.kernel import in_place
from engine.rules.strategy.legs import Legs, in_order, legs_of, taken
from engine.rules.strategy.rates import RateTable, rate_table
from engine.rules.strategy.set_charges import Roots, published_of_sets
from engine.rules.strategy.simplex import load_optimise, optimise
from engine.rules.strategy.tableau import Float64s, Int64s
from tests.bench.pairing import PRICE, book
from tests.strategy_book import PARAMETERS

_MEMORY: Final[Any] = rtsys
_SWITCH: Final = import_module("numba.core.runtime._nrt_python")


def _in_use() -> int:
    return int(_MEMORY.get_allocation_stats().alloc - _MEMORY.get_allocation_stats().free)


def test_what_counts_no_references_does_not_compile_if_it_allocates() -> None:
    @in_place
    def first_of_a_copy(values: Float64s) -> float:
        return float(values.copy()[0])

    with pytest.raises(NumbaError, match="NRT required"):
        first_of_a_copy(np.ones(1))


def _a_book() -> tuple[Legs, Int64s, Roots, RateTable]:
    """60 options and stock, as :func:`published_of_sets` takes it."""
    one = book(60, 1000.0, 7)
    legs = legs_of(one)
    roots = Roots(np.array([PRICE]), np.ones(1), np.zeros(1, np.bool_), np.array([one.shares]))
    return taken(legs, in_order(legs)), np.array([0, len(legs.strike)]), roots, rate_table(PARAMETERS)


def test_the_simplex_is_loaded_as_pairings_call_it() -> None:
    """With other types it would be another kernel, and pairings would run the copy that they hold."""
    load_optimise()
    published_of_sets(*_a_book())
    compiled: Any = optimise
    assert len(compiled.signatures) == 1


def test_pairing_keeps_no_array() -> None:
    """Every kernel of a pairing, most of which count nothing: what was allocated is free afterwards."""
    arguments = _a_book()
    published_of_sets(*arguments)
    counted = _SWITCH.memsys_stats_enabled()
    _SWITCH.memsys_enable_stats()
    try:
        before = _MEMORY.get_allocation_stats()
        in_use = _in_use()
        published = published_of_sets(*arguments)
        assert _MEMORY.get_allocation_stats().alloc - before.alloc > 100  # it does allocate
        del published
        assert _in_use() == in_use
    finally:
        if not counted:
            _SWITCH.memsys_disable_stats()
