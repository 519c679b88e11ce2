"""Figures of accounts over their silos, as compiled loops: eight neighbours are too few for numpy's reductions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place, kernel

Bools = NDArray[np.bool_]
Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]


@in_place
def add_requirement(
    accounts: Int64s, requirement: Float64s, silo: int, initial: Float64s, maintenance: Float64s
) -> None:
    """Add a rulebook's requirement float64[account, 2] to a silo of both figures float64[account, silo]."""
    for i in range(len(accounts)):
        account = accounts[i]
        initial[account, silo] += requirement[account, 0]
        maintenance[account, silo] += requirement[account, 1]


@kernel
def sum_of_silos(accounts: Int64s, figures: Float64s) -> Float64s:
    """float64[a]: sums over the silos of float64[account, silo]."""
    sums = np.zeros(len(accounts))
    for i in range(len(accounts)):
        for silo in range(figures.shape[1]):
            sums[i] += figures[accounts[i], silo]
    return sums


@kernel
def trusted_everywhere(accounts: Int64s, trusted: Bools) -> Bools:
    """bool[a]: no silo of bool[account, silo] is in doubt."""
    result = np.ones(len(accounts), np.bool_)
    for i in range(len(accounts)):
        for silo in range(trusted.shape[1]):
            result[i] &= trusted[accounts[i], silo]
    return result


@in_place
def distrust(accounts: Int64s, unsupported: Bools, trusted: Bools) -> None:
    """Take trust from the silos bool[account, silo] in which an account holds what nothing margins."""
    for i in range(len(accounts)):
        for silo in range(trusted.shape[1]):
            trusted[accounts[i], silo] &= not unsupported[accounts[i], silo]
