"""Start-of-day records: joining the parts of one account's record and opening its day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from engine.base.errors import Reason
from engine.portfolio.opening import Opening
from engine.state.engine import Engine
from streams.contracts.codec import NO_SILO, POSITIONS, days, silos
from streams.contracts.hot import HotOpeningCollateral, HotPositions
from streams.contracts.topics import KEY_SEPARATOR
from streams.inbound.entries import unsegregated_detail
from streams.inbound.light_records import whole
from streams.inbound.parking import Missing, Parking
from streams.inbound.record import Record, Taken
from streams.inbound.sorting import DecodedBatch

_NAMES: Final = ("applied", "duplicate", "late")


class PositionsBatch(DecodedBatch[HotPositions]):
    """Decoded start-of-day records of one partition.

    Attributes:
        withdrawn: tombstones that no later record of the same key replaces.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        complete = whole(records)
        last = {record.key: index for index, record in enumerate(complete)}
        super().__init__("positions", POSITIONS, [record for record in complete if record.value is not None])
        self.raw = records
        self.withdrawn = [
            record
            for index, record in enumerate(complete)
            if record.value is None and last[record.key] == index
        ]


class OpeningDesk:
    """Collects the parts of start-of-day records and opens the day of an account once all are there.

    Parts of an earlier ``as_of_ns`` are dropped when a later one arrives, so at most one record per account
    waits for parts. A record that names an unknown instrument is parked as a whole: half a portfolio would be
    margined wrongly.
    """

    def __init__(self, engine: Engine, parking: Parking) -> None:
        self._engine = engine
        self._parking = parking
        self._parts: dict[tuple[int, str], dict[int, HotPositions]] = {}  # by partition, account_id

    def forget_partition(self, partition: int) -> None:
        """Drop what waits for parts in a partition that is no longer owned."""
        for key in [key for key in self._parts if key[0] == partition]:
            del self._parts[key]

    def take(self, partition: int, batch: PositionsBatch) -> Taken:
        """Take start-of-day records of one owned partition."""
        account_ids = [message.account_id for message in batch.messages]
        accounts = self._engine.slots_to_book(account_ids)
        batch.park_unknown(self._parking, accounts, "account", account_ids)
        batch.check_partition(self._engine.accounts.partition, accounts, partition)
        for index in batch.kept().tolist():
            self._take_part(batch, index, partition, int(accounts[index]))
        for record in batch.withdrawn:
            self._withdraw(batch.taken, record)
        return batch.taken

    def _withdraw(self, taken: Taken, record: Record) -> None:
        """Take a start-of-day record back, or one part of it."""
        key = (record.key or b"").decode(errors="replace")
        account_id = key if self._engine.knows_account(key) else key.rpartition(KEY_SEPARATOR)[0] or key
        if self._engine.withdraw_opening(account_id):
            taken.counts[("positions", "withdrawn")] += 1
        else:
            detail = (
                f"a tombstone takes the start of day of account {account_id} back, which is open or not empty"
            )
            taken.refuse("positions", record, Reason.IN_USE, detail)

    def _take_part(self, batch: PositionsBatch, index: int, partition: int, account: int) -> None:
        message = batch.messages[index]
        parts = self._joined(partition, message)
        if parts is None:
            batch.taken.counts[("positions", "late")] += 1
            return
        if len(parts) < message.parts:
            return  # the last part to come opens the day
        whole = [parts[number] for number in sorted(parts)]
        missing = self._missing(whole)
        if missing is not None:
            batch.park(self._parking, index, missing)
            return
        del self._parts[partition, message.account_id]
        untradable = self._untradable(whole)
        if untradable is not None:
            batch.refuse(index, Reason.NO_RULEBOOK, f"instrument {untradable} cannot be held as a position")
            return
        unsegregated = self._unsegregated(whole)
        if unsegregated is not None:
            batch.refuse(index, Reason.NOT_SEGREGATED, unsegregated_detail(unsegregated))
            return
        outcome = self._engine.open_day(self._opening(account, whole))
        batch.count(np.array([index]), np.array([outcome], np.int8), _NAMES)

    def _joined(self, partition: int, message: HotPositions) -> dict[int, HotPositions] | None:
        """The parts so far of the record that the message belongs to; None if a later record has begun."""
        parts = self._parts.get((partition, message.account_id), {})
        held = next(iter(parts.values()), message)
        if message.as_of_ns < held.as_of_ns:
            return None
        if message.as_of_ns > held.as_of_ns or message.parts != held.parts:
            parts = {}
        self._parts[partition, message.account_id] = parts
        parts[message.part] = message
        return parts

    def _missing(self, whole: Sequence[HotPositions]) -> Missing | None:
        ids = [position.instrument_id for part in whole for position in part.positions]
        ids += [asset.instrument_id for part in whole for asset in part.collateral]
        unknown = np.flatnonzero(self._engine.instrument_slots(ids) < 0)
        return Missing("instrument", ids[unknown[0]]) if len(unknown) else None

    def _untradable(self, whole: Sequence[HotPositions]) -> str | None:
        """A position in something that has no silo and is given none."""
        engine = self._engine
        for part in whole:
            for position in part.positions:
                slot = engine.market.slot_of[position.instrument_id]
                if position.silo is None and engine.silo_of_instrument[slot] < 0:
                    return position.instrument_id
        return None

    def _unsegregated(self, whole: Sequence[HotPositions]) -> HotOpeningCollateral | None:
        """Collateral that is kept where its silo's property is not apart."""
        limits = self._engine.policy.collateral.limits
        assets = (asset for part in whole for asset in part.collateral)
        return next((asset for asset in assets if not limits.segregated(asset.location, asset.silo)), None)

    def _opening(self, account: int, whole: Sequence[HotPositions]) -> Opening:
        engine = self._engine
        positions = [position for part in whole for position in part.positions]
        collateral = [asset for part in whole for asset in part.collateral]
        silo = [NO_SILO if position.silo is None else silos[position.silo] for position in positions]
        return Opening(
            account=account,
            business_day=days[whole[0].business_date],
            as_of_ns=whole[0].as_of_ns,
            instrument=engine.instrument_slots([position.instrument_id for position in positions]),
            quantity=np.array([position.quantity for position in positions], np.float64),
            reference_price=np.array([position.reference_price for position in positions], np.float64),
            silo=np.array(silo, np.int64),
            cash=tuple((silos[c.silo], c.currency, c.amount) for part in whole for c in part.cash),
            collateral_instrument=engine.instrument_slots([asset.instrument_id for asset in collateral]),
            collateral_quantity=np.array([asset.quantity for asset in collateral], np.float64),
            collateral_silo=np.array([silos[asset.silo] for asset in collateral], np.int64),
        )
