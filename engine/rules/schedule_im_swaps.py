"""Standardized initial margin of swaps that are given by their terms: what a clerk works out for one netting set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.rules.requirement import Part
from engine.rules.schedule_im_parameters import Parameters

Facts = dict[str, float | str]


@dataclass(frozen=True, slots=True)
class Swap:
    """One swap.

    Attributes:
        asset_class: of the table. months: started calendar months to maturity, 0 where there is none.
        cost_usd: what it costs the side that collects to replace it: its worth to that side.
    """

    name: str
    asset_class: str
    months: int
    notional_usd: float
    cost_usd: float


def standardized(parameters: Parameters, swaps: Sequence[Swap], facts: Facts) -> Part:
    """A part of gross initial margin in full, the rest by the net-to-gross ratio; ``facts`` go to the top."""
    gross = []
    shown: Facts = {}
    for swap in swaps:
        rate = parameters.asset_classes[swap.asset_class].rate(swap.months)
        gross.append(rate * swap.notional_usd)
        shown |= {
            f"gross of {swap.name}": gross[-1],
            f"notional_usd of {swap.name}": swap.notional_usd,
            f"asset class of {swap.name}": swap.asset_class,
            f"months of {swap.name}": swap.months,
            f"rate of {swap.name}": rate,
        }
    gross_usd = math.fsum(gross)
    ratio, costs = _net_to_gross([swap.cost_usd for swap in swaps])
    kept = Part("in full", parameters.gross_share * gross_usd, (), {"share": parameters.gross_share})
    rest = 1.0 - parameters.gross_share
    netted = Part("by the net-to-gross ratio", rest * ratio * gross_usd, (), {"share": rest, "ratio": ratio})
    facts = facts | costs | {"gross_initial_margin_usd": gross_usd} | shown
    return Part.sum_of("standardized initial margin", [kept, netted], **facts)


def _net_to_gross(costs_usd: Sequence[float]) -> tuple[float, Facts]:
    """Net over gross replacement cost; 1 where nothing has a positive one."""
    gross_usd = math.fsum(max(cost, 0.0) for cost in costs_usd)
    net_usd = max(math.fsum(costs_usd), 0.0)
    facts: Facts = {"gross_replacement_cost_usd": gross_usd, "net_replacement_cost_usd": net_usd}
    return net_usd / gross_usd if gross_usd > 0.0 else 1.0, facts
