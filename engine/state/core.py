"""Evaluation: what moved is revalued, what is dirty is charged, what crossed a line is decided."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.units import NANOSECONDS_PER_DAY, NANOSECONDS_PER_SECOND, start_of_day
from engine.market.instruments import SILO_INDEX, SILOS, Product
from engine.market.market import PRODUCT_CODE
from engine.market.refresh import refresh
from engine.portfolio.accounts import COUNTERPARTIES
from engine.portfolio.unmargined import mark_unmargined
from engine.shortfall.call_rule import CallRule
from engine.shortfall.candidates import ScopeFigures
from engine.state.cases import Move
from engine.state.closing_state import ClosingState
from engine.state.dated import in_force
from engine.state.pairing_book import PairingBook
from engine.state.reference_state import HOLDINGS, VALUE
from engine.state.silo_sums import add_requirement, distrust, sum_of_silos, trusted_everywhere

Float64s = NDArray[np.float64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]

# Accounts charged at a time by one thread: few enough to stay in its cache, enough to pay for the calls. Figures do
# not depend on it: every account is computed by itself.
_LARGEST_CHUNK = 2048
_SMALLEST_CHUNK = 256
# Accounts summed anew in rotation, a pass: 100,000 accounts are anchored within about 80 s at 20 passes a second.
_ANCHORED = 64
_TOKENISED = PRODUCT_CODE[Product.TOKENISED]
# Trades in an expired contract may still be corrected the next business day, after a long weekend too.
_KEPT_AFTER_EXPIRY_NS = 5 * NANOSECONDS_PER_DAY


def forgotten_before_ns(valuation_time_ns: int) -> int:
    """Instruments that expired before this instant are forgotten, as soon as nothing names them."""
    return start_of_day(valuation_time_ns) - _KEPT_AFTER_EXPIRY_NS


class EngineCore(ClosingState):
    """Accounts, market, rulebooks and their figures.

    See :class:`ReferenceState` for the columns.
    """

    def evaluate_moves(self, now_ns: int, options: bool = True) -> tuple[Int64s, list[Move]]:
        """Revalue what moved, charge what is dirty, decide the calls of live partitions.

        Args:
            options: False leaves the risk arrays of options, and of what they rest on, as they are until a pass with
                True or the next step of the valuation time; market value follows all the same.

        Returns:
            int64[a] account slots evaluated anew, and the cases that moved.
        """
        self._retire_closed()
        self._follow_groups()
        self._advance_time(now_ns)
        self._follow_market(now_ns, options)
        self.unified.sums.anchor(_ANCHORED, self.accounts.count)
        self.dirty[self.cases.accounts_due(now_ns)] |= VALUE
        accounts = self._live_dirty()
        marks = self.dirty[accounts]
        self.dirty[accounts] = 0
        self.unified.prepare(accounts[self.accounts.unified_eligible[accounts]], self.holdings)
        share = -(-len(accounts) // self.threads.count)
        self.threads.each(
            lambda first, last: self._charge(accounts[first:last], marks[first:last]),
            len(accounts),
            min(max(share, _SMALLEST_CHUNK), _LARGEST_CHUNK),
        )
        self.unified.forget_moves()
        moves = self._decide(accounts, now_ns) if len(accounts) else []
        self.cases.clear_causes(accounts)
        self._note_evaluated(accounts)
        return accounts, moves

    def _advance_time(self, now_ns: int) -> None:
        """Step the valuation time: options lose time value."""
        market = self.market
        step_ns = self.policy.revaluation_step_s * NANOSECONDS_PER_SECOND
        valuation_time_ns = now_ns - now_ns % step_ns
        if valuation_time_ns > market.valuation_time_ns:
            next_day = start_of_day(valuation_time_ns) > start_of_day(market.valuation_time_ns)
            market.step_time(valuation_time_ns, valuation_time_ns + step_ns)
            if next_day:
                self._take_rates_of_the_day()
                self._mark_holders(self.equity_book.renew_haircuts(market), VALUE)
                self.retire_expired(forgotten_before_ns(valuation_time_ns))

    def _take_rates_of_the_day(self) -> None:
        """Rulebooks that hold dated rates take those of the valuation day."""
        for book in list(self.silo_books.values()):
            rulebook = in_force(book.rulebook, self.market.valuation_time_ns)
            if rulebook is not book.rulebook:
                self.put_silo_rulebook(rulebook)

    def _follow_market(self, now_ns: int, options: bool) -> None:
        """New values and risk rows of what moved; whoever holds it is dirty."""
        market = self.market
        day = start_of_day(market.risk.valuation_time_ns)
        stepped = market.valuation_time_ns != market.risk.valuation_time_ns  # evidence names one time for all
        refreshed = refresh(market, options or stepped)
        if start_of_day(market.risk.valuation_time_ns) > day:
            # The rate of a token of debt follows the time to maturity by the day, as haircuts do.
            self.rows_due[: market.count] |= market.product[: market.count] == _TOKENISED
        valued = np.union1d(refreshed.valued, self._became_stale_or_fresh(now_ns))
        changed = self.equity_book.revalue(market, valued, self.stale[valued])
        self._mark_holders(changed, VALUE)
        self.dirty[self._with_cash_in(refreshed.valued)] |= VALUE
        self.rows_due[refreshed.risk] = True
        due = np.flatnonzero(self.rows_due[: market.count] & (self.holdings.holders[: market.count] > 0))
        self.rows_due[due] = False
        if len(due) == 0:
            return
        marks = np.zeros(market.count, np.int32)
        for book in self._books():
            covered = book.covered(due)
            if len(covered):
                marks[book.rows.renew(market.risk, covered)[0]] |= book.bit
        marks[self.unified.renew(market.risk, due)] |= self.unified.bit
        moved = np.flatnonzero(marks)
        self.holdings.mark_holders(moved, marks[moved], self.dirty)

    def _became_stale_or_fresh(self, now_ns: int) -> Int64s:
        """int64[m]: instruments whose price crossed its age limit."""
        count = self.market.count
        age_ns = now_ns - self.market.source_time_ns[:count]
        stale = self.market.priced[:count] & (age_ns > self.stale_after_ns[:count])
        crossed = np.flatnonzero(stale != self.stale[:count])
        self.stale[:count] = stale
        return crossed

    def _mark_holders(self, instruments: Int64s, mark: int) -> None:
        self.holdings.mark_holders(instruments, np.full(len(instruments), mark, np.int32), self.dirty)

    def _with_cash_in(self, moved: Int64s) -> Int64s:
        """int64[m]: accounts with a balance in a currency whose rate is among the moved instruments."""
        slot_of, currencies = self.market.slot_of, self.holdings.currencies
        rates = {index: slot_of.get(f"{currency}USD", -1) for currency, index in currencies.items() if index}
        indices = [index for index, slot in rates.items() if slot in moved]
        return self.holdings.with_cash_in(np.array(indices, np.int64), self.accounts.count)

    def _live_dirty(self) -> Int64s:
        """int64[a] dirty accounts of live partitions."""
        accounts = np.flatnonzero(self.dirty[: self.accounts.count])
        live = [number for number, partition in self.partitions.items() if partition.live]
        return accounts[np.isin(self.accounts.partition[accounts], live)]

    def _charge(self, accounts: Int64s, marks: Int32s) -> None:
        """Renew the figures of accounts; writes only what is theirs, so chunks may run beside one another."""
        self.equity_book.value(
            accounts,
            self.accounts.issuer,
            self.accounts.settlement,
            self.holdings,
            self.market,
            self.equity,
            self.trusted,
        )
        changed = accounts[(marks & HOLDINGS) != 0]
        self.unsupported[changed] = False
        mark_unmargined(
            self.holdings.columns, changed, self.accounts.portfolio_margin, self.market.product,
            self._margined, self.unsupported,
        )  # fmt: skip
        distrust(accounts, self.unsupported, self.trusted)
        for book in self._books():
            mine = accounts[(marks & book.bit) != 0]
            if len(mine):
                book.charge(mine, self.holdings, self.accounts.portfolio_margin)
        for book in self.silo_books.values():
            if isinstance(book, PairingBook):
                self.trusted[accounts, SILO_INDEX[book.rulebook.silo]] &= ~book.incomplete[accounts]
        ruled = accounts[(marks & ~VALUE) != 0]
        if len(ruled):
            self._combine(ruled)

    def _combine(self, accounts: Int64s) -> None:
        """Requirements by silo, then the unified candidate's of those who may have it."""
        self.initial[accounts] = self.maintenance[accounts] = 0.0
        for book in self.silo_books.values():
            silo = SILO_INDEX[book.rulebook.silo]
            add_requirement(accounts, book.requirement, silo, self.initial, self.maintenance)
        eligible = accounts[self.accounts.unified_eligible[accounts]]
        self.unified.charge(eligible, self.holdings, sum_of_silos(eligible, self.maintenance))

    def pot_silo_total(self, account: int) -> float:
        """What the floor of the unified rule is a share of: the silos' requirements without positions outside."""
        return max(float(self.maintenance[account].sum() - self.unified.outside_usd[account]), 0.0)

    def unified_requirement(self, accounts: Int64s) -> Float64s:
        """float64[a]: unified requirement; an account that is not eligible keeps its silos' sum."""
        eligible = self.accounts.unified_eligible[accounts]
        unified = self.unified.result[accounts, 0] + self.unified.outside_usd[accounts]
        requirement: Float64s = np.where(eligible, unified, sum_of_silos(accounts, self.maintenance))
        return requirement

    def _decide(self, accounts: Int64s, now_ns: int) -> list[Move]:
        """Moves of all cases of the accounts, scope by scope, accounts in slot order."""
        moves: list[Move] = []
        for scope in range(len(self.cases.scopes)):
            found: list[Move] = []
            for rule, mine in self._by_rule(scope, accounts):
                terms = self.group_thresholds.terms(self.accounts.allocation[mine], scope, rule)
                found += self.cases.moves(
                    scope, mine, self.accounts.records, self.scope_figures(scope, mine), terms,
                    self.scope_version(scope), now_ns,
                )  # fmt: skip
            moves += sorted(found, key=lambda move: move.account)
        return moves

    def _by_rule(self, scope: int, accounts: Int64s) -> list[tuple[CallRule, Int64s]]:
        """The accounts that have a case of the scope, by the rule that it stands under."""
        if scope == self.cases.unified_scope:
            accounts = accounts[self.accounts.unified_eligible[accounts]]
        approved = self.accounts.portfolio_margin[accounts]
        name = self.cases.scopes[scope]
        with_approval, without = self.policy.call_rule(name), self.policy.call_rule(name, approved=False)
        if with_approval is without:
            return self._by_counterparty(without, accounts)
        return [
            *self._by_counterparty(without, accounts[~approved]),
            *self._by_counterparty(with_approval, accounts[approved]),
        ]

    def _by_counterparty(self, rule: CallRule, accounts: Int64s) -> list[tuple[CallRule, Int64s]]:
        """The accounts by the rule that holds towards their kind; all at once without exceptions."""
        if not rule.exceptions:
            return [(rule, accounts)]
        kinds = self.accounts.counterparty[accounts]
        return [
            (rule.towards(COUNTERPARTIES[kind]), accounts[kinds == kind])
            for kind in np.unique(kinds).tolist()
        ]

    def scope_figures(self, scope: int, accounts: Int64s) -> ScopeFigures:
        """Figures of the accounts in a scope, as of the last evaluation."""
        if scope != self.cases.unified_scope:
            return ScopeFigures(accounts, scope, self.initial, self.maintenance, self.equity, self.trusted)
        unified = self.unified_requirement(accounts)[:, None]
        equity, trusted = sum_of_silos(accounts, self.equity), trusted_everywhere(accounts, self.trusted)
        return ScopeFigures(np.arange(len(accounts)), 0, unified, unified, equity[:, None], trusted[:, None])

    def scope_version(self, scope: int) -> str:
        """Versions of the rulebooks that a scope's figures rest on."""
        if scope == self.cases.unified_scope:
            return self.unified.rulebook.version
        return self.rulebook_version(SILOS[scope])

    def rulebooks_of(self, silo: str) -> list[str]:
        """Ids of the rulebooks of a silo."""
        return [rulebook_id for rulebook_id, book in self.silo_books.items() if book.rulebook.silo == silo]

    def rulebook_version(self, silo: str) -> str:
        """Versions of the rulebooks of a silo, in the order of :meth:`rulebooks_of`, joined by ``+``."""
        return "+".join(
            self.silo_books[rulebook_id].rulebook.version for rulebook_id in self.rulebooks_of(silo)
        )
