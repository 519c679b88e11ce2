"""Medians of repeated work, a few figures of the machine, and measurements in a process of their own."""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

_REPOSITORY: Final = Path(__file__).resolve().parents[2]
_COPIED_BYTES: Final = 256 * 2**20  # far beyond any cache
_COPIES: Final = 5


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def median_ms(
    prepare: Callable[[], Any], work: Callable[[Any], object], most: int = 30, within_s: float = 5.0
) -> float:
    """Median time of ``work(prepare())``; only the work is timed, the first two rounds are not counted.

    Args:
        most: rounds at most. within_s: no round begins after this time, but three are always counted.
    """
    times: list[float] = []
    begun = time.perf_counter()
    while len(times) < 5 or (len(times) < most and time.perf_counter() - begun < within_s):
        prepared = prepare()
        started = time.perf_counter()
        work(prepared)
        times.append(1000.0 * (time.perf_counter() - started))
    return median(times[2:])


def profile_ms(
    prepare: Callable[[], Any], work: Callable[[Any], object], rounds: int = 5
) -> dict[str, float]:
    """Own time of each function in one round of ``work(prepare())``, largest first, on this thread alone."""
    profiler = cProfile.Profile()
    for _ in range(rounds):
        prepared = prepare()
        profiler.runcall(work, prepared)
    stats: dict[tuple[str, int, str], Any] = vars(pstats.Stats(profiler))["stats"]
    own_ms = {_name(*place): 1000.0 * figures[2] / rounds for place, figures in stats.items()}
    return dict(sorted(own_ms.items(), key=lambda item: -item[1]))


def _name(file: str, line: int, function: str) -> str:
    """Module and function of the project, the bare function of anything else."""
    path = Path(file)
    if path.is_relative_to(_REPOSITORY):
        return f"{path.relative_to(_REPOSITORY).with_suffix('').as_posix().replace('/', '.')}.{function}"
    return function


def copy_bytes_per_s(threads: int) -> float:
    """Memory bandwidth: bytes read and written per second while large arrays are copied, best of a few."""
    source, target = np.ones(_COPIED_BYTES // 8), np.zeros(_COPIED_BYTES // 8)
    parts = [slice(n * len(source) // threads, (n + 1) * len(source) // threads) for n in range(threads)]
    best_s = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(_COPIES):
            started = time.perf_counter()
            list(pool.map(lambda part: np.copyto(target[part], source[part]), parts))
            best_s = min(best_s, time.perf_counter() - started)
    return 2 * _COPIED_BYTES / best_s


def resident_bytes(pid: int | str = "self") -> int:
    """Physical memory of a process.

    Raises:
        OSError: the system has no /proc.
    """
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def in_fresh_process(module: str, *arguments: object) -> Any:
    """Run ``python -m module arguments`` and read the JSON that it prints last.

    Raises:
        RuntimeError: with the end of what it said, if it fails.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=_REPOSITORY)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])
