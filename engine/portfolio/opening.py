"""Start-of-day records as effects on holdings: of one account, or of many at once as columns."""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class Openings:
    """Start-of-day records of n different accounts; a day that is read back holds a hundred thousand of them.

    Attributes:
        account, business_day, as_of_ns: int64[n], as in :class:`Opening`.
        position_of: int64[p], record that each position belongs to, ascending; with it ``instrument``, ``quantity``,
            ``reference_price`` and ``silo`` (-1 = by classification).
        cash_of: int64[b], record of each balance, ascending; with it ``cash_silo``, ``currency`` and ``amount``.
        collateral_of: int64[c], record of each asset, ascending; with it ``collateral_instrument``,
            ``collateral_quantity`` and ``collateral_silo``.
    """

    account: Int64s
    business_day: Int64s
    as_of_ns: Int64s
    position_of: Int64s
    instrument: Int64s
    quantity: Float64s
    reference_price: Float64s
    silo: Int64s
    cash_of: Int64s
    cash_silo: Int64s
    currency: Sequence[str]
    amount: Float64s
    collateral_of: Int64s
    collateral_instrument: Int64s
    collateral_quantity: Float64s
    collateral_silo: Int64s

    @classmethod
    def of_one(cls, opening: Opening) -> Openings:
        """The record of one account."""
        return cls(
            np.array([opening.account]), np.array([opening.business_day]), np.array([opening.as_of_ns]),
            np.zeros(len(opening.instrument), np.int64), opening.instrument, opening.quantity,
            opening.reference_price, opening.silo,
            np.zeros(len(opening.cash), np.int64), np.array([silo for silo, _, _ in opening.cash], np.int64),
            [currency for _, currency, _ in opening.cash],
            np.array([amount for _, _, amount in opening.cash], np.float64),
            np.zeros(len(opening.collateral_instrument), np.int64), opening.collateral_instrument,
            opening.collateral_quantity, opening.collateral_silo,
        )  # fmt: skip

    def only(self, keep: NDArray[np.bool_]) -> Openings:
        """The records where ``keep`` bool[n] is True."""
        if keep.all():
            return self
        place = np.cumsum(keep) - 1
        positions, cash, assets = keep[self.position_of], keep[self.cash_of], keep[self.collateral_of]
        return Openings(
            self.account[keep], self.business_day[keep], self.as_of_ns[keep],
            place[self.position_of[positions]], self.instrument[positions], self.quantity[positions],
            self.reference_price[positions], self.silo[positions],
            place[self.cash_of[cash]], self.cash_silo[cash],
            [self.currency[i] for i in np.flatnonzero(cash).tolist()], self.amount[cash],
            place[self.collateral_of[assets]], self.collateral_instrument[assets],
            self.collateral_quantity[assets], self.collateral_silo[assets],
        )  # fmt: skip


def opening_effects(
    openings: Openings,
    silo: Int64s,
    contract_value: Float64s,
    futures_style: NDArray[np.bool_],
    position_currency: Int64s,
    cash_currency: Int64s,
) -> Effects:
    """Effects on empty holdings: all positions, then all collateral, then all balances, each in the order given.

    A position with daily settlement enters cash at its reference price, like a trade; every other one is
    already paid for.

    Args:
        silo: silo index of each position, int64[p].
        contract_value: of one contract of each position at its reference price, in its currency, length p.
        futures_style, position_currency: of each position's instrument, length p.
        cash_currency: currency index of each balance.
    """
    paid = np.where(futures_style, -openings.quantity * contract_value, 0.0)
    p, c, b = len(openings.instrument), len(openings.collateral_instrument), len(openings.amount)
    return Effects(
        account=openings.account[
            np.concatenate([openings.position_of, openings.collateral_of, openings.cash_of])
        ],
        instrument=np.concatenate(
            [openings.instrument, openings.collateral_instrument, np.full(b, -1, np.int64)]
        ),
        silo=np.concatenate([silo, openings.collateral_silo, openings.cash_silo]),
        collateral=np.concatenate([np.zeros(p, np.bool_), np.ones(c, np.bool_), np.zeros(b, np.bool_)]),
        quantity=np.concatenate([openings.quantity, openings.collateral_quantity, np.zeros(b)]),
        cash=np.concatenate([paid, np.zeros(c), openings.amount]),
        currency=np.concatenate([position_currency, np.zeros(c, np.int64), cash_currency]),
        entry=np.full(p + c + b, -1, np.int64),
    )
