"""SPAN-type charges as compiled loops over units (account x commodity)."""

from __future__ import annotations

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.rules.interface import Float64s, Int8s, Int64s
from engine.rules.span_months import Bools
from engine.rules.span_spread_kernels import (
    NOISE,
    delivery_charge,
    give_credits,
    inter_month_charge,
    take_from_months,
)

# Columns of an exposure; contract months follow from MONTHS on, the 16 scenarios stand before SLOPE.
SCENARIOS = 16
SLOPE = 16  # composite price risk: USD per full price scan range, signed
MINIMUM_CALLS = 17  # short option minimum of the calls, USD
MINIMUM_PUTS = 18
SHORT_OPTIONS = 19  # contracts
FUTURES_HELD = 20  # instruments
OPTION_VALUE = 21  # net option value, USD
MONTHS = 22  # composite delta by contract month, in standard contracts

# Columns of a charge. Where spreads form before those between months, the deltas by month follow from CHARGES on.
SCANNING_RISK = 0
INTER_MONTH_CHARGE = 1
SHORT_OPTION_MINIMUM = 2
PRICE_RISK = 3
NET_DELTA = 4
NET_OPTION_VALUE = 5
LONG_OPTIONS_ONLY = 6
ACTIVE_SCENARIO = 7  # 1..16
DELIVERY_CHARGE = 8
CHARGES = 9

# Losses this close together (relative) are equal: the lowest scenario number is then the active one.
_SAME_LOSS = 1e-9


@in_place
def active_scenario(pnl: Float64s) -> int:
    """Index 0..15 of the first scenario whose loss equals the largest one."""
    worst = pnl[0]
    for scenario in range(1, SCENARIOS):
        worst = min(worst, pnl[scenario])
    for scenario in range(SCENARIOS):
        if pnl[scenario] <= worst + _SAME_LOSS * max(1.0, abs(worst)):
            return scenario
    return 0  # only reached when a P&L is NaN


@in_place
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
def charge_units(
    exposures: Float64s,
    commodity: Int64s,
    greater_side: Bools,
    keep_months: bool,
    order: Int64s,
    delivery_usd: Float64s,
    spread_start: Int64s,
    leg_start: Int64s,
    spread_charge_usd: Float64s,
    leg_sign: Float64s,
    leg_ratio: Float64s,
    leg_usable: Bools,
) -> Float64s:
    """Charges of single commodities, as if no spread between commodities came first.

    Args:
        exposures: float64[m, MONTHS + month columns].
        commodity: int64[m].
        greater_side: bool[commodities], the short option minimum counts the greater of calls and puts.
        keep_months: append the deltas by month to the charges.
        order and the rest: see :class:`engine.rules.span_months.MonthTables`.

    Returns:
        float64[m, CHARGES] or [m, CHARGES + month columns].
    """
    width = exposures.shape[1] - MONTHS
    charges = np.zeros((len(exposures), CHARGES + (width if keep_months else 0)))
    left = np.zeros(width)
    for unit in range(len(exposures)):
        exposure, owner = exposures[unit], commodity[unit]
        active = active_scenario(exposure[:SCENARIOS])
        scanning = max(0.0, -exposure[active])
        only_long = exposure[SHORT_OPTIONS] <= NOISE and exposure[FUTURES_HELD] <= NOISE
        net_delta = exposure[MONTHS:].sum()
        left[:] = exposure[MONTHS:]
        charges[unit, SCANNING_RISK] = scanning
        charges[unit, NET_DELTA] = net_delta if abs(net_delta) > NOISE else 0.0
        charges[unit, INTER_MONTH_CHARGE] = inter_month_charge(
            left, order, owner, spread_start, leg_start, spread_charge_usd, leg_sign, leg_ratio, leg_usable
        )
        charges[unit, DELIVERY_CHARGE] = delivery_charge(exposure[MONTHS:], left, delivery_usd, owner)
        calls, puts = max(exposure[MINIMUM_CALLS], 0.0), max(exposure[MINIMUM_PUTS], 0.0)
        charges[unit, SHORT_OPTION_MINIMUM] = max(calls, puts) if greater_side[owner] else calls + puts
        charges[unit, PRICE_RISK] = futures_price_risk(
            exposure[:SCENARIOS], active, scanning, exposure[SLOPE]
        )
        charges[unit, NET_OPTION_VALUE] = exposure[OPTION_VALUE]
        charges[unit, LONG_OPTIONS_ONLY] = 1.0 if only_long else 0.0
        charges[unit, ACTIVE_SCENARIO] = active + 1
        if keep_months:
            charges[unit, CHARGES:] = exposure[MONTHS:]
    return charges


@in_place
def commodity_risk(
    charges: Float64s, unit: int, months_usd: float, credit_usd: float, factor: float
) -> float:
    """The larger of short option minimum and scanning + months - credit, scaled.

    Long options alone risk no more than their value.

    Args:
        months_usd: inter-month and delivery charge. factor: of the account's class.
    """
    before_minimum = charges[unit, SCANNING_RISK] + months_usd - credit_usd
    risk = factor * max(charges[unit, SHORT_OPTION_MINIMUM], before_minimum)
    if charges[unit, LONG_OPTIONS_ONLY] > 0.0:
        risk = min(risk, max(charges[unit, NET_OPTION_VALUE], 0.0))
    return float(risk)


@kernel
def _months_after(
    charge: Float64s,
    used: float,
    order: Int64s,
    owner: int,
    delivery_usd: Float64s,
    inter_month: tuple[Int64s, Int64s, Float64s, Float64s, Float64s, Bools],
) -> float:
    """Inter-month and delivery charge of a unit once other spreads have used part of its net delta."""
    held = charge[CHARGES:]
    left = held.copy()
    take_from_months(left, order, owner, 1.0 if charge[NET_DELTA] > 0.0 else -1.0, used)
    months = inter_month_charge(left, order, owner, *inter_month)
    return float(months + delivery_charge(held, left, delivery_usd, owner))


@kernel
def combine_accounts(
    charges: Float64s,
    commodity: Int64s,
    offsets: Int64s,
    classes: Int8s,
    factors: Float64s,
    before_months: tuple[Int64s, Int64s, Float64s, Float64s, Float64s],
    after_months: tuple[Int64s, Int64s, Float64s, Float64s, Float64s],
    order: Int64s,
    delivery_usd: Float64s,
    inter_month: tuple[Int64s, Int64s, Float64s, Float64s, Float64s, Bools],
) -> Float64s:
    """Requirement of each account after the spreads between its commodities.

    Args:
        charges: float64[u, CHARGES ...] grouped by account; commodity: int64[u]; offsets: int64[a + 1].
        classes: int8[a] account classes. factors: float64[commodities, account classes, 2].
        before_months, after_months: see :class:`engine.rules.span_spreads.SpreadTables`.
        order, delivery_usd, inter_month: see :class:`engine.rules.span_months.MonthTables`.

    Returns:
        float64[a, 2]: initial, maintenance.
    """
    requirements = np.zeros((len(offsets) - 1, 2))
    present = np.zeros(len(factors), np.bool_)
    remaining, weighted = np.zeros(len(factors)), np.zeros(len(factors))
    credit, months = np.zeros(len(factors)), np.zeros(len(factors))
    for account in range(len(offsets) - 1):
        first, last = offsets[account], offsets[account + 1]
        for unit in range(first, last):
            owner, net_delta = commodity[unit], charges[unit, NET_DELTA]
            present[owner] = True
            remaining[owner] = net_delta
            weighted[owner] = charges[unit, PRICE_RISK] / abs(net_delta) if net_delta != 0.0 else 0.0
            credit[owner] = 0.0
            months[owner] = charges[unit, INTER_MONTH_CHARGE] + charges[unit, DELIVERY_CHARGE]
        if len(before_months[0]) > 1:
            give_credits(present, remaining, weighted, credit, *before_months)
            for unit in range(first, last):
                owner = commodity[unit]
                used = abs(charges[unit, NET_DELTA] - remaining[owner])
                if used > NOISE:
                    months[owner] = _months_after(
                        charges[unit], used, order, owner, delivery_usd, inter_month
                    )
        give_credits(present, remaining, weighted, credit, *after_months)
        for unit in range(first, last):
            owner = commodity[unit]
            risk_factor, initial_factor = (
                factors[owner, classes[account], 0],
                factors[owner, classes[account], 1],
            )
            risk = commodity_risk(charges, unit, months[owner], credit[owner], risk_factor)
            requirements[account, 0] += initial_factor * risk
            requirements[account, 1] += risk
            present[owner] = False
    return requirements
