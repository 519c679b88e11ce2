"""Reference data, policy and the books that both shape: the lowest layer of the engine's state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow
from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILO_INDEX, SILOS, Instrument, Product
from engine.market.market import PRODUCT_CODE, Market
from engine.market.prices import refresh_derived, with_dependents
from engine.portfolio.accounts import Account, AccountTable
from engine.portfolio.holdings import Holdings
from engine.rules.interface import SiloRulebook
from engine.rules.unified.interface import UnifiedRulebook
from engine.state.books import Book, SiloBook, TakesPart
from engine.state.cases import CaseBook
from engine.state.equity import EquityBook
from engine.state.partitions import Partition
from engine.state.policy import Policy
from engine.state.unified_book import UnifiedBook

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

_INSTRUMENT_FILLS: dict[str, Fill] = {
    "silo_of_instrument": (np.int64, -1),
    "usable": (np.bool_, False),
    "stale_after_ns": (np.int64, 0),
    "stale": (np.bool_, False),
    "moved": (np.bool_, False),
}
_ACCOUNT_FILLS: dict[str, Fill] = {"dirty": (np.bool_, False), "misplaced": (np.bool_, False)}


class ReferenceState:
    """Accounts, market, rulebooks, holdings and figures as columns.

    Figures by account slot (renewed by each evaluation):
        equity: float64[account, silo]. initial, maintenance: float64[account, silo].
        trusted: bool[account, silo], the figures rest on complete and fresh prices.
        unsupported: bool[account, silo], the account holds something there that it has no approval for.
    """

    silo_of_instrument: Int64s
    usable: NDArray[np.bool_]
    stale_after_ns: Int64s
    stale: NDArray[np.bool_]
    moved: NDArray[np.bool_]
    dirty: NDArray[np.bool_]
    misplaced: NDArray[np.bool_]

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.market = Market(policy.rate)
        self.accounts = AccountTable()
        self.holdings = Holdings()
        self.partitions: dict[int, Partition] = {}
        self.equity_book = EquityBook(policy.collateral)
        self.silo_books = {
            rulebook_id: self._silo_book(rulebook) for rulebook_id, rulebook in policy.rulebooks.items()
        }
        self.unified = self._unified_book(policy.unified)
        self._margined: NDArray[np.bool_] = np.zeros((len(SILOS), len(Product)), np.bool_)
        for assignment in policy.assignments:
            for product in assignment.products:
                self._margined[SILO_INDEX[assignment.silo], PRODUCT_CODE[product]] = True
        self.cases = CaseBook(policy.unified.rulebook_id)
        self.last_price_time_ns = 0
        for name, column in (filled(_INSTRUMENT_FILLS, 64) | filled(_ACCOUNT_FILLS, 64)).items():
            setattr(self, name, column)
        silos = (64, len(SILOS))
        self.equity: Float64s = np.zeros(silos)
        self.initial: Float64s = np.zeros(silos)
        self.maintenance: Float64s = np.zeros(silos)
        self.trusted: NDArray[np.bool_] = np.ones(silos, np.bool_)
        self.unsupported: NDArray[np.bool_] = np.zeros(silos, np.bool_)

    def _held_under(self, rulebook_id: str, products: frozenset[Product] | None = None) -> TakesPart:
        """Whether holdings are margined by a silo rulebook (and, if given, are of these products)."""
        table = np.zeros((2, len(SILOS), len(Product)), np.bool_)  # approved, silo, product
        for assignment in self.policy.assignments:
            if assignment.rulebook_id == rulebook_id:
                for product in assignment.products & (products or assignment.products):
                    table[1, SILO_INDEX[assignment.silo], PRODUCT_CODE[product]] = True
                    table[0, SILO_INDEX[assignment.silo], PRODUCT_CODE[product]] = not assignment.approval

        def takes_part(slots: Int64s) -> NDArray[np.bool_]:
            approved = self.accounts.portfolio_margin[self.holdings.account[slots]].astype(np.int64)
            product = self.market.product[self.holdings.instrument[slots]]
            covered: NDArray[np.bool_] = table[approved, self.holdings.silo[slots], product]
            return covered & ~self.holdings.collateral[slots]

        return takes_part

    def _unified_book(self, rulebook: UnifiedRulebook) -> UnifiedBook:
        """The unified candidate with, for products it does not take, their silo rulebooks beside it."""
        eligible = np.zeros(len(Product), np.bool_)
        for product in rulebook.eligible_products:
            eligible[PRODUCT_CODE[product]] = True

        def takes_part(slots: Int64s) -> NDArray[np.bool_]:
            product = self.market.product[self.holdings.instrument[slots]]
            taken: NDArray[np.bool_] = eligible[product] & ~self.holdings.collateral[slots]
            return taken

        outside = []
        for rulebook_id, book in self.silo_books.items():
            products = book.products - rulebook.eligible_products
            if products:
                outside.append(
                    SiloBook(book.rulebook, products, self._held_under(rulebook_id, products), beside=book)
                )
        return UnifiedBook(rulebook, takes_part, outside)

    def _silo_book(self, rulebook: SiloRulebook) -> SiloBook:
        products = frozenset[Product]().union(
            *(a.products for a in self.policy.assignments if a.rulebook_id == rulebook.rulebook_id)
        )
        return SiloBook(rulebook, products, self._held_under(rulebook.rulebook_id))

    def _rule_books(self) -> list[Book]:
        return [*self.silo_books.values(), self.unified]

    def _summing_books(self) -> list[Book | EquityBook]:
        return [self.equity_book, *self.silo_books.values(), self.unified]

    def _reserve(self) -> None:
        """Make room in every column for the accounts, instruments and holdings there are."""
        accounts, instruments = self.accounts.count, self.market.count
        self.holdings.reserve(accounts, instruments)
        self.cases.reserve(accounts)
        self.equity_book.exposures.reserve(accounts, instruments, self.holdings.count)
        for book in self._rule_books():
            book.reserve(accounts, instruments, self.holdings.count)
        if instruments > len(self.stale):
            grow(self, _INSTRUMENT_FILLS, max(instruments, 2 * len(self.stale)))
        if accounts > len(self.dirty):
            grow(self, _ACCOUNT_FILLS, max(accounts, 2 * len(self.dirty)))
            self._grow_figures()

    def _grow_figures(self) -> None:
        for name in ("equity", "initial", "maintenance", "trusted", "unsupported"):
            old = getattr(self, name)
            bigger = np.zeros((len(self.dirty), len(SILOS)), old.dtype)
            bigger[: len(old)] = old
            setattr(self, name, bigger)

    def put_instrument(self, instrument: Instrument) -> None:
        """Add or replace an instrument.

        Raises:
            MarginError: BAD_INSTRUMENT, NO_RULEBOOK or BAD_PARAMETER, naming the instrument; a known instrument
                keeps its former record, a new one stays unknown to trades and prices.
        """
        silo = self.policy.silo_of(instrument)
        known = self.market.slot_of.get(instrument.instrument_id)
        former = None if known is None else self.market.instruments[known]
        slot = self.market.put_instrument(instrument)
        self._reserve()
        try:
            for book in self._rule_books():
                book.cover(slot, instrument, self.market)
        except MarginError:
            if former is not None and self.usable[slot]:
                self.market.put_instrument(former)
            raise
        self.usable[slot] = True
        self.silo_of_instrument[slot] = silo
        self.stale_after_ns[slot] = self.policy.stale_after_ns(instrument.product)
        affected = with_dependents(self.market, np.array([slot], np.int64))
        refresh_derived(self.market, affected, np.zeros(0, np.int64))
        self._revalue(affected)

    def put_account(self, account: Account, partition: int) -> None:
        """Add or replace an account whose key lies on ``partition``."""
        eligible = self.policy.unified.eligible_account(account.approvals, account.type)
        slot, changed = self.accounts.put(account, partition, eligible)
        self._reserve()
        self.dirty[slot] = True
        if changed:
            self._place_again(np.array([slot], np.int64))

    def _place_again(self, accounts: Int64s) -> None:
        """Approvals changed: the accounts' holdings may belong to other rulebooks now."""
        slots, _ = self.holdings.of_accounts(accounts)
        for book in self._rule_books():
            book.forget_accounts(accounts)
            book.place(slots, self.holdings)
            book.rebuild_accounts(accounts, self.holdings)

    def instrument_slots(self, ids: list[str]) -> Int64s:
        """int64[n] slots, -1 for ids that are unknown or whose record was refused."""
        slots = self.market.slots(ids)
        return np.where(self.usable[slots], slots, -1)

    def account_slots(self, ids: list[str]) -> Int64s:
        """int64[n] slots, -1 for unknown ids."""
        return self.accounts.slots(ids)

    def put_silo_rulebook(self, rulebook: SiloRulebook) -> None:
        """A new version of a silo rulebook takes effect; everything it margins is evaluated anew.

        Raises:
            MarginError: UNKNOWN_RULEBOOK, or the refusal of an instrument by the new version; the old stays.
        """
        rulebook_id = rulebook.rulebook_id
        if rulebook_id not in self.silo_books:
            raise MarginError(
                Reason.UNKNOWN_RULEBOOK, f"rulebook {rulebook_id}", f"known are {sorted(self.silo_books)}"
            )
        book = self._silo_book(rulebook)
        book.fill(self.market, self.holdings, self.accounts.count, self.usable)
        self.silo_books[rulebook_id] = book
        self.put_unified_rulebook(self.unified.rulebook)

    def put_unified_rulebook(self, rulebook: UnifiedRulebook) -> None:
        """A new version of the unified candidate takes effect.

        Raises:
            MarginError: the refusal of an instrument by the new version; the old stays.
        """
        book = self._unified_book(rulebook)
        book.fill(self.market, self.holdings, self.accounts.count, self.usable)
        self.unified = book
        for slot, account in enumerate(self.accounts.records):
            self.accounts.unified_eligible[slot] = rulebook.eligible_account(account.approvals, account.type)
        self.dirty[: self.accounts.count] = True

    def _revalue(self, slots: Int64s) -> None:
        """New rows for instruments that somebody holds; rows of the others are made when they are first held."""
        slots = self._revalue_equity(slots)
        if len(slots):
            for book in self._rule_books():
                book.revalue(self.market, slots, self.holdings)

    def _revalue_equity(self, slots: Int64s) -> Int64s:
        """Market value alone follows; returns the slots that somebody holds."""
        slots = slots[self.holdings.holders[slots] > 0]
        if len(slots):
            self.equity_book.revalue(self.market, slots, self.stale[slots], self.holdings)
        return slots
