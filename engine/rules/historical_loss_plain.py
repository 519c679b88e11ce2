"""Weighted value at risk and expected shortfall of one netting set, in plain steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from engine.rules.historical_loss import NOISE, Measure
from engine.rules.requirement import Part


class Loss(NamedTuple):
    """The figure, and the scenario in which the set loses most."""

    part: Part
    worst: str


def historical_loss(measure: Measure, names: Sequence[str], historical: int, pnl: Sequence[float]) -> Loss:
    """The part of a netting set.

    Args:
        names, pnl: of each scenario, losses negative, USD; the first ``historical`` are history, oldest first.
    """
    history, stress = pnl[:historical], pnl[historical:]
    ages = range(historical - 1, -1, -1)
    total = math.fsum(measure.age_decay**age for age in ages)
    weights = [measure.age_decay**age / total for age in ages]
    weighted = _measured(measure, history, weights)
    alike = _measured(measure, history, [1.0 / historical] * historical)
    worst_stress = max((-one for one in stress), default=0.0)
    amounts = {
        "weighted by age": weighted,
        "floor: all scenarios alike": measure.floor_share * alike,
        "floor: stress": measure.stress_weight * worst_stress,
    }
    decides = max(amounts, key=lambda name: amounts[name])
    worst = min(range(len(pnl)), key=lambda scenario: pnl[scenario])
    facts: dict[str, float | str] = {
        "measure": "value at risk" if measure.is_var else "expected shortfall",
        "confidence": measure.confidence,
        "decides": decides,
        "weighted_usd": weighted,
        "alike_usd": alike,
        "worst_stress_usd": worst_stress,
        "worst_scenario": names[worst],
        "worst_scenario_usd": pnl[worst],
    }
    return Loss(Part("historical loss", max(amounts[decides], 0.0), (), facts), names[worst])


def _measured(measure: Measure, pnl: Sequence[float], weights: Sequence[float]) -> float:
    """Go from the worst loss on until the tail's weight is reached."""
    tail = 1.0 - measure.confidence
    ranked = sorted(zip(pnl, weights, strict=True))
    seen, taken = 0.0, []
    for gain, weight in ranked:
        part = weight if measure.is_var else min(weight, tail - seen)
        taken.append(-gain if measure.is_var else -gain * part / tail)
        seen += part
        if seen > tail + NOISE or (not measure.is_var and seen >= tail - NOISE):
            break
    return taken[-1] if measure.is_var else math.fsum(taken)
