"""Records and acts that are due later, in the order of their time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

from streams.simulator.record import SimulatedRecord

Act = Callable[[int], list[SimulatedRecord]]


class Agenda:
    """A queue by time; what is due at the same instant comes in the order it was put in."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, int, Act]] = []
        self._count = 0

    def put(self, due_ns: int, act: Act) -> None:
        """``act`` gets the time at which it happens and returns records."""
        heapq.heappush(self._entries, (due_ns, self._count, act))
        self._count += 1

    def due(self, now_ns: int) -> Iterator[SimulatedRecord]:
        """Everything up to now; what acts put in for now or earlier comes too."""
        while self._entries and self._entries[0][0] <= now_ns:
            due_ns, _, act = heapq.heappop(self._entries)
            yield from act(max(due_ns, now_ns))
