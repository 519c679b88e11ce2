"""SPAN-type cases as the engine sees them: a rulebook, holdings, and the vectorised path end to end."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.market.market import Market
from engine.rules.interface import HELD, LINEAR, SHORT, Float64s, Holding
from engine.rules.requirement import Part
from engine.rules.span import SpanFutures
from engine.rules.span_parameters import Parameters
from tests.finra_4210g_book import ROOT

PARAMETER_FILE = ROOT / "engine/rules/data/span-futures.toml"
GOLDEN = sorted((ROOT / "tests/golden/span-futures").glob("*.json"))


def shipped_mapping() -> dict[str, Any]:
    return tomllib.loads(PARAMETER_FILE.read_text())


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
    """Exposure of each netting set, by the definition in the rulebook interface."""
    rows = rulebook.rows(market, market.slots(list(quantities)))
    exposures: dict[str, Float64s] = {}
    for (instrument_id, quantity), row in zip(quantities.items(), rows, strict=True):
        weights = {LINEAR: quantity, SHORT: max(-quantity, 0.0), HELD: float(quantity != 0.0)}
        weight = np.array([weights[kind] for kind in rulebook.column_kinds.tolist()])
        key = rulebook.netting_set(market.instruments[market.slot_of[instrument_id]])
        exposures[key] = exposures.get(key, np.zeros(len(row))) + weight * row
    return exposures


def charges_of(rulebook: SpanFutures, market: Market, quantities: Mapping[str, float]) -> dict[str, Float64s]:
    """Charge columns of each commodity of one account."""
    exposures = exposures_of(rulebook, market, quantities)
    rulebook.bind(list(exposures))
    charges = rulebook.charge(np.array(list(exposures.values())), np.arange(len(exposures)))
    return dict(zip(exposures, charges, strict=True))


def requirements(rulebook: SpanFutures, market: Market, accounts: Sequence[Mapping[str, float]]) -> Float64s:
    """float64[a, 2] of the vectorised path: rows, exposures, charge and combine for all accounts at once."""
    by_account = [exposures_of(rulebook, market, quantities) for quantities in accounts]
    names = sorted({name for exposures in by_account for name in exposures})
    rulebook.bind(names)
    units = [(names.index(name), row) for exposures in by_account for name, row in exposures.items()]
    sets = np.array([index for index, _ in units], np.int64)
    stacked = np.array([row for _, row in units]).reshape(len(units), len(rulebook.column_kinds))
    offsets = np.cumsum([0, *(len(exposures) for exposures in by_account)], dtype=np.int64)
    return rulebook.combine(rulebook.charge(stacked, sets), sets, offsets)


def commodity_part(tree: Part, name: str) -> Part:
    return next(part for part in tree.parts if part.name == f"combined commodity {name}")


def amount_of(part: Part, beginning: str) -> float:
    """Sum of the children whose name begins so."""
    return sum(child.amount_usd for child in part.parts if child.name.startswith(beginning))
