"""Forks workers from a process that has imported and compiled everything, so that hundreds of lives fit into minutes.

A program of its own: one JSON object a line on stdin starts a worker, its process id comes back on stdout.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from streams.worker.command import run
from streams.worker.settings import load_settings

_PR_SET_PDEATHSIG = 1


class Life:
    """One worker process."""

    def __init__(self, pid: int, out: Path, err: Path) -> None:
        self.pid, self.out, self.err = pid, out, err
        self.started_s = time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether the process is gone; its parent has taken it off the table."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    @property
    def is_ready(self) -> bool:
        """Whether it has said that it is live."""
        return self.out.exists() and "worker ready" in self.out.read_text()

    @property
    def address(self) -> str:
        """Where it says that its pages are; it must be ready."""
        return self.out.read_text().partition("http=")[2].split()[0]

    def send(self, number: int) -> None:
        """A signal, if it still runs."""
        if not self.ended:
            os.kill(self.pid, number)


class Nursery:
    """The forking process, seen from the programme."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._number = folder, 0
        self.lives: list[Life] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, cwd=Path(__file__).resolve().parents[2],
        )  # fmt: skip

    def start(self, flags: dict[str, str], **faults: Any) -> Life:
        """Fork a worker. ``faults``: ``kill_at`` (point, nth), ``clock`` (jumps, every), ``namespace`` (path)."""
        self._number += 1
        out, err = (self._folder / f"life-{self._number}.{end}" for end in ("out", "err"))
        order = {"flags": flags, "out": str(out), "err": str(err), **faults}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        life = Life(int(self._process.stdout.readline()), out, err)
        self.lives.append(life)
        return life

    def close(self) -> None:
        """End everything."""
        for life in self.lives:
            life.send(signal.SIGKILL)
        self._process.kill()
        self._process.wait()


def _live(order: dict[str, Any]) -> int:
    from streams.worker import app
    from tests.faults.namespace import enter
    from tests.faults.points import kill_at, shift_clock

    app.warm_up = lambda policy: 0.0  # the parent has, and this is its copy
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # no worker outlives the programme
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for path, number in ((order["out"], 1), (order["err"], 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    if "namespace" in order:
        enter(order["namespace"])
    if "kill_at" in order:
        kill_at(*order["kill_at"])
    if "clock" in order:
        shift_clock(*order["clock"])
    return run(load_settings(None, order["flags"]))


def _serve() -> None:
    from streams.parameters import load_policy
    from streams.warmup import warm_up
    from tests.faults import points

    warm_up(load_policy())
    assert points.POINTS
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = _live(json.loads(line))
            finally:
                sys.stdout.flush()
                os._exit(code)
        print(pid, flush=True)


if __name__ == "__main__":
    _serve()
