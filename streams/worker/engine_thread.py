"""Threads beside the event loop: one decodes prices, one touches the engine.

Trades, collateral and start-of-day records are decoded on the thread of the Kafka client that fetches them. The
engine's kernels release the interpreter lock, so decoding goes on while a pass is under way, and what is decoded only
has to be applied when the pass is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class _SerialThread:
    """Runs calls one after the other, in the order of :meth:`run`."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Queue a call and await its result. A cancelled caller does not take back what has begun."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: call(*args, **kwargs))

    def stop(self) -> None:
        """Let the running call finish and drop the queued ones."""
        self._executor.shutdown(wait=True, cancel_futures=True)


class EngineThread(_SerialThread):
    """The one thread that touches the engine: applying and evaluating never overlap, nor block I/O."""

    def __init__(self) -> None:
        super().__init__("engine")


class IngestThread(_SerialThread):
    """The one thread that decodes prices: batches leave it in the order in which they came."""

    def __init__(self) -> None:
        super().__init__("ingest")
