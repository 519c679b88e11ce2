"""Legs of spreads in a risk parameter file as the parameter file states them, or why they cannot be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

RawLeg = tuple[str, int, str, str, float, float | None]
Legs = list[dict[str, Any]]


class RawSpread(Protocol):
    """What is read of a spread; see :class:`streams.span.risk_parameters.Spread`."""

    legs: list[RawLeg]
    amount: float
    problem: str


def month_legs(legs: Sequence[RawLeg], place: Mapping[int, int]) -> tuple[Legs, str]:
    """Legs of an inter-month spread, and what is wrong with them.

    Args:
        place: our tier, from 1, by the file's tier number; empty: one tier for all months.
    """
    found: Legs = []
    for _, tier, month, side, ratio, _ in legs:
        if month:
            where: dict[str, Any] = {"month": month}
        elif not place:
            where = {"tier": 1}
        elif tier in place:
            where = {"tier": place[tier]}
        else:
            return [], f"tier {tier} is not defined"
        found.append({**where, "side": side, "delta_per_spread": ratio})
    return (found, "") if _two_sides(found) else ([], "all its legs are on one side")


def inter_legs(spread: RawSpread, commodities: Mapping[str, Any]) -> tuple[Legs, str]:
    """Legs of an inter-commodity spread, and what is wrong with them."""
    if spread.problem:
        return [], spread.problem
    names = [leg[0] for leg in spread.legs]
    absent = [name for name in names if name not in commodities]
    if absent:
        return [], f"commodity {absent[0]} is not used"
    if len(set(names)) != len(names):
        return [], "two legs of one commodity"
    if any(leg[1] or leg[2] for leg in spread.legs):
        return [], "its legs are bound to tiers or months"
    found: Legs = [
        {
            "commodity": name,
            "side": side,
            "delta_per_spread": ratio,
            "credit_rate": spread.amount if credit is None else credit,
        }
        for name, _, _, side, ratio, credit in spread.legs
    ]
    if not _two_sides(found):
        return [], "all its legs are on one side"
    bad = [leg["credit_rate"] for leg in found if not 0.0 <= leg["credit_rate"] <= 1.0]
    return (found, "") if not bad else ([], f"credit rate {bad[0]:g} is not in 0..1")


def _two_sides(legs: Legs) -> bool:
    return {leg["side"] for leg in legs} == {"A", "B"}
