"""Which processor core does what: the measured process has one of its own where there are two or more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def can_pin() -> bool:
    """Whether this system can bind a process to a core and has one to spare."""
    return hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1


@contextmanager
def one_core_apart() -> Iterator[int | None]:
    """Keep this process and the children it starts off one core; that core's number, None where it cannot be."""
    if not can_pin():
        yield None
        return
    cores = os.sched_getaffinity(0)
    kept = max(cores)
    os.sched_setaffinity(0, cores - {kept})
    try:
        yield kept
    finally:
        os.sched_setaffinity(0, cores)


def take_core(core: int | None) -> None:
    """Bind this process to a core."""
    if core is not None:
        os.sched_setaffinity(0, {core})
