"""Portfolio differential: what an account's charge tends to rise by from one collection to the next.

The weighted mean of the rises over the newest collections, a fall counting as no rise; the newest weighs most, each one
before it ``decay`` times as much. It covers a rise that comes before the next collection.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from engine.base.parameter_table import ParameterTable
from engine.rules.interface import Float64s
from engine.rules.requirement import Part

DIFFERENTIAL_KEYS: Final = ("differential_lookback", "differential_decay", "differential_multiplier")
# An account that is charged less than this has nothing at risk, and so no differential.
LEAST_CHARGE_USD: Final = 0.01
_NAME: Final = "portfolio differential"


@dataclass(frozen=True, slots=True)
class Differential:
    """Rises that count, weight of one over that of the next newer one, and what the mean is multiplied by."""

    lookback: int
    decay: float
    multiplier: float

    @classmethod
    def from_table(cls, table: ParameterTable) -> Differential:
        """
        Raises:
            MarginError: BAD_PARAMETER naming the parameter.
        """
        return cls(
            table.stated("differential_lookback").whole("value", 1, 1_000),
            table.stated("differential_decay").number("value", 0.5, 1.0),
            table.stated("differential_multiplier").number("value", 0.0, 10.0),
        )

    def charges(self, past_usd: Sequence[Sequence[float]]) -> Float64s:
        """float64[a]: of accounts by their past charges, oldest first; 0 with fewer than two."""
        return np.array([self._charge(past) if len(past) > 1 else 0.0 for past in past_usd], np.float64)

    def _charge(self, past_usd: Sequence[float]) -> float:
        rises = np.maximum(np.diff(np.array(past_usd[-self.lookback - 1 :])), 0.0)
        weights = self.decay ** np.arange(len(rises) - 1, -1, -1)
        return float(self.multiplier * (rises * weights).sum() / weights.sum())

    def explain(self, past_usd: Sequence[float]) -> Part:
        """The plain twin: newest rise first, one after another."""
        total, weights, weight = [0.0], [0.0], 1.0
        for before, after in list(pairwise(past_usd))[: -self.lookback - 1 : -1]:
            total.append(weight * max(after - before, 0.0))
            weights.append(weight)
            weight *= self.decay
        mean = math.fsum(total) / math.fsum(weights) if len(weights) > 1 else 0.0
        facts = {
            "past_charges": float(len(past_usd)),
            "rises": float(len(weights) - 1),
            "mean_rise_usd": mean,
            "multiplier": self.multiplier,
        }
        return Part(_NAME, self.multiplier * mean, (), {**facts})
