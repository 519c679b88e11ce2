"""The one way into the engine: batches of records by topic, what became of them, and what they set free.

Two steps: *staging* decodes and checks, needs no engine and may run on any one other thread; *applying* is not
thread-safe, like the engine, and the worker runs it on its engine thread. ``take_...`` does both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from engine.shortfall.case import CallCase
from engine.state.engine import Engine
from engine.state.partition_image import copy_of, put_image
from engine.state.policy import RulebookParameters
from streams.inbound.entries import CollateralBatch, TradeBatch, apply_collateral, apply_trades
from streams.inbound.light_records import LightRecord, whole
from streams.inbound.parking import Missing, Parking
from streams.inbound.partition_state import Mark, PartitionState, StateCopy
from streams.inbound.positions import OpeningDesk, PositionsBatch
from streams.inbound.price_buffer import PriceBuffer
from streams.inbound.prices import PriceBatch, apply_prices
from streams.inbound.record import Record, Taken
from streams.inbound.reference import ReferenceDesk
from streams.inbound.responses import TOPIC as RESPONSES
from streams.inbound.responses import ResponseBatch

ACCOUNT_TOPICS: Final = frozenset({"positions", "collateral", "trades"})
GROUP_TOPICS: Final = ACCOUNT_TOPICS | {RESPONSES}
REFERENCE_TOPICS: Final = ("rulebooks", "instruments", "accounts")
# Far more instruments than one firm follows; a feed that invents ids or sends rubbish waits for the engine here.
_WAITING_PRICES: Final = 200_000

Staged: TypeAlias = TradeBatch | CollateralBatch | PositionsBatch


class Intake:
    """Routes batches to the desks; keeps the high-water mark of every owned partition and topic.

    Records at or below the high-water mark have been applied by the restore and are skipped, so the live
    stream may begin anywhere before it.
    """

    def __init__(
        self,
        engine: Engine,
        rulebooks: dict[str, RulebookParameters],
        partitions: int,
        parking_limit: int,
        skew_limit_ms: int,
    ) -> None:
        """``rulebooks``: parameters by rulebook_id, assigned or not; kept current as new versions come in."""
        self.engine = engine
        self.parking = Parking(parking_limit)
        self.waiting_prices = PriceBuffer(_WAITING_PRICES)
        self._reference = ReferenceDesk(engine, rulebooks, partitions)
        self._openings = OpeningDesk(engine, self.parking)
        self._skew_limit_ms = skew_limit_ms
        self._applied: dict[tuple[str, int], int] = {}
        self._last: dict[tuple[str, int], Record | Mark] = {}  # where ``_applied`` stands, if anywhere
        self._cases: dict[str, list[tuple[CallCase, int, int]]] = {}

    # ---------------------------------------------------------------- partitions

    def take_partition(self, partition: int) -> None:
        """Own a partition, empty and silent."""
        self.engine.take_partition(partition)
        for topic in ACCOUNT_TOPICS:
            self._applied[(topic, partition)] = -1

    def drop_partition(self, partition: int) -> None:
        """Forget everything about a partition."""
        self._openings.forget_partition(partition)
        self.engine.drop_partition(partition)
        self.parking.drop_partition(partition, ACCOUNT_TOPICS)
        for topic in ACCOUNT_TOPICS:
            self._applied.pop((topic, partition), None)
            self._last.pop((topic, partition), None)
        for account_id, cases in list(self._cases.items()):
            if cases[0][2] == partition:
                del self._cases[account_id]

    def copy_of(self, partition: int) -> StateCopy | None:
        """What a checkpoint of a live partition is made of; None if it is not live. The engine waits meanwhile."""
        owned = self.engine.partitions.get(partition)
        if owned is None or not owned.live:
            return None
        return StateCopy(
            copy_of(self.engine, partition),
            {
                topic: self._last[topic, partition]
                for topic in ACCOUNT_TOPICS
                if (topic, partition) in self._last
            },
            self._openings.waiting_parts(partition),
            self.parking.of_partition(partition, ACCOUNT_TOPICS),
        )

    def put_state(self, partition: int, state: PartitionState, names: Mapping[str, str]) -> Taken:
        """Go on from where a checkpoint stands; the partition has been taken, its cases and standings restored.

        Args:
            names: of the topics, by short name.

        Returns:
            what became of the records that were parked.

        Raises:
            ImageMismatchError: it rests on something else than this engine knows; nothing has changed.
        """
        put_image(self.engine, state.image)
        self._openings.put_parts(partition, state.parts)
        taken = Taken()
        for topic in sorted(ACCOUNT_TOPICS):
            parked = [
                LightRecord(
                    names[topic], partition, each.offset, each.timestamp_ms, each.key, each.value,
                    tuple(each.headers),
                )
                for each in state.parked
                if each.topic == topic
            ]  # fmt: skip
            if parked:
                taken.add(self._apply(partition, self.stage_activity(topic, parked)))
        for topic, mark in state.through.items():
            self._last[topic, partition] = mark
            self._note_applied(topic, partition, mark.offset)
        return taken

    def restore_case(self, case: CallCase, as_of_ns: int, partition: int) -> None:
        """Take a case; that of an account whose record has not come yet waits for it."""
        if self.engine.slots_to_book([case.account_id])[0] < 0:
            self._cases.setdefault(case.account_id, []).append((case, as_of_ns, partition))
        else:
            self.engine.restore_case(case, as_of_ns)

    def high_water(self, topic: str, partition: int) -> int:
        """Offset of the last record applied, -1 for none."""
        return self._applied.get((topic, partition), -1)

    # ---------------------------------------------------------------- records

    @staticmethod
    def stage(topic: str, records: Sequence[Record]) -> Staged | ResponseBatch:
        """Decode records of a topic that the group reads; on any thread."""
        return ResponseBatch(records) if topic == RESPONSES else Intake.stage_activity(topic, records)

    @staticmethod
    def stage_activity(topic: str, records: Sequence[Record]) -> Staged:
        """Decode records of ``trades``, ``collateral`` or ``positions``; on any thread."""
        if topic == "trades":
            return TradeBatch(records)
        return CollateralBatch(records) if topic == "collateral" else PositionsBatch(records)

    def apply_activity(self, topic: str, partition: int, staged: Staged) -> Taken | None:
        """Apply staged records of one partition, in log order.

        Returns:
            None if the partition is not owned (any more).
        """
        applied = self._applied.get((topic, partition))
        if applied is None:
            return None
        records = staged.raw
        if records and records[0].offset <= applied:
            records = [record for record in whole(records) if record.offset > applied]
            staged = self.stage_activity(topic, records)
        if not records:
            return Taken()
        taken = self._apply(partition, staged)
        last = records[-1]
        self._last[topic, partition] = last
        self._note_applied(topic, partition, last.offset)
        return taken

    def _note_applied(self, topic: str, partition: int, last: int) -> None:
        self._applied[(topic, partition)] = last
        self.engine.note_inputs(
            partition,
            trades_offset=last if topic == "trades" else None,
            collateral_offset=last if topic == "collateral" else None,
            positions_offset=last if topic == "positions" else None,
        )

    def take_activity(self, topic: str, partition: int, records: Sequence[Record]) -> Taken | None:
        """Stage and apply."""
        return self.apply_activity(topic, partition, self.stage_activity(topic, records))

    def _apply(self, partition: int, staged: Staged) -> Taken:
        if isinstance(staged, TradeBatch):
            return apply_trades(self.engine, self.parking, partition, staged)
        if isinstance(staged, CollateralBatch):
            return apply_collateral(self.engine, self.parking, partition, staged)
        return self._openings.take(partition, staged)

    def stage_prices(self, batches: Sequence[Sequence[Record]], now_ns: int) -> Taken:
        """Decode prices into the buffer; on any thread.

        Returns:
            what was refused or superseded; the others are counted when they are applied.
        """
        taken = Taken()
        for records in batches:
            batch = PriceBatch(records, now_ns, self._skew_limit_ms)
            self.waiting_prices.put(batch)
            taken.add(batch.taken)
        return taken

    def apply_waiting_prices(self) -> Taken:
        """Apply the newest prices of all instruments that got one since the last time."""
        return apply_prices(self.engine, self.parking, self.waiting_prices.take())

    def take_prices(self, records: Sequence[Record], now_ns: int) -> Taken:
        """Decode and apply, past the buffer."""
        return apply_prices(self.engine, self.parking, PriceBatch(records, now_ns, self._skew_limit_ms))

    def take_reference(self, topic: str, records: Sequence[Record], now_ns: int) -> Taken:
        """Take reference data, then what was parked for it."""
        taken, known = self._reference.take(topic, records)
        for missing in known:
            if missing.kind == "account":
                for case, as_of_ns, partition in self._cases.pop(missing.id, []):
                    self.restore_case(case, as_of_ns, partition)
            taken.add(self._release(missing, now_ns))
        return taken

    def _release(self, missing: Missing, now_ns: int) -> Taken:
        taken = Taken()
        for (topic, partition), records in self.parking.release(missing).items():
            if topic == "prices":
                taken.add(self.take_prices(records, now_ns))
            else:
                taken.add(self._apply(partition, self.stage_activity(topic, records)))
        return taken
