"""Event contracts of one account, in the order in which a clerk works it out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.market.instruments import Instrument, Product
from engine.market.plain import fx_rate
from engine.market.view import MarketView
from engine.rules.event_contracts_parameters import Parameters
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Part, Requirement

COVERED = frozenset({Product.EVENT_CONTRACT})
Facts = dict[str, float | str]


def netting_set_of(instrument: Instrument) -> str:
    """The event with its outcomes: contracts that list other outcomes for the same event do not net with it."""
    return f"{instrument.event} ({', '.join(sorted(instrument.outcomes))})"


def explain_account(parameters: Parameters, holdings: Sequence[Holding], market: MarketView) -> Explained:
    """The account's requirement: the sum over events; initial equals maintenance."""
    by_event: dict[str, list[Holding]] = {}
    for holding in holdings:
        if holding.silo == parameters.silo and holding.instrument.product in COVERED:
            by_event.setdefault(netting_set_of(holding.instrument), []).append(holding)
    parts = [_event(parameters, by_event[name], market) for name in sorted(by_event)]
    published_usd = math.fsum(float(part.facts["published_usd"]) for part in parts)
    tree = Part.sum_of(
        "event contracts, fully paid", parts, version=parameters.version, published_usd=published_usd
    )
    worst = str(parts[0].facts["worst_outcome"]) if len(parts) == 1 else ""
    return Explained(Requirement(tree.amount_usd, tree.amount_usd), tree, worst)


def _event(parameters: Parameters, holdings: list[Holding], market: MarketView) -> Part:
    """Value of the contracts less what they pay in the worst outcome."""
    outcomes = sorted(holdings[0].instrument.outcomes)
    held = sorted(holdings, key=lambda each: each.instrument.instrument_id)
    paid_usd = {
        outcome: math.fsum(_value_usd(each, market, _payoff(each.instrument, outcome)) for each in held)
        for outcome in outcomes
    }
    pnl = {
        outcome: payoff_usd - math.fsum(_value_usd(each, market, None) for each in held)
        for outcome, payoff_usd in paid_usd.items()
    }
    worst = min(outcomes, key=lambda outcome: pnl[outcome])
    parts = [_position(each, market, worst) for each in held]
    if pnl[worst] > 0.0:
        parts.append(Part("gain in every outcome, not credited", pnl[worst]))
    largest_loss_usd = max(-pnl[worst], 0.0)
    if parameters.loss_share != 1.0:
        name = f"share {parameters.loss_share:g} of the largest loss is required"
        parts.append(Part(name, (parameters.loss_share - 1.0) * largest_loss_usd))
    facts: Facts = {"worst_outcome": worst, "largest_loss_usd": largest_loss_usd}
    facts["published_usd"] = max(-paid_usd[worst], 0.0)
    facts |= {f"P&L if {outcome}": pnl[outcome] for outcome in outcomes}
    return Part.sum_of(f"event {holdings[0].instrument.event}", parts, **facts)


def _payoff(instrument: Instrument, outcome: str) -> float:
    return instrument.payoff if outcome in instrument.pays_on else 0.0


def _value_usd(holding: Holding, market: MarketView, price: float | None) -> float:
    """Value of a position at a price, None: at its mark; 0 where it has none."""
    instrument = holding.instrument
    slot = market.slot_of[instrument.instrument_id]
    if not market.priced[slot]:
        return 0.0
    unit_usd = instrument.multiplier * fx_rate(instrument, market)
    return holding.quantity * unit_usd * (float(market.mark[slot]) if price is None else price)


def _position(holding: Holding, market: MarketView, worst: str) -> Part:
    """Loss of one position in the event's worst outcome."""
    instrument = holding.instrument
    slot = market.slot_of[instrument.instrument_id]
    priced = bool(market.priced[slot])
    payoff = _payoff(instrument, worst)
    facts: Facts = {
        "quantity": holding.quantity,
        "mark": float(market.mark[slot]) if priced else "missing: not in the figure",
        "pays": payoff,
        "pays_on": ", ".join(instrument.pays_on),
    }
    loss_usd = _value_usd(holding, market, None) - _value_usd(holding, market, payoff)
    return Part(f"{holding.quantity:+g} {instrument.instrument_id}", loss_usd, (), facts)
