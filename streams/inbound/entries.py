"""Trades and collateral movements: decoded on any thread, then applied as columns on the engine's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

from engine.base.errors import Reason
from engine.market.instruments import REFERENCE_ONLY
from engine.portfolio.ledger import EntryOutcome
from engine.state.activity_state import CollateralColumns, ReleasedColumns, TradeColumns
from engine.state.engine import Engine
from engine.state.intraday_book import Arrivals
from streams.contracts.codec import COLLATERAL, NO_SILO, TRADES, days, silos
from streams.contracts.hot import HotCollateral, HotOpeningCollateral, HotTrade
from streams.inbound.parking import Parking
from streams.inbound.record import Record, Taken
from streams.inbound.sorting import DecodedBatch

T = TypeVar("T")
_offset: Final = attrgetter("offset")

_NAMES: Final = ("applied", "duplicate", "late", "covered")  # by EntryOutcome; what follows is refused
_REFUSALS: Final = {
    EntryOutcome.MOVED: (
        Reason.TRADE_MOVED,
        "is known under another account; an entry cannot change its account",
    ),
    EntryOutcome.NO_RULEBOOK: (Reason.NO_RULEBOOK, "names a silo where no rulebook margins its product"),
}


class TradeBatch(DecodedBatch[HotTrade]):
    """Decoded trades of one partition as columns, but for the slots, which only the engine knows."""

    def __init__(self, records: Sequence[Record]) -> None:
        super().__init__("trades", TRADES, records)
        columns = _columns(self.messages, HotTrade)
        times_ns = columns["trade_time_ns"]
        if times_ns:
            self.taken.newest_source_ns["trades"] = max(times_ns)
        self.trade_ids: Sequence[str] = columns["trade_id"]
        self.account_ids: Sequence[str] = columns["account_id"]
        self.instrument_ids: Sequence[str] = columns["instrument_id"]
        self.version = np.array(columns["version"], np.int64)
        self.quantity = np.array(columns["quantity"], np.float64)
        self.price = np.array(columns["price"], np.float64)
        self.cancelled = _numbers(columns["status"], "cancelled".__eq__).astype(np.bool_)
        self.business_day = _numbers(columns["business_date"], days.__getitem__)
        self.silo = _numbers(columns["silo"], _silo)
        self.arrivals = _arrivals(times_ns, self.records)


def _arrivals(times_ns: Sequence[int], records: Sequence[Record]) -> Arrivals:
    """When the messages say that they happened, and where they stand in the log."""
    offsets = np.fromiter(map(_offset, records), np.int64, len(records))
    return Arrivals(np.array(times_ns, np.int64), offsets)


def _columns(messages: Sequence[msgspec.Struct], kind: type[msgspec.Struct]) -> dict[str, Sequence[Any]]:
    """Values of all messages by field; one pass in C, which costs half of one comprehension a field."""
    values = zip(*map(astuple, messages), strict=True) if messages else repeat(())
    return dict(zip(kind.__struct_fields__, values, strict=False))


def _numbers(texts: Sequence[T], number: Callable[[T], int]) -> NDArray[np.int64]:
    """int64[n]: most often the same one for all."""
    distinct = {text: number(text) for text in set(texts)}
    if len(distinct) == 1:
        return np.full(len(texts), distinct[texts[0]], np.int64)
    return np.array([distinct[text] for text in texts], np.int64)


def _silo(name: str | None) -> int:
    return NO_SILO if name is None else silos[name]


def apply_trades(engine: Engine, parking: Parking, partition: int, batch: TradeBatch) -> Taken:
    """Apply trades of one owned partition.

    A trade time ahead of the clock is not refused: the position is real, and leaving it out would understate
    the risk; the metric ``clock_skew_seconds`` shows it. A trade of the past counts by its business date.
    """
    accounts = engine.slots_to_book(batch.account_ids)
    instruments = engine.position_slots(batch.instrument_ids)
    batch.park_unknown(parking, accounts, "account", batch.account_ids)
    batch.park_unknown(parking, instruments, "instrument", batch.instrument_ids)
    batch.check_partition(engine.accounts.partition, accounts, partition)
    _refuse_untradable(engine, batch, instruments)
    _refuse_worthless(engine, batch, instruments)
    kept = batch.kept()
    if len(kept) == 0:
        return batch.taken
    columns = TradeColumns(
        trade_ids=batch.chosen(batch.trade_ids, kept),
        version=batch.version[kept],
        account=accounts[kept],
        instrument=instruments[kept],
        quantity=batch.quantity[kept],
        price=batch.price[kept],
        cancelled=batch.cancelled[kept],
        business_day=batch.business_day[kept],
        silo=batch.silo[kept],
    )
    outcomes = engine.apply_trades(partition, columns, batch.arrivals.only(kept))
    for index, outcome in batch.count(kept, outcomes, _NAMES):
        reason, what = _REFUSALS[EntryOutcome(outcome)]
        batch.refuse(index, reason, f"trade {batch.trade_ids[index]} {what}")
    return batch.taken


def _refuse_untradable(engine: Engine, batch: TradeBatch, instruments: NDArray[np.int64]) -> None:
    """Reference levels cannot be traded, nor what has no silo unless the trade names one."""
    for index in np.flatnonzero(batch.keep & (engine.silo_of_instrument[instruments] < 0)).tolist():
        product = engine.market.instruments[instruments[index]].product
        if batch.silo[index] < 0 or product in REFERENCE_ONLY:
            batch.refuse(
                index,
                Reason.NO_RULEBOOK,
                f"instrument {batch.instrument_ids[index]} ({product}) cannot be held as a position",
            )


def _refuse_worthless(engine: Engine, batch: TradeBatch, instruments: NDArray[np.int64]) -> None:
    """An inverse contract is bought for multiplier / price coins."""
    inverse = engine.market.inverse[instruments]
    for index in np.flatnonzero(batch.keep & inverse & (batch.price <= 0.0)).tolist():
        batch.refuse(index, *worthless("price", batch.price[index], batch.instrument_ids[index]))


def worthless(field: str, price: float, instrument_id: str) -> tuple[Reason, str]:
    """What is wrong with a price of an inverse contract that is not positive."""
    reason = Reason.ZERO_PRICE if price == 0.0 else Reason.NEGATIVE_PRICE
    return reason, f"{field} {price:g} of inverse contract {instrument_id} is not positive"


def _released(engine: Engine, movements: Sequence[HotCollateral]) -> NDArray[np.int64]:
    """int64[n]: slot of the asset that a substitution releases, 0 where none is named, -1 for an unknown one."""
    slots = np.zeros(len(movements), np.int64)
    named = [i for i, movement in enumerate(movements) if movement.released_instrument_id is not None]
    slots[named] = engine.instrument_slots([str(movements[i].released_instrument_id) for i in named])
    return slots


def _released_columns(
    movements: Sequence[HotCollateral], released: NDArray[np.int64]
) -> ReleasedColumns | None:
    """What the movements release; None where none is a substitution, as mostly."""
    quantity = np.array([movement.released_quantity or 0.0 for movement in movements], np.float64)
    if not quantity.any():
        return None
    is_asset = np.array([movement.released_instrument_id is not None for movement in movements], np.bool_)
    currency = [movement.released_currency or "" for movement in movements]
    return ReleasedColumns(np.where(is_asset, released, -1), currency, quantity)


def _refuse_unsegregated(engine: Engine, batch: CollateralBatch) -> None:
    """What is kept where the silo's property is not apart does not secure it. Taking it out is always possible."""
    limits = engine.policy.collateral.limits
    for index in batch.kept().tolist():
        movement = batch.messages[index]
        adds = movement.quantity > 0.0 and movement.status == "new"
        if adds and not limits.segregated(movement.location, movement.silo):
            batch.refuse(index, Reason.NOT_SEGREGATED, unsegregated_detail(movement))


def unsegregated_detail(movement: HotCollateral | HotOpeningCollateral) -> str:
    """What is wrong with where a movement or a holding says that it is kept."""
    asset = movement.instrument_id or getattr(movement, "currency", "")
    return f"{asset} at {movement.location!r} is not segregated for silo {movement.silo}"


class CollateralBatch(DecodedBatch[HotCollateral]):
    """Decoded collateral movements of one partition."""

    def __init__(self, records: Sequence[Record]) -> None:
        super().__init__("collateral", COLLATERAL, records)
        self.arrivals = _arrivals([movement.time_ns for movement in self.messages], self.records)


def apply_collateral(engine: Engine, parking: Parking, partition: int, batch: CollateralBatch) -> Taken:
    """Apply collateral movements of one owned partition."""
    account_ids = [movement.account_id for movement in batch.messages]
    accounts = engine.slots_to_book(account_ids)
    batch.park_unknown(parking, accounts, "account", account_ids)
    asset_ids = [movement.instrument_id for movement in batch.messages]
    assets = np.full(len(asset_ids), -1, np.int64)
    is_asset = np.array([asset_id is not None for asset_id in asset_ids], np.bool_)
    assets[is_asset] = engine.instrument_slots([asset_id for asset_id in asset_ids if asset_id is not None])
    batch.park_unknown(parking, np.where(is_asset, assets, 0), "instrument", asset_ids)
    released = _released(engine, batch.messages)
    batch.park_unknown(
        parking, released, "instrument", [movement.released_instrument_id for movement in batch.messages]
    )
    batch.check_partition(engine.accounts.partition, accounts, partition)
    _refuse_unsegregated(engine, batch)
    kept = batch.kept()
    if len(kept) == 0:
        return batch.taken
    movements = batch.chosen(batch.messages, kept)
    columns = CollateralColumns(
        collateral_ids=[movement.collateral_id for movement in movements],
        version=np.array([movement.version for movement in movements], np.int64),
        account=accounts[kept],
        instrument=assets[kept],
        currency=[movement.currency or "" for movement in movements],
        quantity=np.array([movement.quantity for movement in movements], np.float64),
        cancelled=np.array([movement.status == "cancelled" for movement in movements], np.bool_),
        business_day=np.array([days[movement.business_date] for movement in movements], np.int64),
        silo=np.array([silos[movement.silo] for movement in movements], np.int64),
        released=_released_columns(movements, released[kept]),
    )
    outcomes = engine.apply_collateral(partition, columns, batch.arrivals.only(kept))
    for index, outcome in batch.count(kept, outcomes, _NAMES):
        reason, what = _REFUSALS[EntryOutcome(outcome)]
        batch.refuse(index, reason, f"movement {batch.messages[index].collateral_id} {what}")
    return batch.taken


assert set(range(len(_NAMES))) | set(_REFUSALS) == set(EntryOutcome)
