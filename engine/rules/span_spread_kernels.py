"""Spreads of SPAN-type margin as compiled loops: between months, between commodities, before and after each other.

Spreads form in the order of the parameters, as many as the scarcest leg allows, first with side A long, then with side
B long; each uses up the deltas it takes. Deltas of several months are taken from the nearest one first.
"""

from __future__ import annotations

import numpy as np

from engine.base.kernel import kernel
from engine.rules.interface import Float64s, Int64s
from engine.rules.span_months import Bools

# Counts of contracts, deltas and spreads this small are noise of incremental updates: there are none.
NOISE = 1e-9


@kernel
def take_from_months(left: Float64s, order: Int64s, usable: Bools, side: float, amount: float) -> None:
    """Use up deltas of one side (1 long, -1 short), the nearest usable month first."""
    for column in order:
        if column < 0:
            return
        if usable[column]:
            taken = min(amount, max(side * left[column], 0.0))
            left[column] -= side * taken
            amount -= taken


@kernel
def inter_month_charge(
    left: Float64s,
    order: Int64s,
    spreads: Int64s,
    leg_start: Int64s,
    charge_usd: Float64s,
    leg_sign: Float64s,
    leg_ratio: Float64s,
    leg_usable: Bools,
) -> float:
    """Charge of the spreads that form; ``left``, deltas by month column, is used up in place.

    Args:
        spreads: (first, last) of the commodity's spreads.
    """
    total = 0.0
    for spread in range(spreads[0], spreads[1]):
        first, last = leg_start[spread], leg_start[spread + 1]
        for side in (1.0, -1.0):
            count = np.inf
            for leg in range(first, last):
                available = 0.0
                for column in range(len(left)):
                    if leg_usable[leg, column]:
                        available += max(side * leg_sign[leg] * left[column], 0.0)
                count = min(count, available / leg_ratio[leg])
            if count <= NOISE:
                continue
            for leg in range(first, last):
                take_from_months(left, order, leg_usable[leg], side * leg_sign[leg], count * leg_ratio[leg])
            total += count * charge_usd[spread]
    return total


@kernel
def delivery_charge(held: Float64s, left: Float64s, rates_usd: Float64s) -> float:
    """Charge of months in delivery: deltas that spreads used, and deltas left outright.

    Args:
        held, left: float64[month columns] before and after spreads. rates_usd: float64[month columns, 2].
    """
    total = 0.0
    for column in range(len(held)):
        outright = abs(left[column])
        total += (abs(held[column]) - outright) * rates_usd[column, 0] + outright * rates_usd[column, 1]
    return total


@kernel
def _spreads_formed(
    present: Bools, remaining: Float64s, legs: Int64s, signs: Float64s, ratios: Float64s, side: float
) -> float:
    """How many spreads the deltas left allow with side A long (`side` = 1) or short (-1)."""
    count = np.inf
    for leg in range(len(legs)):
        if not present[legs[leg]]:
            return 0.0
        count = min(count, max(side * signs[leg] * remaining[legs[leg]], 0.0) / ratios[leg])
    return count


@kernel
def give_credits(
    present: Bools,
    remaining: Float64s,
    weighted_risk: Float64s,
    credit: Float64s,
    leg_start: Int64s,
    leg_commodity: Int64s,
    leg_sign: Float64s,
    leg_ratio: Float64s,
    leg_credit_rate: Float64s,
) -> None:
    """Form inter-commodity spreads from ``remaining`` net deltas and add what they earn to ``credit``.

    Args:
        present: bool[commodities] held. remaining, credit: float64[commodities], changed in place.
        weighted_risk: float64[commodities], price risk per delta, USD.
    """
    for spread in range(len(leg_start) - 1):
        first, last = leg_start[spread], leg_start[spread + 1]
        legs, signs, ratios = leg_commodity[first:last], leg_sign[first:last], leg_ratio[first:last]
        for side in (1.0, -1.0):
            count = _spreads_formed(present, remaining, legs, signs, ratios, side)
            if count <= NOISE:
                continue
            for leg in range(len(legs)):
                owner, used = legs[leg], count * ratios[leg]
                credit[owner] += leg_credit_rate[first + leg] * weighted_risk[owner] * used
                remaining[owner] -= side * signs[leg] * used
