"""What was fetched before a rebalance is neither taken nor acknowledged after it, also when it waits for its turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from streams.worker.faust_app import faust_app
from streams.worker.settings import load_settings


@dataclass
class Event:
    """An event of Faust, as far as an agent looks at it."""

    value: str
    generation: int

    @property
    def message(self) -> SimpleNamespace:
        return SimpleNamespace(partition=2, generation_id=self.generation)


class Stream:
    """A stream of Faust that waits, once its events are out, until it is ended."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events
        self.acked: list[str] = []
        self.out, self.ended = asyncio.Event(), asyncio.Event()

    def noack(self) -> Stream:
        return self

    async def events(self) -> AsyncIterator[Event]:
        for event in self._events:
            yield event
        self.out.set()
        await self.ended.wait()

    async def ack(self, event: Event) -> None:
        self.acked.append(event.value)


class Group:
    """The agent of the answers, and what the group and the worker do meanwhile.

    Attributes:
        taken: batches that the worker took. gives_up: a batch that it gives up, and whether it had taken it.
    """

    def __init__(self, folder: Path, events: list[Event]) -> None:
        self.stream, self._last = Stream(events), events[-1].value
        self.taken: list[str] = []
        self.gives_up: dict[str, bool] = {}
        self.done = asyncio.Event()
        settings = load_settings(None, {"bootstrap": "127.0.0.1:1"})
        self.app = faust_app(
            settings, str(folder), lambda topic, records: records, self._take_batch, self._on_assigned
        )

    async def assign(self, generation: int) -> None:
        """The worker is told of an assignment."""
        self.app.consumer_generation_id = generation
        await self.app.on_partitions_assigned.send(set())

    async def run(self) -> None:
        """Until the last batch is taken."""
        agent: Any = self.app.agents["marginmon-call-responses"]
        running = asyncio.create_task(agent.fun(self.stream))
        async with asyncio.timeout(10):
            await self.done.wait()
        self.stream.ended.set()
        await running

    async def _take_batch(self, topic: str, partition: int, staged: str) -> bool:
        if staged in self.gives_up:
            await self.stream.out.wait()  # all later batches wait for their turn by now
            await self.assign(7)
            return self.gives_up[staged]
        self.taken.append(staged)
        if staged == self._last:
            self.done.set()
        return True

    async def _on_assigned(self, numbers: set[int], generation: int) -> None:
        """Whatever it is."""


async def test_a_batch_that_waits_behind_one_that_a_rebalance_took_away_does_not_overtake_it(
    tmp_path: Path,
) -> None:
    group = Group(tmp_path, [Event("12", 5), Event("13", 5), Event("12, 13", 7)])
    group.gives_up = {"12": False}
    await group.assign(5)
    await group.run()
    assert (group.taken, group.stream.acked) == (["12, 13"], ["12, 13"])


async def test_a_batch_during_which_a_rebalance_came_is_not_acknowledged(tmp_path: Path) -> None:
    group = Group(tmp_path, [Event("12", 5), Event("12 again", 7)])
    group.gives_up = {"12": True}
    await group.assign(5)
    await group.run()
    assert (group.taken, group.stream.acked) == (["12 again"], ["12 again"])


async def test_a_batch_of_an_assignment_waits_until_the_worker_has_been_told_of_it(tmp_path: Path) -> None:
    group = Group(tmp_path, [Event("12", 7)])
    await group.assign(5)
    group.app.consumer_generation_id = 7  # the client is in it already
    running = asyncio.create_task(group.run())
    await group.stream.out.wait()
    for _ in range(20):
        await asyncio.sleep(0)  # everything that can go on has
    before = list(group.taken)
    await group.assign(7)
    await running
    assert (before, group.taken, group.stream.acked) == ([], ["12"], ["12"])
