"""Spreads of SPAN-type margin for one account in plain floats: the second half of the twin.

In the order in which they are worked out: super-inter-commodity spreads, spreads between months and the delivery
charge, inter-commodity spreads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.rules.requirement import Part
from engine.rules.span_array_plain import Facts
from engine.rules.span_commodity import Commodity
from engine.rules.span_parameters import InterCommoditySpread, Parameters

NOISE = 1e-9  # deltas and spreads this few are none


@dataclass(frozen=True, slots=True)
class Deltas:
    """What spreads see of a commodity: its net delta, the price risk behind it, the deltas by contract month."""

    net_delta: float
    price_risk_usd: float
    by_month: Mapping[str, float]


def spread_parts(parameters: Parameters, commodities: Mapping[str, Deltas]) -> dict[str, list[Part]]:
    """Charges and credits (negative) of each commodity."""
    parts: dict[str, list[Part]] = {name: [] for name in commodities}
    remaining = {name: deltas.net_delta for name, deltas in commodities.items()}
    name_of = "super-inter-commodity credit"
    _give_credits(parameters.super_inter_commodity, name_of, commodities, remaining, parts)
    for name, deltas in commodities.items():
        used = deltas.net_delta - remaining[name]
        parts[name] += _month_parts(parameters.commodities[name], deltas.by_month, used)
    _give_credits(parameters.inter_commodity, "inter-commodity credit", commodities, remaining, parts)
    return parts


def _give_credits(
    spreads: Sequence[InterCommoditySpread],
    title: str,
    commodities: Mapping[str, Deltas],
    remaining: dict[str, float],
    parts: dict[str, list[Part]],
) -> None:
    """Form spreads from ``remaining`` net deltas, in the order of the parameters; both are changed in place."""
    for spread in spreads:
        if any(leg.commodity not in commodities for leg in spread.legs):
            continue
        for side in (1.0, -1.0):
            available = [side * leg.sign * remaining[leg.commodity] for leg in spread.legs]
            pairs = zip(available, spread.legs, strict=True)
            count = min(max(delta, 0.0) / leg.delta_per_spread for delta, leg in pairs)
            if count <= NOISE:
                continue
            for leg in spread.legs:
                deltas = commodities[leg.commodity]
                used = count * leg.delta_per_spread
                weighted_usd = deltas.price_risk_usd / abs(deltas.net_delta)
                remaining[leg.commodity] -= side * leg.sign * used
                facts: Facts = {
                    "spreads": count,
                    "delta_used": used,
                    "weighted_price_risk_usd": weighted_usd,
                    "credit_rate": leg.credit_rate,
                }
                credit_usd = weighted_usd * used * leg.credit_rate
                parts[leg.commodity].append(Part(f"{title}, {spread.name}", -credit_usd, (), facts))


def _month_parts(commodity: Commodity, by_month: Mapping[str, float], used: float) -> list[Part]:
    """Inter-month spreads, then deliveries; ``used``: net delta that other spreads took before (signed)."""
    left = dict(sorted(by_month.items()))
    if abs(used) > NOISE:
        _take(left, list(left), math.copysign(1.0, used), abs(used))
    parts = _inter_month_parts(commodity, left)
    for delivery in commodity.delivery:
        held, outright = abs(by_month.get(delivery.month, 0.0)), abs(left.get(delivery.month, 0.0))
        charge_usd = (held - outright) * delivery.spread_usd + outright * delivery.outright_usd
        if charge_usd > 0.0:
            facts: Facts = {
                "delta_in_spreads": held - outright,
                "charge_per_spread_delta_usd": delivery.spread_usd,
                "delta_outright": outright,
                "charge_per_outright_delta_usd": delivery.outright_usd,
            }
            parts.append(Part(f"delivery charge, {delivery.month}", charge_usd, (), facts))
    return parts


def _inter_month_parts(commodity: Commodity, left: dict[str, float]) -> list[Part]:
    """One part per spread formed, in the order of the parameters; ``left`` is used up in place."""
    parts: list[Part] = []
    for spread in commodity.inter_month:
        months = [[month for month in left if commodity.takes(leg, month)] for leg in spread.legs]
        for side in (1.0, -1.0):
            count = min(
                math.fsum(max(side * leg.sign * left[month], 0.0) for month in usable) / leg.delta_per_spread
                for leg, usable in zip(spread.legs, months, strict=True)
            )
            if count <= NOISE:
                continue
            for leg, usable in zip(spread.legs, months, strict=True):
                _take(left, usable, side * leg.sign, count * leg.delta_per_spread)
            long = " and ".join(leg.name for leg in spread.legs if leg.sign == side)
            short = " and ".join(leg.name for leg in spread.legs if leg.sign != side)
            facts: Facts = {"spreads": count, "charge_per_spread_usd": spread.charge_usd}
            name = f"inter-month spreads, {long} long against {short} short"
            parts.append(Part(name, count * spread.charge_usd, (), facts))
    return parts


def _take(left: dict[str, float], months: Sequence[str], side: float, amount: float) -> None:
    """Use up deltas of one side, the nearest month first (``left`` ascends by month)."""
    for month in months:
        taken = min(amount, max(side * left[month], 0.0))
        left[month] -= side * taken
        amount -= taken
