"""SEC Rule 18a-3 standardized margin of equity swaps for one account, in the order in which a clerk works it out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.market.instruments import Instrument, Product
from engine.market.plain import fx_rate
from engine.market.view import MarketView
from engine.rules.held import covered
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Part, Requirement
from engine.rules.sec_18a_3_equity_parameters import Parameters

COVERED = frozenset({Product.EQUITY_SWAP})
Facts = dict[str, float | str]


def components_of(instrument: Instrument) -> tuple[tuple[str, float], ...]:
    """What a swap refers to: the components of its basket with their weights, else its share or index alone."""
    return instrument.components or ((instrument.underlying, 1.0),)


def explain_account(parameters: Parameters, holdings: Sequence[Holding], market: MarketView) -> Explained:
    """The account's requirement: the sum over the shares that its swaps refer to, baskets taken apart."""
    values_usd: dict[str, list[float]] = {}
    facts: dict[str, Facts] = {}
    for holding in covered(holdings, parameters.silo, COVERED):
        instrument = holding.instrument
        for share, weight in components_of(instrument):
            shown = facts.setdefault(share, {"rate": parameters.rate})
            value_usd = _value(holding, market, shown)
            if instrument.components:
                shown[f"weight in {instrument.instrument_id}"] = weight
            values_usd.setdefault(share, []).append(value_usd * weight)
    parts = [_share(parameters, share, values_usd[share], facts[share]) for share in sorted(values_usd)]
    tree = Part.sum_of("SEC 18a-3 equity swaps", parts, version=parameters.version)
    return Explained(Requirement(tree.amount_usd, tree.amount_usd), tree)


def _value(holding: Holding, market: MarketView, facts: Facts) -> float:
    """Signed value of a position in USD; the mark it rests on goes into the facts."""
    instrument = holding.instrument
    slot = market.slot_of[instrument.instrument_id]
    if not market.priced[slot]:
        facts[f"mark of {instrument.instrument_id}"] = "missing: not in the figure"
        return 0.0
    mark = float(market.mark[slot])
    facts[f"mark of {instrument.instrument_id}"] = mark
    return holding.quantity * instrument.multiplier * mark * fx_rate(instrument, market)


def _share(parameters: Parameters, name: str, values_usd: list[float], facts: Facts) -> Part:
    """The rate on the net value of one share."""
    net_usd = math.fsum(values_usd)
    return Part(name, parameters.rate * abs(net_usd), (), facts | {"net_value_usd": net_usd})
