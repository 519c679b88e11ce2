"""Trades and collateral movements: decoded batches as columns for the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from engine.base.errors import Reason
from engine.market.instruments import REFERENCE_ONLY
from engine.portfolio.ledger import EntryOutcome
from engine.state.activity_state import CollateralColumns, TradeColumns
from engine.state.engine import Engine
from streams.contracts.codec import COLLATERAL, NO_SILO, TRADES, days, silos
from streams.contracts.hot import HotCollateral, HotTrade
from streams.inbound.parking import Parking
from streams.inbound.record import Record, Taken
from streams.inbound.sorting import Batch

_NAMES: Final = ("applied", "duplicate", "late", "covered")  # by EntryOutcome; what follows is refused
_MOVED: Final = "known under another account; an entry cannot change its account"


def take_trades(engine: Engine, parking: Parking, partition: int, records: Sequence[Record]) -> Taken:
    """Apply trades of one owned partition.

    A trade time ahead of the clock is not refused: the position is real, and leaving it out would understate
    the risk; the metric ``clock_skew_seconds`` shows it. A trade of the past counts by its business date.
    """
    batch: Batch[HotTrade] = Batch("trades", TRADES, records, parking)
    if batch.messages:
        newest_ns = max(trade.trade_time_ns for trade in batch.messages)
        batch.taken.newest_source_ns["trades"] = newest_ns
    account_ids = [trade.account_id for trade in batch.messages]
    instrument_ids = [trade.instrument_id for trade in batch.messages]
    accounts = engine.account_slots(account_ids)
    instruments = engine.instrument_slots(instrument_ids)
    batch.park_unknown(accounts, "account", account_ids)
    batch.park_unknown(instruments, "instrument", instrument_ids)
    batch.check_partition(engine.accounts.partition, accounts, partition)
    silo = np.array([NO_SILO if t.silo is None else silos[t.silo] for t in batch.messages], np.int64)
    _refuse_untradable(engine, batch, instruments, silo)
    kept = batch.kept()
    if not kept:
        return batch.taken
    trades = batch.chosen(kept)
    columns = TradeColumns(
        trade_ids=[trade.trade_id for trade in trades],
        version=np.array([trade.version for trade in trades], np.int64),
        account=accounts[kept],
        instrument=instruments[kept],
        quantity=np.array([trade.quantity for trade in trades], np.float64),
        price=np.array([trade.price for trade in trades], np.float64),
        cancelled=np.array([trade.status == "cancelled" for trade in trades], np.bool_),
        business_day=np.array([days[trade.business_date] for trade in trades], np.int64),
        silo=silo[kept],
    )
    outcomes = engine.apply_trades(partition, columns)
    for place in batch.count(kept, outcomes, _NAMES):
        batch.refuse(kept[place], Reason.TRADE_MOVED, f"trade {columns.trade_ids[place]} is {_MOVED}")
    return batch.taken


def _refuse_untradable(
    engine: Engine, batch: Batch[HotTrade], instruments: np.ndarray, silo: np.ndarray
) -> None:
    """Reference levels cannot be traded, nor what has no silo unless the trade names one."""
    no_silo = batch.keep & (silo < 0) & (engine.silo_of_instrument[instruments] < 0)
    for index in np.flatnonzero(batch.keep & (engine.silo_of_instrument[instruments] < 0)).tolist():
        product = engine.market.instruments[instruments[index]].product
        if no_silo[index] or product in REFERENCE_ONLY:
            batch.refuse(
                index,
                Reason.NO_RULEBOOK,
                f"instrument {batch.messages[index].instrument_id} ({product}) cannot be held as a position",
            )


def take_collateral(engine: Engine, parking: Parking, partition: int, records: Sequence[Record]) -> Taken:
    """Apply collateral movements of one owned partition."""
    batch: Batch[HotCollateral] = Batch("collateral", COLLATERAL, records, parking)
    account_ids = [movement.account_id for movement in batch.messages]
    accounts = engine.account_slots(account_ids)
    batch.park_unknown(accounts, "account", account_ids)
    asset_ids = [movement.instrument_id for movement in batch.messages]
    assets = np.full(len(asset_ids), -1, np.int64)
    is_asset = np.array([asset_id is not None for asset_id in asset_ids], np.bool_)
    assets[is_asset] = engine.instrument_slots([asset_id for asset_id in asset_ids if asset_id is not None])
    batch.park_unknown(np.where(is_asset, assets, 0), "instrument", asset_ids)
    batch.check_partition(engine.accounts.partition, accounts, partition)
    kept = batch.kept()
    if not kept:
        return batch.taken
    movements = batch.chosen(kept)
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
    )
    outcomes = engine.apply_collateral(partition, columns)
    for place in batch.count(kept, outcomes, _NAMES):
        batch.refuse(kept[place], Reason.TRADE_MOVED, f"movement {columns.collateral_ids[place]} is {_MOVED}")
    return batch.taken


assert len(_NAMES) == EntryOutcome.MOVED  # the outcomes with a name are those before the refused one
