"""Standardized initial margin of uncleared swaps for one account, in the order in which a clerk works it out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.instruments import Instrument
from engine.market.plain import fx_rate
from engine.market.premium_dates import started_months
from engine.market.view import MarketView
from engine.rules.held import covered
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Part, Requirement
from engine.rules.schedule_im_parameters import FACE, Parameters

Facts = dict[str, float | str]


def explain_account(parameters: Parameters, holdings: Sequence[Holding], market: MarketView) -> Explained:
    """The account's requirement: a part of gross initial margin in full, the rest by the net-to-gross ratio."""
    facts: Facts = {"version": parameters.version}
    gross: list[Part] = []
    costs_usd: list[float] = []
    for holding in covered(holdings, parameters.silo, parameters.products):
        if not market.priced[market.slot_of[holding.instrument.instrument_id]]:
            facts[f"mark of {holding.instrument.instrument_id}"] = "missing: not in the figure"
            continue
        gross.append(_gross(parameters, holding, market))
        costs_usd.append(_replacement_cost(holding, market))
    gross_usd = math.fsum(part.amount_usd for part in gross)
    ratio = _net_to_gross(costs_usd, facts)
    kept = Part("in full", parameters.gross_share * gross_usd, (), {"share": parameters.gross_share})
    rest = 1.0 - parameters.gross_share
    netted = Part("by the net-to-gross ratio", rest * ratio * gross_usd, (), {"share": rest, "ratio": ratio})
    facts |= {"gross_initial_margin_usd": gross_usd}
    facts |= {f"gross of {part.name}": part.amount_usd for part in gross}
    facts |= {key: value for part in gross for key, value in part.facts.items()}
    tree = Part.sum_of("standardized initial margin", [kept, netted], **facts)
    return Explained(Requirement(tree.amount_usd, tree.amount_usd), tree)


def _gross(parameters: Parameters, holding: Holding, market: MarketView) -> Part:
    """Rate of the table on the notional of one position."""
    instrument = holding.instrument
    name, months = instrument.instrument_id, _months(instrument, market)
    terms, rate = parameters.products[instrument.product], parameters.rate(instrument.product, months)
    price = 1.0 if terms.notional == FACE else float(market.mark[market.slot_of[name]])
    notional_usd = abs(holding.quantity * instrument.multiplier * price * fx_rate(instrument, market))
    facts: Facts = {
        f"notional_usd of {name}": notional_usd,
        f"asset class of {name}": terms.asset_class,
        f"months of {name}": months,
        f"rate of {name}": rate,
    }
    return Part(name, rate * notional_usd, (), facts)


def _replacement_cost(holding: Holding, market: MarketView) -> float:
    """What the position is worth to the firm, the account's other side; nothing where gains are settled daily."""
    instrument = holding.instrument
    if instrument.is_futures_style:
        return 0.0
    mark = float(market.mark[market.slot_of[instrument.instrument_id]])
    return -holding.quantity * instrument.multiplier * mark * fx_rate(instrument, market)


def _net_to_gross(costs_usd: Sequence[float], facts: Facts) -> float:
    """Net over gross replacement cost; 1 where nothing has a positive one."""
    gross_usd = math.fsum(max(cost, 0.0) for cost in costs_usd)
    net_usd = max(math.fsum(costs_usd), 0.0)
    facts |= {"gross_replacement_cost_usd": gross_usd, "net_replacement_cost_usd": net_usd}
    return net_usd / gross_usd if gross_usd > 0.0 else 1.0


def _months(instrument: Instrument, market: MarketView) -> int:
    """Started calendar months to maturity; 0 for what has none."""
    if instrument.expiry_ns == 0:
        return 0
    return started_months(
        market.valuation_time_ns // NANOSECONDS_PER_DAY, instrument.expiry_ns // NANOSECONDS_PER_DAY
    )
