"""A rulebook at work that pairs positions: a netting set is paired anew only when something in it moved."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import longer
from engine.market.instruments import Instrument, Product
from engine.portfolio.accounts import AccountTable
from engine.portfolio.holdings import Holdings
from engine.risk.netting_sets import Covered
from engine.risk.positions import gather_positions
from engine.rules.interface import AddingRulebook, PairingRulebook, SiloRulebook
from engine.state.books import AddingBook, SiloBook

Bools = NDArray[np.bool_]
Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]


class Positions(NamedTuple):
    """Netting sets of accounts with their positions.

    Attributes:
        instruments, quantities: int64[p], float64[p]. first: int64[u + 1], unit j owns ``first[j]:first[j + 1]``.
        sets: int64[u]. offsets: int64[a + 1], account i owns units ``offsets[i]:offsets[i + 1]``.
    """

    instruments: Int64s
    quantities: Float64s
    first: Int64s
    sets: Int64s
    offsets: Int64s


class _Remembered(NamedTuple):
    """The charge of a netting set, and a fingerprint of what it rested on."""

    print: bytes
    charge: Float64s


class PairingBook(SiloBook):
    """See :class:`SiloBook`; the rulebook's ``charge_positions`` stands in for ``charge``.

    Attributes:
        incomplete: bool by account slot, holds positions that the rulebook left out.
    """

    rulebook: PairingRulebook

    def __init__(
        self,
        rulebook: PairingRulebook,
        products: frozenset[Product],
        table: Bools,
        bit: int,
        beside: SiloBook | None = None,
    ) -> None:
        super().__init__(rulebook, products, table, bit, beside)
        self.incomplete: Bools = np.zeros(64, np.bool_)
        self._stands_for: Bools = np.asarray(table.any(axis=(1, 2)))  # without and with approval
        self._memory: dict[int, dict[int, _Remembered]] = {}  # by account, netting set

    def reserve(self, accounts: int, instruments: int) -> None:
        """Make room for so many slots of each."""
        super().reserve(accounts, instruments)
        self.incomplete = longer(self.incomplete, len(self.requirement), 0)

    def cover(self, slot: int, instrument: Instrument) -> None:
        """See :meth:`SiloBook.cover`; terms may have changed that no row shows: everything is paired anew."""
        super().cover(slot, instrument)
        self._memory.clear()

    def charge(self, accounts: Int64s, holdings: Holdings, approved: Bools) -> None:
        """Renew the requirement of accounts; writes nothing else."""
        self._clear(accounts)
        accounts = accounts[self._stands_for[approved[accounts].astype(np.int64)]]
        if len(accounts) == 0:
            return
        found = self._positions(accounts, holdings, approved)
        charges = self._charges(accounts, found)
        if len(charges) == 0:
            return
        self._written = True
        left_out = np.repeat(accounts, np.diff(found.offsets))[charges[:, -1] > 0.0]
        self.incomplete[left_out] = True
        self.requirement[accounts] = self.rulebook.combine(charges, found.sets, found.offsets)

    def _clear(self, accounts: Int64s) -> None:
        super()._clear(accounts)
        if self._written:
            self.incomplete[accounts] = False

    def remembered_usd(self, account: int) -> dict[int, float]:
        """Maintenance of an account's netting sets at its last charge, by set; those that need pairing anew are not
        in it."""
        known = self._memory.get(account, {})
        if not known:
            return {}
        maintenance = self.rulebook.maintenance_usd(np.array([each.charge for each in known.values()]))
        return dict(zip(known, maintenance.tolist(), strict=True))

    def maintenance_usd(self, netting_set: int, instruments: Int64s, quantities: Float64s) -> float:
        """Maintenance of a netting set that held just these positions (slots ascending, quantities not 0)."""
        first = np.array([0, len(instruments)], np.int64)
        sets = np.array([netting_set], np.int64)
        charges = self.rulebook.charge_positions(self.rows.values, instruments, quantities, first, sets)
        return float(self.rulebook.maintenance_usd(charges)[0])

    def _positions(self, accounts: Int64s, holdings: Holdings, approved: Bools) -> Positions:
        most = int(holdings.held[accounts].sum())
        instruments, quantities = np.empty(most, np.int64), np.empty(most)
        first, sets = np.empty(most + 1, np.int64), np.empty(most, np.int64)
        offsets = np.empty(len(accounts) + 1, np.int64)
        covered = Covered(self.set_of_instrument, self.silos, approved)
        units = gather_positions(
            holdings.columns, covered, accounts, instruments, quantities, first, sets, offsets
        )
        number = first[units]
        return Positions(instruments[:number], quantities[:number], first[: units + 1], sets[:units], offsets)

    def _charges(self, accounts: Int64s, found: Positions) -> Float64s:
        """float64[u, c]: charges of all units; those of units that are as they were are remembered."""
        sizes = np.diff(found.first)
        owners = np.repeat(accounts, np.diff(found.offsets))
        prints = [self._print(found, unit) for unit in range(len(sizes))]
        kept: dict[int, _Remembered] = {}
        for unit in range(len(sizes)):
            known = self._memory.get(int(owners[unit]), {}).get(int(found.sets[unit]))
            if known is not None and known.print == prints[unit]:
                kept[unit] = known
        due = np.ones(len(sizes), np.bool_)
        due[list(kept)] = False
        charges = self._charged(found, sizes, due)
        for unit, known in kept.items():
            charges[unit] = known.charge
        if self._memory:
            for account in accounts.tolist():
                self._memory.pop(account, None)
        for unit, seen in enumerate(prints):
            of_account = self._memory.setdefault(int(owners[unit]), {})
            of_account[int(found.sets[unit])] = _Remembered(seen, charges[unit].copy())
        return charges

    def _print(self, found: Positions, unit: int) -> bytes:
        """What the charge of a unit rests on, in few bytes: its positions and their rows."""
        part = slice(found.first[unit], found.first[unit + 1])
        seen = blake2b(self.rows.values[found.instruments[part]].tobytes(), digest_size=16)
        seen.update(found.instruments[part].tobytes())
        seen.update(found.quantities[part].tobytes())
        return seen.digest()

    def _charged(self, found: Positions, sizes: Int64s, due: Bools) -> Float64s:
        """float64[u, c]: charges of the units that are due, in their places."""
        mine = np.repeat(due, sizes)
        first = np.concatenate([[0], np.cumsum(sizes[due])])
        fresh = self.rulebook.charge_positions(
            self.rows.values, found.instruments[mine], found.quantities[mine], first, found.sets[due]
        )
        charges = np.zeros((len(sizes), fresh.shape[1]))
        charges[due] = fresh
        return charges


def book_of(
    rulebook: SiloRulebook,
    products: frozenset[Product],
    table: Bools,
    bit: int,
    beside: SiloBook | None = None,
    owners: AccountTable | None = None,
) -> SiloBook:
    """The book that puts a rulebook to work, as it adds or pairs."""
    if isinstance(rulebook, PairingRulebook):
        return PairingBook(rulebook, products, table, bit, beside)
    assert isinstance(rulebook, AddingRulebook), f"{rulebook.rulebook_id} neither adds nor pairs"
    return AddingBook(rulebook, products, table, bit, beside, owners)
