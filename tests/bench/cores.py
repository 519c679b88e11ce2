"""Which processor core does what: the measured process has one of its own where there are two or more."""

from __future__ import annotations

import os


def can_pin() -> bool:
    """Whether this system can bind a process to a core and has one to spare."""
    return hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1


def leave_one_core() -> int | None:
    """Keep this process and its children off one core; that core's number, None where cores cannot be chosen."""
    if not can_pin():
        return None
    cores = os.sched_getaffinity(0)
    kept = max(cores)
    os.sched_setaffinity(0, cores - {kept})
    return kept


def take_core(core: int | None) -> None:
    """Bind this process to a core."""
    if core is not None:
        os.sched_setaffinity(0, {core})
