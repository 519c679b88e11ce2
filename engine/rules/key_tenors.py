"""Scenario columns of one curve's key tenors, and the move of any other tenor in between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.market.rate_schedule import tenor_months
from engine.market.scenarios import ScenarioSet, ShockKind
from engine.rules.interface import Float64s


class KeyTenors:
    """Moves of the rates that a scenario set names ``PREFIX:3M``, ``PREFIX:10Y`` ...

    Between two key tenors a rate moves by the line between their moves, outside them with the nearest.

    Attributes:
        months: float64[t], key tenors, ascending. moves: float64[S, t], fractions a year.
        tenors: their names in the same order.
    """

    def __init__(self, scenarios: ScenarioSet, prefix: str, unit: float) -> None:
        """``unit``: what a move of 1 in the set is, as a fraction a year (0.01: percentage points).

        Raises:
            ValueError: the set has no such factor, or a relative one; the text says which.
        """
        found = sorted(
            (tenor_months(name.removeprefix(f"{prefix}:")), column)
            for name, column in scenarios.factor_index.items()
            if name.startswith(f"{prefix}:") and tenor_months(name.removeprefix(f"{prefix}:"))
        )
        if not found:
            raise ValueError(f"scenario set {scenarios.label} has no factor {prefix}:<tenor>")
        columns = [column for _, column in found]
        for column in columns:
            if scenarios.kinds[column] is ShockKind.RELATIVE:
                raise ValueError(
                    f"factor {scenarios.factors[column]} must be absolute in set {scenarios.label}"
                )
        self.months = np.array([months for months, _ in found], np.float64)
        self.tenors = tuple(scenarios.factors[column].rpartition(":")[2] for column in columns)
        self.moves: Float64s = np.ascontiguousarray(scenarios.shocks[:, columns] * unit)

    def at(self, months: Sequence[float] | Float64s) -> Float64s:
        """float64[S, n]: moves of rates of these tenors."""
        return self.moves @ self.shares(months).T

    def shares(self, months: Sequence[float] | Float64s) -> Float64s:
        """float64[n, t]: how much of each key tenor's move a rate takes; each row adds up to 1."""
        wanted = np.clip(np.asarray(months, np.float64), self.months[0], self.months[-1])
        upper = np.clip(np.searchsorted(self.months, wanted), 1, max(len(self.months) - 1, 1))
        shares = np.zeros((len(wanted), len(self.months)))
        if len(self.months) == 1:
            shares[:, 0] = 1.0
            return shares
        lower_months, upper_months = self.months[upper - 1], self.months[upper]
        part = (wanted - lower_months) / (upper_months - lower_months)
        rows = np.arange(len(wanted))
        shares[rows, upper] = part
        shares[rows, upper - 1] = 1.0 - part
        return shares
