"""Start-of-day record of one account as effects on its holdings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.portfolio.ledger import Effects

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Opening:
    """What an account holds at the start of a business day, all parts joined.

    Attributes:
        account: slot. business_day: days since 1970. as_of_ns: when it was drawn up; the later one wins.
        instrument, quantity, reference_price, silo: positions, length p; silo -1 = by classification.
        cash: (silo index, currency, amount) balances.
        collateral_instrument, collateral_quantity, collateral_silo: holdings, length c.
    """

    account: int
    business_day: int
    as_of_ns: int
    instrument: Int64s
    quantity: Float64s
    reference_price: Float64s
    silo: Int64s
    cash: tuple[tuple[int, str, float], ...]
    collateral_instrument: Int64s
    collateral_quantity: Float64s
    collateral_silo: Int64s


def opening_effects(
    opening: Opening,
    silo: Int64s,
    multiplier: Float64s,
    futures_style: NDArray[np.bool_],
    position_currency: Int64s,
    cash_currency: Int64s,
) -> Effects:
    """Effects on empty holdings.

    A position with daily settlement enters cash at its reference price, like a trade; every other one is
    already paid for.

    Args:
        silo: silo index of each position, int64[p].
        multiplier, futures_style, position_currency: of each position's instrument, length p.
        cash_currency: currency index of each balance.
    """
    paid = np.where(futures_style, -opening.quantity * multiplier * opening.reference_price, 0.0)
    p, c, b = len(opening.instrument), len(opening.collateral_instrument), len(opening.cash)
    return Effects(
        account=np.full(p + c + b, opening.account, np.int64),
        instrument=np.concatenate(
            [opening.instrument, opening.collateral_instrument, np.full(b, -1, np.int64)]
        ),
        silo=np.concatenate(
            [silo, opening.collateral_silo, np.array([s for s, _, _ in opening.cash], np.int64)]
        ),
        collateral=np.concatenate([np.zeros(p, np.bool_), np.ones(c, np.bool_), np.zeros(b, np.bool_)]),
        quantity=np.concatenate([opening.quantity, opening.collateral_quantity, np.zeros(b)]),
        cash=np.concatenate([paid, np.zeros(c), np.array([amount for _, _, amount in opening.cash])]),
        currency=np.concatenate([position_currency, np.zeros(c, np.int64), cash_currency]),
        entry=np.full(p + c + b, -1, np.int64),
    )
