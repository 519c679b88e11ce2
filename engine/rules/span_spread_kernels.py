"""Spreads of SPAN-type margin as compiled loops: between months, between commodities, before and after each other.

Spreads form in the order of the parameters, as many as the scarcest leg allows, first with side A long, then with side
B long; each uses up the deltas it takes. Deltas of several months are taken from the nearest one first.
"""

from __future__ import annotations

import numpy as np

from engine.base.kernel import in_place
from engine.rules.interface import Float64s, Int64s
from engine.rules.span_months import Bools

# Counts of contracts, deltas and spreads this small are noise of incremental updates: there are none.
NOISE = 1e-9


@in_place
def take_from_months(left: Float64s, order: Int64s, owner: int, side: float, amount: float) -> None:
    """Use up deltas of one side (1 long, -1 short) of a commodity, the nearest month first."""
    for place in range(order.shape[1]):
        column = order[owner, place]
        if column < 0:
            return
        taken = min(amount, max(side * left[column], 0.0))
        left[column] -= side * taken
        amount -= taken


@in_place
def _both_sides(left: Float64s, order: Int64s, owner: int) -> bool:
    """Whether some month is long and another short; without it no spread between months can form."""
    long = short = False
    for place in range(order.shape[1]):
        column = order[owner, place]
        if column < 0:
            break
        long = long or left[column] > NOISE
        short = short or left[column] < -NOISE
    return long and short


@in_place
def inter_month_charge(
    left: Float64s,
    order: Int64s,
    owner: int,
    spread_start: Int64s,
    leg_start: Int64s,
    charge_usd: Float64s,
    leg_sign: Float64s,
    leg_ratio: Float64s,
    leg_usable: Bools,
) -> float:
    """Charge of the spreads of a commodity that form; ``left``, deltas by month column, is used up in place.

    Args:
        owner: the commodity. order and the rest: see :class:`engine.rules.span_months.MonthTables`.
    """
    total = 0.0
    if not _both_sides(left, order, owner):
        return total
    months = order.shape[1]
    for spread in range(spread_start[owner], spread_start[owner + 1]):
        first, last = leg_start[spread], leg_start[spread + 1]
        for side in (1.0, -1.0):
            count = np.inf
            for leg in range(first, last):
                sign, available = side * leg_sign[leg], 0.0
                for place in range(months):
                    column = order[owner, place]
                    if column < 0:
                        break
                    if leg_usable[leg, column]:
                        available += max(sign * left[column], 0.0)
                count = min(count, available / leg_ratio[leg])
            if count <= NOISE:
                continue
            for leg in range(first, last):
                sign, amount = side * leg_sign[leg], count * leg_ratio[leg]
                for place in range(months):
                    column = order[owner, place]
                    if column < 0:
                        break
                    if leg_usable[leg, column]:
                        taken = min(amount, max(sign * left[column], 0.0))
                        left[column] -= sign * taken
                        amount -= taken
            total += count * charge_usd[spread]
    return total


@in_place
def delivery_charge(held: Float64s, left: Float64s, rates_usd: Float64s, owner: int) -> float:
    """Charge of a commodity's months in delivery: deltas that spreads used, and deltas left outright.

    Args:
        held, left: float64[month columns] before and after spreads.
        rates_usd: float64[commodities, month columns, 2].
    """
    total = 0.0
    for column in range(len(held)):
        outright = abs(left[column])
        used = abs(held[column]) - outright
        total += used * rates_usd[owner, column, 0] + outright * rates_usd[owner, column, 1]
    return total


@in_place
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
        complete = True
        for leg in range(first, last):
            complete = complete and present[leg_commodity[leg]]
        if not complete:
            continue
        for side in (1.0, -1.0):
            count = np.inf
            for leg in range(first, last):
                available = side * leg_sign[leg] * remaining[leg_commodity[leg]]
                count = min(count, max(available, 0.0) / leg_ratio[leg])
            if count <= NOISE:
                continue
            for leg in range(first, last):
                owner, used = leg_commodity[leg], count * leg_ratio[leg]
                credit[owner] += leg_credit_rate[leg] * weighted_risk[owner] * used
                remaining[owner] -= side * leg_sign[leg] * used
