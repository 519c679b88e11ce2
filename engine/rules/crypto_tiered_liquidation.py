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


def inverse_liquidation_price(
    wallet_balance_coin: float,
    other_maintenance_coin: float,
    other_unrealised_coin: float,
    face_usd: float,
    entry_price: float,
    maintenance_rate: float,
    deduction_coin: float,
) -> float:
    """Price at which the coins of an account equal its maintenance, within one tier of a coin-margined contract.

    LP = face * (rate + side) / (WB - TMM + UPNL + cum + side * face / entry), amounts in coins, side +1 for a long and
    -1 for a short position. It solves WB - TMM + UPNL + side * face * (1 / entry - 1 / LP) = face / LP * rate - cum, so
    maintenance is that at the liquidation price. Isolated: WB is the position's own wallet and TMM = UPNL = 0. Source:
    Bybit, liquidation price of inverse contracts in isolated margin (there without fees WB = face / entry / leverage +
    margin added); Binance COIN-M states the same variables, its formula is a picture.

    Args:
        face_usd: signed contracts * multiplier, not 0.
    """
    size = abs(face_usd)
    own_coins = wallet_balance_coin - other_maintenance_coin + other_unrealised_coin
    return (size * maintenance_rate + face_usd) / (own_coins + deduction_coin + face_usd / entry_price)


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
    left_usd = free_usd - units * mark
    if (units > 0.0) == (left_usd > 0.0):
        return None  # what is left at a price of zero has the wrong sign for a crossing above it
    tier = _tier_at_crossing(schedule, left_usd, math.copysign(1.0, units))
    return cross_liquidation_price(free_usd, 0.0, 0.0, units, mark, tier.maintenance_rate, tier.deduction)


def liquidation_price_in_coins(
    schedule: Schedule, equity_coin: float, other_maintenance_coin: float, face_usd: float, mark: float
) -> float | None:
    """:func:`liquidation_price` of an inverse contract whose account keeps its equity in the coin.

    A fall makes the notional in coins grow: a long position runs through the tiers upwards and is always liquidated
    somewhere above zero, a short one with enough coins never is.

    Returns:
        USD per coin; None where no price does it: a short position whose account survives any rise, or a long one whose
        account is short of maintenance at any price.
    """
    free_coin = equity_coin - other_maintenance_coin
    side, left_coin = -math.copysign(1.0, face_usd), free_coin + face_usd / mark
    if side * left_coin >= 0.0:
        return None  # what is left at a notional of zero has the wrong sign for a crossing above it
    tier = _tier_at_crossing(schedule, left_coin, side)
    return inverse_liquidation_price(
        free_coin, 0.0, 0.0, face_usd, mark, tier.maintenance_rate, tier.deduction
    )


def _tier_at_crossing(schedule: Schedule, left: float, side: float) -> Tier:
    """First tier at whose upper bound the crossing has been passed; the excess is monotone in the notional.

    Args:
        left: what the account would have free with a notional of nothing.
        side: +1 where the account gains as the notional grows, -1 where it loses.
    """
    for tier, above in zip(schedule.tiers, schedule.tiers[1:], strict=False):
        bound = above.lower_bound
        maintenance = bound * tier.maintenance_rate - tier.deduction
        if side * (left + side * bound - maintenance) >= 0.0:
            return tier
    return schedule.tiers[-1]
