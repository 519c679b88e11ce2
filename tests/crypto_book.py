"""Cases of the crypto rulebooks as the engine sees them: parameter files, a market, holdings."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.market.instruments import Instrument
from engine.market.market import Market
from engine.rules.interface import Holding
from tests.finra_4210g_book import instrument_of, set_prices

ROOT = Path(__file__).resolve().parent.parent


def shipped(name: str) -> dict[str, Any]:
    """The parsed parameter file of the package."""
    return tomllib.loads((ROOT / f"engine/rules/data/{name}.toml").read_text())


def golden(name: str) -> list[Path]:
    return sorted((ROOT / "tests/golden" / name).glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(path.read_text())
    return case


def market_of(instruments: Sequence[Instrument], marks: Mapping[str, float]) -> Market:
    """A market with these marks; an instrument that is not among them has no price."""
    market = Market()
    for instrument in instruments:
        market.put_instrument(instrument)
    set_prices(market, [{"instrument_id": name, "mark": mark} for name, mark in marks.items()])
    return market


def case_market(case: Mapping[str, Any]) -> Market:
    return market_of([instrument_of(record) for record in case["instruments"]], case["prices"])


def holdings_of(market: Market, positions: Mapping[str, float], silo: str) -> list[Holding]:
    return [
        Holding(market.instruments[market.slot_of[name]], float(quantity), silo)
        for name, quantity in positions.items()
    ]
