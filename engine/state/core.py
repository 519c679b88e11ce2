"""Accounts, market, rulebooks and their figures: columns in, moved cases out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow
from engine.base.errors import MarginError, Reason
from engine.base.units import NANOSECONDS_PER_SECOND
from engine.market.instruments import FUTURES_STYLE, OPTIONS, SILO_INDEX, SILOS, Instrument, Product
from engine.market.market import PRODUCT_CODE, Market
from engine.market.prices import PriceColumns, PriceOutcome, apply_prices, refresh_derived, with_dependents
from engine.portfolio.accounts import NEVER, Account, AccountTable
from engine.portfolio.holdings import Holdings
from engine.portfolio.ledger import Effects, Entries, EntryOutcome, Ledger
from engine.portfolio.opening import Opening, opening_effects
from engine.rules.interface import SiloRulebook
from engine.rules.unified.interface import UnifiedRulebook
from engine.shortfall.call import CallCase
from engine.state.books import Book, SiloBook, TakesPart
from engine.state.cases import CaseBook, Move
from engine.state.equity import EquityBook
from engine.state.partitions import Inputs, Partition
from engine.state.policy import Policy
from engine.state.unified_book import UnifiedBook

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Int8s = NDArray[np.int8]

_REANCHOR_UNITS = (
    64  # units summed anew at each pass: 100,000 units are re-anchored within ~80 s at 20 passes/s
)
_DAY_NS = 86_400 * NANOSECONDS_PER_SECOND
_FUTURES_STYLE_CODES = np.array(sorted(PRODUCT_CODE[product] for product in FUTURES_STYLE))
_OPTION_CODES = np.array(sorted(PRODUCT_CODE[product] for product in OPTIONS))

_INSTRUMENT_FILLS: dict[str, Fill] = {
    "silo_of_instrument": (np.int64, -1),
    "usable": (np.bool_, False),
    "stale_after_ns": (np.int64, 0),
    "stale": (np.bool_, False),
    "moved": (np.bool_, False),
}
_ACCOUNT_FILLS: dict[str, Fill] = {"dirty": (np.bool_, False)}


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """A batch of trades of one partition, columns of length n; slots must be known.

    Attributes:
        cancelled: status. business_day: days since 1970. silo: index, -1 = by classification.
    """

    trade_ids: list[str]
    version: Int64s
    account: Int64s
    instrument: Int64s
    quantity: Float64s
    price: Float64s
    cancelled: NDArray[np.bool_]
    business_day: Int64s
    silo: Int64s


@dataclass(frozen=True, slots=True)
class CollateralColumns:
    """A batch of collateral movements of one partition; ``instrument`` -1 means cash in ``currency``."""

    collateral_ids: list[str]
    version: Int64s
    account: Int64s
    instrument: Int64s
    currency: list[str]
    quantity: Float64s
    cancelled: NDArray[np.bool_]
    business_day: Int64s
    silo: Int64s


class EngineCore:
    """Accounts, market, rulebooks and their figures.

    Figures by account slot (renewed by :meth:`evaluate`):
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
                outside.append(SiloBook(book.rulebook, products, self._held_under(rulebook_id, products)))
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

    # ---------------------------------------------------------------- reference data

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

    # ---------------------------------------------------------------- rulebooks

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
        book.fill(self.market, self.holdings, self.accounts.count)
        self.silo_books[rulebook_id] = book
        self.put_unified_rulebook(self.unified.rulebook)

    def put_unified_rulebook(self, rulebook: UnifiedRulebook) -> None:
        """A new version of the unified candidate takes effect.

        Raises:
            MarginError: the refusal of an instrument by the new version; the old stays.
        """
        book = self._unified_book(rulebook)
        book.fill(self.market, self.holdings, self.accounts.count)
        self.unified = book
        for slot, account in enumerate(self.accounts.records):
            self.accounts.unified_eligible[slot] = rulebook.eligible_account(account.approvals, account.type)
        self.dirty[: self.accounts.count] = True

    # ---------------------------------------------------------------- partitions

    def take_partition(self, number: int) -> None:
        """Own a partition. Its accounts start empty and are not evaluated before :meth:`go_live`."""
        self.partitions[number] = Partition(number)

    def restore_case(self, case: CallCase, as_of_ns: int) -> None:
        """Take the last event of a case; an unknown account is left for when it is put."""
        account = self.accounts.slot_of.get(case.account_id)
        if account is not None:
            self.cases.restore(account, case, as_of_ns)

    def go_live(self, number: int) -> None:
        """Evaluate all accounts of the partition on the next pass, and from then on when something changes."""
        self.partitions[number].live = True
        self.dirty[self.accounts.of_partition(number)] = True

    def drop_partition(self, number: int) -> None:
        """Forget holdings, ledgers and cases of the partition's accounts; reference data stays."""
        self.partitions.pop(number, None)
        accounts = self.accounts.of_partition(number)
        self._empty(accounts)
        self.accounts.business_day[accounts] = NEVER
        self.accounts.opening_as_of_ns[accounts] = -1
        self.cases.forget(accounts)
        self.equity[accounts] = self.initial[accounts] = self.maintenance[accounts] = 0.0
        self.unified.result[accounts] = 0.0
        self.trusted[accounts] = True
        self.dirty[accounts] = False

    def note_inputs(
        self,
        number: int,
        trades_offset: int | None = None,
        collateral_offset: int | None = None,
        positions_offset: int | None = None,
    ) -> None:
        """Remember the last offsets applied; they are stamped on results."""
        partition = self.partitions[number]
        if trades_offset is not None:
            partition.trades_offset = trades_offset
        if collateral_offset is not None:
            partition.collateral_offset = collateral_offset
        if positions_offset is not None:
            partition.positions_offset = positions_offset

    def inputs_of(self, account: int) -> Inputs:
        """What the account's figures rest on."""
        partition = self.partitions[int(self.accounts.partition[account])]
        return partition.inputs(self.last_price_time_ns)

    # ---------------------------------------------------------------- activity

    def apply_prices(self, prices: PriceColumns) -> Int8s:
        """Take a batch of prices; int8[n] :class:`~engine.market.prices.PriceOutcome`."""
        outcome, moved = apply_prices(self.market, prices)
        self.moved[moved] = True
        applied = prices.source_time_ns[outcome == PriceOutcome.APPLIED]
        if len(applied):
            self.last_price_time_ns = max(self.last_price_time_ns, int(applied.max()))
        return outcome

    def apply_trades(self, number: int, trades: TradeColumns) -> Int8s:
        """Take a batch of trades of one partition; int8[n] :class:`EntryOutcome`.

        A trade moves cash by ``-quantity * multiplier * price``, whatever the product.
        """
        slots = trades.instrument
        silo = np.where(trades.silo >= 0, trades.silo, self.silo_of_instrument[slots])
        entries = Entries(
            trades.trade_ids,
            trades.version,
            trades.account,
            slots,
            silo,
            np.zeros(len(slots), np.bool_),
            trades.quantity,
            -trades.quantity * self.market.multiplier[slots] * trades.price,
            self._currency_of(slots),
            trades.cancelled,
            trades.business_day,
        )
        margined = self._margined[np.maximum(silo, 0), self.market.product[slots]] & (silo >= 0)
        if margined.all():
            return self._apply_entries(self.partitions[number].trades, entries, deposit=False)
        outcome = np.full(len(slots), EntryOutcome.NO_RULEBOOK, np.int8)
        some = self._apply_entries(self.partitions[number].trades, entries.only(margined), deposit=False)
        outcome[margined] = some
        return outcome

    def apply_collateral(self, number: int, movements: CollateralColumns) -> Int8s:
        """Take a batch of collateral movements of one partition; int8[n] :class:`EntryOutcome`."""
        is_cash = movements.instrument < 0
        currency = [
            self.holdings.currency_index(code) if cash else 0
            for code, cash in zip(movements.currency, is_cash.tolist(), strict=True)
        ]
        entries = Entries(
            movements.collateral_ids,
            movements.version,
            movements.account,
            movements.instrument,
            movements.silo,
            ~is_cash,
            np.where(is_cash, 0.0, movements.quantity),
            np.where(is_cash, movements.quantity, 0.0),
            np.array(currency, np.int64),
            movements.cancelled,
            movements.business_day,
        )
        return self._apply_entries(self.partitions[number].collateral, entries, deposit=True)

    def _apply_entries(self, ledger: Ledger, entries: Entries, deposit: bool) -> Int8s:
        outcome, effects = ledger.upsert(entries, self.accounts.business_day)
        self._apply_effects(effects)
        touched = entries.account[outcome == EntryOutcome.APPLIED]
        self.cases.note_causes(touched, np.full(len(touched), deposit))
        return outcome

    def open_day(self, opening: Opening) -> EntryOutcome:
        """Replace an account's holdings by a start-of-day record with a later date.

        Trades and collateral booked after its date are put on top again; those it covers are dropped. A record
        of the same date drawn up later replaces the earlier one.
        """
        held = int(self.accounts.business_day[opening.account])
        held_as_of = int(self.accounts.opening_as_of_ns[opening.account])
        if (opening.business_day, opening.as_of_ns) == (held, held_as_of):
            return EntryOutcome.DUPLICATE
        if (opening.business_day, opening.as_of_ns) < (held, held_as_of):
            return EntryOutcome.LATE
        account = np.array([opening.account], np.int64)
        self._empty(account)
        self.accounts.business_day[account] = opening.business_day
        self.accounts.opening_as_of_ns[account] = opening.as_of_ns
        self._apply_effects(self._opening_effects(opening))
        partition = self.partitions[int(self.accounts.partition[opening.account])]
        for ledger in (partition.trades, partition.collateral):
            self._apply_effects(ledger.after(opening.account, opening.business_day))
        return EntryOutcome.APPLIED

    def _opening_effects(self, opening: Opening) -> Effects:
        slots = opening.instrument
        return opening_effects(
            opening,
            np.where(opening.silo >= 0, opening.silo, self.silo_of_instrument[slots]),
            self.market.multiplier[slots],
            np.isin(self.market.product[slots], _FUTURES_STYLE_CODES),
            self._currency_of(slots),
            np.array([self.holdings.currency_index(code) for _, code, _ in opening.cash], np.int64),
        )

    def _currency_of(self, slots: Int64s) -> Int64s:
        """int64[n]: index of each instrument's currency."""
        foreign = np.flatnonzero(self.market.foreign[slots])
        index = np.zeros(len(slots), np.int64)
        for place in foreign.tolist():
            index[place] = self.holdings.currency_index(self.market.instruments[slots[place]].currency)
        return index

    def _empty(self, accounts: Int64s) -> None:
        """Take all holdings and cash out of accounts; their units come to exactly zero."""
        slots, _ = self.holdings.of_accounts(accounts)
        self._change(slots, -self.holdings.quantity[slots])
        for book in self._summing_books():
            book.rebuild_accounts(accounts, self.holdings)
        self.holdings.cash[accounts] = 0.0

    def _apply_effects(self, effects: Effects) -> None:
        self.dirty[effects.account] = True
        np.add.at(self.holdings.cash, (effects.account, effects.silo, effects.currency), effects.cash)
        slots, fresh = self.holdings.slots_for(effects)
        if len(fresh):
            self._reserve()
            self.equity_book.place(fresh, self.holdings, self.market)
            for book in self._rule_books():
                book.place(fresh, self.holdings)
            self._revalue(np.unique(self.holdings.instrument[fresh]))
        held = slots >= 0
        self._change(slots[held], effects.quantity[held])

    def _change(self, slots: Int64s, change: Float64s) -> None:
        """Quantities of holdings change; all exposures follow."""
        old, new = self.holdings.move(slots, change)
        instruments = self.holdings.instrument[slots]
        for book in self._summing_books():
            book.change_quantities(slots, instruments, old, new)

    # ---------------------------------------------------------------- evaluation

    def evaluate_moves(self, now_ns: int) -> tuple[Int64s, list[Move]]:
        """Revalue what moved, charge what is dirty, decide the calls of live partitions.

        Returns:
            int64[a] account slots evaluated anew, and the cases that moved.
        """
        self._advance_time(now_ns)
        moved = np.flatnonzero(self.moved[: self.market.count])
        self.moved[moved] = False
        self._revalue(moved)
        self._reanchor()
        for book in self._rule_books():
            self.dirty[book.charge_dirty()] = True
        self.dirty[self.equity_book.dirty_accounts()] = True
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
            next_day = valuation_time_ns // _DAY_NS > market.valuation_time_ns // _DAY_NS
            market.valuation_time_ns = valuation_time_ns
            if next_day:
                self.equity_book.renew_haircuts(self.holdings, market)
            self.moved[: market.count] |= np.isin(market.product[: market.count], _OPTION_CODES)
        age_ns = now_ns - market.source_time_ns[: market.count]
        stale = market.priced[: market.count] & (age_ns > self.stale_after_ns[: market.count])
        self.moved[: market.count] |= stale != self.stale[: market.count]
        self.stale[: market.count] = stale

    def _revalue(self, slots: Int64s) -> None:
        """New rows for instruments that somebody holds; rows of the others are made when they are first held."""
        slots = slots[self.holdings.holders[slots] > 0]
        if len(slots) == 0:
            return
        self.equity_book.revalue(self.market, slots, self.stale[slots], self.holdings)
        for book in self._rule_books():
            book.revalue(self.market, slots, self.holdings)

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
        self._find_unsupported(accounts[~self.accounts.portfolio_margin[accounts]])
        self.trusted[accounts] = trusted & ~self.unsupported[accounts]
        self.initial[accounts] = self.maintenance[accounts] = 0.0
        for rulebook_id, book in self.silo_books.items():
            book.combine(accounts)
            silo = SILO_INDEX[self.policy.rulebooks[rulebook_id].silo]
            self.initial[accounts, silo] += book.requirement[accounts, 0]
            self.maintenance[accounts, silo] += book.requirement[accounts, 1]
        self.unified.combine(accounts, self.maintenance[accounts].sum(axis=1))

    def _find_unsupported(self, accounts: Int64s) -> None:
        """Mark the silos in which accounts without an approval hold what only that approval margins."""
        self.unsupported[accounts] = False
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
