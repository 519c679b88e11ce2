"""The evaluation loop: what changed is evaluated at most every so often, and what follows is handed over."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from engine.shortfall.call_response import Response
from engine.state.answers import Answered, answer
from engine.state.cases import Move
from engine.state.closing_state import Left
from engine.state.intraday_pass import IntradayMove
from engine.state.policy import RulebookParameters
from engine.state.transition import Transition, transitions
from streams.contracts.results import RequirementStatement
from streams.inbound.intake import Intake
from streams.inbound.record import Taken
from streams.outbound.calls import Outgoing, records_of
from streams.outbound.intraday import intraday_record
from streams.worker.clock import Clock, EventClock
from streams.worker.engine_thread import EngineThread
from streams.worker.metrics import WorkerMetrics
from streams.worker.settings import WorkerSettings
from streams.worker.teller import Teller, live_partitions

_CENT_USD: Final = 0.01


@dataclass(slots=True)
class PassResult:
    """What a pass, or a part of one, brought: transitions and intraday events with their records.

    ``prices`` is what became of the prices that waited for the pass.
    """

    now_ns: int
    prices: Taken = field(default_factory=Taken)
    accounts: int = 0
    seconds: float = 0.0
    transitions: list[tuple[Transition, list[Outgoing]]] = field(default_factory=list)
    intraday: list[tuple[IntradayMove, Outgoing]] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    shadow_error_usd: float | None = None


class Evaluation:
    """Runs passes on the engine thread; never two at a time, never beside an apply.

    A pass follows a change at once if the last one began an interval ago, else at the interval's end. Without
    changes there is one at every clock tick, since prices age and options lose time value.

    On an :class:`EventClock` the data say when a pass is due: the pass of a time is done when a later one comes
    (:meth:`advance_to`), and that of the last time when nothing has come for a tick.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        intake: Intake,
        engine_thread: EngineThread,
        metrics: WorkerMetrics,
        rulebooks: Mapping[str, RulebookParameters],
        dispatch: Callable[[PassResult, int], None],
        tell: Callable[[list[RequirementStatement]], None],
        clock: Clock,
        may_tell: Callable[[], bool],
    ) -> None:
        """``rulebooks``: parameters by rulebook_id, written into evidence. ``dispatch``: takes what a pass brought,
        ``tell`` statements, where ``may_tell``: what it tells is not fenced."""
        self._settings = settings
        self._intake = intake
        self._engine = intake.engine
        self._thread = engine_thread
        self._metrics = metrics
        self._rulebooks = rulebooks
        self._dispatch = dispatch
        self._clock = clock
        # Who goes by an event clock replays by himself, and tells of a time before the next one begins.
        by_event_clock = isinstance(clock, EventClock)
        self._teller = Teller(
            settings, self._engine, engine_thread, tell, (lambda: True) if by_event_clock else may_tell
        )
        self._changed = asyncio.Event()
        self._newest_ms = 0
        self._next_options_s = 0.0
        self._next_shadow_s = 0.0
        self._shadow_place = 0
        # Of an event clock's time everything is told before the next time begins, as the replay does.
        self._most_looks = None if by_event_clock else settings.intraday_looks_per_pass
        self._error: Exception | None = None
        self._served_by = ""

    def serve_at(self, address: str) -> None:
        """Where this worker's pages are, for whoever reads its events and statements."""
        self._served_by = self._teller.served_by = address

    def note_change(self, newest_ms: int) -> None:
        """Something was applied; ``newest_ms`` is the Kafka timestamp of its newest record."""
        self._newest_ms = max(self._newest_ms, newest_ms)
        self._changed.set()

    async def run(self) -> None:
        """Evaluate until cancelled between two passes."""
        tick_s = self._settings.clock_tick_ms / 1000.0
        try:
            if isinstance(self._clock, EventClock):
                await self._run_when_quiet(tick_s)
            await self._run_at_changes(tick_s)
        finally:
            self._teller.stop()

    async def _run_at_changes(self, tick_s: float) -> None:
        interval_s = self._settings.evaluation_interval_ms / 1000.0
        while True:
            with contextlib.suppress(TimeoutError):
                await self._change_within(tick_s)
            started = time.monotonic()
            await self.run_pass()
            await asyncio.sleep(max(0.0, interval_s - (time.monotonic() - started)))

    async def _change_within(self, seconds: float) -> None:
        """Wait for a change, or raise TimeoutError. (Before Python 3.12 ``wait_for`` may swallow a cancellation.)"""
        async with asyncio.timeout(seconds):
            await self._changed.wait()

    async def _run_when_quiet(self, tick_s: float) -> None:
        while True:
            self._changed.clear()
            try:
                await self._change_within(tick_s)
            except TimeoutError:
                if self._clock.now_ns():
                    await self.run_pass()

    async def advance_to(self, time_ns: int) -> None:
        """Prices of this time are about to be applied: on an event clock, finish the time before first.

        While nothing is live there is nothing to decide; the valuation time advances all the same, since implied
        volatilities are solved at it.
        """
        if not isinstance(self._clock, EventClock) or time_ns <= self._clock.now_ns():
            return
        if self._clock.now_ns() and live_partitions(self._engine):
            await self.run_pass()
        else:
            await self._thread.run(self._engine.advance_time, time_ns)
        self._clock.advance(time_ns)

    async def run_pass(self) -> None:
        """One pass; what it brings is handed over even if the loop is being cancelled. Statements are made a few at
        a time: the next pass waits for no more than those under way."""
        self._changed.clear()
        newest_ms, self._newest_ms = self._newest_ms, 0
        working = asyncio.ensure_future(self._thread.run(self._pass, newest_ms, self._to_loop()))
        try:
            result = await asyncio.shield(working)
        except asyncio.CancelledError:
            self._finish(await working)
            raise
        self._finish(result)
        telling = self._teller.start()
        if isinstance(self._clock, EventClock) and telling is not None:
            await telling  # what a time brought is told before the next time begins

    async def answer(self, partition: int, responses: Sequence[Response]) -> Answered | None:
        """Take answers to calls of a partition after a pass, on its figures; None if the partition is not live here.

        When this returns, whatever they moved has been handed over.
        """
        done = await self._thread.run(self._answer, partition, responses, self._to_loop())
        if done is None:
            return None
        result, answered = done
        self._finish(result)
        return answered

    def _answer(
        self, partition: int, responses: Sequence[Response], hand_over: Callable[[PassResult, int], None]
    ) -> tuple[PassResult, Answered] | None:
        if partition not in live_partitions(self._engine):
            return None
        result = self._pass(0, hand_over)
        answered = answer(self._engine, responses, result.now_ns)
        said = PassResult(result.now_ns, transitions=self._published(answered.moves, result.now_ns))
        said.intraday = self._published_intraday(answered.intraday)
        excepted = np.array(self._slots_of(answered.intraday), np.int64)
        self._teller.note(result.now_ns, excepted, excepted, [])
        hand_over(said, 0)
        return result, answered

    def _to_loop(self) -> Callable[[PassResult, int], None]:
        """What the engine thread calls with what it has made, for :meth:`_hand_over` on this loop."""
        loop = asyncio.get_running_loop()

        def hand_over(calls: PassResult, newest_ms: int) -> None:
            loop.call_soon_threadsafe(self._hand_over, calls, newest_ms)

        return hand_over

    def _hand_over(self, calls: PassResult, newest_ms: int) -> None:
        """While the pass goes on. The engine takes its calls for said, so an error must end the loop, not be logged."""
        try:
            self._dispatch(calls, newest_ms)
        except Exception as error:
            self._error = error

    def _finish(self, result: PassResult) -> None:
        if self._error is not None:
            raise self._error
        self._metrics.evaluations.inc()
        self._metrics.evaluation_duration.observe(result.seconds)
        self._metrics.accounts_evaluated.inc(result.accounts)
        if result.shadow_error_usd is not None:
            match = result.shadow_error_usd <= _CENT_USD
            self._metrics.shadow_checks.labels("match" if match else "mismatch").inc()
            self._metrics.shadow_error.set(result.shadow_error_usd)
        self._dispatch(result, 0)
        if self._engine.intraday.behind:
            self._changed.set()  # the next pass goes on with them

    def _pass(self, newest_ms: int, hand_over: Callable[[PassResult, int], None]) -> PassResult:
        """On the engine thread: all that waits is applied first. The calls of a partition are handed over, to be
        published, before those of the next one are made."""
        prices = self._intake.apply_waiting_prices()
        newest_ms = max(newest_ms, prices.newest_applied_ms)
        started, now_ns = time.perf_counter(), self._clock.now_ns()
        accounts, moves = self._engine.evaluate_moves(now_ns, self._options_are_due())
        for of_partition in self._by_partition(moves):
            hand_over(PassResult(now_ns, transitions=self._published(of_partition, now_ns)), newest_ms)
        intraday = self._engine.intraday_moves(accounts, now_ns, self._most_looks)
        if intraday:
            hand_over(PassResult(now_ns, intraday=self._published_intraday(intraday)), newest_ms)
        result = PassResult(now_ns, prices, len(accounts), time.perf_counter() - started)
        result.left = self._engine.take_left()
        followed = self._slots_of(intraday)  # a day may end without anything to evaluate
        told = np.array([*(move.account for move in moves), *followed], np.int64)
        self._teller.note(now_ns, np.union1d(accounts, told), told, result.left)
        if self._shadow_is_due():
            result.shadow_error_usd = self._shadow_check()
        return result

    def _by_partition(self, moves: Sequence[Move]) -> Iterable[list[Move]]:
        """The moves of each partition, in their order."""
        grouped: dict[int, list[Move]] = {}
        for move in moves:
            grouped.setdefault(int(self._engine.accounts.partition[move.account]), []).append(move)
        return grouped.values()

    def _published(self, moves: Sequence[Move], now_ns: int) -> list[tuple[Transition, list[Outgoing]]]:
        """The transitions of moves, with their records."""
        topics, source = self._settings.topics, self._served_by or "marginmon"
        return [
            (transition, records_of(transition, topics, source, self._parameters_of(transition)))
            for transition in transitions(self._engine, moves, now_ns)
        ]

    def _published_intraday(self, moves: Sequence[IntradayMove]) -> list[tuple[IntradayMove, Outgoing]]:
        topics, source = self._settings.topics, self._served_by or "marginmon"
        return [(move, intraday_record(move, topics, source)) for move in moves]

    def _slots_of(self, moves: Sequence[IntradayMove]) -> list[int]:
        slot_of = self._engine.accounts.slot_of
        return [slot_of[account_id] for account_id in dict.fromkeys(move.event.account_id for move in moves)]

    def _options_are_due(self) -> bool:
        """Whether this pass renews the risk of options and what they rest on; on an event clock every pass does."""
        now_s = time.monotonic()
        if now_s < self._next_options_s and not isinstance(self._clock, EventClock):
            return False
        self._next_options_s = now_s + self._settings.option_refresh_ms / 1000.0
        return True

    def _shadow_is_due(self) -> bool:
        return self._settings.shadow_check_accounts > 0 and time.monotonic() >= self._next_shadow_s

    def _parameters_of(self, transition: Transition) -> dict[str, Any]:
        """Of the rulebooks of the scope, each in the silo where it stands."""
        here = {"silo": transition.scope.removeprefix("silo:")} if transition.binding else {}
        return {
            rulebook_id: {**self._rulebooks[rulebook_id].parameters, **here}
            for rulebook_id in transition.rulebook.split("+")
            if rulebook_id in self._rulebooks
        }

    def _shadow_check(self) -> float | None:
        """Compare the next few accounts with the plain twin, on the risk prices that the pass went by."""
        number = self._settings.shadow_check_accounts
        owned = np.isin(
            self._engine.accounts.partition[: self._engine.accounts.count], live_partitions(self._engine)
        )
        accounts = np.flatnonzero(owned)
        if len(accounts) == 0:
            return None
        self._next_shadow_s = time.monotonic() + self._settings.shadow_check_interval_s
        chosen = np.take(accounts, range(self._shadow_place, self._shadow_place + number), mode="wrap")
        self._shadow_place = (self._shadow_place + number) % len(accounts)
        ids = [self._engine.accounts.records[slot].account_id for slot in np.unique(chosen).tolist()]
        return self._engine.shadow_check(ids)


def by_partition(result: PassResult) -> dict[int, list[Outgoing]]:
    """Records of a pass by the partition whose producer publishes them, in order."""
    grouped: dict[int, list[Outgoing]] = {}
    for transition, records in result.transitions:
        grouped.setdefault(transition.inputs.partition, []).extend(records)
    for move, record in result.intraday:
        grouped.setdefault(move.partition, []).append(record)
    return grouped
