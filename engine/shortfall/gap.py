"""Where the gap between silo margin and one unified margin comes from, exactly.

``gap = sum of silo requirements R_i - unified requirement U``; positive = money the unified rule would free.
With U_i the unified stand-alone charge of silo i (base + minimum charges), T the scenarios that decide the
account's base and ``loss_i(T)`` the silo's weighted loss over them::

    gap = sum (R_i - U_i)                  rulebook effect: the silo's own rule against the unified model,
    either sign
        + sum (base_i - loss_i(T))         netting: >= 0 for a coherent measure
        + (sum loss_i(T) - base)           zero floor: a book that gains even in its tail is charged nothing,
        <= 0 - add-on - cap top-up - floor top-up
        - outside                          positions that stay under their silo's rule

Minimum charges are gross and add up over silos, so they stand in U_i and need no line. No sampling, no
Shapley: each term is a figure of its own and they add up to the gap. Under value at risk, which is not
coherent, a netting term can be negative.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import SILO_INDEX
from engine.rules.unified.interface import UnifiedRulebook

Float64s = NDArray[np.float64]

RULEBOOK_EFFECT = "rulebook_effect"
NETTING = "netting"
ZERO_FLOOR = "zero_floor"
ADD_ON = "add_on"
CAP_TOP_UP = "cap_top_up"
FLOOR_TOP_UP = "floor_top_up"
OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class GapTerm:
    """One line of the attribution; ``silo`` is empty for lines of the whole account."""

    name: str
    silo: str
    amount_usd: float


@dataclass(frozen=True, slots=True)
class GapAttribution:
    """The gap of one account and the lines that add up to it.

    Attributes:
        gap_usd: silo sum minus unified requirement (outside positions included in both).
        tail: name and weight of each scenario that decides the base.
        tail_weights: float64[S], the same weights by scenario.
    """

    gap_usd: float
    terms: tuple[GapTerm, ...]
    tail: tuple[tuple[str, float], ...]
    tail_weights: Float64s

    def total_usd(self, name: str) -> float:
        """Sum of the lines of one name over silos."""
        return math.fsum(term.amount_usd for term in self.terms if term.name == name)

    @property
    def residual_usd(self) -> float:
        """Gap minus the sum of its lines: float noise."""
        return self.gap_usd - math.fsum(term.amount_usd for term in self.terms)


def attribute_gap(
    rulebook: UnifiedRulebook,
    exposures: Float64s,
    silos: Sequence[str],
    silo_requirement_usd: Mapping[str, float],
    *,
    add_on_usd: float,
    silo_total_usd: float,
    outside_usd: Mapping[str, float] | None = None,
) -> GapAttribution:
    """Attribute the gap of one account.

    Args:
        exposures: float64[u, k], the account's units.
        silos: u silo names, each once.
        silo_requirement_usd: requirement of every silo under today's rules, outside positions included.
        add_on_usd: liquidity add-on of the account.
        silo_total_usd: what the floor of the unified rule is a share of.
        outside_usd: per silo, requirement of the positions that stay there.
    """
    outside = outside_usd or {}
    sets = np.array([SILO_INDEX[silo] for silo in silos], np.int64)
    charges = rulebook.charge(exposures, sets)
    base = charges[:, rulebook.charge_columns.index("base")]
    standalone = dict(
        zip(silos, charges[:, rulebook.charge_columns.index("standalone")].tolist(), strict=True)
    )
    unified = _unified(rulebook, exposures, charges, sets, add_on_usd, silo_total_usd)
    weights = rulebook.tail_weights(exposures)
    tail_losses = -(exposures[:, : len(weights)] @ weights)
    named = sorted({*silo_requirement_usd, *silos}, key=lambda silo: SILO_INDEX[silo])
    terms = [
        GapTerm(RULEBOOK_EFFECT, silo, silo_requirement_usd.get(silo, 0.0) - standalone.get(silo, 0.0))
        for silo in named
    ]
    terms += [
        GapTerm(NETTING, silo, amount)
        for silo, amount in zip(silos, (base - tail_losses).tolist(), strict=True)
    ]
    account_base = unified["core"] + unified["stress_top_up"]
    terms.append(GapTerm(ZERO_FLOOR, "", math.fsum(tail_losses.tolist()) - account_base))
    terms += [GapTerm(name, "", -unified[name]) for name in (ADD_ON, CAP_TOP_UP, FLOOR_TOP_UP)]
    terms += [GapTerm(OUTSIDE, silo, -amount) for silo, amount in outside.items()]
    unified_total = unified["requirement"] + math.fsum(outside.values())
    return GapAttribution(
        gap_usd=math.fsum(silo_requirement_usd.values()) - unified_total,
        terms=tuple(terms),
        tail=tuple(
            (rulebook.scenarios.names[scenario], float(weights[scenario]))
            for scenario in np.flatnonzero(weights).tolist()
        ),
        tail_weights=weights,
    )


def _unified(
    rulebook: UnifiedRulebook,
    exposures: Float64s,
    charges: Float64s,
    sets: NDArray[np.int64],
    add_on_usd: float,
    silo_total_usd: float,
) -> dict[str, float]:
    """The account's unified requirement and its parts by name."""
    offsets = np.array([0, len(exposures)])
    results = rulebook.combine(
        exposures, charges, sets, offsets, np.array([add_on_usd]), np.array([silo_total_usd])
    )
    return dict(zip(rulebook.result_columns, results[0].tolist(), strict=True))


def position_contributions(rows: Float64s, quantities: Float64s, weights: Float64s) -> Float64s:
    """What each position loses over the deciding scenarios; hedges are negative.

    Args:
        rows: float64[n, k], one unit of each instrument.
        quantities: float64[n], signed.
        weights: float64[S], ``GapAttribution.tail_weights``.

    Returns:
        float64[n] USD; the positions of a silo add up to its loss over T.
    """
    losses: Float64s = -(rows[:, : len(weights)] @ weights) * quantities
    return losses


def double_margin_ratio(silo_sum_usd: float, unified_usd: float) -> float:
    """How many times over the silos charge what the unified rule charges; 1 where neither charges
    anything.
    """
    if unified_usd > 0.0:
        return silo_sum_usd / unified_usd
    return math.inf if silo_sum_usd > 0.0 else 1.0
