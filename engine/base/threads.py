"""Work over a range, in chunks, on a few threads: the same bits on any number of them.

The chunks are fixed by the caller, not by the number of threads; work on one chunk must write only what belongs
to that chunk. What runs long releases the interpreter lock (see :mod:`engine.base.kernel`).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Threads:
    """A number of threads, the calling one among them."""

    def __init__(self, count: int = 1) -> None:
        """``count`` >= 1; a single one starts no thread at all."""
        self.count = count
        self._pool = ThreadPoolExecutor(count - 1, thread_name_prefix="engine-helper") if count > 1 else None

    def each(self, work: Callable[[int, int], None], number: int, chunk: int) -> None:
        """Call ``work(first, last)`` for consecutive chunks of ``range(number)``; returns when all are done.

        The first exception of any chunk is raised after the others have ended.
        """
        starts = range(0, number, chunk)
        if self._pool is None or len(starts) < 2:
            for first in starts:
                work(first, min(first + chunk, number))
            return
        waiting = iter(starts)

        def take() -> None:
            # A shared iterator: whoever is done takes the next chunk. Advancing one is atomic under the lock of
            # the interpreter.
            for first in waiting:
                work(first, min(first + chunk, number))

        helpers = [self._pool.submit(take) for _ in range(min(self.count, len(starts)) - 1)]
        try:
            take()
        finally:
            errors = [helper.exception() for helper in helpers]
        for error in errors:
            if error is not None:
                raise error

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
