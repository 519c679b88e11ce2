"""Work in turns: one after the other per key, keys beside one another, a bounded number in all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable


class Turns:
    """Starts work in the order given; work of one key waits for the earlier work of the same key.

    A batch of one partition then does not wait until the evaluation pass that followed another partition's
    batch is over: all that is at hand is applied between two passes.
    """

    def __init__(self, at_once: int) -> None:
        """``at_once``: how many may be waiting or working; more make :meth:`start` wait."""
        self._room = asyncio.Semaphore(at_once)
        self._last: dict[Hashable, asyncio.Task[None]] = {}

    async def start(self, key: Hashable, work: Callable[[], Awaitable[None]]) -> None:
        """Start the work as soon as there is room; it must not raise."""
        await self._room.acquire()
        before = self._last.get(key)
        self._last[key] = asyncio.create_task(self._in_turn(before, work))

    async def _in_turn(self, before: asyncio.Task[None] | None, work: Callable[[], Awaitable[None]]) -> None:
        try:
            if before is not None:
                await asyncio.wait([before])
            await work()
        finally:
            self._room.release()

    async def stop(self) -> None:
        """Cancel what has not been done."""
        tasks = list(self._last.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
