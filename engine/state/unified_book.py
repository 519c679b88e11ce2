"""The unified candidate at work: scenario sums by account and silo, the add-on, what stays outside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import longer
from engine.market.instruments import Instrument
from engine.market.view import MarketView
from engine.portfolio.holdings import Holdings
from engine.risk.scenario_sums import MovedRows, ScenarioSums
from engine.rules.unified.interface import UnifiedRulebook
from engine.rules.unified.tail import Int16s, no_tails
from engine.state.books import Rows, SiloBook

Bools = NDArray[np.bool_]
Float64s = NDArray[np.float64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]


class UnifiedBook:
    """Sums and charges of the unified rulebook by account and silo.

    Attributes:
        covered: bool by instrument slot, the rulebook has rows for it.
        add_on: liquidity and concentration. outside: the silo rulebooks of products that are not eligible.
        result: float64[account, r], columns named by ``rulebook.result_columns``; requirement first.
        outside_usd: float64[account], requirement of the positions that are not eligible, under their own silo's
            rulebooks.
    """

    def __init__(
        self, rulebook: UnifiedRulebook, bit: int, add_on: SiloBook, outside: list[SiloBook]
    ) -> None:
        self.rulebook = rulebook
        self.bit = bit
        self.products = rulebook.eligible_products
        self.add_on = add_on
        self.outside = outside
        self.rows = Rows(rulebook)
        self.sums = ScenarioSums(rulebook.column_kinds)
        self.covered: Bools = np.zeros(64, np.bool_)
        self.charges: Float64s = np.zeros((64, len(rulebook.charge_columns)))
        self.tails: Int16s = no_tails(64, rulebook.tail_size)
        self.result: Float64s = np.zeros((64, len(rulebook.result_columns)))
        self.outside_usd: Float64s = np.zeros(64)
        self._moved = self._no_moves()

    def reserve(self, accounts: int, instruments: int) -> None:
        """Make room for so many slots of each."""
        for book in (self.add_on, *self.outside):
            book.reserve(accounts, instruments)
        self.rows.reserve(instruments)
        self.sums.reserve(accounts)
        if instruments > len(self.covered):
            self.covered = longer(self.covered, max(instruments, 2 * len(self.covered)), False)
            self._moved = self._no_moves()
        if accounts > len(self.result):
            size = max(accounts, 2 * len(self.result))
            self.result, self.outside_usd = (
                longer(self.result, size, 0.0),
                longer(self.outside_usd, size, 0.0),
            )

    def cover(self, slot: int, instrument: Instrument, market: MarketView) -> None:
        """Learn an instrument.

        Raises:
            MarginError: from the rulebook, naming the instrument and what is missing.
        """
        if instrument.product in self.products:
            self.rulebook.check_instrument(market, slot)
            self.covered[slot] = True
        for book in (self.add_on, *self.outside):
            book.cover(slot, instrument)

    def forget(self, slot: int) -> None:
        """The instrument is gone: its slot is as new."""
        self.rows.values[slot] = 0.0
        self.covered[slot] = False
        for book in (self.add_on, *self.outside):
            book.forget(slot)

    def renew(self, market: MarketView, slots: Int64s) -> Int64s:
        """New rows of instruments (unique slots); int64[m] those that changed. The sums follow in this pass."""
        changed, changes = self.rows.renew(market, slots[self.covered[slots]])
        change = np.full(len(self.covered), -1, np.int32)
        change[changed] = np.arange(len(changed), dtype=np.int32)
        self._moved = MovedRows(self.rows.values, change, changes, self.covered)
        return changed

    def forget_moves(self) -> None:
        """The pass is over: whatever moved has been followed."""
        self._moved = self._no_moves()

    def _no_moves(self) -> MovedRows:
        nothing = np.full(len(self.covered), -1, np.int32)
        return MovedRows(self.rows.values, nothing, np.zeros((0, self.rows.values.shape[1])), self.covered)

    def prepare(self, accounts: Int64s, holdings: Holdings) -> None:
        """Give accounts whose holdings changed the units that they need."""
        self.sums.assign(accounts[self.sums.stale[accounts]], holdings, self.covered)
        if len(self.charges) < len(self.sums.values):
            self.charges = longer(self.charges, len(self.sums.values), 0.0)
            self.tails = longer(self.tails, len(self.sums.values), 0)

    def release(self, accounts: Int64s) -> None:
        """Keep nothing about accounts."""
        self.sums.release(accounts)
        self.result[accounts] = 0.0
        self.outside_usd[accounts] = 0.0

    def charge(self, accounts: Int64s, holdings: Holdings, silo_total_usd: Float64s) -> None:
        """Renew the result of accounts; ``silo_total_usd`` float64[a] is their sum of silo requirements, those of
        positions outside included.

        The accounts' add-on and outside books must be charged. Writes only what belongs to the accounts.
        """
        outside = np.zeros(len(accounts))
        for book in self.outside:
            outside += book.requirement[accounts, 1]
        self.outside_usd[accounts] = outside
        self.rulebook.renew(
            accounts, holdings.columns, self._moved, self.sums.columns, self.charges, self.tails,
            self.add_on.requirement, np.maximum(silo_total_usd - outside, 0.0), self.result,
        )  # fmt: skip

    def of_account(self, account: int, holdings: Holdings) -> tuple[Float64s, Int64s]:
        """One account's sums made anew: float64[u, k] and silo indices int64[u]."""
        return self.sums.of_account(account, holdings, self.rows.values, self.covered)
