"""One rulebook at work: the rows of its instruments and its requirement by account."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow, longer
from engine.market.instruments import SILOS, Instrument, Product
from engine.market.market import PRODUCT_CODE
from engine.market.view import MarketView
from engine.portfolio.accounts import AccountTable
from engine.portfolio.holdings import Held, Holdings
from engine.risk.netting_sets import Covered, sum_netting_sets
from engine.risk.weights import leading_linear
from engine.rules.interface import AddingRulebook, LooksBack, Rulebook, ScaledByClass, SiloRulebook

Bools = NDArray[np.bool_]
Float64s = NDArray[np.float64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]


class Rows:
    """Risk rows of a rulebook by instrument slot.

    Attributes:
        values: float64[instrument, k].
    """

    def __init__(self, rulebook: Rulebook) -> None:
        self.values: Float64s = np.zeros((64, len(rulebook.column_kinds)))
        self._rows_of = rulebook.rows

    def reserve(self, instruments: int) -> None:
        """Make room for so many instrument slots."""
        if instruments > len(self.values):
            self.values = longer(self.values, max(instruments, 2 * len(self.values)), 0.0)

    def renew(self, market: MarketView, slots: Int64s) -> tuple[Int64s, Float64s]:
        """New rows of instruments (unique slots): those that changed int64[m], and their changes float64[m, k]."""
        rows = self._rows_of(market, slots)
        changes = rows - self.values[slots]
        moved = np.flatnonzero(np.any(changes != 0.0, axis=1))
        self.values[slots] = rows
        return slots[moved], changes[moved]


_FILLS: dict[str, Fill] = {"set_of_instrument": (np.int32, -1)}
_SILO_BITS = 1 << np.arange(len(SILOS), dtype=np.uint8)


class SiloBook(ABC):
    """A silo rulebook (or an add-on with the same interface) at work.

    Attributes:
        products: what the rulebook is asked to cover.
        table: bool[2, silo, product], margined by it without and with approval for portfolio margin.
        bit: the mark of accounts that are to be charged anew under it.
        set_of_instrument: int32 by instrument slot, its netting set; -1 where the rulebook has no rows for it.
        silos: uint8[2, instrument], bit by silo where this book margins it, without and with approval.
        requirement: float64[account, 2], initial and maintenance, USD.
    """

    set_of_instrument: Int32s

    def __init__(
        self,
        rulebook: SiloRulebook,
        products: frozenset[Product],
        table: Bools,
        bit: int,
        beside: SiloBook | None = None,
        owners: AccountTable | None = None,
    ) -> None:
        """
        Args:
            beside: another book of the same rulebook object, which is bound to one order of netting sets; both then
                share that order.
            owners: the accounts; a rulebook that scales by their class needs them.
        """
        self.rulebook = rulebook
        self.products = products
        self.table = table
        self.bit = bit
        self.owners = owners
        self.rows = Rows(rulebook)
        self.requirement: Float64s = np.zeros((64, 2))
        self._written = False  # whether any account had a netting set here yet
        self._index_of: dict[str, int] = {} if beside is None else beside._index_of
        self._linear = leading_linear(rulebook.column_kinds)
        self.silos = np.zeros((2, 64), np.uint8)
        for name, column in filled(_FILLS, 64).items():
            setattr(self, name, column)

    def reserve(self, accounts: int, instruments: int) -> None:
        """Make room for so many slots of each."""
        self.rows.reserve(instruments)
        if instruments > len(self.set_of_instrument):
            size = max(instruments, 2 * len(self.set_of_instrument))
            grow(self, _FILLS, size)
            self.silos = np.ascontiguousarray(longer(self.silos.T, size, 0).T)
        if accounts > len(self.requirement):
            self.requirement = longer(self.requirement, max(accounts, 2 * len(self.requirement)), 0.0)

    def cover(self, slot: int, instrument: Instrument) -> None:
        """Learn an instrument; one that is not among ``products`` is none of this book's business.

        Raises:
            MarginError: from the rulebook, naming the instrument and what is missing.
        """
        if instrument.product not in self.products:
            return
        name = self.rulebook.netting_set(instrument)
        known = len(self._index_of)
        self.set_of_instrument[slot] = self._index_of.setdefault(name, known)
        self.silos[:, slot] = self.table[:, :, PRODUCT_CODE[instrument.product]] @ _SILO_BITS
        if len(self._index_of) > known:
            self.rulebook.bind(list(self._index_of))

    def forget(self, slot: int) -> None:
        """The instrument is gone: its slot is as new."""
        self.rows.values[slot] = 0.0
        self.set_of_instrument[slot] = -1
        self.silos[:, slot] = 0

    def covered(self, slots: Int64s) -> Int64s:
        """Those of the instruments that have rows here."""
        return slots[self.set_of_instrument[slots] >= 0]

    @abstractmethod
    def charge(self, accounts: Int64s, holdings: Holdings, approved: Bools) -> None:
        """Renew the requirement of accounts; writes nothing else."""

    def _clear(self, accounts: Int64s) -> None:
        """Accounts require nothing. What was never written takes no memory, and keeps taking none."""
        if self._written:
            self.requirement[accounts] = 0.0

    def netting_sets(
        self, accounts: Int64s, holdings: Holdings, approved: Bools
    ) -> tuple[Float64s, Int64s, Int64s]:
        """Exposures float64[u, k] of the accounts' netting sets int64[u]; account i owns ``offsets[i:i + 2]``."""
        most = int(holdings.held[accounts].sum())
        exposures = np.empty((most, len(self.rulebook.column_kinds)))
        sets, offsets = np.empty(most, np.int64), np.empty(len(accounts) + 1, np.int64)
        covered = Covered(self.set_of_instrument, self.silos, approved)
        units = sum_netting_sets(
            holdings.columns, covered, self.rows.values, self.rulebook.column_kinds, self._linear,
            len(self._index_of), accounts, exposures, sets, offsets,
        )  # fmt: skip
        return exposures[:units], sets[:units], offsets

    def members(self, held: Held, accounts: AccountTable) -> Bools:
        """bool[n]: which holdings this rulebook margins."""
        approved = accounts.portfolio_margin[held.account].astype(np.int64)
        silos = self.silos[approved, held.instrument]
        margined: Bools = (silos >> held.silo.astype(np.uint8)) & 1 == 1
        return margined & ~held.collateral


class AddingBook(SiloBook):
    """The rows of a netting set are added and charged."""

    rulebook: AddingRulebook

    def charge(self, accounts: Int64s, holdings: Holdings, approved: Bools) -> None:
        """Renew the requirement of accounts; writes nothing else."""
        exposures, sets, offsets = self.netting_sets(accounts, holdings, approved)
        if len(sets) == 0:
            self._clear(accounts)
            return
        self._written = True
        charges = self.rulebook.charge(exposures, sets)
        if isinstance(self.rulebook, ScaledByClass) and self.owners is not None:
            classes = self.owners.account_class[accounts]
            self.requirement[accounts] = self.rulebook.combine_by_class(charges, sets, offsets, classes)
        elif isinstance(self.rulebook, LooksBack) and self.owners is not None:
            records = self.owners.records
            past = [records[account].past_charges_usd for account in accounts.tolist()]
            self.requirement[accounts] = self.rulebook.combine_with_past(charges, sets, offsets, past)
        else:
            self.requirement[accounts] = self.rulebook.combine(charges, sets, offsets)


def product_table(products: frozenset[Product]) -> Bools:
    """bool[product code]."""
    table = np.zeros(len(Product), np.bool_)
    table[[PRODUCT_CODE[product] for product in products]] = True
    return table
