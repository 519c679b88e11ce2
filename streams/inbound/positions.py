"""Start-of-day records: joining the parts of one account's record and opening its day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.base.errors import Reason
from engine.portfolio.opening import Openings
from engine.state.engine import Engine
from streams.contracts.codec import NO_SILO, POSITIONS, days, silos
from streams.contracts.hot import HotOpeningCollateral, HotPositions
from streams.contracts.topics import KEY_SEPARATOR
from streams.inbound.entries import unsegregated_detail, worthless
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

    def waiting_parts(self, partition: int) -> list[HotPositions]:
        """Parts of start-of-day records of a partition whose other parts, or instruments, have not come."""
        return [part for key, parts in self._parts.items() if key[0] == partition for part in parts.values()]

    def put_parts(self, partition: int, parts: Sequence[HotPositions]) -> None:
        """These wait again."""
        for part in parts:
            self._joined(partition, part)

    def take(self, partition: int, batch: PositionsBatch) -> Taken:
        """Take start-of-day records of one owned partition."""
        account_ids = [message.account_id for message in batch.messages]
        accounts = self._engine.slots_to_book(account_ids)
        batch.park_unknown(self._parking, accounts, "account", account_ids)
        batch.check_partition(self._engine.accounts.partition, accounts, partition)
        for run in _runs(batch.kept().tolist(), account_ids):
            self._take_run(batch, run, partition, accounts)
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

    def _take_run(
        self, batch: PositionsBatch, run: Sequence[int], partition: int, accounts: NDArray[np.int64]
    ) -> None:
        """Take messages (indices) of different accounts and open the days of those whose parts are all there."""
        complete: list[tuple[int, list[HotPositions]]] = []
        for index in run:
            parts = self._joined(partition, batch.messages[index])
            if parts is None:
                batch.taken.counts[("positions", "late")] += 1
            elif len(parts) == batch.messages[index].parts:  # the last part to come opens the day
                complete.append((index, [parts[number] for number in sorted(parts)]))
        if not complete:
            return
        indices = np.array([index for index, _ in complete], np.int64)
        openings = self._openings(accounts[indices], [parts for _, parts in complete])
        usable = np.ones(len(indices), np.bool_)
        for place, missing in self._missing(openings, complete).items():
            usable[place] = False
            batch.park(self._parking, complete[place][0], missing)
        for place in np.flatnonzero(usable).tolist():
            del self._parts[partition, complete[place][1][0].account_id]
        for place, untradable in self._untradable(openings, usable).items():
            usable[place] = False
            detail = f"instrument {untradable} cannot be held as a position"
            batch.refuse(complete[place][0], Reason.NO_RULEBOOK, detail)
        for place, (reason, detail) in self._worthless(openings, usable).items():
            usable[place] = False
            batch.refuse(complete[place][0], reason, detail)
        for place, asset in self._unsegregated(complete, usable).items():
            usable[place] = False
            batch.refuse(complete[place][0], Reason.NOT_SEGREGATED, unsegregated_detail(asset))
        if usable.any():
            batch.count(indices[usable], self._engine.open_days(openings.only(usable)), _NAMES)

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

    @staticmethod
    def _missing(
        openings: Openings, complete: Sequence[tuple[int, Sequence[HotPositions]]]
    ) -> dict[int, Missing]:
        """By place among the records: the first instrument that is not known."""
        unknown = np.union1d(
            openings.position_of[openings.instrument < 0],
            openings.collateral_of[openings.collateral_instrument < 0],
        )
        found = {}
        for place in unknown.tolist():
            parts = complete[place][1]
            ids = [position.instrument_id for part in parts for position in part.positions]
            ids += [asset.instrument_id for part in parts for asset in part.collateral]
            slots = np.concatenate(
                [
                    openings.instrument[openings.position_of == place],
                    openings.collateral_instrument[openings.collateral_of == place],
                ]
            )
            found[place] = Missing("instrument", ids[int(np.flatnonzero(slots < 0)[0])])
        return found

    def _untradable(self, openings: Openings, usable: NDArray[np.bool_]) -> dict[int, str]:
        """By place among the usable records: the first position in something that has no silo and is given none."""
        nowhere = (
            usable[openings.position_of]
            & (openings.silo < 0)
            & (self._engine.silo_of_instrument[openings.instrument] < 0)
        )
        found: dict[int, str] = {}
        for at in np.flatnonzero(nowhere).tolist():
            instrument = self._engine.market.instruments[int(openings.instrument[at])]
            found.setdefault(int(openings.position_of[at]), instrument.instrument_id)
        return found

    def _worthless(self, openings: Openings, usable: NDArray[np.bool_]) -> dict[int, tuple[Reason, str]]:
        """By place among the usable records: an inverse contract whose reference price is not positive."""
        inverse = self._engine.market.inverse[openings.instrument]
        nothing = usable[openings.position_of] & inverse & (openings.reference_price <= 0.0)
        found: dict[int, tuple[Reason, str]] = {}
        for at in np.flatnonzero(nothing).tolist():
            name = self._engine.market.instruments[int(openings.instrument[at])].instrument_id
            fault = worthless("reference_price", float(openings.reference_price[at]), name)
            found.setdefault(int(openings.position_of[at]), fault)
        return found

    def _unsegregated(
        self, complete: Sequence[tuple[int, Sequence[HotPositions]]], usable: NDArray[np.bool_]
    ) -> dict[int, HotOpeningCollateral]:
        """By place among the usable records: collateral that is kept where its silo's property is not apart."""
        limits = self._engine.policy.collateral.limits
        found: dict[int, HotOpeningCollateral] = {}
        for place in np.flatnonzero(usable).tolist():
            for asset in (asset for part in complete[place][1] for asset in part.collateral):
                if not limits.segregated(asset.location, asset.silo):
                    found.setdefault(place, asset)
        return found

    def _openings(self, accounts: NDArray[np.int64], records: Sequence[Sequence[HotPositions]]) -> Openings:
        """Columns of records, each with all its parts; instruments that are not known are -1."""
        engine, parts = self._engine, [part for record in records for part in record]
        of_part = np.repeat(np.arange(len(records)), [len(record) for record in records])
        positions = [position for part in parts for position in part.positions]
        cash = [balance for part in parts for balance in part.cash]
        assets = [asset for part in parts for asset in part.collateral]
        return Openings(
            account=accounts,
            business_day=np.array([days[record[0].business_date] for record in records], np.int64),
            as_of_ns=np.array([record[0].as_of_ns for record in records], np.int64),
            position_of=np.repeat(of_part, [len(part.positions) for part in parts]),
            instrument=engine.position_slots([position.instrument_id for position in positions]),
            quantity=np.array([position.quantity for position in positions], np.float64),
            reference_price=np.array([position.reference_price for position in positions], np.float64),
            silo=np.array(
                [NO_SILO if position.silo is None else silos[position.silo] for position in positions],
                np.int64,
            ),
            cash_of=np.repeat(of_part, [len(part.cash) for part in parts]),
            cash_silo=np.array([silos[balance.silo] for balance in cash], np.int64),
            currency=[balance.currency for balance in cash],
            amount=np.array([balance.amount for balance in cash], np.float64),
            collateral_of=np.repeat(of_part, [len(part.collateral) for part in parts]),
            collateral_instrument=engine.instrument_slots([asset.instrument_id for asset in assets]),
            collateral_quantity=np.array([asset.quantity for asset in assets], np.float64),
            collateral_silo=np.array([silos[asset.silo] for asset in assets], np.int64),
        )


def _runs(indices: Sequence[int], account_ids: Sequence[str]) -> Iterator[list[int]]:
    """Messages (indices) in order, as runs in which no account comes twice."""
    run: list[int] = []
    seen: set[str] = set()
    for index in indices:
        if account_ids[index] in seen:
            yield run
            run, seen = [], set()
        run.append(index)
        seen.add(account_ids[index])
    if run:
        yield run
