"""Owning partitions: fence, restore, go live, publish; dropped and taken again when anything is in doubt.

Steps of taking a partition, numbered as in docs/guarantees.md (6 to 8 are in ``streams/outbound/publisher.py``, 9 and
10 in ``app.py``, 11 in ``checkpointing.py``):
  1. open its transactional producer: every earlier owner is fenced, its open transaction ended;
  2. read its call cases and intraday standings, read_committed;
  3. read its start-of-day records, collateral and trades, from its checkpoint on if there is one to go by, to their
     present ends, silently;
  4. write the dead letters that no earlier owner wrote;
  5. go live: every account of it is evaluated on the next pass.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, time_ns
from typing import Final

from aiokafka.errors import KafkaError, ProducerFenced

from engine.state.partition_image import ImageMismatchError
from streams.contracts.intraday import IntradayEventRecord
from streams.contracts.results import CallEvent
from streams.inbound.checkpoint import Checkpoint, CheckpointFolder, Unusable
from streams.inbound.intake import ACCOUNT_TOPICS, Intake
from streams.inbound.partition_state import PartitionState, StateCopy
from streams.inbound.progress import Progress
from streams.inbound.record import Record, Refusal, Taken
from streams.inbound.restore import Restored, Takers, restore_partition
from streams.outbound.calls import Outgoing, case_of
from streams.outbound.intraday import standing_of
from streams.outbound.publisher import CallPublisher, Committed
from streams.worker.engine_thread import EngineThread
from streams.worker.metrics import WorkerMetrics
from streams.worker.settings import WorkerSettings

# After an error the brokers are given this long, doubling, before the partition is taken again.
_FIRST_RETRY_S: Final = 1.0
_LAST_RETRY_S: Final = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeeperServices:
    """What all keepers of a worker share."""

    settings: WorkerSettings
    engine_thread: EngineThread
    intake: Intake
    metrics: WorkerMetrics
    progress: Progress
    write_dead_letters: Callable[[Sequence[Refusal]], Awaitable[None]]
    committed: Callable[[Committed], None]
    went_live: Callable[[], None]
    failed: Callable[[BaseException], None]
    checkpoints: CheckpointFolder | None


class Keeper:
    """One assigned partition, from assignment to release.

    Attributes:
        live: set while the partition is restored and evaluated.
        checkpoint_ns: when the state of the latest checkpoint was copied; 0 if none was taken or written since the
            partition was taken.
        live_since_ns: when it went live.
    """

    def __init__(self, number: int, services: KeeperServices) -> None:
        self.number = number
        self.live = asyncio.Event()
        self.checkpoint_ns = self.live_since_ns = 0
        self._states: tuple[list[CallEvent], list[IntradayEventRecord]] = ([], [])
        self._taking: set[asyncio.Future[bool]] = set()
        self._released = asyncio.Event()
        self._dropped = asyncio.Event()
        self._services = services
        self._publisher: CallPublisher | None = None
        self._was_live = False
        self._name = f"partition {number}"
        self._task = asyncio.create_task(self._keep(), name=self._name)

    async def wait_live(self) -> bool:
        """Wait until the partition is live; False if it is released instead."""
        waiters = [asyncio.ensure_future(event.wait()) for event in (self.live, self._released)]
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()
        return self.live.is_set() and not self._released.is_set()

    def publish(self, records: Sequence[Outgoing], newest_input_ms: int) -> bool:
        """Queue call records; False if the partition is being dropped: its restore finds again what is due."""
        if self._publisher is None:
            return False
        self._publisher.put(records, newest_input_ms)
        return True

    async def drained(self) -> None:
        """Wait until everything queued is committed."""
        if self._publisher is not None:
            await self._publisher.drained()

    async def committed(self) -> bool:
        """Wait until everything queued so far is committed; False if the partition was dropped before."""
        if self._publisher is None:
            return False
        drained = asyncio.ensure_future(self._publisher.drained())
        dropped = asyncio.ensure_future(self._dropped.wait())
        try:
            await asyncio.wait((drained, dropped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            drained.cancel()
            dropped.cancel()
        return drained.done() and not drained.cancelled()

    @contextmanager
    def taking(self) -> Iterator[None]:
        """A batch of the partition is applied and its dead letters are written within."""
        settled: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._taking.add(settled)
        try:
            yield
            settled.set_result(True)
        finally:
            self._taking.discard(settled)
            if not settled.done():
                settled.set_result(False)

    async def copy(self) -> Checkpoint | None:
        """The partition's state as a checkpoint, once all that follows from it has been committed and all that it
        refused has been dead-lettered; None if the partition is not live, or was dropped before that.

        A restore does not look again at what a checkpoint covers, so nothing about it may still be in the air.
        """
        publisher, services = self._publisher, self._services
        if publisher is None or not self.live.is_set():
            return None
        taken_at_ns = time_ns()
        copy = await services.engine_thread.run(self._copy)
        # What passes before the copy decided is queued by now: they handed it to this loop before the copy did.
        settled = await asyncio.gather(*self._taking)
        if copy is None or not all(settled) or not await self.committed() or self._publisher is not publisher:
            return None
        names = {name: services.settings.topics[name].name for name in ACCOUNT_TOPICS}
        state = await asyncio.to_thread(copy.state)
        return Checkpoint(names, services.settings.partitions, self.number, taken_at_ns, state)

    def _copy(self) -> StateCopy | None:
        """On the engine thread."""
        started = monotonic()
        copy = self._services.intake.copy_of(self.number)
        self._services.metrics.checkpoint_pause.observe(monotonic() - started)
        return copy

    async def release(self) -> None:
        """Stop owning the partition and forget it."""
        self._released.set()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        backoff_s = _FIRST_RETRY_S
        while True:
            self._was_live = False
            try:
                await self._own()
            except ProducerFenced:
                self._services.metrics.fenced.inc()
                # Longer than two heartbeats: if the group has moved the partition, the release comes first.
                retry_s = self._services.settings.session_timeout_s
                log.warning("partition %d: fenced by another worker; dropped", self.number)
            except KafkaError as error:
                backoff_s = _FIRST_RETRY_S if self._was_live else min(2 * backoff_s, _LAST_RETRY_S)
                retry_s = backoff_s
                log.error("partition %d: dropped, to be restored in %.0f s: %s", self.number, retry_s, error)
            except Exception as error:
                self._services.failed(error)
                return
            await asyncio.sleep(retry_s)

    async def _own(self) -> None:
        """Take the partition and publish for it until something fails or it is released."""
        publisher = CallPublisher(
            self._services.settings, self._services.settings.transactional_id(self.number)
        )
        try:
            await self._take(publisher)
            await self._publish(publisher)
        finally:
            self.live.clear()
            self._publisher = None
            self._dropped.set()
            self._services.progress.give_up(self._name)
            await self._services.engine_thread.run(self._services.intake.drop_partition, self.number)
            await publisher.stop()

    async def _publish(self, publisher: CallPublisher) -> None:
        try:
            await publisher.run(self._services.committed)
        except KafkaError:
            self._services.metrics.aborts.inc()
            raise

    async def _take(self, publisher: CallPublisher) -> None:
        started, services = monotonic(), self._services
        await publisher.start()  # step 1
        await services.engine_thread.run(services.intake.take_partition, self.number)
        restored = await restore_partition(
            services.settings, services.settings.group, services.settings.topics, self.number,
            Takers(self._take_states, self._take_state, self._take_batch), services.progress.begin(self._name),
            services.checkpoints,
        )  # fmt: skip
        self._states = ([], [])
        await services.write_dead_letters(restored.refusals)  # step 4
        self._dropped.clear()
        self._publisher = publisher  # before the first pass that can have something to publish
        await services.engine_thread.run(services.intake.engine.go_live, self.number)  # step 5
        services.progress.end(self._name)
        self.live.set()
        self._was_live = True
        seconds = monotonic() - started
        self._tell(restored, seconds)
        services.went_live()

    def _tell(self, restored: Restored, seconds: float) -> None:
        self.checkpoint_ns, self.live_since_ns = restored.taken_at_ns, time_ns()
        source = "checkpoint" if restored.taken_at_ns else "replay"
        self._services.metrics.restore_duration.labels(source).observe(seconds)
        if restored.unusable is not None:
            reason = restored.unusable.reason
            self._services.metrics.checkpoints_unused.labels(reason.value).inc()
            level = logging.INFO if reason is Unusable.ABSENT else logging.WARNING
            log.log(
                level,
                "partition %d: read from the log, without checkpoint: %s",
                self.number,
                restored.unusable,
            )
        log.info(
            "partition %d: live after %.2f s from %s, %d records",
            self.number,
            seconds,
            source,
            restored.messages,
        )

    async def _take_states(self, cases: list[CallEvent], standings: list[IntradayEventRecord]) -> None:
        self._states = (cases, standings)
        await self._services.engine_thread.run(self._put_states)

    def _put_states(self) -> None:
        """On the engine thread."""
        intake, (cases, standings) = self._services.intake, self._states
        for case in cases:
            intake.restore_case(case_of(case), case.as_of_ns, self.number)
        for standing in standings:
            intake.engine.intraday.put(self.number, standing_of(standing))

    async def _take_state(self, state: PartitionState) -> Taken:
        """What a checkpoint holds. Whatever is wrong with it, the partition can be read instead."""
        services = self._services
        names = {name: services.settings.topics[name].name for name in ACCOUNT_TOPICS}
        try:
            return await services.engine_thread.run(services.intake.put_state, self.number, state, names)
        except ImageMismatchError:
            raise
        except Exception as error:
            log.exception("partition %d: its checkpoint could not be taken", self.number)
            await services.engine_thread.run(self._empty)
            raise ImageMismatchError(f"it could not be taken: {error!r}") from error

    def _empty(self) -> None:
        """On the engine thread: forget what was taken of a checkpoint."""
        self._services.intake.drop_partition(self.number)
        self._services.intake.take_partition(self.number)
        self._put_states()

    async def _take_batch(self, topic: str, records: Sequence[Record]) -> Taken:
        taken = await self._services.engine_thread.run(
            self._services.intake.take_activity, topic, self.number, records
        )
        assert taken is not None, "only this keeper drops its partition"
        self._services.metrics.restored_messages.inc(len(records))
        return taken
