"""Whether the group still counts this worker: who has lost its membership must not stay the owner of partitions.

The client notices by its heartbeats and joins again by itself. Where that does not come to an end (a rebalance that
hangs in a callback, a machine so busy that joins time out) the brokers give the partitions to others, and two owners
would fence each other in turn.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

# Of session timeouts: by then the brokers have moved the partitions; a join that lasts longer than the other hangs.
_DROP_AFTER: Final = 1.0
_END_AFTER: Final = 10.0


class LostMembershipError(RuntimeError):
    """The group does not take this worker back; a new process does better."""


class Standing(Enum):
    """What to do about the membership."""

    MEMBER = "go on"
    LOST = "own nothing until the group assigns something"
    GONE = "end the process"


class Membership:
    """Compares the client's generation with that of the assignment in force."""

    def __init__(self, session_timeout_s: float) -> None:
        self._session_timeout_s = session_timeout_s
        self._since_s: float | None = None

    def look(self, assigned: int, client: int, now_s: float) -> Standing:
        """Judge at a time (any clock that only goes forward).

        Args:
            assigned: generation whose partitions this worker holds. client: what the Kafka client is in now; -1 for
                none. They differ for a moment at every rebalance.
        """
        if assigned == client:
            self._since_s = None
            return Standing.MEMBER
        if self._since_s is None:
            self._since_s = now_s
        outside = (now_s - self._since_s) / self._session_timeout_s
        if outside >= _END_AFTER:
            return Standing.GONE
        return Standing.LOST if outside >= _DROP_AFTER else Standing.MEMBER


def coordinator_of(app: Any) -> Any:
    """Group coordinator of a started Faust app's Kafka client, which works on a thread of its own."""
    return app.consumer._thread._ensure_consumer()._coordinator
