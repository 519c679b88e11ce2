"""A worker: broadcast topics, owned partitions, evaluation, publishing and pages, put together."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import Coroutine, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from engine.shortfall.call_response import Response
from engine.state.answers import Answered
from engine.state.engine import Engine
from engine.state.policy import RulebookParameters
from streams.contracts.cluster import Existing, TopicError, differences, existing_topics
from streams.contracts.results import RequirementStatement
from streams.inbound.broadcast import Broadcast
from streams.inbound.checkpoint import CheckpointFolder
from streams.inbound.intake import ACCOUNT_TOPICS, REFERENCE_TOPICS, Intake, Staged
from streams.inbound.progress import Progress
from streams.inbound.record import Record, Refusal, Taken
from streams.inbound.responses import ResponseBatch
from streams.outbound.dead_letter import DeadLetters
from streams.outbound.publisher import Committed
from streams.parameters import UNIFIED_METHOD, load_policy, read_rulebooks, read_toml
from streams.warmup import warm_up
from streams.worker.checkpointing import Checkpointing
from streams.worker.clock import Clock, EventClock, WallClock, by_source_time
from streams.worker.engine_thread import EngineThread, IngestThread
from streams.worker.evaluation import Evaluation, PassResult, by_partition
from streams.worker.faust_app import faust_app
from streams.worker.health import Pages
from streams.worker.keeper import Keeper, KeeperServices
from streams.worker.membership import coordinator_of
from streams.worker.metrics import WorkerMetrics
from streams.worker.ownership import Ownership
from streams.worker.settings import WorkerSettings
from streams.worker.statement_topic import StatementTopic

_REFRESH_S: Final = 1.0
_LOOP_SAMPLE_S: Final = 0.05
_PROGRESS_S: Final = 5.0
_BROADCAST: Final = "reference data and prices"
_DRAIN_S: Final = 2.0  # of the 5 s within which a worker ends; the group is left in the rest
_MILLISECOND_NS: Final = 1_000_000

log = logging.getLogger(__name__)


class MarginWorker:
    """One process of the monitor.

    Attributes:
        failure: set with the exception when going on would be wrong; the process then ends without another
            acknowledgement.
        ready: set once all that was assigned first is live.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        policy = load_policy(settings.parameters, settings.scenarios)
        self.settings = settings
        self.engine = Engine(policy, settings.threads)
        rulebooks = {
            **read_rulebooks(settings.parameters),
            policy.unified.rulebook_id: RulebookParameters(
                UNIFIED_METHOD, read_toml(f"{UNIFIED_METHOD}.toml", settings.parameters)
            ),
        }
        self.intake = Intake(
            self.engine,
            rulebooks,
            settings.partitions,
            settings.parking_limit,
            settings.clock_skew_limit_ms,
        )
        self.metrics = WorkerMetrics()
        self.progress = Progress()
        self.metrics.restore_progress.set_function(lambda: self.progress.share)
        self.engine_thread, self.ingest_thread = EngineThread(), IngestThread()
        self.clock: Clock = EventClock() if settings.clock == "event" else WallClock()
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ready = asyncio.Event()
        self._checkpoints = CheckpointFolder(settings.checkpoints) if settings.checkpoints else None
        self._ownership = Ownership(
            settings.session_timeout_s, self._keeper_of, lambda: coordinator_of(self._app), self._on_live
        )
        self._keepers = self._ownership.keepers
        self._caught_up = False
        self._joined = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._evaluating: asyncio.Task[None] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="marginmon-")
        self.pages = Pages(
            self.engine, self.engine_thread, self.metrics.registry, self.waiting_for, self.clock
        )
        self._producer = AIOKafkaProducer(
            **settings.options(), client_id="marginmon", acks="all", enable_idempotence=True
        )
        self._dead_letters = DeadLetters(self._producer)
        self._statements = StatementTopic(self._producer, settings.topics["requirements"].name, self.metrics)
        self._evaluation = Evaluation(
            settings, self.intake, self.engine_thread, self.metrics, rulebooks, self._dispatch, self._tell,
            self.clock, self._ownership.lease.holds,
        )  # fmt: skip
        self._broadcast = Broadcast(
            settings, "marginmon-broadcast", settings.broadcast_group,
            {settings.topics[name].name: name for name in (*REFERENCE_TOPICS, "prices")},
            self._take_broadcast,
        )  # fmt: skip
        self._app = faust_app(
            settings, self._folder.name, self.intake.stage, self._take_batch, self._on_assigned
        )

    # ---------------------------------------------------------------- life

    async def start(self) -> None:
        """Check the topics, listen, read the broadcast topics to their ends, join the group.

        Raises:
            TopicError, KafkaError, OSError: naming what is missing.
        """
        present = await self._check_topics()
        seconds = await self.engine_thread.run(
            lambda: warm_up(load_policy(self.settings.parameters, self.settings.scenarios))
        )
        log.info("kernels ready after %.1f s", seconds)
        await self.pages.start(self.settings.http_host, self.settings.http_port)
        self._evaluation.serve_at(self.pages.address)
        await self._producer.start()
        await self.engine_thread.run(self.engine.advance_time, self.clock.now_ns())
        broadcast = (self.settings.topics[name].name for name in (*REFERENCE_TOPICS, "prices"))
        self._watch(self._report_progress())
        started = time.monotonic()
        await self._broadcast.start(
            [
                TopicPartition(name, number)
                for name in broadcast
                for number in range(present[name].partitions)
            ],
            self.progress.begin(_BROADCAST),
        )
        self.progress.end(_BROADCAST)
        self._caught_up = True
        log.info("reference data and prices read after %.1f s", time.monotonic() - started)
        self._watch(self._broadcast.follow())
        self._watch(self._refresh())
        self._watch(self._measure_loop())
        self._evaluating = self._watch(self._evaluation.run())
        if self._checkpoints is not None:
            writing = Checkpointing(
                self._checkpoints, self.settings.checkpoint_interval_s, self._keepers.values, self.metrics
            )
            self._watch(writing.run())
        self._joined = True
        self._app.finalize()
        await self._app.start()
        self._watch(self._watch_group())
        self._watch(self._ownership.watch(lambda: self._app.should_stop))

    async def stop(self) -> None:
        """Finish the pass and what it publishes, commit, leave the group, close everything."""
        log.info("stopping: finishing the pass, publishing, leaving the group")
        await _cancelled([self._evaluating] if self._evaluating else [])
        await _within(_DRAIN_S, asyncio.gather(*(keeper.drained() for keeper in self._keepers.values())))
        if self._joined:
            await self._app.stop()
        await asyncio.gather(*(keeper.release() for keeper in self._keepers.values()))
        await _cancelled(list(self._tasks))
        await _within(_DRAIN_S, self._broadcast.stop())
        await _within(_DRAIN_S, self._producer.stop())
        await self.pages.stop()
        self.ingest_thread.stop()
        self.engine_thread.stop()
        self._folder.cleanup()

    async def _check_topics(self) -> Mapping[str, Existing]:
        """All topics there, and as many partitions as the settings say; else accounts would be misplaced."""
        admin = AIOKafkaAdminClient(**self.settings.options())
        try:
            await admin.start()
            present = await existing_topics(admin, self.settings.topics)
        finally:
            await admin.close()
        for topic in self.settings.topics:
            found = present.get(topic.name)
            if found is None or (topic.by_account and found.partitions != topic.partitions):
                raise TopicError(differences([topic], present)[0])
        for difference in differences(self.settings.topics, present):
            log.warning("%s", difference)
        return present

    def fail(self, error: BaseException) -> None:
        """Going on would be wrong: end the process before anything else is acknowledged."""
        if not self.failure.done():
            log.critical("stopping, nothing more is acknowledged: %s", error, exc_info=error)
            self.failure.set_exception(error)

    def _watch(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A background task whose end by an exception is the worker's failure."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._on_task_end)
        self._tasks.add(task)
        return task

    def _on_task_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    def waiting_for(self) -> str:
        """What is still missing before the worker is live; empty if nothing."""
        if not self._caught_up:
            return _told(_BROADCAST, self.progress.text())
        if not self._ownership.assigned:
            return "assignment of partitions"
        if self._ownership.outside_group:
            return "membership in the consumer group, which was lost"
        behind = [number for number, keeper in self._keepers.items() if not keeper.live.is_set()]
        return _told(f"partitions {sorted(behind)}", self.progress.text()) if behind else ""

    # ---------------------------------------------------------------- partitions

    def _keeper_of(self, number: int) -> Keeper:
        return Keeper(
            number,
            KeeperServices(
                self.settings, self.engine_thread, self.intake, self.metrics, self.progress,
                self._write_dead_letters, self._on_committed, self._on_live, self.fail, self._checkpoints,
            ),
        )  # fmt: skip

    async def _on_assigned(self, numbers: set[int], generation: int) -> None:
        self.metrics.rebalances.inc()
        await self._ownership.on_assigned(numbers, generation)

    def _on_live(self) -> None:
        live = sum(keeper.live.is_set() for keeper in self._keepers.values())
        self.metrics.partitions_owned.set(live)
        waiting = self.waiting_for()
        self.metrics.live.set(not waiting)
        self._evaluation.note_change(0)
        if not waiting:
            self.ready.set()

    # ---------------------------------------------------------------- in

    async def _take_batch(self, topic: str, partition: int, staged: Staged | ResponseBatch) -> bool:
        """A batch from the group; False if the partition is not ours any more."""
        try:
            if isinstance(staged, ResponseBatch):
                return await self._take_responses(partition, staged)
            return await self._take_owned(topic, partition, staged)
        except Exception as error:
            self.fail(error)
            return False

    async def _take_owned(self, topic: str, partition: int, staged: Staged) -> bool:
        taken = None
        while taken is None:
            keeper = self._keepers.get(partition)
            if self.failure.done() or keeper is None or not await keeper.wait_live():
                return False
            with keeper.taking():
                taken = await self.engine_thread.run(self.intake.apply_activity, topic, partition, staged)
                if taken is not None:
                    self._note(taken)
                    await self._write_dead_letters(taken.refusals)  # step 9 of docs/guarantees.md
        return not self.failure.done()  # True: step 10, the batch is acknowledged and its offset committed

    async def _take_responses(self, partition: int, batch: ResponseBatch) -> bool:
        """Answers to calls. They are acknowledged when what they moved is committed: until then a crash, or a partition
        that is dropped and restored, takes them again, and the case says which ones it has had.

        One by one: the case remembers the last answer taken, so the dead letter of one that is refused must be written
        before a later one is taken, or a crash in between would lose it.
        """
        await self._settle(batch.taken)
        for response in batch.responses:
            answered = await self._answered(partition, response)
            if answered is None:
                return False
            await self._settle(batch.outcome(answered))
        return not self.failure.done()

    async def _answered(self, partition: int, response: Response) -> Answered | None:
        """What became of an answer, committed; None if the partition is not ours any more."""
        while True:
            keeper = self._keepers.get(partition)
            if self.failure.done() or keeper is None or not await keeper.wait_live():
                return None
            answered = await self._evaluation.answer(partition, [response])
            if answered is not None and await keeper.committed():
                return answered

    async def _settle(self, taken: Taken) -> None:
        self._note(taken)
        await self._write_dead_letters(taken.refusals)

    async def _take_broadcast(self, topic: str, batches: Sequence[Sequence[Record]]) -> Taken:
        taken = await (
            self._take_prices(batches) if topic == "prices" else self._take_reference(topic, batches)
        )
        self._note(taken)
        await self._write_released(taken)
        return taken

    async def _take_reference(self, topic: str, batches: Sequence[Sequence[Record]]) -> Taken:
        taken, now_ns = Taken(), self.clock.now_ns()
        for records in batches:
            taken.add(await self.engine_thread.run(self.intake.take_reference, topic, records, now_ns))
        return taken

    async def _take_prices(self, batches: Sequence[Sequence[Record]]) -> Taken:
        """Prices wait in the buffer for the next pass, the newest of each instrument; on an event clock each counts."""
        if isinstance(self.clock, EventClock):
            return await self._take_prices_by_time(batches)
        taken = await self.ingest_thread.run(self.intake.stage_prices, batches, self.clock.now_ns())
        if not self._caught_up or self.intake.waiting_prices.full:
            taken.add(await self.engine_thread.run(self.intake.apply_waiting_prices))
        else:
            self._evaluation.note_change(0)
        return taken

    async def _take_prices_by_time(self, batches: Sequence[Sequence[Record]]) -> Taken:
        taken = Taken()
        for time_ns, run in chain.from_iterable(map(by_source_time, batches)):
            await self._evaluation.advance_to(time_ns)
            taken.add(await self.engine_thread.run(self.intake.take_prices, run, self.clock.now_ns()))
        return taken

    async def _write_released(self, taken: Taken) -> None:
        """Refusals of parked records of our own partitions, set free by reference data."""
        own = {self.settings.topics[name].name for name in ACCOUNT_TOPICS}
        await self._write_dead_letters([r for r in taken.refusals if r.record.topic in own])

    def _note(self, taken: Taken) -> None:
        self.metrics.count_taken(taken, time.time_ns(), live=self._caught_up)
        if taken.changed:
            self._evaluation.note_change(taken.newest_applied_ms if self._caught_up else 0)

    # ---------------------------------------------------------------- out

    async def _write_dead_letters(self, refusals: Sequence[Refusal]) -> None:
        if not refusals:
            return
        await self._dead_letters.write(refusals)
        for refusal in refusals:
            topic = refusal.record.topic.removeprefix(self.settings.topic_prefix)
            self.metrics.dead_letters.labels(topic, refusal.reason.value).inc()

    def _dispatch(self, result: PassResult, newest_ms: int) -> None:
        self.metrics.count_taken(result.prices, time.time_ns(), live=True)
        self._broadcast.note(result.prices.refusals)
        for partition, records in by_partition(result).items():
            keeper = self._keepers.get(partition)
            if keeper is None or not keeper.publish(records, newest_ms):
                log.info("partition %d: events of a dropped partition are left to its restore", partition)
        for transition, _ in result.transitions:
            self.metrics.count_transition(transition)
        for move, _ in result.intraday:
            self.metrics.count_intraday(move)
        if result.left:
            self._watch(self._statements.withdraw(result.left))

    def _tell(self, statements: list[RequirementStatement]) -> None:
        if statements:
            self._watch(self._statements.publish(statements))

    def _on_committed(self, committed: Committed) -> None:
        self.metrics.count_committed(committed, time.time_ns())

    # ---------------------------------------------------------------- refresh

    async def _refresh(self) -> None:
        """Renew the aggregates, lags and the dead letters of broadcast topics, every second."""
        while True:
            totals = await self.engine_thread.run(self.engine.totals, self.settings.top_accounts)
            self.metrics.aggregates.totals = totals
            self.metrics.aggregates.time_ns = self.clock.now_ns()
            self._on_live_gauges()
            reporter = self._keepers.get(0)
            if reporter is not None and reporter.live.is_set():
                await self._report_broadcast()
            await asyncio.sleep(_REFRESH_S)

    async def _report_progress(self) -> None:
        """While anything is read back, say in the log how far it is."""
        while True:
            await asyncio.sleep(_PROGRESS_S)
            if text := self.progress.text():
                log.info("reading back: %s", text)

    async def _measure_loop(self) -> None:
        """Heartbeats, pages and publishing are as late as this task is."""
        while True:
            started = time.monotonic()
            await asyncio.sleep(_LOOP_SAMPLE_S)
            self.metrics.loop_lag.observe(max(0.0, time.monotonic() - started - _LOOP_SAMPLE_S))

    async def _report_broadcast(self) -> None:
        """An outage only delays these dead letters; they are kept until they are written."""
        try:
            await self._broadcast.report(self._write_dead_letters)
        except KafkaError as error:
            log.warning("dead letters of broadcast topics are delayed: %s", error)

    async def _watch_group(self) -> None:
        """Faust restarts nothing that matters here: its crash is ours."""
        await self._app._crashed.wait()
        raise self._app.crash_reason or RuntimeError("Faust ended by itself")

    def _on_live_gauges(self) -> None:
        for topic in (*REFERENCE_TOPICS, "prices", *sorted(ACCOUNT_TOPICS)):
            self.metrics.parked.labels(topic).set(self.intake.parking.counts.get(topic, 0))
        self.metrics.live.set(not self.waiting_for())
        for tp, behind in self._lags():
            short = tp.topic.removeprefix(self.settings.topic_prefix)
            self.metrics.consumer_lag.labels(short, str(tp.partition)).set(behind)

    def _lags(self) -> list[tuple[Any, int]]:
        lags = []
        for tp in self._app.consumer.assignment() if self._ownership.assigned else ():
            end = self._app.consumer.highwater(tp)
            short = tp.topic.removeprefix(self.settings.topic_prefix)
            if end is not None and short in ACCOUNT_TOPICS:
                lags.append((tp, max(0, end - 1 - self.intake.high_water(short, tp.partition))))
        return lags


def _told(what: str, how_far: str) -> str:
    return f"{what}: {how_far}" if how_far else what


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _within(seconds: float, work: Any) -> None:
    """Await for so long; what is left over is not needed for correctness."""
    try:
        await asyncio.wait_for(work, seconds)
    except (TimeoutError, KafkaError) as error:
        log.warning("not finished within %.0f s: %r", seconds, error)
