"""What start-of-day records put into which silo, as far as holdings and cash alone do not show it.

A position without a silo of its own follows its product when the classification changes, and with it the cash that a
position with daily settlement brought. The ledgers remember that of trades; this remembers it of start-of-day records.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import longer
from engine.market.instruments import FUTURES_STYLE, Product

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Only these bring cash with a start-of-day position.
CASH_PRODUCTS: tuple[Product, ...] = tuple(product for product in Product if product in FUTURES_STYLE)


class OpenedSilos:
    """By account slot.

    Attributes:
        cash: float64[account, :data:`CASH_PRODUCTS`, currency], brought by positions that follow their product.
        pinned: positions with a silo of their own, as (instrument slot, silo index, quantity).
    """

    def __init__(self) -> None:
        self.cash: Float64s = np.zeros((64, len(CASH_PRODUCTS), 1))
        self.pinned: dict[int, list[tuple[int, int, float]]] = {}

    def add_currency(self) -> None:
        """One more currency; balances in it are 0."""
        self.cash = np.concatenate([self.cash, np.zeros((*self.cash.shape[:2], 1))], axis=2)

    def reserve(self, accounts: int) -> None:
        """Make room for so many account slots."""
        self.cash = longer(self.cash, accounts, 0.0)

    def forget(self, accounts: Int64s) -> None:
        """Accounts hold nothing any more."""
        self.cash[accounts] = 0.0
        for account in self.pinned.keys() & set(accounts.tolist()):
            del self.pinned[account]

    def note(
        self, account: int, instrument: Int64s, quantity: Float64s, silo: Int64s, product: Int64s, cash: Float64s,
        currency: Int64s,
    ) -> None:  # fmt: skip
        """Remember the positions of an account's start-of-day record, columns of length p.

        Args:
            silo: index, -1 = by classification. product: index into :data:`CASH_PRODUCTS`, -1 for others.
            cash: what each position brought, in the currency with that index.
        """
        own = silo >= 0
        brought = np.flatnonzero(~own & (product >= 0))
        np.add.at(self.cash[account], (product[brought], currency[brought]), cash[brought])
        if own.any():
            self.pinned[account] = list(
                zip(instrument[own].tolist(), silo[own].tolist(), quantity[own].tolist(), strict=True)
            )
