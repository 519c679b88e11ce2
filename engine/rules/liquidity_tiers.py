"""What closing a position costs by the size of its sensitivity: basis points on each part of a DV01 or CS01."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from engine.base.parameter_table import ParameterTable
from engine.rules.interface import Float64s


@dataclass(frozen=True, slots=True)
class Bucket:
    """Sensitivities of maturities up to a bound, and what closing them costs.

    Attributes:
        years_at_most: the last bucket of a list has no bound (infinity).
        from_usd: where each tier begins, USD per basis point, rising from 0.
        basis_points: what each dollar of sensitivity within the tier costs, not falling.
    """

    years_at_most: float
    from_usd: tuple[float, ...]
    basis_points: tuple[float, ...]

    def cost(self, sensitivity_usd: float) -> float:
        """USD of one sensitivity, of either sign: each tier's part at its own price."""
        size = abs(sensitivity_usd)
        bounds = (*self.from_usd[1:], float("inf"))
        return sum(
            price * max(min(size, upper) - lower, 0.0)
            for lower, upper, price in zip(self.from_usd, bounds, self.basis_points, strict=True)
        )


def buckets_of(table: ParameterTable, key: str) -> tuple[Bucket, ...]:
    """A list of buckets, ascending.

    Raises:
        MarginError: BAD_PARAMETER naming the entry and value.
    """
    rows = table.rows(key)
    found: list[Bucket] = []
    for number, row in enumerate(rows, 1):
        row.only("years_at_most", "tiers")
        if number == len(rows) and row.has("years_at_most"):
            raise row.bad("years_at_most", "the last bucket has no upper bound")
        years = row.number("years_at_most", 0.0, 100.0) if number < len(rows) else float("inf")
        if found and years <= found[-1].years_at_most:
            raise row.bad("years_at_most", f"{years} is not above the bucket before")
        found.append(_bucket(row, years))
    return tuple(found)


def _bucket(row: ParameterTable, years: float) -> Bucket:
    tiers = row.rows("tiers")
    for tier in tiers:
        tier.only("from_usd", "basis_points")
    starts = tuple(tier.number("from_usd", 0.0, 1e15) for tier in tiers)
    prices = tuple(tier.number("basis_points", 0.0, 1e4) for tier in tiers)
    if starts[0] != 0.0:
        raise tiers[0].bad("from_usd", f"{starts[0]} is not 0")
    for tier, (lower, upper) in zip(tiers[1:], pairwise(starts), strict=True):
        if upper <= lower:
            raise tier.bad("from_usd", f"{upper} is not above the tier before")
    for tier, (lower, upper) in zip(tiers[1:], pairwise(prices), strict=True):
        if upper < lower:
            raise tier.bad("basis_points", f"{upper} is below the tier before")
    return Bucket(years, starts, prices)


def bucket_place(buckets: Sequence[Bucket], years: float) -> int:
    """Which of them a maturity falls into."""
    return sum(years > bucket.years_at_most for bucket in buckets[:-1])


def costs_of(buckets: Sequence[Bucket], sensitivities_usd: Float64s) -> Float64s:
    """float64[m]: cost of m rows of sensitivities, one column a bucket."""
    size = np.abs(sensitivities_usd)
    total = np.zeros(len(size))
    for column, bucket in enumerate(buckets):
        bounds = (*bucket.from_usd[1:], np.inf)
        for lower, upper, price in zip(bucket.from_usd, bounds, bucket.basis_points, strict=True):
            total += price * np.maximum(np.minimum(size[:, column], upper) - lower, 0.0)
    return total
