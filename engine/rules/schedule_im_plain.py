"""Standardized initial margin of uncleared swaps for one account, in the order in which a clerk works it out."""

from __future__ import annotations

from collections.abc import Sequence

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.instruments import Instrument
from engine.market.plain import fx_rate
from engine.market.premium_dates import started_months
from engine.market.view import MarketView
from engine.rules.held import covered
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Requirement
from engine.rules.schedule_im_parameters import FACE, Parameters
from engine.rules.schedule_im_swaps import Facts, Swap, standardized


def explain_account(parameters: Parameters, holdings: Sequence[Holding], market: MarketView) -> Explained:
    """The account's requirement: its positions as swaps."""
    facts: Facts = {"version": parameters.version}
    swaps: list[Swap] = []
    for holding in covered(holdings, parameters.silo, parameters.products):
        if not market.priced[market.slot_of[holding.instrument.instrument_id]]:
            facts[f"mark of {holding.instrument.instrument_id}"] = "missing: not in the figure"
            continue
        swaps.append(_swap(parameters, holding, market))
    tree = standardized(parameters, swaps, facts)
    return Explained(Requirement(tree.amount_usd, tree.amount_usd), tree)


def _swap(parameters: Parameters, holding: Holding, market: MarketView) -> Swap:
    instrument = holding.instrument
    name, terms = instrument.instrument_id, parameters.products[instrument.product]
    price = 1.0 if terms.notional == FACE else float(market.mark[market.slot_of[name]])
    notional_usd = abs(holding.quantity * instrument.multiplier * price * fx_rate(instrument, market))
    cost_usd = _replacement_cost(holding, market)
    return Swap(name, terms.asset_class, _months(instrument, market), notional_usd, cost_usd)


def _replacement_cost(holding: Holding, market: MarketView) -> float:
    """What the position is worth to the firm, the account's other side; nothing where gains are settled daily."""
    instrument = holding.instrument
    if instrument.is_futures_style:
        return 0.0
    mark = float(market.mark[market.slot_of[instrument.instrument_id]])
    return -holding.quantity * instrument.multiplier * mark * fx_rate(instrument, market)


def _months(instrument: Instrument, market: MarketView) -> int:
    """Started calendar months to maturity; 0 for what has none."""
    if instrument.expiry_ns == 0:
        return 0
    return started_months(
        market.valuation_time_ns // NANOSECONDS_PER_DAY, instrument.expiry_ns // NANOSECONDS_PER_DAY
    )
