"""What happens to accounts: partitions, trades, collateral, start-of-day records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import FUTURES_STYLE, Product
from engine.market.market import PRODUCT_CODE
from engine.market.prices import PriceColumns, PriceOutcome, apply_prices
from engine.market.view import value_in_currency
from engine.portfolio.accounts import NEVER, Account
from engine.portfolio.ledger import Effects, Entries, EntryOutcome
from engine.portfolio.opened_silos import CASH_PRODUCTS
from engine.portfolio.opening import Opening, Openings, opening_effects
from engine.shortfall.call import Cause
from engine.shortfall.case import CallCase
from engine.state.intraday_arrivals import in_runs
from engine.state.intraday_book import Arrivals
from engine.state.partitions import Inputs, Partition
from engine.state.policy import Policy
from engine.state.reclassification import reclassified
from engine.state.reference_state import ReferenceState

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Int8s = NDArray[np.int8]

_CASH_PRODUCT = np.array(
    [CASH_PRODUCTS.index(product) if product in CASH_PRODUCTS else -1 for product in PRODUCT_CODE], np.int64
)
_SECURITY_FUTURE = PRODUCT_CODE[Product.SECURITY_FUTURE]
_IS_FUTURES_STYLE = np.array([product in FUTURES_STYLE for product in PRODUCT_CODE], np.bool_)


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """A batch of trades of one partition, columns of length n; slots must be known.

    Attributes:
        cancelled: status. business_day: days since 1970. silo: index, -1 = by classification.
    """

    trade_ids: Sequence[str]
    version: Int64s
    account: Int64s
    instrument: Int64s
    quantity: Float64s
    price: Float64s
    cancelled: NDArray[np.bool_]
    business_day: Int64s
    silo: Int64s


@dataclass(frozen=True, slots=True)
class ReleasedColumns:
    """What substitutions release, length n; quantity 0 for a movement that is none, else as in
    :class:`CollateralColumns`."""

    instrument: Int64s
    currency: list[str]
    quantity: Float64s


@dataclass(frozen=True, slots=True)
class CollateralColumns:
    """A batch of collateral movements of one partition; ``instrument`` -1 means cash in ``currency``.

    Attributes:
        released: what substitutions release, None if none of the batch is one.
    """

    collateral_ids: Sequence[str]
    version: Int64s
    account: Int64s
    instrument: Int64s
    currency: list[str]
    quantity: Float64s
    cancelled: NDArray[np.bool_]
    business_day: Int64s
    silo: Int64s
    released: ReleasedColumns | None = None


# Ends the ids of releases; an id from outside does not hold this character.
_RELEASE = "\x1freleased"


def _releases(movements: CollateralColumns) -> CollateralColumns:
    """The other halves: as withdrawals; of a movement that is no substitution (any more) one that is cancelled."""
    n = len(movements.collateral_ids)
    none = ReleasedColumns(np.full(n, -1, np.int64), [""] * n, np.zeros(n))
    released = movements.released or none
    return replace(
        movements,
        collateral_ids=[name + _RELEASE for name in movements.collateral_ids],
        instrument=released.instrument,
        currency=[code or "USD" for code in released.currency],
        quantity=-released.quantity,
        cancelled=movements.cancelled | (released.quantity == 0.0),
        released=None,
    )


class ActivityState(ReferenceState):
    """Accounts' holdings as the day changes them."""

    def take_partition(self, number: int) -> None:
        """Own a partition. Its accounts start empty and are not evaluated before :meth:`go_live`."""
        self.partitions[number] = Partition(number)
        self.intraday.take_partition(number)

    def restore_case(self, case: CallCase, as_of_ns: int) -> None:
        """Take the last event of a case; an unknown account is left for when it is put."""
        account = self.accounts.slot_of.get(case.account_id)
        if account is not None:
            self.cases.restore(account, case, as_of_ns)

    def go_live(self, number: int) -> None:
        """Evaluate all accounts of the partition on the next pass, and from then on when something changes."""
        self.partitions[number].live = True
        accounts = self.accounts.of_partition(number)
        self._touch(accounts)
        self._follow_groups()
        self.cases.forget_rule_changes(accounts)

    def drop_partition(self, number: int) -> None:
        """Forget holdings, ledgers and cases of the partition's accounts; reference data stays."""
        self.partitions.pop(number, None)
        accounts = self.accounts.of_partition(number)
        self.holdings.clear(accounts)
        self.accounts.business_day[accounts] = NEVER
        self.accounts.opening_as_of_ns[accounts] = -1
        self.cases.forget(accounts)
        self.intraday.drop_partition(number, accounts)
        self.equity[accounts] = self.initial[accounts] = self.maintenance[accounts] = 0.0
        self.unified.release(accounts)
        self.trusted[accounts] = True
        self.dirty[accounts] = 0

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

    def apply_prices(self, prices: PriceColumns) -> Int8s:
        """Take a batch of prices; int8[n] :class:`~engine.market.prices.PriceOutcome`."""
        outcome = apply_prices(self.market, prices)
        applied = prices.source_time_ns[outcome == PriceOutcome.APPLIED]
        if len(applied):
            self.last_price_time_ns = max(self.last_price_time_ns, int(applied.max()))
        return outcome

    def apply_trades(self, number: int, trades: TradeColumns, arrivals: Arrivals | None = None) -> Int8s:
        """Take a batch of trades of one partition; int8[n] :class:`EntryOutcome`.

        A trade moves cash by ``-quantity * multiplier * price``, whatever the product; in an inverse contract by
        ``quantity * multiplier / price`` coins, so its price must be positive.

        Args:
            arrivals: without them the intraday margin rule does not look at the trades.
        """
        slots = trades.instrument
        silo = np.where(trades.silo >= 0, trades.silo, self.default_silos(trades.account, slots))
        entries = Entries(
            trades.trade_ids,
            trades.version,
            trades.account,
            slots,
            silo,
            np.zeros(len(slots), np.bool_),
            trades.quantity,
            -trades.quantity * value_in_currency(self.market, slots, trades.price),
            self._currency_of(slots),
            trades.cancelled,
            trades.business_day,
            trades.silo < 0,
        )
        margined = self._margined[1, np.maximum(silo, 0), self.market.product[slots]] & (silo >= 0)
        if margined.all():
            return self._apply_batch(number, entries, arrivals, deposit=False)
        outcome = np.full(len(slots), EntryOutcome.NO_RULEBOOK, np.int8)
        arrived = None if arrivals is None else arrivals.only(margined)
        outcome[margined] = self._apply_batch(number, entries.only(margined), arrived, deposit=False)
        return outcome

    def apply_collateral(
        self, number: int, movements: CollateralColumns, arrivals: Arrivals | None = None
    ) -> Int8s:
        """Take a batch of collateral movements of one partition; int8[n] :class:`EntryOutcome`.

        The release of a substitution is an entry of its own beside the deposit and follows its fate.

        Args:
            arrivals: without them the intraday margin rule does not look at the movements.
        """
        partition = self.partitions[number]
        outcome = self._apply_batch(number, self._movements(movements), arrivals, deposit=True)
        released = movements.released
        if released is not None:
            some = np.flatnonzero(released.quantity).tolist()
            partition.substitutions.update(movements.collateral_ids[i] for i in some)
        if partition.substitutions:
            known = [name in partition.substitutions for name in movements.collateral_ids]
            followers = (outcome == EntryOutcome.APPLIED) & np.array(known, np.bool_)
            if followers.any():
                releases = self._movements(_releases(movements)).only(followers)
                arrived = None if arrivals is None else arrivals.only(followers)
                self._apply_batch(number, releases, arrived, deposit=True)
        return outcome

    def _movements(self, movements: CollateralColumns) -> Entries:
        """The movements as entries of the ledger."""
        is_cash = movements.instrument < 0
        currency = [
            self.holdings.currency_index(code) if cash else 0
            for code, cash in zip(movements.currency, is_cash.tolist(), strict=True)
        ]
        return Entries(
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
            np.zeros(len(is_cash), np.bool_),
        )

    def _apply_batch(
        self, number: int, entries: Entries, arrivals: Arrivals | None, *, deposit: bool
    ) -> Int8s:
        """At once, or in runs where a restored partition has looked at some of an entry's versions only."""
        if arrivals is None or self.partitions[number].live:
            return self._apply_entries(number, entries, arrivals, deposit=deposit)
        unseen = self.intraday.unseen(self.accounts, entries, arrivals, is_trade=not deposit)
        outcome = np.empty(len(entries.ids), np.int8)
        for run in in_runs(entries.ids, unseen):
            only = np.zeros(len(outcome), np.bool_)
            only[run] = True
            part = entries if only.all() else entries.only(only)
            outcome[run] = self._apply_entries(
                number, part, arrivals.only(only) if unseen[run].any() else None, deposit=deposit
            )
        return outcome

    def _apply_entries(
        self, number: int, entries: Entries, arrivals: Arrivals | None, *, deposit: bool
    ) -> Int8s:
        partition = self.partitions[number]
        ledger = partition.collateral if deposit else partition.trades
        outcome, effects = ledger.upsert(entries, self.accounts.business_day)
        self.apply_effects(effects)
        if arrivals is not None:
            self.intraday.note(
                effects, arrivals, self.accounts, is_trade=not deposit, restoring=not partition.live
            )
        touched = entries.account[outcome == EntryOutcome.APPLIED]
        self.cases.note_cause(touched, Cause.DEPOSIT if deposit else Cause.TRADE)
        return outcome

    def open_day(self, opening: Opening) -> EntryOutcome:
        """Take the start-of-day record of one account; see :meth:`open_days`."""
        return EntryOutcome(int(self.open_days(Openings.of_one(opening))[0]))

    def open_days(self, openings: Openings) -> Int8s:
        """Replace holdings of accounts by start-of-day records with a later date; int8[n] :class:`EntryOutcome`.

        Trades and collateral booked after its date are put on top again; those it covers are dropped. A record
        of the same date drawn up later replaces the earlier one.
        """
        day, as_of_ns = openings.business_day, openings.as_of_ns
        held, held_as_of = self.accounts.business_day, self.accounts.opening_as_of_ns
        same_day = day == held[openings.account]
        later = (day > held[openings.account]) | (same_day & (as_of_ns > held_as_of[openings.account]))
        same = same_day & (as_of_ns == held_as_of[openings.account])
        outcome = np.where(same, EntryOutcome.DUPLICATE, EntryOutcome.LATE).astype(np.int8)
        outcome[later] = EntryOutcome.APPLIED
        if later.any():
            self._open(openings.only(later))
        return outcome

    def _open(self, openings: Openings) -> None:
        accounts = openings.account
        self.holdings.clear(accounts)
        self._touch(accounts)
        self.cases.note_cause(accounts, Cause.START_OF_DAY)
        self.accounts.business_day[accounts] = openings.business_day
        self.accounts.opening_as_of_ns[accounts] = openings.as_of_ns
        self.apply_effects(self._opening_effects(openings))
        numbers = self.accounts.partition[accounts]
        for number in np.unique(numbers).tolist():
            partition = self.partitions[number]
            for ledger in (partition.trades, partition.collateral):
                if len(ledger) == 0:  # as while a partition is restored
                    continue
                for place in np.flatnonzero(numbers == number).tolist():
                    booked = ledger.after(int(accounts[place]), int(openings.business_day[place]))
                    if len(booked.account):
                        self.apply_effects(booked)

    def retire_expired(self, before_ns: int) -> list[str]:
        """Forget instruments that expired before an instant, or were withdrawn, and that nothing names any more.

        Those that somebody holds, that a trade of the day could still be corrected in, or that others rest on stay.
        """
        count = self.market.count
        expired = (self.market.expiry_ns[:count] > 0) & (self.market.expiry_ns[:count] < before_ns)
        booked = np.zeros(count + 1, np.bool_)  # the last place takes instrument -1
        for partition in self.partitions.values():
            for ledger in (partition.trades, partition.collateral):
                booked[ledger.instruments_named()] = True
        named = ~self.usable[:count] | (self.holdings.holders[:count] > 0) | booked[:-1]
        gone = np.flatnonzero((expired | self.withdrawn[:count]) & ~named)
        retired = []
        # Options before the futures that they are on.
        for slot in sorted(gone.tolist(), key=lambda slot: self.market.model[slot] == 0):
            if not self.market.is_needed(slot):
                retired.append(self.market.instruments[slot].instrument_id)
                self._forget_instrument(slot)
        return retired

    def _opening_effects(self, openings: Openings) -> Effects:
        slots = openings.instrument
        currencies = {code: self.holdings.currency_index(code) for code in dict.fromkeys(openings.currency)}
        effects = opening_effects(
            openings,
            np.where(
                openings.silo >= 0,
                openings.silo,
                self.default_silos(openings.account[openings.position_of], slots),
            ),
            value_in_currency(self.market, slots, openings.reference_price),
            _IS_FUTURES_STYLE[self.market.product[slots]],
            self._currency_of(slots),
            np.array([currencies[code] for code in openings.currency], np.int64),
        )
        count = len(slots)
        self.holdings.opened.note(
            effects.account[:count], slots, openings.quantity, openings.silo,
            _CASH_PRODUCT[self.market.product[slots]], effects.cash[:count], effects.currency[:count],
        )  # fmt: skip
        return effects

    def put_policy(self, policy: Policy) -> None:
        """Another policy takes effect; holdings without a silo of their own follow their products.

        Raises:
            MarginError: see :meth:`ReferenceState.put_policy`; the old policy stays and nothing moves.
        """
        count = self.market.count
        former = self.silo_of_instrument[:count].copy()
        super().put_policy(policy)
        silos = self.silo_of_instrument[:count]
        moved = (former != silos) & (former >= 0) & (silos >= 0)
        choosing = self.market.product[:count] == _SECURITY_FUTURE
        chosen = self.accounts.security_future_silo[: self.accounts.count] >= 0
        self._reclassify(former, silos, moved & ~choosing, np.ones(len(chosen), np.bool_))
        self._reclassify(former, silos, moved & choosing, ~chosen)

    def put_account(self, account: Account, partition: int) -> None:
        """Add or replace; what was booked without a silo of its own follows the record's choice of silo."""
        slot = self.accounts.slot_of.get(account.account_id, -1)
        former = int(self.accounts.security_future_silo[slot]) if slot >= 0 else -1
        super().put_account(account, partition)
        if slot >= 0:
            self.follow_record(slot, former)

    def follow_record(self, account: int, former_silo: int) -> None:
        """Security futures and their cash lie where the account's record had them, ``former_silo`` (-1 = by
        classification); afterwards they lie where it has them now."""
        silo = int(self.accounts.security_future_silo[account])
        if silo == former_silo:
            return
        by_class = self.silo_of_instrument[: self.market.count]
        former, silos = (
            by_class if choice < 0 else np.full(len(by_class), choice) for choice in (former_silo, silo)
        )
        moved = (self.market.product[: len(by_class)] == _SECURITY_FUTURE) & (former != silos)
        only = np.zeros(self.accounts.count, np.bool_)
        only[account] = True
        self._reclassify(former, silos, moved, only)

    def _reclassify(
        self, former: Int64s, silos: Int64s, moved: NDArray[np.bool_], accounts: NDArray[np.bool_]
    ) -> None:
        """By instrument slot, where ``moved``; of accounts by slot."""
        if moved.any() and accounts.any():
            ledgers = [partition.trades for partition in self.partitions.values()]
            product = self.market.product[: len(former)]
            self.holdings.apply(reclassified(self.holdings, ledgers, former, silos, moved, product, accounts))

    def default_silos(self, accounts: Int64s, instruments: Int64s) -> Int64s:
        """int64[n]: silo index of what names none, by the account's record or else by classification; -1 for what
        has no silo."""
        by_class = self.silo_of_instrument[instruments]
        chosen = self.accounts.security_future_silo[accounts]
        chooses = (chosen >= 0) & (self.market.product[instruments] == _SECURITY_FUTURE)
        silos: Int64s = np.where(chooses, chosen, by_class).astype(np.int64)
        return silos

    def _currency_of(self, slots: Int64s) -> Int64s:
        """int64[n]: index of each instrument's currency."""
        index = np.zeros(len(slots), np.int64)
        foreign = self.market.foreign[slots]
        for slot in np.unique(slots[foreign]).tolist():
            currency = self.holdings.currency_index(self.market.instruments[slot].currency)
            index[foreign & (slots == slot)] = currency
        return index

    def apply_effects(self, effects: Effects) -> None:
        """Change holdings and cash, whatever brought the changes, in order."""
        pledged = np.flatnonzero(effects.collateral & (effects.instrument >= 0))
        if len(pledged):
            self.equity_book.know_collateral(effects.instrument[pledged], effects.silo[pledged], self.market)
        self.holdings.apply(effects)
        self._touch(effects.account)
