"""SPAN-type rulebooks, accounts by quantity, and what the vectorised path makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.market.market import Market
from engine.portfolio.account_class import AccountClass
from engine.rules.interface import Float64s, Holding
from engine.rules.requirement import Part
from engine.rules.span import SpanFutures
from engine.rules.span_parameters import Parameters
from tests import rulebook_cases


def rulebook_of(mapping: Mapping[str, Any]) -> SpanFutures:
    return SpanFutures(Parameters.from_mapping(mapping))


def holdings_of(market: Market, quantities: Mapping[str, float]) -> list[Holding]:
    return [
        Holding(market.instruments[market.slot_of[instrument_id]], quantity, "futures")
        for instrument_id, quantity in quantities.items()
    ]


def exposures_of(
    rulebook: SpanFutures, market: Market, quantities: Mapping[str, float]
) -> dict[str, Float64s]:
    """Exposure of each commodity of one account."""
    return rulebook_cases.exposures_of(rulebook, market, holdings_of(market, quantities))


def charges_of(rulebook: SpanFutures, market: Market, quantities: Mapping[str, float]) -> dict[str, Float64s]:
    """Charge columns of each commodity of one account."""
    exposures = exposures_of(rulebook, market, quantities)
    rulebook.bind(list(exposures))
    charges = rulebook.charge(np.array(list(exposures.values())), np.arange(len(exposures)))
    return dict(zip(exposures, charges, strict=True))


def requirements(
    rulebook: SpanFutures,
    market: Market,
    accounts: Sequence[Mapping[str, float]],
    classes: Sequence[AccountClass] = (),
) -> Float64s:
    """float64[a, 2] of the vectorised path for all accounts at once."""
    holdings = [holdings_of(market, held) for held in accounts]
    return rulebook_cases.requirements(rulebook, market, holdings, classes)


def commodity_part(tree: Part, name: str) -> Part:
    return next(part for part in tree.parts if part.name == f"combined commodity {name}")


def amount_of(part: Part, beginning: str) -> float:
    """Sum of the children whose name begins so."""
    return sum(child.amount_usd for child in part.parts if child.name.startswith(beginning))
