"""Collateral behind walls: what an account lacks in some silos while it has it in others.

Excess = equity - requirement of a silo, signed; deficit = -excess where that is positive. A silo's excess
cannot meet another silo's deficit; under one unified margin it could.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64s = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LiquidityView:
    """One account; all >= 0.

    Attributes:
        silo_deficit_usd: sum of the silos' deficits.
        unified_deficit_usd: unified requirement over the equity of all silos together.
        trapped_usd: excess that sits in silos while at least one other silo is in deficit.
        usable_if_pooled_usd: how much of the silos' deficits the trapped excess could meet.
        wall_deficit_usd: deficit that would not exist under the unified rule.
        wall_calls: silos in deficit although the account as a whole is not: calls that only the wall makes.
    """

    silo_deficit_usd: float
    unified_deficit_usd: float
    trapped_usd: float
    usable_if_pooled_usd: float
    wall_deficit_usd: float
    wall_calls: int


@dataclass(frozen=True, slots=True)
class LiquidityColumns:
    """:class:`LiquidityView` of many accounts; float64[a] each, ``wall_calls`` int64[a]."""

    silo_deficit_usd: Float64s
    unified_deficit_usd: Float64s
    trapped_usd: Float64s
    usable_if_pooled_usd: Float64s
    wall_deficit_usd: Float64s
    wall_calls: NDArray[np.int64]


def liquidity_columns(equity: Float64s, requirement: Float64s, unified: Float64s) -> LiquidityColumns:
    """The view of every account at once.

    Args:
        equity, requirement: float64[a, silos] USD; 0 where an account has nothing in a silo.
        unified: float64[a], unified requirement.
    """
    # Silos first: a reduction over the long axis is many times faster than one over eight neighbours.
    equity = np.ascontiguousarray(equity.T)
    excess = equity - requirement.T
    silo_deficit = np.maximum(-excess, 0.0).sum(axis=0)
    unified_deficit = np.maximum(unified - equity.sum(axis=0), 0.0)
    trapped = np.where(silo_deficit > 0.0, np.maximum(excess, 0.0).sum(axis=0), 0.0)
    in_deficit = (excess < 0.0).sum(axis=0)
    return LiquidityColumns(
        silo_deficit_usd=silo_deficit,
        unified_deficit_usd=unified_deficit,
        trapped_usd=trapped,
        usable_if_pooled_usd=np.minimum(trapped, silo_deficit),
        wall_deficit_usd=np.maximum(silo_deficit - unified_deficit, 0.0),
        wall_calls=np.where(unified_deficit > 0.0, 0, in_deficit).astype(np.int64),
    )


def liquidity_view(
    equity: Sequence[float], requirement: Sequence[float], unified_usd: float
) -> LiquidityView:
    """The view of one account; equity and requirement by silo, in the same order."""
    excess = [held - required for held, required in zip(equity, requirement, strict=True)]
    deficits = [-amount for amount in excess if amount < 0.0]
    silo_deficit = math.fsum(deficits)
    unified_deficit = max(unified_usd - math.fsum(equity), 0.0)
    trapped = math.fsum(amount for amount in excess if amount > 0.0) if deficits else 0.0
    return LiquidityView(
        silo_deficit_usd=silo_deficit,
        unified_deficit_usd=unified_deficit,
        trapped_usd=trapped,
        usable_if_pooled_usd=min(trapped, silo_deficit),
        wall_deficit_usd=max(silo_deficit - unified_deficit, 0.0),
        wall_calls=0 if unified_deficit > 0.0 else len(deficits),
    )
