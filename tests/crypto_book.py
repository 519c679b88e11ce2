"""Cases of the crypto rulebooks as the engine sees them: a market and holdings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.market.instruments import Instrument
from engine.market.market import Market
from engine.rules.interface import Holding
from tests.rulebook_cases import instrument_of, set_prices


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
