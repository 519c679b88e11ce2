"""Server-sent events: every client gets the newest state at a bounded rate, and nothing is queued for it.

A client that reads slowly holds its own generator back; when it is ready again the next event is made from the
state of that moment, so it skips what lay between.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from typing import Final

import msgspec
from sse_starlette import ServerSentEvent

HEARTBEAT_S: Final = 4.0  # an unchanged state is sent again: the page sees that the connection lives
_CACHE_LIMIT: Final = 64


class FullError(RuntimeError):
    """As many clients follow as the settings allow."""


class Hub:
    """Counts clients, renders a view once for all who look at it, and ends all streams at once."""

    def __init__(self, max_clients: int, interval_s: float) -> None:
        self.clients = 0
        self._max_clients = max_clients
        self._interval_s = interval_s
        self._closed = asyncio.Event()
        self._rendered: dict[Hashable, tuple[object, str]] = {}

    def close(self) -> None:
        """End all streams."""
        self._closed.set()

    def render(self, key: Hashable, version: Hashable, make: Callable[[], object]) -> str:
        """JSON of a view, made once per key, version and interval."""
        stamp = (version, int(time.monotonic() / self._interval_s))
        known = self._rendered.get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        if len(self._rendered) >= _CACHE_LIMIT:
            self._rendered.clear()
        text = msgspec.json.encode(make()).decode()
        self._rendered[key] = (stamp, text)
        return text

    def admit(self) -> None:
        """Refuse a client beyond the limit.

        Raises:
            FullError: naming the limit and the setting.
        """
        if self.clients >= self._max_clients:
            raise FullError(
                f"{self._max_clients} pages follow already; close one, or raise MARGINMON_WEB_MAX_CLIENTS"
            )

    async def stream(
        self, version: Callable[[], int], events: Callable[[], Iterator[tuple[str, str]]]
    ) -> AsyncIterator[ServerSentEvent]:
        """Events (name, JSON) whenever the version rose, and now and then although it did not."""
        self.clients += 1
        try:
            seen, sent_at = -1, -HEARTBEAT_S
            while not self._closed.is_set():
                if version() != seen or time.monotonic() - sent_at >= HEARTBEAT_S:
                    seen, sent_at = version(), time.monotonic()
                    for name, data in events():
                        yield ServerSentEvent(data=data, event=name, id=str(seen), retry=1000)
                await self._pause()
        finally:
            self.clients -= 1

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), self._interval_s)
