"""How long a worker is sure that nobody else has its partitions."""

from __future__ import annotations

from streams.worker.lease import Lease

SESSION_S = 10.0


class Group:
    """A group coordinator's side of the Kafka client, and the clock."""

    def __init__(self) -> None:
        self.now_s, self.takes_s, self.kept, self.generation = 100.0, 0.5, True, 3

    async def _do_heartbeat(self) -> bool:
        self.now_s += self.takes_s
        return self.kept


def followed() -> tuple[Lease, Group]:
    group = Group()
    lease = Lease(SESSION_S, lambda: group.now_s)
    lease.follow(group)
    return lease, group


async def test_before_the_first_heartbeat_nothing_is_sure() -> None:
    lease, _ = followed()
    assert not lease.holds()


async def test_it_lasts_for_a_session_from_when_the_heartbeat_was_sent() -> None:
    lease, group = followed()
    assert await group._do_heartbeat()
    group.now_s = 109.9
    assert lease.holds()
    group.now_s = 110.0  # not 110.5, when the answer came
    assert not lease.holds()


async def test_after_a_stop_it_comes_back_with_the_next_answer() -> None:
    lease, group = followed()
    await group._do_heartbeat()
    group.now_s += 30.0
    assert not lease.holds()
    await group._do_heartbeat()
    assert lease.holds()


async def test_a_heartbeat_without_answer_leaves_what_the_last_one_gave() -> None:
    lease, group = followed()
    await group._do_heartbeat()
    group.kept = False
    assert not await group._do_heartbeat()
    assert lease.holds()
    group.now_s = 110.0
    assert not lease.holds()


async def test_who_is_forgotten_owns_nothing_at_once() -> None:
    lease, group = followed()
    await group._do_heartbeat()
    group.kept, group.generation = False, -1
    await group._do_heartbeat()
    assert not lease.holds()
