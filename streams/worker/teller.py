"""Statements between the passes: a few at a time, so that a pass, and with it a call, never waits for many."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.state.closing_state import Left
from engine.state.engine import Engine
from streams.contracts.results import RequirementStatement
from streams.outbound.requirements import ConflationRule, Conflator, make_statements
from streams.worker.engine_thread import EngineThread
from streams.worker.settings import WorkerSettings

_EVERY_S: Final = 0.05
_SHARE: Final = 0.1  # of the engine thread's processor time, on a busy worker
_AT_ONCE: Final = 4  # about 2 ms


class Teller:
    """Makes the statements that are due after a pass and hands them over.

    Attributes:
        served_by: written into them.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        engine: Engine,
        engine_thread: EngineThread,
        tell: Callable[[list[RequirementStatement]], None],
        may_tell: Callable[[], bool],
    ) -> None:
        """``may_tell``: whether the partitions cannot have another owner yet."""
        self._engine, self._thread, self._tell, self._may_tell = engine, engine_thread, tell, may_tell
        self._conflator = Conflator(
            ConflationRule(
                settings.statement_threshold_usd, settings.statement_interval_s, settings.statements_per_pass
            )
        )
        self._passed_ns = 0
        self._telling: asyncio.Task[None] | None = None
        self._next_s = 0.0
        self.served_by = ""

    def note(
        self, now_ns: int, accounts: NDArray[np.int64], called: NDArray[np.int64], left: Sequence[Left]
    ) -> None:
        """On the engine thread, after a pass at this time: who was evaluated, whose call has moved, who left."""
        self._passed_ns = now_ns
        self._conflator.forget(np.array([gone.slot for gone in left], np.int64))
        self._conflator.note(self._engine, accounts)
        self._conflator.hurry(called)

    def start(self) -> asyncio.Task[None] | None:
        """Begin with what is due, unless it is too soon or the last time is not through.

        Raises:
            Exception: what went wrong the last time.
        """
        if self._telling is not None:
            if not self._telling.done():
                return None
            self._telling.result()
        if time.monotonic() < self._next_s or not self._may_tell():
            return None
        self._telling = asyncio.create_task(self._work())
        return self._telling

    def stop(self) -> None:
        """Leave the rest: whoever takes the accounts makes statements of all of them."""
        if self._telling is not None:
            self._telling.cancel()

    async def _work(self) -> None:
        due, spent_s = await self._thread.run(self._due)
        while len(due):
            statements, seconds = await self._thread.run(self._make, due[:_AT_ONCE])
            if not self._may_tell():  # stopped meanwhile
                await self._thread.run(self._take_back, due[:_AT_ONCE])
                return
            self._tell(statements)
            due, spent_s = due[_AT_ONCE:], spent_s + seconds
        self._next_s = time.monotonic() + max(_EVERY_S, spent_s * (1.0 / _SHARE - 1.0))

    def _due(self) -> tuple[NDArray[np.int64], float]:
        """Account slots, and the processor's seconds that finding them took: while the process is stopped, or waits for
        a processor, it takes no time from anybody, and must not be silent for nine times as long afterwards."""
        started = time.thread_time()
        due = self._conflator.due(self._engine, live_partitions(self._engine), self._passed_ns)
        return due, time.thread_time() - started

    def _take_back(self, accounts: NDArray[np.int64]) -> None:
        """These statements were made and not told: they are due, if the partitions stay here."""
        self._conflator.note(self._engine, accounts)
        self._conflator.hurry(accounts)

    def _make(self, accounts: NDArray[np.int64]) -> tuple[list[RequirementStatement], float]:
        """Statements of the last pass's figures, of those accounts that were not dropped or left meanwhile, and that
        nothing was booked on since: their figures are not those of the inputs that they would name."""
        started, now_ns = time.thread_time(), self._passed_ns
        due = self._conflator.still_due(accounts)
        live = np.isin(self._engine.accounts.partition[due], live_partitions(self._engine))
        kept = due[live & (self._engine.dirty[due] == 0)]
        statements = make_statements(self._engine, self._conflator, kept.tolist(), now_ns, self.served_by)
        self._conflator.published(self._engine, kept, now_ns)
        return statements, time.thread_time() - started


def live_partitions(engine: Engine) -> list[int]:
    """Numbers of the partitions whose accounts are evaluated."""
    return [number for number, partition in engine.partitions.items() if partition.live]
