"""What a netting set loses over historical scenarios: weighted value at risk or expected shortfall, with its floors.

Scenarios are weighted by age: the newest counts most, each one before it ``age_decay`` times as much. The floors keep
a calm spell from being the whole truth: the same measure over all scenarios alike, and the worst stress scenario.
Shared by the rulebooks of cleared swaps and Treasury clearing; the plain twin is
:mod:`engine.rules.historical_loss_plain`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.base.kernel import kernel
from engine.base.parameter_table import ParameterTable
from engine.rules.interface import Float64s

MEASURE_KEYS: Final = ("measure", "confidence", "age_decay", "floor_share", "stress_weight")
# Sums of weights carry noise: a tail of 0.01 is six scenarios of 600, not six and a seventh of weight 1e-17.
NOISE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Measure:
    """How losses over scenarios become one figure.

    Attributes:
        is_var: value at risk, else expected shortfall.
        confidence: e.g. 0.99.
        age_decay: weight of a scenario over that of the next newer one; 1 = all alike.
        floor_share: the figure is at least this share of the one with all scenarios alike.
        stress_weight: and at least this share of the worst loss in a stress scenario.
    """

    is_var: bool
    confidence: float
    age_decay: float
    floor_share: float
    stress_weight: float

    @classmethod
    def from_table(cls, header: ParameterTable) -> Measure:
        """Read the parameters :data:`MEASURE_KEYS` at the top of a file.

        Raises:
            MarginError: BAD_PARAMETER naming the parameter and its value.
        """
        return cls(
            is_var=header.stated("measure").text("value", choices=("var", "es")) == "var",
            confidence=header.stated("confidence").number("value", 0.5, 0.9999),
            age_decay=header.stated("age_decay").number("value", 0.9, 1.0),
            floor_share=header.stated("floor_share").number("value", 0.0, 1.0),
            stress_weight=header.stated("stress_weight").number("value", 0.0, 1.0),
        )

    def age_weights(self, count: int) -> Float64s:
        """float64[count]: weights of historical scenarios, oldest first; they add up to 1."""
        weights = self.age_decay ** np.arange(count - 1, -1, -1, dtype=np.float64)
        normed: Float64s = weights / weights.sum()
        return normed


class HistoricalLoss:
    """A measure on one scenario set."""

    def __init__(self, measure: Measure, historical: int) -> None:
        """``historical``: number of scenarios that are history; they stand before those of stress."""
        self.measure = measure
        self.historical = historical
        self._weights = measure.age_weights(historical)
        self._alike = np.full(historical, 1.0 / historical)

    def charge(self, pnl: Float64s) -> Float64s:
        """float64[m], USD, >= 0: largest of the measure and its floors.

        Args:
            pnl: float64[m, S], losses negative.
        """
        measure, history = self.measure, np.ascontiguousarray(pnl[:, : self.historical])
        tail = 1.0 - measure.confidence
        charges = np.maximum(_tail_losses(history, self._weights, tail, measure.is_var), 0.0)
        alike = _tail_losses(history, self._alike, tail, measure.is_var)
        charges = np.maximum(charges, measure.floor_share * alike)
        if pnl.shape[1] > self.historical:
            stress = -pnl[:, self.historical :].min(axis=1)
            charges = np.maximum(charges, measure.stress_weight * stress)
        return charges


@kernel
def _tail_losses(pnl: Float64s, weights: Float64s, tail: float, is_var: bool) -> Float64s:
    """float64[m]: expected shortfall over the worst share ``tail`` of the weight, or the loss at its edge."""
    losses = np.empty(len(pnl))
    for unit in range(len(pnl)):
        order = np.argsort(pnl[unit])
        seen, total = 0.0, 0.0
        for scenario in order:
            loss, weight = -pnl[unit, scenario], weights[scenario]
            if is_var:
                total = loss
                seen += weight
                if seen > tail + NOISE:
                    break
            else:
                part = min(weight, tail - seen)
                total += part * loss / tail
                seen += part
                if seen >= tail - NOISE:
                    break
        losses[unit] = total
    return losses
