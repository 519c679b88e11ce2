"""One rulebook at work: its exposures, its charges, its requirement by account."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.portfolio.holdings import Holdings
from engine.risk.exposures import Exposures
from engine.rules.interface import Rulebook, SiloRulebook

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

# Whether holdings (slots) take part in a book.
TakesPart = Callable[[Int64s], NDArray[np.bool_]]


class Book(ABC):
    """Exposures of one rulebook and the rows they rest on.

    Attributes:
        products: what the rulebook is asked to cover.
        covered: bool by instrument slot, the rulebook has rows for it.
        charges: float64[unit, c].
    """

    def __init__(self, rulebook: Rulebook, products: frozenset[Product], takes_part: TakesPart) -> None:
        self.exposures = Exposures(rulebook.column_kinds)
        self.products = products
        self.takes_part = takes_part
        self.charges: Float64s = np.zeros((0, 0))
        self.covered: NDArray[np.bool_] = np.zeros(64, np.bool_)
        self._rows_of = rulebook.rows

    def reserve(self, accounts: int, instruments: int, holdings: int) -> None:
        """Make room for so many slots of each."""
        self.exposures.reserve(accounts, instruments, holdings)
        if instruments > len(self.covered):
            covered = np.zeros(max(instruments, 2 * len(self.covered)), np.bool_)
            covered[: len(self.covered)] = self.covered
            self.covered = covered

    def revalue(self, market: Market, slots: Int64s, holdings: Holdings) -> None:
        """New rows for the covered ones of these instruments (unique slots); holders follow."""
        slots = slots[self.covered[slots]]
        if len(slots):
            self.exposures.change_rows(slots, self._rows_of(market, slots), holdings)

    def fill(self, market: Market, holdings: Holdings, accounts: int, usable: NDArray[np.bool_]) -> None:
        """Take in a whole book at once: every usable instrument, every holding; all units are dirty.

        Instruments whose record was refused are not ``usable`` (bool by slot): nobody holds them, and they must
        not keep a rulebook from being replaced.

        Raises:
            MarginError: the refusal of an instrument.
        """
        self.reserve(accounts, market.count, holdings.count)
        for slot in np.flatnonzero(usable[: market.count]).tolist():
            self.cover(slot, market.instruments[slot], market)
        self.place(np.arange(holdings.count), holdings)
        held = np.flatnonzero(holdings.holders[: market.count])
        self.revalue(market, held, holdings)
        self.rebuild(holdings)

    def rebuild(self, holdings: Holdings) -> None:
        """Sum all units anew; all are dirty."""
        self.exposures.rebuild(np.arange(self.exposures.count), holdings)
        self.exposures.dirty[: self.exposures.count] = True

    def change_quantities(self, slots: Int64s, instruments: Int64s, old: Float64s, new: Float64s) -> None:
        """Quantities of holdings moved, in order; rows as they stand."""
        self.exposures.change_quantities(slots, instruments, old, new)

    def forget_accounts(self, accounts: Int64s) -> None:
        """Unlink all holdings of the accounts."""
        self.exposures.forget_accounts(accounts)

    def rebuild_accounts(self, accounts: Int64s, holdings: Holdings) -> None:
        """Sum the units of the accounts anew; they are dirty."""
        self.exposures.rebuild_accounts(accounts, holdings)

    @abstractmethod
    def cover(self, slot: int, instrument: Instrument, market: Market) -> None:
        """Learn an instrument; one that is not among ``products`` is none of this book's business.

        Raises:
            MarginError: from the rulebook, naming the instrument and what is missing.
        """

    @abstractmethod
    def charge_dirty(self) -> Int64s:
        """Charge what changed; int64[m] accounts concerned (may repeat)."""

    def _keep_charges(self, units: Int64s, charges: Float64s) -> None:
        """Store charges float64[n, c] of units int64[n]."""
        if len(self.charges) < len(self.exposures.account):
            bigger = np.zeros((len(self.exposures.account), charges.shape[1]))
            if len(self.charges):
                bigger[: len(self.charges)] = self.charges
            self.charges = bigger
        self.charges[units] = charges

    def place(self, slots: Int64s, holdings: Holdings) -> None:
        """Give new holdings their units."""
        sets = np.where(self.takes_part(slots), self.netting_sets(slots, holdings), -1)
        self.exposures.place(slots, holdings.account[slots], sets, np.ones(len(slots)))

    def netting_sets(self, slots: Int64s, holdings: Holdings) -> Int64s:
        """int64[n]: netting set of holdings that take part."""
        return holdings.silo[slots]


class SiloBook(Book):
    """A silo rulebook (or an add-on with the same interface) at work.

    Attributes:
        requirement: float64[account, 2], initial and maintenance, USD.
    """

    def __init__(
        self,
        rulebook: SiloRulebook,
        products: frozenset[Product],
        takes_part: TakesPart,
        beside: SiloBook | None = None,
    ) -> None:
        """``beside``: another book of the same rulebook object, which is bound to one order of netting sets; both
        then share that order.
        """
        super().__init__(rulebook, products, takes_part)
        self.rulebook = rulebook
        self._index_of: dict[str, int] = {} if beside is None else beside._index_of
        self._set_of_instrument: Int64s = np.full(64, -1, np.int64)
        self.requirement: Float64s = np.zeros((64, 2))

    def reserve(self, accounts: int, instruments: int, holdings: int) -> None:
        super().reserve(accounts, instruments, holdings)
        if instruments > len(self._set_of_instrument):
            sets = np.full(max(instruments, 2 * len(self._set_of_instrument)), -1, np.int64)
            sets[: len(self._set_of_instrument)] = self._set_of_instrument
            self._set_of_instrument = sets
        if accounts > len(self.requirement):
            requirement = np.zeros((max(accounts, 2 * len(self.requirement)), 2))
            requirement[: len(self.requirement)] = self.requirement
            self.requirement = requirement

    def cover(self, slot: int, instrument: Instrument, market: Market) -> None:
        if instrument.product not in self.products:
            return
        name = self.rulebook.netting_set(instrument)
        known = len(self._index_of)
        self._set_of_instrument[slot] = self._index_of.setdefault(name, known)
        if len(self._index_of) > known:
            self.rulebook.bind(list(self._index_of))
        self.covered[slot] = True

    def netting_sets(self, slots: Int64s, holdings: Holdings) -> Int64s:
        return self._set_of_instrument[holdings.instrument[slots]]

    def charge_dirty(self) -> Int64s:
        exposures = self.exposures
        units = exposures.take_dirty()
        if len(units) == 0:
            return units
        charges = self.rulebook.charge(exposures.values[units], exposures.netting_set[units])
        self._keep_charges(units, charges)
        return exposures.account[units]

    def combine(self, accounts: Int64s) -> None:
        """Renew the requirement of accounts from the charges of their netting sets."""
        units, offsets = self.exposures.units_of(accounts)
        if len(units) == 0:
            self.requirement[accounts] = 0.0
            return
        self.requirement[accounts] = self.rulebook.combine(
            self.charges[units], self.exposures.netting_set[units], offsets
        )
