"""Evaluation: what moved is revalued, what is dirty is charged, what crossed a line is decided."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.units import NANOSECONDS_PER_SECOND
from engine.market.instruments import OPTIONS, SILO_INDEX, SILOS
from engine.market.market import PRODUCT_CODE
from engine.state.activity_state import ActivityState
from engine.state.cases import Move
from engine.state.equity import start_of_day

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

# Units summed anew at each pass: 100,000 units are re-anchored within about 80 s at 20 passes a second.
_REANCHOR_UNITS = 64
_OPTION_CODES = np.array(sorted(PRODUCT_CODE[product] for product in OPTIONS))


class EngineCore(ActivityState):
    """Accounts, market, rulebooks and their figures.

    See :class:`ReferenceState` for the columns.
    """

    def evaluate_moves(self, now_ns: int, options: bool = True) -> tuple[Int64s, list[Move]]:
        """Revalue what moved, charge what is dirty, decide the calls of live partitions.

        Args:
            options: False leaves the risk arrays of options as they are until a pass with True; their market
                value follows all the same.

        Returns:
            int64[a] account slots evaluated anew, and the cases that moved.
        """
        self._advance_time(now_ns)
        moved = np.flatnonzero(self.moved[: self.market.count])
        self.moved[moved] = False
        if not options:
            waiting = moved[self.market.model[moved] > 0]
            self.moved[waiting] = True
            self._revalue_equity(waiting)
            moved = np.setdiff1d(moved, waiting, assume_unique=True)
        self._revalue(moved)
        self._reanchor()
        for book in self._rule_books():
            self.dirty[book.charge_dirty()] = True
        self.dirty[self.equity_book.dirty_accounts()] = True
        self.dirty[self._with_cash_in(moved)] = True
        accounts = self._live_dirty()
        if len(accounts):
            self._combine(accounts)
        moves = self._decide(accounts, now_ns) if len(accounts) else []
        self.cases.clear_causes(accounts)
        return accounts, moves

    def _advance_time(self, now_ns: int) -> None:
        """Step the valuation time (options lose time value) and find prices that became stale or fresh."""
        market = self.market
        step_ns = self.policy.revaluation_step_s * NANOSECONDS_PER_SECOND
        valuation_time_ns = now_ns - now_ns % step_ns
        if valuation_time_ns > market.valuation_time_ns:
            next_day = start_of_day(valuation_time_ns) > start_of_day(market.valuation_time_ns)
            market.valuation_time_ns = valuation_time_ns
            if next_day:
                self.equity_book.renew_haircuts(self.holdings, market)
            self.moved[: market.count] |= np.isin(market.product[: market.count], _OPTION_CODES)
        age_ns = now_ns - market.source_time_ns[: market.count]
        stale = market.priced[: market.count] & (age_ns > self.stale_after_ns[: market.count])
        self.moved[: market.count] |= stale != self.stale[: market.count]
        self.stale[: market.count] = stale

    def _with_cash_in(self, moved: Int64s) -> Int64s:
        """int64[m]: accounts with a balance in a currency whose rate is among the moved instruments."""
        rate_of = {index: f"{currency}USD" for currency, index in self.holdings.currencies.items() if index}
        rates = {
            self.market.slot_of[name]: index for index, name in rate_of.items() if name in self.market.slot_of
        }
        indices = [rates[slot] for slot in moved.tolist() if slot in rates]
        balances = self.holdings.cash[: self.accounts.count][:, :, indices]
        return np.flatnonzero(np.any(balances != 0.0, axis=(1, 2)))

    def _reanchor(self) -> None:
        """Sum some units anew in rotation, which ends float drift within a bounded time."""
        self.equity_book.exposures.reanchor(_REANCHOR_UNITS, self.holdings)
        for book in self._rule_books():
            book.exposures.reanchor(_REANCHOR_UNITS, self.holdings)

    def _live_dirty(self) -> Int64s:
        """int64[a] dirty accounts of live partitions; they count as clean from now on."""
        accounts = np.flatnonzero(self.dirty[: self.accounts.count])
        live = [number for number, partition in self.partitions.items() if partition.live]
        accounts = accounts[np.isin(self.accounts.partition[accounts], live)]
        self.dirty[accounts] = False
        return accounts

    def _combine(self, accounts: Int64s) -> None:
        self.equity[accounts], trusted = self.equity_book.of_accounts(accounts, self.holdings, self.market)
        self.unsupported[accounts] = False
        self._find_unsupported(accounts[~self.accounts.portfolio_margin[accounts] | self.misplaced[accounts]])
        self.trusted[accounts] = trusted & ~self.unsupported[accounts]
        self.initial[accounts] = self.maintenance[accounts] = 0.0
        for rulebook_id, book in self.silo_books.items():
            book.combine(accounts)
            silo = SILO_INDEX[self.policy.rulebooks[rulebook_id].silo]
            self.initial[accounts, silo] += book.requirement[accounts, 0]
            self.maintenance[accounts, silo] += book.requirement[accounts, 1]
        self.unified.combine(accounts, self.maintenance[accounts].sum(axis=1))

    def _find_unsupported(self, accounts: Int64s) -> None:
        """Mark the silos in which accounts hold what no rulebook margins there, or none without an approval."""
        slots, _ = self.holdings.of_accounts(accounts)
        slots = slots[(self.holdings.quantity[slots] != 0.0) & ~self.holdings.collateral[slots]]
        margined = np.zeros(len(slots), np.bool_)
        for book in self.silo_books.values():
            margined |= book.takes_part(slots)
        left = slots[~margined]
        self.unsupported[self.holdings.account[left], self.holdings.silo[left]] = True

    def unified_requirement(self, accounts: Int64s) -> Float64s:
        """float64[a]: unified requirement; an account that is not eligible keeps its silos' sum."""
        eligible = self.accounts.unified_eligible[accounts]
        unified = self.unified.result[accounts, 0] + self.unified.outside_usd[accounts]
        requirement: Float64s = np.where(eligible, unified, self.maintenance[accounts].sum(axis=1))
        return requirement

    def _decide(self, accounts: Int64s, now_ns: int) -> list[Move]:
        """Moves of all cases of the accounts, scope by scope, accounts in slot order."""
        ids = [self.accounts.records[account].account_id for account in accounts.tolist()]
        moves: list[Move] = []
        for silo, name in enumerate(SILOS):
            scope = self.cases.scopes[silo]
            moves += self.cases.moves(
                silo, accounts, ids, self.initial[accounts, silo], self.maintenance[accounts, silo],
                self.equity[accounts, silo], self.trusted[accounts, silo],
                self.policy.call_rule(scope), self.rulebook_version(name), now_ns,
            )  # fmt: skip
        eligible = self.accounts.unified_eligible[accounts]
        unified = self.unified_requirement(accounts)
        scope_index = self.cases.unified_scope
        shadow = accounts[eligible]
        moves += self.cases.moves(
            scope_index, shadow, [i for i, e in zip(ids, eligible.tolist(), strict=True) if e],
            unified[eligible], unified[eligible], self.equity[shadow].sum(axis=1),
            np.logical_and.reduce(self.trusted[shadow], axis=1), self.policy.call_rule(self.cases.scopes[scope_index]),
            self.unified.rulebook.version, now_ns,
        )  # fmt: skip
        return moves

    def rulebooks_of(self, silo: str) -> list[str]:
        """Ids of the rulebooks of a silo."""
        return [rulebook_id for rulebook_id, book in self.silo_books.items() if book.rulebook.silo == silo]

    def rulebook_version(self, silo: str) -> str:
        """Versions of the rulebooks of a silo, in the order of :meth:`rulebooks_of`, joined by ``+``."""
        return "+".join(
            self.silo_books[rulebook_id].rulebook.version for rulebook_id in self.rulebooks_of(silo)
        )
