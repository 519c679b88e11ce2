"""Whether the group is sure to count this worker still: what is not fenced is written only then.

Calls are written in transactions that those of a later owner fence off; statements are not. A worker that was
stopped for longer than its session and goes on would write statements from inputs that it no longer reads, after those
of the worker that has its partitions now, until a heartbeat tells it. So, as with any lease, its own clock counts: the
brokers give a member's partitions away no sooner than a session timeout after its last heartbeat.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any


class Lease:
    """Lasts for a session timeout from when the last heartbeat that was answered well was sent."""

    def __init__(self, session_timeout_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        """``now_s``: any clock that goes on while the process is stopped."""
        self._session_timeout_s, self._now_s = session_timeout_s, now_s
        self._until_s = -math.inf

    def follow(self, coordinator: Any) -> None:
        """Note the heartbeats of the Kafka client's group coordinator from now on, on whichever thread it runs."""
        send = coordinator._do_heartbeat

        async def heartbeat() -> bool:
            sent_s = self._now_s()
            kept: bool = await send()
            if kept:
                self._until_s = sent_s + self._session_timeout_s
            elif coordinator.generation < 0:  # the group has forgotten this member
                self._until_s = -math.inf
            return kept

        coordinator._do_heartbeat = heartbeat

    def holds(self) -> bool:
        """Whether no other worker can have been given the partitions yet."""
        return self._now_s() < self._until_s
