"""SPAN-type margin for one account, in the order in which a clerk works it out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.market.instruments import Instrument, Product, Silo
from engine.market.view import MarketView
from engine.portfolio.account_class import ACCOUNT_CLASSES, AccountClass
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Part, Requirement
from engine.rules.span_array_plain import ContractRisk, Facts, contract_risk
from engine.rules.span_commodity import Commodity, Factors
from engine.rules.span_parameters import SCENARIO_NAMES, SCENARIOS, Parameters
from engine.rules.span_spreads_plain import NOISE, Deltas, spread_parts

_SAME_LOSS = 1e-9  # losses this close together (relative) count as equal


@dataclass(frozen=True, slots=True)
class Position:
    """One position: signed contracts and the risk of one contract."""

    instrument: Instrument
    quantity: float
    risk: ContractRisk


@dataclass(frozen=True, slots=True)
class CommodityRisk:
    """Charges of one combined commodity before spreads.

    Attributes:
        active: index 0..15 of the scenario that decides.
        price_risk_usd: price part of the scanning risk, what an inter-commodity credit may reduce.
        net_delta: in standard contracts; month_deltas: the same by contract month.
    """

    commodity: Commodity
    positions: list[Position]
    pnl_usd: list[float]
    active: int
    scanning_usd: float
    minimum_usd: float
    price_risk_usd: float
    net_delta: float
    month_deltas: dict[str, float]
    option_value_usd: float
    long_options_only: bool


def explain_account(
    parameters: Parameters, holdings: Sequence[Holding], market: MarketView, account_class: AccountClass
) -> Explained:
    """The account's requirement with the tree that adds up to it; initial = risk x initial factor."""
    groups: dict[str, list[Position]] = {}
    for instrument, quantity in _net_positions(holdings):
        position = Position(instrument, quantity, contract_risk(parameters, instrument, market))
        groups.setdefault(instrument.combined_commodity, []).append(position)
    risks = {name: _commodity_risk(parameters.commodities[name], groups[name]) for name in sorted(groups)}
    deltas = {
        name: Deltas(risk.net_delta, risk.price_risk_usd, risk.month_deltas) for name, risk in risks.items()
    }
    spreads = spread_parts(parameters, deltas)
    parts = {
        name: _commodity_part(risk, spreads[name], risk.commodity.factors[account_class])
        for name, risk in risks.items()
    }
    option_value_usd = math.fsum(risk.option_value_usd for risk in risks.values())
    maintenance_usd = math.fsum(part.amount_usd for part in parts.values())
    tree = Part.sum_of(
        "SPAN-type margin of futures and options on futures",
        list(parts.values()),
        version=parameters.version,
        account_class=ACCOUNT_CLASSES[account_class],
        net_option_value_usd=option_value_usd,
        published_usd=maintenance_usd - option_value_usd,
    )
    initial_usd = math.fsum(
        parameters.commodities[name].factors[account_class].initial * part.amount_usd
        for name, part in parts.items()
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
    """Scanning risk, short option minimum and what the spreads need."""
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
        _short_option_minimum_usd(commodity, positions),
        _price_risk_usd(pnl_usd, active, scanning_usd, slope_usd),
        net_delta if abs(net_delta) > NOISE else 0.0,
        _month_deltas(positions),
        math.fsum(p.quantity * p.risk.value_usd for p in positions),
        all(p.instrument.is_option and p.quantity > 0.0 for p in positions if p.risk.priced),
    )


def _short_option_minimum_usd(commodity: Commodity, positions: list[Position]) -> float:
    """Of all short options, or of the greater side of short calls and short puts."""
    sides = [
        math.fsum(
            max(-p.quantity, 0.0) * p.risk.minimum_usd for p in positions if p.instrument.right == right
        )
        for right in ("call", "put")
    ]
    return max(sides) if commodity.short_options_counted == "greater" else math.fsum(sides)


def _month_deltas(positions: list[Position]) -> dict[str, float]:
    """Net delta by contract month; an option counts in the month of its future."""
    by_month: dict[str, list[float]] = {}
    for position in positions:
        delta = position.quantity * position.risk.delta
        by_month.setdefault(position.instrument.contract_month, []).append(delta)
    return {month: math.fsum(by_month[month]) for month in sorted(by_month)}


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


def _commodity_part(risk: CommodityRisk, spreads: list[Part], factors: Factors) -> Part:
    """max(short option minimum, scanning + months - credits) x risk factor, long options at most their value."""
    scenario = SCENARIO_NAMES[risk.active]
    scanning = Part.sum_of(
        f"scanning risk, scenario {scenario}",
        [*(_position_part(position, risk.active) for position in risk.positions), *_uncredited_gain(risk)],
    )
    parts = [scanning, *spreads]
    before_minimum_usd = math.fsum(part.amount_usd for part in parts)
    if risk.minimum_usd > before_minimum_usd:
        parts.append(Part("top-up to the short option minimum", risk.minimum_usd - before_minimum_usd))
    risk_usd = max(risk.minimum_usd, before_minimum_usd)
    if factors.risk != 1.0:
        parts.append(
            Part(f"risk factor {factors.risk:g} of the account class", (factors.risk - 1.0) * risk_usd)
        )
        risk_usd *= factors.risk
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
        "risk_factor": factors.risk,
        "initial_factor": factors.initial,
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
