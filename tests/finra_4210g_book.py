"""The shipped FINRA 4210(g) rulebook and holdings that it margins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.market.market import Market
from engine.rules.finra_4210g import Finra4210g
from engine.rules.finra_4210g_parameters import Parameters
from engine.rules.interface import Holding
from tests.rulebook_cases import shipped


def shipped_rulebook() -> Finra4210g:
    return Finra4210g(Parameters.from_mapping(shipped("finra-4210g")))


def holdings_of(market: Market, positions: Sequence[dict[str, Any]]) -> list[Holding]:
    return [
        Holding(
            market.instruments[market.slot_of[position["instrument_id"]]],
            float(position["quantity"]),
            "securities",
        )
        for position in positions
    ]
