"""Writing checkpoints beside the evaluation: one partition after the other, each anew after an interval."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from typing import Final

from engine.base.units import NANOSECONDS_PER_SECOND
from streams.inbound.checkpoint import CheckpointFolder
from streams.worker.keeper import Keeper
from streams.worker.metrics import WorkerMetrics

_LOOK_S: Final = 1.0

log = logging.getLogger(__name__)


class Checkpointing:
    """Keeps the checkpoints of live partitions young. An error is logged, and shows in their age; nothing waits."""

    def __init__(
        self,
        folder: CheckpointFolder,
        interval_s: float,
        keepers: Callable[[], Collection[Keeper]],
        metrics: WorkerMetrics,
    ) -> None:
        self._folder, self._metrics, self._keepers = folder, metrics, keepers
        self._interval_ns = int(interval_s * NANOSECONDS_PER_SECOND)
        self._tried_ns: dict[Keeper, int] = {}

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.to_thread(self._folder.sweep)
        while True:
            keepers = [keeper for keeper in self._keepers() if keeper.live.is_set()]
            self._tried_ns = {keeper: self._tried_ns.get(keeper, 0) for keeper in keepers}
            now_ns = time.time_ns()
            for keeper in keepers:
                since_ns = max(keeper.checkpoint_ns, self._tried_ns[keeper])
                if now_ns - since_ns >= self._interval_ns:
                    self._tried_ns[keeper] = time.time_ns()
                    await self._write(keeper)
            self._metrics.checkpoint_age.set(self._oldest_s(keepers))
            await asyncio.sleep(_LOOK_S)

    async def _write(self, keeper: Keeper) -> None:
        started = time.monotonic()
        checkpoint = await keeper.copy()
        if checkpoint is None:
            return
        try:
            size = await asyncio.to_thread(self._folder.write, checkpoint)  # step 11 of docs/guarantees.md
        except OSError as error:
            self._metrics.checkpoint_errors.inc()
            log.warning("partition %d: its checkpoint was not written: %s", keeper.number, error)
            return
        keeper.checkpoint_ns = checkpoint.taken_at_ns
        self._metrics.checkpoint_bytes.inc(size)
        self._metrics.checkpoint_duration.observe(time.monotonic() - started)
        log.debug("partition %d: checkpoint of %d bytes", keeper.number, size)

    @staticmethod
    def _oldest_s(keepers: Collection[Keeper]) -> float:
        """Age of the oldest checkpoint, without one the time since its partition went live; 0 without partitions."""
        now_ns = time.time_ns()
        since_ns = [keeper.checkpoint_ns or keeper.live_since_ns for keeper in keepers]
        return max((now_ns - since for since in since_ns), default=0) / NANOSECONDS_PER_SECOND
