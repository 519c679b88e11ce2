"""Batches are applied in order per partition, partitions beside one another, never too many at once."""

from __future__ import annotations

import asyncio

from streams.worker.turns import Turns


async def test_order_per_key_and_keys_beside_one_another() -> None:
    done: list[str] = []
    gate, all_done = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        await gate.wait()
        done.append("a1")

    async def say(word: str) -> None:
        done.append(word)
        if word == "b1":
            gate.set()
        if len(done) == 3:
            all_done.set()

    turns = Turns(8)
    await turns.start("a", first)
    await turns.start("a", lambda: say("a2"))
    await turns.start("b", lambda: say("b1"))
    async with asyncio.timeout(5):
        await all_done.wait()
    assert done == ["b1", "a1", "a2"]


async def test_start_waits_for_room() -> None:
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    turns = Turns(2)
    await turns.start("a", wait)
    await turns.start("b", wait)
    third = asyncio.ensure_future(turns.start("c", wait))
    await asyncio.sleep(0)
    assert not third.done()
    gate.set()
    async with asyncio.timeout(5):
        await third


async def test_stop_cancels_what_was_not_done() -> None:
    done: list[str] = []

    async def never() -> None:
        await asyncio.Event().wait()

    async def say() -> None:
        done.append("late")

    turns = Turns(8)
    await turns.start("a", never)
    await turns.start("a", say)
    await turns.stop()
    assert done == []
