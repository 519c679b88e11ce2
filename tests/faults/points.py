"""Named points at which a worker kills itself; armed by the programme's own runner, so the product carries no hook."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from engine.state.engine import Engine
from streams.inbound.checkpoint import CheckpointFolder
from streams.outbound.dead_letter import DeadLetters
from streams.outbound.publisher import CallPublisher
from streams.worker.app import MarginWorker
from streams.worker.clock import WallClock
from streams.worker.evaluation import Evaluation
from streams.worker.keeper import Keeper

# What a restore passes as well: counted from when the first partition is live.
ONCE_LIVE = {"day-roll"}

# Point -> (class, method, whether before it or after it).
POINTS: dict[str, tuple[type, str, bool]] = {
    "before-fence": (CallPublisher, "start", True),
    "after-fence": (CallPublisher, "start", False),
    "restore-cases": (Keeper, "_take_states", False),
    "restore-day": (Keeper, "_take_batch", True),
    "before-live": (Engine, "go_live", True),
    "after-live": (Engine, "go_live", False),
    "rebalance": (MarginWorker, "_on_assigned", True),
    "before-produce": (CallPublisher, "_publish", True),
    "inside-transaction": (AIOKafkaProducer, "send_batch", False),
    "before-transaction-commit": (AIOKafkaProducer, "commit_transaction", True),
    "after-transaction-commit": (AIOKafkaProducer, "commit_transaction", False),
    "before-offset-commit": (AIOKafkaConsumer, "commit", True),
    "after-offset-commit": (AIOKafkaConsumer, "commit", False),
    "day-roll": (Engine, "open_days", False),
    "answer-taken": (Evaluation, "_answer", False),
    "before-dead-letter": (DeadLetters, "write", True),
    "after-dead-letter": (DeadLetters, "write", False),
    "checkpoint-copied": (Keeper, "copy", False),
    "checkpoint-written": (CheckpointFolder, "_put_in_place", True),
}


def kill_at(point: str, nth: int) -> None:
    """This process ends by SIGKILL at the nth passing of the point."""
    owner, name, before = POINTS[point]
    original, passed, counts = getattr(owner, name), 0, point not in ONCE_LIVE

    def begin() -> None:
        nonlocal counts
        counts = True

    if not counts:
        Engine.go_live = _wrapped(Engine.go_live, False, begin)  # type: ignore[method-assign]

    def maybe_die() -> None:
        nonlocal passed
        passed += counts
        if passed == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, _wrapped(original, before, maybe_die))


def _wrapped(original: Callable[..., Any], before: bool, maybe_die: Callable[[], None]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(original):

        async def in_loop(*arguments: Any, **options: Any) -> Any:
            if before:
                maybe_die()
            result = await original(*arguments, **options)
            if not before:
                await asyncio.sleep(0)
                maybe_die()
            return result

        return in_loop

    def called(*arguments: Any, **options: Any) -> Any:
        if before:
            maybe_die()
        result = original(*arguments, **options)
        if not before:
            maybe_die()
        return result

    return called


def shift_clock(jumps_s: list[float], every_s: float) -> None:
    """The wall clock jumps by each of these in turn and stays there."""
    original = WallClock.now_ns
    first_ns: list[int] = []

    def now_ns(self: WallClock) -> int:
        real = original(self)
        first_ns[:] = first_ns or [real]
        place = min(int((real - first_ns[0]) / (every_s * 1e9)), len(jumps_s) - 1)
        return real + int(jumps_s[place] * 1e9)

    WallClock.now_ns = now_ns  # type: ignore[method-assign]
