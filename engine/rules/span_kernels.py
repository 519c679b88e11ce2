"""SPAN-type charges as compiled loops over units (account x commodity); spreads form in parameter order."""

from __future__ import annotations

import numpy as np

from engine.base.kernel import kernel
from engine.rules.interface import Float64s, Int64s

# Columns of an exposure; contract months follow from MONTHS on, the 16 scenarios stand before SLOPE.
SCENARIOS = 16
SLOPE = 16  # composite price risk: USD per full price scan range, signed
MINIMUM = 17  # short option minimum
SHORT_OPTIONS = 18  # contracts
FUTURES_HELD = 19  # instruments
OPTION_VALUE = 20  # net option value, USD
MONTHS = 21  # composite delta by contract month, in standard contracts

# Columns of a charge.
SCANNING_RISK = 0
INTER_MONTH_CHARGE = 1
SHORT_OPTION_MINIMUM = 2
PRICE_RISK = 3
NET_DELTA = 4
NET_OPTION_VALUE = 5
LONG_OPTIONS_ONLY = 6
ACTIVE_SCENARIO = 7  # 1..16
CHARGES = 8

# Sums of contracts and deltas this small are noise of incremental updates: nothing is held.
_NOISE_CONTRACTS = 1e-9
# Losses this close together (relative) are equal: the lowest scenario number is then the active one.
_SAME_LOSS = 1e-9


@kernel
def active_scenario(pnl: Float64s) -> int:
    """Index 0..15 of the first scenario whose loss equals the largest one."""
    worst = pnl[0]
    for scenario in range(1, SCENARIOS):
        worst = min(worst, pnl[scenario])
    for scenario in range(SCENARIOS):
        if pnl[scenario] <= worst + _SAME_LOSS * max(1.0, abs(worst)):
            return scenario
    return 0  # only reached when a P&L is NaN


@kernel
def futures_price_risk(pnl: Float64s, active: int, scanning_risk: float, slope: float) -> float:
    """Price part of the scanning risk: mean loss of the active scenario and its twin, less time risk.

    Time risk is the mean loss at the unmoved price. The result is not above the scanning risk, nor above what
    futures of the same delta would lose over the scan range.
    """
    twin = active if active >= SCENARIOS - 2 else active ^ 1
    volatility_adjusted = -0.5 * (pnl[active] + pnl[twin])
    time_risk = -0.5 * (pnl[0] + pnl[1])
    return float(min(max(volatility_adjusted - time_risk, 0.0), scanning_risk, abs(slope)))


@kernel
def inter_month_charge(
    long_delta: Float64s, short_delta: Float64s, first: Int64s, second: Int64s, charge_usd: Float64s
) -> float:
    """Spreads formed in the given order; the deltas of the tiers are used up in place."""
    total = 0.0
    for spread in range(len(first)):
        a, b = first[spread], second[spread]
        count = min(long_delta[a], short_delta[b])
        long_delta[a] -= count
        short_delta[b] -= count
        reverse = min(long_delta[b], short_delta[a]) if a != b else 0.0
        long_delta[b] -= reverse
        short_delta[a] -= reverse
        total += (count + reverse) * charge_usd[spread]
    return total


@kernel
def charge_units(
    exposures: Float64s,
    commodity: Int64s,
    tier_of_column: Int64s,
    tiers: int,
    spread_start: Int64s,
    spread_first: Int64s,
    spread_second: Int64s,
    spread_charge_usd: Float64s,
) -> Float64s:
    """Charges of single commodities.

    Args:
        exposures: float64[m, MONTHS + month columns].
        commodity: int64[m].
        tier_of_column: int64[commodities, month columns], from 0.
        tiers: the largest number of tiers of any commodity.
        spread_start: int64[commodities + 1] into the three arrays of inter-month spreads.

    Returns:
        float64[m, CHARGES].
    """
    charges = np.zeros((len(exposures), CHARGES))
    long_delta, short_delta = np.zeros(tiers), np.zeros(tiers)
    for unit in range(len(exposures)):
        exposure, owner = exposures[unit], commodity[unit]
        active = active_scenario(exposure[:SCENARIOS])
        scanning = max(0.0, -exposure[active])
        long_delta[:] = 0.0
        short_delta[:] = 0.0
        for column in range(tier_of_column.shape[1]):
            delta, tier = exposure[MONTHS + column], tier_of_column[owner, column]
            long_delta[tier] += max(delta, 0.0)
            short_delta[tier] += max(-delta, 0.0)
        first, last = spread_start[owner], spread_start[owner + 1]
        slope = exposure[SLOPE]
        only_long = exposure[SHORT_OPTIONS] <= _NOISE_CONTRACTS and exposure[FUTURES_HELD] <= _NOISE_CONTRACTS
        charges[unit, SCANNING_RISK] = scanning
        net_delta = exposure[MONTHS:].sum()
        charges[unit, NET_DELTA] = net_delta if abs(net_delta) > _NOISE_CONTRACTS else 0.0
        charges[unit, INTER_MONTH_CHARGE] = inter_month_charge(
            long_delta,
            short_delta,
            spread_first[first:last],
            spread_second[first:last],
            spread_charge_usd[first:last],
        )
        charges[unit, SHORT_OPTION_MINIMUM] = max(exposure[MINIMUM], 0.0)
        charges[unit, PRICE_RISK] = futures_price_risk(exposure[:SCENARIOS], active, scanning, slope)
        charges[unit, NET_OPTION_VALUE] = exposure[OPTION_VALUE]
        charges[unit, LONG_OPTIONS_ONLY] = 1.0 if only_long else 0.0
        charges[unit, ACTIVE_SCENARIO] = active + 1
    return charges


@kernel
def commodity_risk(charge: Float64s, credit_usd: float) -> float:
    """The larger of short option minimum and scanning + inter-month - credit.

    Long options alone risk no more than their value.
    """
    risk = max(charge[SHORT_OPTION_MINIMUM], charge[SCANNING_RISK] + charge[INTER_MONTH_CHARGE] - credit_usd)
    if charge[LONG_OPTIONS_ONLY] > 0.0:
        risk = min(risk, max(charge[NET_OPTION_VALUE], 0.0))
    return float(risk)


@kernel
def _spreads_formed(
    unit_of: Int64s, remaining: Float64s, legs: Int64s, signs: Float64s, ratios: Float64s, side: float
) -> float:
    """How many spreads the deltas left allow with side A long (`side` = 1) or short (-1)."""
    count = np.inf
    for leg in range(len(legs)):
        if unit_of[legs[leg]] < 0:
            return 0.0
        count = min(count, max(side * signs[leg] * remaining[legs[leg]], 0.0) / ratios[leg])
    return count


@kernel
def combine_accounts(
    charges: Float64s,
    commodity: Int64s,
    offsets: Int64s,
    initial_factor: Float64s,
    leg_start: Int64s,
    leg_commodity: Int64s,
    leg_sign: Float64s,
    leg_ratio: Float64s,
    credit_rate: Float64s,
) -> Float64s:
    """Requirement of each account after inter-commodity credits, spreads formed in the given order.

    Args:
        charges: float64[u, CHARGES] grouped by account; commodity: int64[u]; offsets: int64[a + 1].
        initial_factor: float64[commodities].
        leg_start: int64[spreads + 1] into the leg arrays; credit_rate: float64[spreads].

    Returns:
        float64[a, 2]: initial, maintenance.
    """
    requirements = np.zeros((len(offsets) - 1, 2))
    unit_of = np.full(len(initial_factor), -1, np.int64)
    remaining, credit = np.zeros(len(initial_factor)), np.zeros(len(initial_factor))
    for account in range(len(offsets) - 1):
        units = range(offsets[account], offsets[account + 1])
        for unit in units:
            unit_of[commodity[unit]] = unit
            remaining[commodity[unit]] = charges[unit, NET_DELTA]
            credit[commodity[unit]] = 0.0
        for spread in range(len(credit_rate)):
            first, last = leg_start[spread], leg_start[spread + 1]
            legs, signs, ratios = leg_commodity[first:last], leg_sign[first:last], leg_ratio[first:last]
            for side in (1.0, -1.0):
                count = _spreads_formed(unit_of, remaining, legs, signs, ratios, side)
                if count <= 0.0:
                    continue
                for leg in range(len(legs)):
                    owner, used = legs[leg], count * ratios[leg]
                    charge = charges[unit_of[owner]]
                    share = used / abs(charge[NET_DELTA])
                    credit[owner] += credit_rate[spread] * charge[PRICE_RISK] * share
                    remaining[owner] -= side * signs[leg] * used
        for unit in units:
            risk = commodity_risk(charges[unit], credit[commodity[unit]])
            requirements[account, 0] += initial_factor[commodity[unit]] * risk
            requirements[account, 1] += risk
            unit_of[commodity[unit]] = -1
    return requirements
