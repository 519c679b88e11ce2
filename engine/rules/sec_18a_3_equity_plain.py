"""SEC Rule 18a-3 standardized margin of equity swaps for one account, in the order in which a clerk works it out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.market.instruments import Product
from engine.market.plain import fx_rate
from engine.market.view import MarketView
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Part, Requirement
from engine.rules.sec_18a_3_equity_parameters import Parameters

COVERED = frozenset({Product.EQUITY_SWAP})
Facts = dict[str, float | str]


def explain_account(parameters: Parameters, holdings: Sequence[Holding], market: MarketView) -> Explained:
    """The account's requirement: the sum over the shares that its swaps refer to."""
    by_share: dict[str, list[Holding]] = {}
    for holding in holdings:
        if holding.silo == parameters.silo and holding.instrument.product in COVERED:
            by_share.setdefault(holding.instrument.underlying, []).append(holding)
    parts = [_share(parameters, name, by_share[name], market) for name in sorted(by_share)]
    tree = Part.sum_of("SEC 18a-3 equity swaps", parts, version=parameters.version)
    return Explained(Requirement(tree.amount_usd, tree.amount_usd), tree)


def _share(parameters: Parameters, name: str, holdings: list[Holding], market: MarketView) -> Part:
    """The rate on the net value of one share's swaps."""
    facts: Facts = {"rate": parameters.rate}
    values_usd = []
    for holding in sorted(holdings, key=lambda one: one.instrument.instrument_id):
        instrument = holding.instrument
        slot = market.slot_of[instrument.instrument_id]
        if not market.priced[slot]:
            facts[f"mark of {instrument.instrument_id}"] = "missing: not in the figure"
            continue
        mark = float(market.mark[slot])
        facts[f"mark of {instrument.instrument_id}"] = mark
        values_usd.append(holding.quantity * instrument.multiplier * mark * fx_rate(instrument, market))
    facts["net_value_usd"] = math.fsum(values_usd)
    return Part(name, parameters.rate * abs(math.fsum(values_usd)), (), facts)
