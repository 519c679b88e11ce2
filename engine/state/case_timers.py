"""Which cases move by time alone, and when. Nothing here is saved: the times are in the cases."""

from __future__ import annotations

from collections.abc import Container
from heapq import heappop, heappush


class CaseTimers:
    """By (account slot, scope index)."""

    def __init__(self) -> None:
        self._queue: list[tuple[int, int, int]] = []
        self._at_ns: dict[tuple[int, int], int] = {}  # of those that wait
        self._due: set[tuple[int, int]] = set()

    def put(self, account: int, scope: int, at_ns: int) -> None:
        """The case moves at this time and at no other; 0 = never."""
        self._due.discard((account, scope))
        if not at_ns:
            self._at_ns.pop((account, scope), None)
        elif self._at_ns.get((account, scope)) != at_ns:
            self._at_ns[account, scope] = at_ns
            heappush(self._queue, (at_ns, account, scope))

    def forget(self, accounts: Container[int]) -> None:
        """The cases of these accounts are gone."""
        self._at_ns = {key: at_ns for key, at_ns in self._at_ns.items() if key[0] not in accounts}
        self._due = {key for key in self._due if key[0] not in accounts}

    def due(self, now_ns: int) -> set[tuple[int, int]]:
        """Cases whose time has come; they stay due until they are put again or forgotten."""
        while self._queue and self._queue[0][0] <= now_ns:
            at_ns, account, scope = heappop(self._queue)
            if self._at_ns.get((account, scope)) == at_ns:
                del self._at_ns[account, scope]  # put again with the same time, it waits again
                self._due.add((account, scope))
        return self._due
