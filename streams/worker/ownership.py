"""The partitions of this worker: taken as the group assigns them, let go of when others may have them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final

from streams.worker.keeper import Keeper
from streams.worker.lease import Lease
from streams.worker.membership import LostMembershipError, Membership, Standing

_LOOK_EVERY_S: Final = 0.5

log = logging.getLogger(__name__)


class Ownership:
    """Attributes:
    keepers: of the partitions owned, by number.
    lease: how long no other worker can have been given them.
    assigned: whether the group has assigned anything yet.
    outside_group: whether the group has forgotten this worker since.
    """

    def __init__(
        self,
        session_timeout_s: float,
        keeper_of: Callable[[int], Keeper],
        coordinator: Callable[[], Any],
        changed: Callable[[], None],
    ) -> None:
        """``keeper_of`` begins with a partition, ``coordinator`` is that of the Kafka client once it has started,
        ``changed`` is called when partitions have come or gone."""
        self.keepers: dict[int, Keeper] = {}
        self.lease = Lease(session_timeout_s)
        self.assigned = self.outside_group = False
        self._membership = Membership(session_timeout_s)
        self._keeper_of, self._coordinator, self._changed = keeper_of, coordinator, changed
        self._generation = -1
        self._handing_over = asyncio.Lock()  # a partition is let go of before it is taken anew

    async def on_assigned(self, numbers: set[int], generation: int) -> None:
        """Keep what stayed ours, release what left, take what came.

        A partition kept over consecutive generations had no other owner in between. After a gap in the
        generations it may have had one, so everything is restored.
        """
        async with self._handing_over:
            stayed = set(self.keepers) & numbers if generation == self._generation + 1 else set()
            self._generation, self.outside_group = generation, False
            left = [self.keepers.pop(number) for number in set(self.keepers) - stayed]
            await asyncio.gather(*(keeper.release() for keeper in left))
            for number in sorted(numbers - stayed):
                self.keepers[number] = self._keeper_of(number)
            if not self.assigned:
                self.lease.follow(self._coordinator())
            self.assigned = True
            log.info("generation %d: %d partitions, %d of them kept", generation, len(numbers), len(stayed))
        self._changed()

    async def watch(self, ending: Callable[[], bool]) -> None:
        """Own nothing while the group may have given it to others; see :mod:`streams.worker.membership`.

        Raises:
            LostMembershipError: the group does not take this worker back.
        """
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            if not self.assigned or ending():
                continue
            standing = self._membership.look(
                self._generation, self._coordinator().generation, time.monotonic()
            )
            if standing is Standing.GONE:
                raise LostMembershipError(
                    "the consumer group has not taken this worker back; start it again, and look at the load of the "
                    "machine and the brokers if it happens again"
                )
            if standing is Standing.LOST and not self.outside_group:
                await self._leave()

    async def _leave(self) -> None:
        """The next assignment takes everything anew; one that is just coming needs no help."""
        if self._handing_over.locked():
            return
        async with self._handing_over:
            self.outside_group = True
            left = list(self.keepers.values())
            self.keepers.clear()
            log.error("membership of the group is lost: %d partitions dropped until it is back", len(left))
            self._changed()
            await asyncio.gather(*(keeper.release() for keeper in left))
