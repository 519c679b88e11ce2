"""The price at which a contract brings a cross-margined account down to its maintenance requirement."""

from __future__ import annotations

import math

from engine.rules.crypto_tiered_parameters import Schedule, Tier


def cross_liquidation_price(
    wallet_balance_usd: float,
    other_maintenance_usd: float,
    other_unrealised_usd: float,
    units: float,
    entry_price: float,
    maintenance_rate: float,
    deduction_usd: float,
) -> float:
    """Price of one unit at which equity equals maintenance, within one tier.

    LP = (WB - TMM + UPNL + cum - side*q*entry) / (q*rate - side*q), with q the number of units, side +1 for
    a long and -1 for a short position; everything but this contract stands still. For an isolated position WB
    is its own wallet and TMM = UPNL = 0. Source: Binance USDT-M liquidation price formula.

    Args:
        units: signed contracts * multiplier, not 0.
    """
    size = abs(units)
    own_equity = wallet_balance_usd - other_maintenance_usd + other_unrealised_usd
    return (own_equity + deduction_usd - units * entry_price) / (size * maintenance_rate - units)


def liquidation_price(
    schedule: Schedule, equity_usd: float, other_maintenance_usd: float, units: float, mark: float
) -> float | None:
    """Liquidation price over all tiers: the tier that applies is the one at that price, not at the mark.

    Args:
        equity_usd: of the account now, at the marks; so the mark takes the place of the entry price.
        other_maintenance_usd: of everything else that the equity has to cover.
        units: signed contracts * multiplier, not 0.

    Returns:
        USD per unit; None where no price does it: a long position whose account survives a fall to zero, or a
        short one whose account is short of maintenance at any price.
    """
    free_usd = equity_usd - other_maintenance_usd
    if (units > 0.0) == (free_usd - units * mark > 0.0):
        return None  # what is left at a price of zero has the wrong sign for a crossing above it
    tier = _tier_at_crossing(schedule, free_usd, units, mark)
    return cross_liquidation_price(free_usd, 0.0, 0.0, units, mark, tier.maintenance_rate, tier.deduction_usd)


def _tier_at_crossing(schedule: Schedule, free_usd: float, units: float, mark: float) -> Tier:
    """First tier at whose upper bound the crossing has been passed; excess is monotone in the price."""
    side = math.copysign(1.0, units)
    for tier, above in zip(schedule.tiers, schedule.tiers[1:], strict=False):
        bound = above.lower_bound_usd
        maintenance = bound * tier.maintenance_rate - tier.deduction_usd
        excess = free_usd + side * bound - units * mark - maintenance
        if side * excess >= 0.0:
            return tier
    return schedule.tiers[-1]
