"""Reference data, policy and the books that both shape: the lowest layer of the engine's state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow, longer, room
from engine.base.errors import MarginError, Reason
from engine.base.threads import Threads
from engine.market.instruments import SILOS, Instrument, Product
from engine.market.market import Market
from engine.market.rate_curves import RateCurves
from engine.portfolio.accounts import Account, AccountTable
from engine.portfolio.holdings import Holdings
from engine.rules.interface import SiloRulebook
from engine.rules.unified.interface import UnifiedRulebook
from engine.shortfall.call import Cause
from engine.state.books import SiloBook
from engine.state.cases import CaseBook
from engine.state.equity import EquityBook
from engine.state.group_thresholds import GroupThresholds
from engine.state.intraday_book import IntradayBook
from engine.state.partitions import Partition
from engine.state.policy import Policy
from engine.state.regime import margin_table, silo_book, silo_books, unified_book
from engine.state.unified_book import UnifiedBook

Float64s = NDArray[np.float64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]

# Marks of accounts: what of them is to be computed anew. Every book has a bit of its own above these (FIRST_BOOK).
VALUE = 1  # market value or cash
HOLDINGS = 2  # what they hold, or are approved for
EVERYTHING = 2**31 - 1
_STEP = 1024  # slots: asking every column whether it has room costs more than putting an account

# Refusals that leave an instrument without usable terms, as against those that name a rulebook or a policy.
_TERMS_REFUSED = frozenset({Reason.BAD_INSTRUMENT, Reason.UNKNOWN_DELIVERABLE})
_INSTRUMENT_FILLS: dict[str, Fill] = {
    "silo_of_instrument": (np.int64, -1),
    "usable": (np.bool_, False),
    "stale_after_ns": (np.int64, 0),
    "stale": (np.bool_, False),
    "rows_due": (np.bool_, True),
    "withdrawn": (np.bool_, False),
}
_ACCOUNT_FILLS: dict[str, Fill] = {"dirty": (np.int32, 0), "closing": (np.bool_, False)}


class ReferenceState:
    """Accounts, market, rulebooks, holdings and figures as columns.

    Attributes by instrument slot:
        rows_due: its risk rows do not rest on the present risk prices; they are made when somebody holds it.
        withdrawn: its record was taken back; it stays while anything names it.
    Attributes by account slot (figures are renewed by each evaluation):
        dirty: int32 marks, what is to be computed anew.
        equity: float64[account, silo]. initial, maintenance: float64[account, silo].
        trusted: bool[account, silo], the figures rest on complete and fresh prices.
        unsupported: bool[account, silo], the account holds something there that it has no approval for.
        closing: the account's relation with the firm has ended; see :class:`ClosingState`.
    """

    silo_of_instrument: Int64s
    usable: NDArray[np.bool_]
    stale_after_ns: Int64s
    stale: NDArray[np.bool_]
    rows_due: NDArray[np.bool_]
    withdrawn: NDArray[np.bool_]
    dirty: Int32s
    closing: NDArray[np.bool_]

    def __init__(self, policy: Policy, threads: int = 1) -> None:
        self.policy = policy
        self.threads = Threads(threads)
        self.market = Market(
            policy.rate, price_tolerance=policy.price_tolerance,
            volatility_tolerance=policy.volatility_tolerance, threads=self.threads,
            rate_curves=RateCurves(policy.rate_conventions),
        )  # fmt: skip
        self.accounts = AccountTable()
        self.holdings = Holdings()
        self.partitions: dict[int, Partition] = {}
        self.equity_book = EquityBook(policy.collateral)
        self.silo_books = silo_books(policy, self.accounts, 0)
        self.unified = unified_book(policy, policy.unified, self.silo_books)
        self._margined = margin_table(policy)
        self.cases = CaseBook(policy.unified.rulebook_id)
        self.group_thresholds = GroupThresholds(policy)
        self.intraday = IntradayBook(policy.intraday)
        self.last_price_time_ns = 0
        self.refusals: dict[int, MarginError] = {}  # by slot, of instruments whose terms cannot be used
        self._room = (0, 0)  # accounts and instruments that every column has room for
        for name, column in (filled(_INSTRUMENT_FILLS, 64) | filled(_ACCOUNT_FILLS, 64)).items():
            setattr(self, name, column)
        silos = (64, len(SILOS))
        self.equity: Float64s = np.zeros(silos)
        self.initial: Float64s = np.zeros(silos)
        self.maintenance: Float64s = np.zeros(silos)
        self.trusted: NDArray[np.bool_] = np.ones(silos, np.bool_)
        self.unsupported: NDArray[np.bool_] = np.zeros(silos, np.bool_)

    def _books(self) -> list[SiloBook]:
        """All books that are charged by netting set, each once."""
        silos = list(self.silo_books.values())
        return [*silos, self.unified.add_on, *(book for book in self.unified.outside if book not in silos)]

    def _reserve(self) -> None:
        """Make room in every column for the accounts and instruments there are."""
        if self.accounts.count <= self._room[0] and self.market.count <= self._room[1]:
            return
        accounts, instruments = _in_steps(self.accounts.count), _in_steps(self.market.count)
        self.holdings.reserve(accounts, instruments)
        self.cases.reserve(accounts)
        self.intraday.reserve(accounts)
        self.equity_book.reserve(instruments)
        for book in self.silo_books.values():
            book.reserve(accounts, instruments)
        self.unified.reserve(accounts, instruments)
        if instruments > len(self.stale):
            grow(self, _INSTRUMENT_FILLS, max(instruments, 2 * len(self.stale)))
        if accounts > len(self.dirty):
            size = room(accounts, len(self.dirty))
            grow(self, _ACCOUNT_FILLS, size)
            for name in ("equity", "initial", "maintenance", "trusted", "unsupported"):
                setattr(self, name, longer(getattr(self, name), size, 0))
        self._room = (accounts, instruments)

    def put_instrument(self, instrument: Instrument) -> None:
        """Add or replace an instrument.

        Raises:
            MarginError: BAD_INSTRUMENT, UNKNOWN_DELIVERABLE, NO_RULEBOOK or BAD_PARAMETER, naming the instrument.

        After a refusal a known instrument keeps its former record, unless its deliverable is not known any more; a new
        one stays unknown. Where only its terms are refused, positions in it are held without a value all the same,
        and their accounts say why.
        """
        try:
            self._put_instrument(instrument)
        except MarginError as error:
            if error.reason in _TERMS_REFUSED:
                self._refuse_terms(instrument, error)
            raise
        self.refusals.pop(self.market.slot_of[instrument.instrument_id], None)

    def _refuse_terms(self, instrument: Instrument, error: MarginError) -> None:
        known = self.market.slot_of.get(instrument.instrument_id)
        if known is not None and self.usable[known] and error.reason is not Reason.UNKNOWN_DELIVERABLE:
            return
        silo = self.policy.silo_of(instrument)
        slot = self.market.put_refused(instrument)
        self._reserve()
        self.usable[slot], self.withdrawn[slot] = False, False
        self.silo_of_instrument[slot] = silo
        self.refusals[slot] = error
        one = np.array([slot], np.int64)
        self.holdings.currency_index(instrument.currency)
        self.holdings.mark_holders(one, np.array([EVERYTHING], np.int32), self.dirty)

    def _put_instrument(self, instrument: Instrument) -> None:
        silo = self.policy.silo_of(instrument)
        known = self.market.slot_of.get(instrument.instrument_id)
        former = None if known is None else self.market.instruments[known]
        slot = self.market.put_instrument(instrument)
        self._reserve()
        try:
            for book in self.silo_books.values():
                book.cover(slot, instrument)
            self.unified.cover(slot, instrument, self.market.risk)
        except MarginError:
            if former is not None and self.usable[slot]:
                self.market.put_instrument(former)
            raise
        self.equity_book.learn(slot, self.market)
        self.usable[slot] = True
        self.withdrawn[slot] = False
        if (
            instrument.product is not Product.FX_RATE
        ):  # a new currency moves all cash: before there are accounts
            self.holdings.currency_index(instrument.currency)
        self.silo_of_instrument[slot] = silo
        self.stale_after_ns[slot] = self.policy.stale_after_ns(instrument.product)
        one = np.array([slot], np.int64)
        self.holdings.mark_holders(one, np.array([EVERYTHING], np.int32), self.dirty)

    def withdraw_instrument(self, instrument_id: str) -> None:
        """The instrument's record was taken back: it leaves on a later day on which nothing names it any more."""
        slot = self.market.slot_of.get(instrument_id)
        if slot is not None:
            self.withdrawn[slot] = True

    def _forget_instrument(self, slot: int) -> None:
        """Give the slot of an instrument back that nobody holds and no other rests on."""
        self.market.remove(slot)
        self.equity_book.forget(slot, self.market)
        for book in self.silo_books.values():
            book.forget(slot)
        self.unified.forget(slot)
        self.refusals.pop(slot, None)
        for name, (_, value) in _INSTRUMENT_FILLS.items():
            getattr(self, name)[slot] = value

    def put_account(self, account: Account, partition: int) -> None:
        """Add or replace an account whose key lies on ``partition``."""
        eligible = self.unified.rulebook.eligible_account(account.approvals, account.type)
        slot = self.accounts.put(account, partition, eligible)
        self.accounts.issuer[slot] = self.equity_book.names.index(account.issuer)
        self.accounts.settlement[slot] = self.equity_book.settlement(account.settlement_currency)
        self.accounts.allocation[slot] = self.group_thresholds.row(account)
        self._reserve()
        one = np.array([slot], np.int64)
        self._touch(one)
        self.cases.note_cause(one, Cause.RULE)
        self.intraday.welcome(slot, self.accounts)

    def _follow_groups(self) -> None:
        """Accounts whose share of a counterparty group's threshold changed with another record are decided anew."""
        named = self.group_thresholds.renew()
        if not named:
            return
        moved = self.accounts.slots(named)
        moved = moved[moved >= 0]
        self.dirty[moved] |= VALUE
        self.cases.note_cause(moved, Cause.RULE)

    def _touch(self, accounts: Int64s) -> None:
        """What accounts hold, or the rules they stand under, changed: everything about them is computed anew."""
        self.dirty[accounts] = EVERYTHING
        self.unified.sums.stale[accounts] = True

    def instrument_slots(self, ids: Sequence[str]) -> Int64s:
        """int64[n] slots, -1 for ids that are unknown or whose record was refused."""
        slots = self.market.slots(ids)
        return np.where(self.usable[slots], slots, -1)

    def position_slots(self, ids: Sequence[str]) -> Int64s:
        """int64[n] slots, -1 for ids that are unknown; positions are held in instruments whose terms were refused,
        too."""
        slots = self.market.slots(ids)
        if not self.refusals:
            return np.where(self.usable[slots], slots, -1)
        held = self.usable[slots] | np.isin(slots, list(self.refusals))
        return np.where(held & (slots >= 0), slots, -1)

    def account_slots(self, ids: Sequence[str]) -> Int64s:
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
        former = self.silo_books[rulebook_id]
        time_ns = self.market.valuation_time_ns
        book = silo_book(self.policy, rulebook, former.bit, self.accounts, time_ns)
        book.reserve(*self._room)
        for slot in self._usable():
            book.cover(slot, self.market.instruments[slot])
        self.silo_books[rulebook_id] = book
        try:
            self.put_unified_rulebook(self.unified.rulebook)
        except MarginError:
            self.silo_books[rulebook_id] = former
            raise

    def put_policy(self, policy: Policy) -> None:
        """Another policy takes effect: silos of products, rulebooks of silos, call rules, staleness. Everything is
        evaluated anew.

        Holdings are where they were: :meth:`engine.state.activity_state.ActivityState.put_policy` moves them.

        Raises:
            MarginError: see :meth:`Policy.check_follows`; the refusal of an instrument by one of its rulebooks. The old
                policy stays.
        """
        policy.check_follows(self.policy)
        usable = self._usable()
        held = [*usable, *self.refusals]
        silos = [policy.silo_of(self.market.instruments[slot]) for slot in held]
        books = silo_books(policy, self.accounts, self.market.valuation_time_ns)
        for book in books.values():
            book.reserve(*self._room)
            for slot in usable:
                book.cover(slot, self.market.instruments[slot])
        self._put_unified_book(unified_book(policy, self.unified.rulebook, books))
        self.policy, self.silo_books, self._margined = policy, books, margin_table(policy)
        self.group_thresholds.follow(policy)
        self.silo_of_instrument[held] = silos
        for slot in usable:
            self.stale_after_ns[slot] = policy.stale_after_ns(self.market.instruments[slot].product)

    def put_unified_rulebook(self, rulebook: UnifiedRulebook) -> None:
        """A new version of the unified candidate takes effect.

        Raises:
            MarginError: the refusal of an instrument by the new version; the old stays.
        """
        self._put_unified_book(unified_book(self.policy, rulebook, self.silo_books))
        for slot, account in enumerate(self.accounts.records):
            self.accounts.unified_eligible[slot] = rulebook.eligible_account(account.approvals, account.type)

    def _put_unified_book(self, book: UnifiedBook) -> None:
        """Put the book in place once it has taken every instrument; all rows and figures are due.

        Raises:
            MarginError: the refusal of an instrument; the old book stays.
        """
        book.reserve(*self._room)
        for slot in self._usable():
            book.cover(slot, self.market.instruments[slot], self.market.risk)
        self.unified = book
        everyone = np.arange(self.accounts.count)
        self.rows_due[: self.market.count] = True
        self._touch(everyone)
        self.cases.note_cause(everyone, Cause.RULE)

    def _usable(self) -> list[int]:
        """Slots of instruments whose record was not refused: the others have no figures, and they must not keep a
        rulebook from being replaced.
        """
        return np.flatnonzero(self.usable[: self.market.count]).tolist()


def _in_steps(count: int) -> int:
    return -(-count // _STEP) * _STEP
