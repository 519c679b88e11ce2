"""The unified candidate at work: one exposure by account and silo, the add-on, what stays outside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import Instrument
from engine.market.market import Market
from engine.portfolio.holdings import Holdings
from engine.rules.unified.interface import UnifiedRulebook
from engine.state.books import Book, SiloBook, TakesPart

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]


class UnifiedBook(Book):
    """Exposures of the unified rulebook by account and silo.

    Attributes:
        result: float64[account, r], columns named by ``rulebook.result_columns``; requirement first.
        outside: requirement of the positions that are not eligible, under their own silo rulebooks.
    """

    def __init__(self, rulebook: UnifiedRulebook, takes_part: TakesPart, outside: list[SiloBook]) -> None:
        super().__init__(rulebook, rulebook.eligible_products, takes_part)
        self.rulebook = rulebook
        self.add_on = SiloBook(rulebook.add_on, rulebook.eligible_products, takes_part)
        self.outside = outside
        self.result: Float64s = np.zeros((64, len(rulebook.result_columns)))
        self.outside_usd: Float64s = np.zeros(64)

    def reserve(self, accounts: int, instruments: int, holdings: int) -> None:
        super().reserve(accounts, instruments, holdings)
        for book in (self.add_on, *self.outside):
            book.reserve(accounts, instruments, holdings)
        if accounts > len(self.result):
            size = max(accounts, 2 * len(self.result))
            result, outside = np.zeros((size, self.result.shape[1])), np.zeros(size)
            result[: len(self.result)], outside[: len(self.outside_usd)] = self.result, self.outside_usd
            self.result, self.outside_usd = result, outside

    def cover(self, slot: int, instrument: Instrument, market: Market) -> None:
        if instrument.product in self.products:
            self.rulebook.check_instrument(market, slot)
            self.covered[slot] = True
        for book in (self.add_on, *self.outside):
            book.cover(slot, instrument, market)

    def rebuild(self, holdings: Holdings) -> None:
        super().rebuild(holdings)
        for book in (self.add_on, *self.outside):
            book.rebuild(holdings)

    def revalue(self, market: Market, slots: Int64s, holdings: Holdings) -> None:
        super().revalue(market, slots, holdings)
        for book in (self.add_on, *self.outside):
            book.revalue(market, slots, holdings)

    def place(self, slots: Int64s, holdings: Holdings) -> None:
        super().place(slots, holdings)
        for book in (self.add_on, *self.outside):
            book.place(slots, holdings)

    def change_quantities(self, slots: Int64s, instruments: Int64s, old: Float64s, new: Float64s) -> None:
        super().change_quantities(slots, instruments, old, new)
        for book in (self.add_on, *self.outside):
            book.change_quantities(slots, instruments, old, new)

    def forget_accounts(self, accounts: Int64s) -> None:
        super().forget_accounts(accounts)
        for book in (self.add_on, *self.outside):
            book.forget_accounts(accounts)

    def rebuild_accounts(self, accounts: Int64s, holdings: Holdings) -> None:
        super().rebuild_accounts(accounts, holdings)
        for book in (self.add_on, *self.outside):
            book.rebuild_accounts(accounts, holdings)

    def charge_dirty(self) -> Int64s:
        accounts = [book.charge_dirty() for book in (self.add_on, *self.outside)]
        units = self.exposures.take_dirty()
        if len(units):
            charges = self.rulebook.charge(self.exposures.values[units], self.exposures.netting_set[units])
            self._keep_charges(units, charges)
            accounts.append(self.exposures.account[units])
        return np.concatenate(accounts)

    def combine(self, accounts: Int64s, silo_total_usd: Float64s) -> None:
        """Renew the result of accounts; ``silo_total_usd`` float64[a] is their sum of silo requirements."""
        for book in (self.add_on, *self.outside):
            book.combine(accounts)
        outside = np.zeros(len(accounts))
        for book in self.outside:
            outside += book.requirement[accounts, 1]
        units, offsets = self.exposures.units_of(accounts)
        self.outside_usd[accounts] = outside
        self.result[accounts] = self.rulebook.combine(
            self.exposures.values,
            self.charges[units] if len(units) else np.zeros((0, self.charges.shape[1])),
            units,
            self.exposures.netting_set[units],
            offsets,
            self.add_on.requirement[accounts, 1],
            silo_total_usd,
        )
