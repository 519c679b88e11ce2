"""What reading the day of a partition has led to, as values that another engine can go on from.

Slots mean nothing outside one engine, so accounts and instruments are numbered and named here. An image is taken in
two steps: :func:`copy_of` stops the engine for as long as copying takes, :func:`image_of` needs no engine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import SILOS, Instrument
from engine.portfolio.accounts import NEVER
from engine.portfolio.holdings import Held
from engine.portfolio.ledger import Effects, Ledger, LedgerImage, image_columns
from engine.portfolio.opened_silos import CASH_PRODUCTS
from engine.shortfall.call import Cause
from engine.state.engine import Engine
from engine.state.intraday_book import Noted
from engine.state.policy import Policy

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]


class ImageMismatchError(ValueError):
    """The image rests on something else than this engine has; the partition must be read instead."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What booking an entry of an instrument rests on; ``silo``: index by classification."""

    instrument_id: str
    product: str
    currency: str
    multiplier: float
    inverse: bool
    silo: int


@dataclass(frozen=True, slots=True)
class Pin:
    """A start-of-day position with a silo of its own; account and instrument by number."""

    account: int
    instrument: int
    silo: int
    quantity: float


@dataclass(frozen=True, slots=True)
class PartitionImage:
    """One partition.

    Attributes:
        rules: see :func:`rules_of`.
        instruments: what the image names, by number. account_ids: by number, a of them.
        currencies: c of them, by number.
        business_day, opening_as_of_ns: int64[a], of the start-of-day record in force.
        security_future_silo: int8[a], of the account's record then; -1 = by classification.
        cash: float64[a, silo, c]. opened_cash: float64[a, :data:`CASH_PRODUCTS`, c].
        pins: see :class:`~engine.portfolio.opened_silos.OpenedSilos`.
        held: holdings, with accounts and instruments by number.
        trades, collateral: entries that may still be corrected.
        substitutions: see :class:`~engine.state.partitions.Partition`.
        noted: transactions that the intraday margin rule has not looked at, each with its account's number.
    """

    number: int
    rules: str
    instruments: list[Terms]
    account_ids: list[str]
    currencies: list[str]
    business_day: NDArray[Any]
    opening_as_of_ns: NDArray[Any]
    security_future_silo: NDArray[Any]
    cash: NDArray[Any]
    opened_cash: NDArray[Any]
    pins: list[Pin]
    held_account: NDArray[Any]
    held_instrument: NDArray[Any]
    held_silo: NDArray[Any]
    held_collateral: NDArray[Any]
    held_quantity: NDArray[Any]
    trades: LedgerImage
    collateral: LedgerImage
    substitutions: list[str]
    noted: list[tuple[int, Noted]]


@dataclass(frozen=True, slots=True)
class PartitionCopy:
    """The same as :class:`PartitionImage` by slot, as the engine has it; accounts that have left are ``former``."""

    number: int
    rules: str
    instruments: list[Instrument]
    silo_of_instrument: Int64s
    accounts: Int64s
    account_ids: list[str]
    former: list[tuple[str, int, int]]
    currencies: list[str]
    business_day: Int64s
    opening_as_of_ns: Int64s
    security_future_silo: NDArray[np.int8]
    cash: Float64s
    opened_cash: Float64s
    pinned: dict[int, list[tuple[int, int, float]]]
    held: Held
    trades: LedgerImage
    collateral: LedgerImage
    substitutions: list[str]
    noted: dict[int, list[Noted]]


def rules_of(policy: Policy) -> str:
    """Digest of what the policy says about which entries are booked and where."""
    said = [
        sorted((product.value, silo.value) for product, silo in policy.classification.items()),
        sorted(product.value for product in policy.collateral_only),
        sorted(
            (each.silo.value, sorted(product.value for product in each.products), each.approval, each.unless)
            for each in policy.assignments
        ),
        sorted((name, sorted(silos)) for name, silos in policy.collateral.limits.locations.items()),
        policy.intraday is not None,
    ]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def layout() -> str:
    """Digest of how an image is laid out: another program's may be another."""
    laid = [
        sorted((name, str(kind)) for name, kind in image_columns().items()),
        [(name, str(PartitionImage.__annotations__[name])) for name in PartitionImage.__dataclass_fields__],
        [(name, str(kind)) for kind in (Terms, Pin, Noted) for name, kind in kind.__annotations__.items()],
        [silo.value for silo in SILOS],
        [product.value for product in CASH_PRODUCTS],
    ]
    return hashlib.sha256(repr(laid).encode()).hexdigest()


def copy_of(engine: Engine, number: int) -> PartitionCopy:
    """Copy what an image is made of; nothing else may touch the engine meanwhile."""
    partition, holdings = engine.partitions[number], engine.holdings
    accounts = engine.accounts.of_partition(number)
    slots = accounts.tolist()
    records = engine.accounts.records
    return PartitionCopy(
        number,
        rules_of(engine.policy),
        list(engine.market.instruments),
        engine.silo_of_instrument[: engine.market.count].copy(),
        accounts,
        [records[slot].account_id for slot in slots],
        [
            (account_id, former.business_day, former.opening_as_of_ns)
            for account_id, former in engine.former.items()
            if former.partition == number and former.business_day != NEVER
        ],
        sorted(holdings.currencies, key=holdings.currencies.__getitem__),
        engine.accounts.business_day[accounts],
        engine.accounts.opening_as_of_ns[accounts],
        engine.accounts.security_future_silo[accounts],
        holdings.cash[accounts],
        holdings.opened.cash[accounts],
        {slot: list(holdings.opened.pinned[slot]) for slot in holdings.opened.pinned.keys() & set(slots)},
        holdings.of(accounts),
        partition.trades.image(),
        partition.collateral.image(),
        sorted(partition.substitutions),
        engine.intraday.all_noted(accounts),
    )


def image_of(copy: PartitionCopy) -> PartitionImage:
    """Number and name what a copy holds, and leave out the accounts of which there is nothing to say."""
    rows = _rows(copy)
    accounts = _Numbers(copy.accounts[rows])
    pins = [(slot, *pin) for slot in sorted(copy.pinned) for pin in copy.pinned[slot]]
    noted = [(slot, each) for slot in sorted(copy.noted) for each in copy.noted[slot]]
    slots = _instruments_in(copy, [instrument for _, instrument, _, _ in pins], [each for _, each in noted])
    instruments = _Numbers(slots)
    return PartitionImage(
        copy.number,
        copy.rules,
        [_terms(copy.instruments[slot], int(copy.silo_of_instrument[slot])) for slot in slots.tolist()],
        [
            *(copy.account_ids[row] for row in rows.tolist()),
            *(account_id for account_id, _, _ in copy.former),
        ],
        copy.currencies,
        np.append(copy.business_day[rows], np.array([day for _, day, _ in copy.former], np.int64)),
        np.append(copy.opening_as_of_ns[rows], np.array([at for _, _, at in copy.former], np.int64)),
        np.append(copy.security_future_silo[rows], np.full(len(copy.former), -1, np.int8)),
        _longer(copy.cash[rows], len(copy.former)),
        _longer(copy.opened_cash[rows], len(copy.former)),
        [
            Pin(accounts.of_one(slot), instruments.of_one(instrument), silo, quantity)
            for slot, instrument, silo, quantity in pins
        ],
        accounts.of(copy.held.account),
        instruments.of(copy.held.instrument),
        copy.held.silo,
        copy.held.collateral,
        copy.held.quantity,
        _numbered(copy.trades, accounts, instruments),
        _numbered(copy.collateral, accounts, instruments),
        copy.substitutions,
        [
            (accounts.of_one(slot), each._replace(instrument=instruments.of_one(each.instrument)))
            for slot, each in noted
        ],
    )


def _rows(copy: PartitionCopy) -> Int64s:
    """Ascending: places of the accounts that anything was booked on."""
    booked = (copy.business_day != NEVER) | copy.cash.any(axis=(1, 2))
    named = [copy.held.account, copy.trades.columns["account"], copy.collateral.columns["account"]]
    slots = np.concatenate([*named, np.array([*copy.pinned, *copy.noted], np.int64)])
    return np.flatnonzero(booked | np.isin(copy.accounts, slots))


def _instruments_in(copy: PartitionCopy, pinned: Sequence[int], noted: Sequence[Noted]) -> Int64s:
    """Ascending: slots of all instruments that a copy names."""
    columns = [copy.held.instrument, copy.trades.columns["instrument"], copy.collateral.columns["instrument"]]
    columns.append(np.array([*pinned, *(each.instrument for each in noted)], np.int64))
    named = np.zeros(len(copy.instruments) + 1, np.bool_)  # the last place takes instrument -1
    for column in columns:
        named[column] = True
    return np.flatnonzero(named[:-1])


def _longer(rows: Float64s, more: int) -> Float64s:
    """With so many rows of zeros behind."""
    return np.concatenate([rows, np.zeros((more, *rows.shape[1:]))])


class _Numbers:
    """Ascending slots by number; slot -1 stays."""

    def __init__(self, slots: Int64s) -> None:
        self._number: Int64s = np.full(int(slots[-1]) + 2 if len(slots) else 1, -1, np.int64)
        self._number[slots] = np.arange(len(slots))

    def of(self, slots: NDArray[Any]) -> Int64s:
        numbers: Int64s = self._number[slots]  # the last place is that of -1
        return numbers

    def of_one(self, slot: int) -> int:
        return int(self._number[slot])


def _terms(instrument: Instrument, silo: int) -> Terms:
    return Terms(
        instrument.instrument_id, instrument.product.value, instrument.currency, instrument.multiplier,
        instrument.is_inverse, silo,
    )  # fmt: skip


def _numbered(image: LedgerImage, accounts: _Numbers, instruments: _Numbers) -> LedgerImage:
    columns = dict(image.columns)
    columns["account"] = accounts.of(columns["account"]).astype(np.int32)
    columns["instrument"] = instruments.of(columns["instrument"]).astype(np.int32)
    return replace(image, columns=columns)


def put_image(engine: Engine, image: PartitionImage) -> None:
    """Put a partition, taken and empty, where the image was; its intraday standings must have been restored.

    Raises:
        ImageMismatchError: the image names what this engine does not know, or knows otherwise; nothing has changed.
    """
    if image.rules != rules_of(engine.policy):
        raise ImageMismatchError("the policy says otherwise which entries are booked and where")
    _check_shape(image)
    instruments, accounts = _instruments(engine, image.instruments), _accounts(engine, image)
    partition, holdings = engine.partitions[image.number], engine.holdings
    currencies = np.array([holdings.currency_index(currency) for currency in image.currencies], np.int64)
    partition.trades = Ledger.of_image(image.trades, accounts, instruments, currencies)
    partition.collateral = Ledger.of_image(image.collateral, accounts, instruments, currencies)
    partition.substitutions.update(image.substitutions)
    engine.accounts.business_day[accounts] = image.business_day
    engine.accounts.opening_as_of_ns[accounts] = image.opening_as_of_ns
    for number, currency in enumerate(currencies.tolist()):
        holdings.cash[accounts, :, currency] = image.cash[:, :, number]
        holdings.opened.cash[accounts, :, currency] = image.opened_cash[:, :, number]
    for pin in image.pins:
        pinned = (int(instruments[pin.instrument]), pin.silo, pin.quantity)
        holdings.opened.pinned.setdefault(int(accounts[pin.account]), []).append(pinned)
    count = len(image.held_account)
    engine.apply_effects(
        Effects(
            accounts[image.held_account], instruments[image.held_instrument], image.held_silo,
            image.held_collateral, image.held_quantity, np.zeros(count), np.zeros(count, np.int64),
            np.full(count, -1, np.int64),
        )
    )  # fmt: skip
    engine.intraday.put_noted(
        [
            (
                int(accounts[account]),
                each._replace(
                    instrument=int(instruments[each.instrument]), currency=int(currencies[each.currency])
                ),
            )
            for account, each in image.noted
        ],
        engine.accounts,
    )
    _note_causes(engine, image, accounts)
    former_silos = image.security_future_silo
    for place in np.flatnonzero(engine.accounts.security_future_silo[accounts] != former_silos).tolist():
        engine.follow_record(int(accounts[place]), int(former_silos[place]))


def _check_shape(image: PartitionImage) -> None:
    """Whether the columns fit one another: a file may be whole and still not be what was meant.

    Raises:
        ImageMismatchError: naming the column.
    """
    a, c, n = len(image.account_ids), len(image.currencies), len(image.instruments)
    shapes = {
        "business_day": (a,), "opening_as_of_ns": (a,), "security_future_silo": (a,), "cash": (a, len(SILOS), c),
        "opened_cash": (a, len(CASH_PRODUCTS), c),
        **{f"held_{name}": (len(image.held_account),) for name in Held.__dataclass_fields__},
    }  # fmt: skip
    for name, shape in shapes.items():
        if getattr(image, name).shape != shape:
            raise ImageMismatchError(f"{name} has the wrong shape")
    if not np.isin(image.security_future_silo, np.arange(-1, len(SILOS))).all():
        raise ImageMismatchError("an account has a silo that there is not")
    for ledger in (image.trades, image.collateral):
        kinds = {name: column.dtype for name, column in ledger.columns.items()}
        if kinds != image_columns() or any(
            len(each) != len(ledger.length) for each in ledger.columns.values()
        ):
            raise ImageMismatchError("a ledger has other columns")
        if int(ledger.length.sum()) != len(ledger.text):
            raise ImageMismatchError("the ids of a ledger do not fill their text")
        _check_numbers(ledger.columns["account"], 0, a)
        _check_numbers(ledger.columns["instrument"], -1, n)
        _check_numbers(ledger.columns["currency"], 0, c)
    _check_numbers(image.held_account, 0, a)
    _check_numbers(image.held_instrument, 0, n)


def _check_numbers(numbers: NDArray[Any], least: int, count: int) -> None:
    if len(numbers) and not (least <= int(numbers.min()) and int(numbers.max()) < count):
        raise ImageMismatchError("something is named that the image does not list")


def _instruments(engine: Engine, named: Sequence[Terms]) -> Int64s:
    """int64[n + 1]: slots by number; the last is -1.

    Raises:
        ImageMismatchError: one is unknown or has other terms now.
    """
    slots = engine.instrument_slots([terms.instrument_id for terms in named])
    for terms, slot in zip(named, slots.tolist(), strict=True):
        if slot < 0:
            raise ImageMismatchError(f"instrument {terms.instrument_id} is not known any more")
        if _terms(engine.market.instruments[slot], int(engine.silo_of_instrument[slot])) != terms:
            raise ImageMismatchError(f"instrument {terms.instrument_id} has other terms now")
    return np.append(slots, -1).astype(np.int64)


def _accounts(engine: Engine, image: PartitionImage) -> Int64s:
    """int64[a]: slots by number; closed accounts that have left come back, as for any other entry.

    Raises:
        ImageMismatchError: one is unknown, or belongs to another partition.
    """
    slots = engine.slots_to_book(image.account_ids)
    for place in np.flatnonzero((slots < 0) | (engine.accounts.partition[slots] != image.number)).tolist():
        raise ImageMismatchError(
            f"account {image.account_ids[place]} is not known in this partition any more"
        )
    return slots


def _note_causes(engine: Engine, image: PartitionImage, accounts: Int64s) -> None:
    """What an evaluation would say had touched the accounts if they had been read."""
    engine.cases.note_cause(accounts[image.business_day != NEVER], Cause.START_OF_DAY)
    for ledger, cause in ((image.trades, Cause.TRADE), (image.collateral, Cause.DEPOSIT)):
        engine.cases.note_cause(accounts[np.unique(ledger.columns["account"])], cause)
