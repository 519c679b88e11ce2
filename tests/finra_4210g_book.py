"""FINRA 4210(g) cases as the engine sees them: a market, holdings, and the vectorised path end to end."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.market.prices import PriceColumns, apply_prices
from engine.rules.finra_4210g import Finra4210g
from engine.rules.finra_4210g_parameters import Parameters
from engine.rules.interface import LINEAR, LONG, SHORT, Float64s, Holding

ROOT = Path(__file__).resolve().parent.parent
PARAMETER_FILE = ROOT / "engine/rules/data/finra-4210g.toml"
GOLDEN = sorted((ROOT / "tests/golden/finra-4210g").glob("*.json"))


def shipped_mapping() -> dict[str, Any]:
    return tomllib.loads(PARAMETER_FILE.read_text())


def shipped_rulebook() -> Finra4210g:
    return Finra4210g(Parameters.from_mapping(shipped_mapping()))


def load(path: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(path.read_text())
    return case


def nanoseconds(timestamp: str) -> int:
    return int(datetime.fromisoformat(timestamp).timestamp()) * 1_000_000_000


def instrument_of(record: dict[str, Any]) -> Instrument:
    fields = dict(record)
    fields["product"] = Product(fields["product"])
    if "expiry" in fields:
        fields["expiry_ns"] = nanoseconds(fields.pop("expiry"))
    return Instrument(**fields)


def set_prices(market: Market, prices: Sequence[dict[str, Any]], sequence: int = 1) -> None:
    """Marks and, where given, implied volatilities."""
    count = len(prices)
    empty = np.full(count, np.nan)
    apply_prices(
        market,
        PriceColumns(
            slots=market.slots([price["instrument_id"] for price in prices]),
            bid=empty,
            ask=empty,
            mark=np.array([price["mark"] for price in prices], np.float64),
            implied_volatility=np.array([price.get("implied_volatility", np.nan) for price in prices]),
            source_time_ns=np.full(count, sequence, np.int64),
            sequence=np.full(count, sequence, np.int64),
        ),
    )


def market_of(case: dict[str, Any]) -> Market:
    market = Market(
        rate=case["market"]["rate"], valuation_time_ns=nanoseconds(case["market"]["valuation_time"])
    )
    for record in case["instruments"]:
        market.put_instrument(instrument_of(record))
    set_prices(market, case["prices"])
    return market


def holdings_of(market: Market, positions: Sequence[dict[str, Any]]) -> list[Holding]:
    return [
        Holding(
            market.instruments[market.slot_of[position["instrument_id"]]],
            float(position["quantity"]),
            "securities",
        )
        for position in positions
    ]


def exposures_of(rulebook: Finra4210g, market: Market, holdings: Sequence[Holding]) -> dict[str, Float64s]:
    """Exposure of each netting set, by the definition in the rulebook interface."""
    slots = market.slots([holding.instrument.instrument_id for holding in holdings])
    rows = rulebook.rows(market, slots)
    exposures: dict[str, Float64s] = {}
    for holding, row in zip(holdings, rows, strict=True):
        weights = {LINEAR: holding.quantity, LONG: max(holding.quantity, 0), SHORT: max(-holding.quantity, 0)}
        weight = np.array([weights[kind] for kind in rulebook.column_kinds.tolist()])
        key = rulebook.netting_set(holding.instrument)
        exposures[key] = exposures.get(key, np.zeros(len(row))) + weight * row
    return exposures


def requirements(rulebook: Finra4210g, market: Market, accounts: Sequence[Sequence[Holding]]) -> Float64s:
    """float64[a, 2] of the vectorised path: rows, exposures, charge and combine for all accounts at once."""
    by_account = [exposures_of(rulebook, market, holdings) for holdings in accounts]
    names = sorted({name for exposures in by_account for name in exposures})
    rulebook.bind(names)
    units = [(names.index(name), row) for exposures in by_account for name, row in exposures.items()]
    sets = np.array([index for index, _ in units], np.int64)
    stacked = np.array([row for _, row in units]).reshape(len(units), len(rulebook.column_kinds))
    offsets = np.cumsum([0, *(len(exposures) for exposures in by_account)], dtype=np.int64)
    return rulebook.combine(rulebook.charge(stacked, sets), sets, offsets)
