"""SPAN-type margin for one account, in the order in which a clerk works it out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.market.instruments import Instrument, Product, Silo
from engine.market.view import MarketView
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Part, Requirement
from engine.rules.span_array_plain import ContractRisk, Facts, contract_risk
from engine.rules.span_parameters import SCENARIO_NAMES, SCENARIOS, Commodity, Parameters

_SAME_LOSS = 1e-9  # losses this close together (relative) count as equal
_NOISE_DELTA = 1e-9  # a net delta this small is none


@dataclass(frozen=True, slots=True)
class Position:
    """One position: signed contracts and the risk of one contract."""

    instrument: Instrument
    quantity: float
    risk: ContractRisk


@dataclass(frozen=True, slots=True)
class CommodityRisk:
    """Charges of one combined commodity before inter-commodity credits.

    Attributes:
        active: index 0..15 of the scenario that decides.
        inter_month: one part per spread formed.
        price_risk_usd: price part of the scanning risk, what an inter-commodity credit may reduce.
        net_delta: in standard contracts.
    """

    commodity: Commodity
    positions: list[Position]
    pnl_usd: list[float]
    active: int
    scanning_usd: float
    inter_month: list[Part]
    minimum_usd: float
    price_risk_usd: float
    net_delta: float
    option_value_usd: float
    long_options_only: bool


def explain_account(parameters: Parameters, holdings: Sequence[Holding], market: MarketView) -> Explained:
    """The account's requirement with the tree that adds up to it; initial = risk x initial factor."""
    groups: dict[str, list[Position]] = {}
    for instrument, quantity in _net_positions(holdings):
        position = Position(instrument, quantity, contract_risk(parameters, instrument, market))
        groups.setdefault(instrument.combined_commodity, []).append(position)
    risks = {name: _commodity_risk(parameters.commodities[name], groups[name]) for name in sorted(groups)}
    credits = _inter_commodity_credits(parameters, risks)
    parts = {name: _commodity_part(risk, credits[name]) for name, risk in risks.items()}
    option_value_usd = math.fsum(risk.option_value_usd for risk in risks.values())
    maintenance_usd = math.fsum(part.amount_usd for part in parts.values())
    tree = Part.sum_of(
        "SPAN-type margin of futures and options on futures",
        list(parts.values()),
        version=parameters.version,
        net_option_value_usd=option_value_usd,
        published_usd=maintenance_usd - option_value_usd,
    )
    initial_usd = math.fsum(
        parameters.commodities[name].initial_factor * part.amount_usd for name, part in parts.items()
    )
    worst = [f"{name} scenario {SCENARIO_NAMES[risk.active]}" for name, risk in risks.items()]
    return Explained(Requirement(initial_usd, maintenance_usd), tree, worst[0] if len(worst) == 1 else "")


def _net_positions(holdings: Sequence[Holding]) -> list[tuple[Instrument, float]]:
    """One net position per instrument; perpetuals and crypto futures of the silo have their own rulebook."""
    instruments: dict[str, Instrument] = {}
    quantities: dict[str, list[float]] = {}
    for holding in holdings:
        covered = holding.instrument.product in {Product.FUTURE, Product.FUTURE_OPTION}
        if holding.silo == Silo.FUTURES and covered:
            instruments[holding.instrument.instrument_id] = holding.instrument
            quantities.setdefault(holding.instrument.instrument_id, []).append(holding.quantity)
    net = [(instruments[key], math.fsum(quantities[key])) for key in sorted(quantities)]
    return [(instrument, quantity) for instrument, quantity in net if quantity != 0.0]


def _commodity_risk(commodity: Commodity, positions: list[Position]) -> CommodityRisk:
    """Scanning risk, inter-month charge, short option minimum and what the credits need."""
    pnl_usd = [math.fsum(p.quantity * p.risk.pnl_usd[k] for p in positions) for k in range(SCENARIOS)]
    active = _active_scenario(pnl_usd)
    scanning_usd = max(0.0, -pnl_usd[active])
    net_delta = math.fsum(p.quantity * p.risk.delta for p in positions)
    slope_usd = math.fsum(p.quantity * p.risk.delta * p.risk.standard_scan_usd for p in positions)
    return CommodityRisk(
        commodity,
        positions,
        pnl_usd,
        active,
        scanning_usd,
        _inter_month_charges(commodity, positions),
        math.fsum(max(-p.quantity, 0.0) * p.risk.minimum_usd for p in positions),
        _price_risk_usd(pnl_usd, active, scanning_usd, slope_usd),
        net_delta if abs(net_delta) > _NOISE_DELTA else 0.0,
        math.fsum(p.quantity * p.risk.value_usd for p in positions),
        all(p.instrument.is_option and p.quantity > 0.0 for p in positions if p.risk.priced),
    )


def _active_scenario(pnl_usd: list[float]) -> int:
    """The lowest numbered scenario with the largest loss."""
    worst = min(pnl_usd)
    limit = worst + _SAME_LOSS * max(1.0, abs(worst))
    return next(k for k in range(SCENARIOS) if pnl_usd[k] <= limit)


def _price_risk_usd(pnl_usd: list[float], active: int, scanning_usd: float, slope_usd: float) -> float:
    """Mean loss of the active scenario and its volatility twin, less that at the unmoved price (time risk).

    Not above the scanning risk, nor above what futures of the same delta would lose over the scan range.
    """
    if active >= SCENARIOS - 2:  # the extreme moves have no twin
        volatility_adjusted = -pnl_usd[active]
    else:
        twin = active + 1 if active % 2 == 0 else active - 1
        volatility_adjusted = -(pnl_usd[active] + pnl_usd[twin]) / 2.0
    time_risk = -(pnl_usd[0] + pnl_usd[1]) / 2.0
    return min(max(volatility_adjusted - time_risk, 0.0), scanning_usd, abs(slope_usd))


def _inter_month_charges(commodity: Commodity, positions: list[Position]) -> list[Part]:
    """Net delta by contract month, long and short by tier, spreads in the order of the parameters."""
    by_month: dict[str, list[float]] = {}
    for position in positions:
        delta = position.quantity * position.risk.delta
        by_month.setdefault(position.instrument.contract_month, []).append(delta)
    tiers = range(1, len(commodity.tier_last_months) + 2)
    long_delta, short_delta = dict.fromkeys(tiers, 0.0), dict.fromkeys(tiers, 0.0)
    for month in sorted(by_month):
        delta = math.fsum(by_month[month])
        side = long_delta if delta > 0.0 else short_delta
        side[commodity.tier(month)] += abs(delta)
    parts: list[Part] = []
    for spread in commodity.inter_month:
        a, b = spread.first_tier, spread.second_tier
        for long_tier, short_tier in [(a, b)] if a == b else [(a, b), (b, a)]:
            count = min(long_delta[long_tier], short_delta[short_tier])
            if count <= 0.0:
                continue
            long_delta[long_tier] -= count
            short_delta[short_tier] -= count
            name = f"inter-month spreads, tier {long_tier} long against tier {short_tier} short"
            facts: Facts = {"spreads": count, "charge_per_spread_usd": spread.charge_usd}
            parts.append(Part(name, count * spread.charge_usd, (), facts))
    return parts


def _inter_commodity_credits(
    parameters: Parameters, risks: dict[str, CommodityRisk]
) -> dict[str, list[Part]]:
    """Credits (negative) of each commodity, spreads formed in the order of the parameters."""
    remaining = {name: risk.net_delta for name, risk in risks.items()}
    credits: dict[str, list[Part]] = {name: [] for name in risks}
    for spread in parameters.inter_commodity:
        if any(leg.commodity not in risks for leg in spread.legs):
            continue
        for side in (1.0, -1.0):
            available = [side * leg.sign * remaining[leg.commodity] for leg in spread.legs]
            pairs = zip(available, spread.legs, strict=True)
            count = min(max(delta, 0.0) / leg.delta_per_spread for delta, leg in pairs)
            if count <= 0.0:
                continue
            for leg in spread.legs:
                risk = risks[leg.commodity]
                used = count * leg.delta_per_spread
                weighted_usd = risk.price_risk_usd / abs(risk.net_delta)
                remaining[leg.commodity] -= side * leg.sign * used
                facts: Facts = {
                    "spreads": count,
                    "delta_used": used,
                    "weighted_price_risk_usd": weighted_usd,
                    "credit_rate": spread.credit_rate,
                }
                credit_usd = weighted_usd * used * spread.credit_rate
                credits[leg.commodity].append(
                    Part(f"inter-commodity credit, {spread.name}", -credit_usd, (), facts)
                )
    return credits


def _commodity_part(risk: CommodityRisk, credits: list[Part]) -> Part:
    """max(short option minimum, scanning + inter-month - credit), long options at most their value."""
    scenario = SCENARIO_NAMES[risk.active]
    scanning = Part.sum_of(
        f"scanning risk, scenario {scenario}",
        [*(_position_part(position, risk.active) for position in risk.positions), *_uncredited_gain(risk)],
    )
    parts = [scanning, *risk.inter_month, *credits]
    before_minimum_usd = math.fsum(part.amount_usd for part in parts)
    if risk.minimum_usd > before_minimum_usd:
        parts.append(Part("top-up to the short option minimum", risk.minimum_usd - before_minimum_usd))
    risk_usd = max(risk.minimum_usd, before_minimum_usd)
    value_usd = max(risk.option_value_usd, 0.0)
    if risk.long_options_only and risk_usd > value_usd:
        parts.append(Part("cap: long options alone risk no more than their value", value_usd - risk_usd))
        risk_usd = value_usd
    facts: Facts = {f"P&L {name}": pnl for name, pnl in zip(SCENARIO_NAMES, risk.pnl_usd, strict=True)}
    facts |= {
        "active_scenario": float(risk.active + 1),
        "scanning_risk_usd": risk.scanning_usd,
        "net_delta": risk.net_delta,
        "price_risk_usd": risk.price_risk_usd,
        "short_option_minimum_usd": risk.minimum_usd,
        "initial_factor": risk.commodity.initial_factor,
        "net_option_value_usd": risk.option_value_usd,
        "published_usd": risk_usd - risk.option_value_usd,
    }
    return Part.sum_of(f"combined commodity {risk.commodity.name}", parts, **facts)


def _position_part(position: Position, active: int) -> Part:
    name = f"{position.quantity:+g} {position.instrument.instrument_id}"
    facts: Facts = {"quantity": position.quantity, "contract_month": position.instrument.contract_month}
    return Part(name, -position.quantity * position.risk.pnl_usd[active], (), facts | position.risk.facts)


def _uncredited_gain(risk: CommodityRisk) -> list[Part]:
    """A commodity that gains in every scenario is not paid for it."""
    gain_usd = risk.pnl_usd[risk.active]
    return [Part("gain in every scenario, not credited", gain_usd)] if gain_usd > 0.0 else []
