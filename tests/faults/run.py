"""The fault programme: ``make faults``. Real brokers, real processes, real kills; the verifier judges.

Prints a table of Markdown: fault, times, lost, doubled, contradictory, longest time without evaluation.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path

from streams.broker.kafka import EmbeddedBroker
from streams.contracts.connection import ALLOW_PLAINTEXT_VARIABLE
from tests.faults.broker_faults import broker_killed, disk_full, network, parted
from tests.faults.firm import Firm
from tests.faults.judgement import Row, judged
from tests.faults.nursery import Life, Nursery
from tests.faults.points import POINTS

_REACHED_WITHIN_S = 4.0
_LIVE_WITHIN_S = 60.0
KILLED_AT = [name for name in POINTS if name != "rebalance"]  # which needs more than one worker
_FROZEN_S = 8.0  # longer than the session timeout: another worker has the partitions by then


async def kills(firm: Firm, times: int, seed: int) -> Row:
    """A worker under one name dies at point after point; where one is not reached in time, from outside."""
    draws, points = random.Random(seed), Counter[str]()
    for number in range(times):
        point = KILLED_AT[number % len(KILLED_AT)]
        points[point if await dies(_doomed(firm, "one", point, draws)) else "anywhere"] += 1
    await firm.live(firm.worker("one"))
    await firm.evaluated()
    return await judged("kill -9 at named points", times, firm, points)


async def kills_of_three(firm: Firm, times: int, seed: int) -> Row:
    """Three workers under names of their own die at points in any order, each for itself."""
    draws, points = random.Random(seed), Counter[str]()
    names = draws.sample(KILLED_AT, len(KILLED_AT))
    left = iter(range(times))

    async def lane(name: str) -> None:
        for number in left:
            point = names[number % len(names)]
            points[point if await dies(_doomed(firm, name, point, draws)) else "anywhere"] += 1

    lanes = ("one", "two", "three")
    await asyncio.gather(*(lane(name) for name in lanes))
    for name in lanes:
        await firm.live(firm.worker(name))
    await firm.evaluated()
    return await judged("kill -9 of three workers, each for itself", times, firm, points)


def _doomed(firm: Firm, name: str, point: str, draws: random.Random) -> Life:
    """A worker that dies at the first or second passing of a point. Half of the lives have checkpoints, so that some
    begin with one that is older than what a life without has done since."""
    with_checkpoints = point.startswith("checkpoint") or draws.random() < 0.5
    return firm.worker(name, with_checkpoints=with_checkpoints, kill_at=(point, draws.choice((1, 1, 2))))


async def dies(life: Life) -> bool:
    """Whether it dies by itself, soon after it is live at the latest; else it is killed from outside."""
    was_live, deadline = False, time.monotonic() + _LIVE_WITHIN_S
    while not life.ended and time.monotonic() < deadline:
        if not was_live and life.is_ready:
            was_live, deadline = True, time.monotonic() + _REACHED_WITHIN_S
        await asyncio.sleep(0.02)
    by_itself = life.ended
    life.send(signal.SIGKILL)
    return by_itself


async def rebalances(firm: Firm, times: int, seed: int) -> Row:
    """Of two workers one dies while partitions are being handed out, or a third comes."""
    points = Counter[str]()
    stays = firm.worker()
    await firm.live(stays)
    for number in range(times):
        life = firm.worker(kill_at=("rebalance", 1 + number % 2))
        points["rebalance" if await dies(life) else "anywhere"] += 1
    await firm.live(stays)
    return await judged("kill -9 during a rebalance", times, firm, points)


async def zombies(firm: Firm, times: int, seed: int) -> Row:
    """A worker is frozen beyond its session, another takes over, the first wakes up."""
    frozen = firm.worker()
    await firm.live(frozen)
    other = firm.worker()
    await firm.live(other)
    for _ in range(times):
        frozen.send(signal.SIGSTOP)
        await asyncio.sleep(_FROZEN_S)
        frozen.send(signal.SIGCONT)
        frozen, other = other, frozen
        await asyncio.sleep(1.0)
    return await judged("SIGSTOP for longer than the session, SIGCONT", times, firm)


async def storm(firm: Firm, times: int, seed: int) -> Row:
    """Workers join and leave every second or two."""
    draws, lives = random.Random(seed), [firm.worker()]
    await firm.live(lives[0])
    for _ in range(times):
        if len(lives) < 3 or draws.random() < 0.4:
            lives.append(firm.worker())
        else:
            lives.pop(draws.randrange(len(lives))).send(signal.SIGTERM)
        await asyncio.sleep(draws.uniform(0.5, 2.0))
    last = firm.worker()
    await firm.live(last)
    return await judged("workers joining and leaving", times, firm)


async def clocks(firm: Firm, times: int, seed: int) -> Row:
    """The worker's clock jumps by hours and days, forward and back."""
    hour_s = 3600.0
    jumps = [0.0, 2 * hour_s, -3 * hour_s, 30 * hour_s, 0.0, 200 * hour_s, -30 * hour_s, 0.0]
    life = firm.worker("one", clock=([jumps[n % len(jumps)] for n in range(times + 1)], 2.0))
    await firm.live(life)
    await asyncio.sleep(2.0 * times + 1.0)
    return await judged("clock jumps of -30 h to +200 h", times, firm)


FAULTS: dict[str, tuple[Callable[[Firm, int, int], Awaitable[Row]], int]] = {
    "kills": (kills, 200),
    "kills-of-three": (kills_of_three, 32),
    "rebalances": (rebalances, 10),
    "zombies": (zombies, 6),
    "storm": (storm, 20),
    "clocks": (clocks, 8),
}
BROKER_FAULTS = {
    "broker-killed": (broker_killed, 3),
    "network": (network, 9),
    "parted": (parted, 6),
    "disk-full": (disk_full, 1),
}


async def programme(names: list[str], times: int | None, seed: int, folder: Path) -> list[Row]:
    """Run the faults one after the other, each on topics of its own."""
    nursery, rows = Nursery(folder), []
    try:
        for name in names:
            prefix = f"{name}-{uuid.uuid4().hex[:6]}-"
            if name in BROKER_FAULTS:
                disturb, usual = BROKER_FAULTS[name]
                rows.append(await disturb(prefix, folder, nursery, times or usual, seed))
            else:
                act, usual = FAULTS[name]
                with EmbeddedBroker() as broker:
                    async with Firm(broker.bootstrap, prefix, folder, nursery, seed) as firm:
                        rows.append(await act(firm, times or usual, seed))
            print(json.dumps(asdict(rows[-1])), flush=True)
    finally:
        nursery.close()
    return rows


def table(rows: list[Row]) -> str:
    """Markdown."""
    lines = [
        "| fault | times | events | lost | doubled | contradictory | longest without evaluation |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.fault} | {row.times} | {row.events} | {row.lost} | {row.doubled} | {row.contradictory} | "
        f"{row.longest_gap_s:.1f} s |"
        for row in rows
    ]
    return "\n".join(lines)


def unreached_points(row: Row) -> list[str]:
    """Points where the programme of kills meant to kill a worker several times, and none died."""
    if not row.points or row.times < 3 * len(KILLED_AT):
        return []
    return [point for point in KILLED_AT if not row.points.get(point)]


def main() -> None:
    """Exit code 1 if the verifier found anything, or a point was never reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=[*FAULTS, *BROKER_FAULTS], help="may be repeated")
    parser.add_argument("--times", type=int, help="instead of the usual number of each")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    names = arguments.only or [*FAULTS, *BROKER_FAULTS]
    os.environ[ALLOW_PLAINTEXT_VARIABLE] = "true"  # the way out of a namespace is not a loopback address
    with tempfile.TemporaryDirectory(prefix="marginmon-faults-") as folder:
        rows = asyncio.run(programme(names, arguments.times, arguments.seed, Path(folder)))
    print(table(rows))
    unreached = {row.fault: missed for row in rows if (missed := unreached_points(row))}
    for fault, missed in unreached.items():
        print(f"{fault}: no worker died at {', '.join(missed)}")
    sys.exit(bool(unreached) or any(row.lost or row.doubled or row.contradictory for row in rows))


if __name__ == "__main__":
    main()
