"""One service of the demo: a child process that dies with this one, its log file, and when it is ready."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from streams.broker.lifeline import Lifeline

TAIL_LINES: Final = 15
_POLL_S: Final = 0.1
_GRACE_S: Final = 5.0


class ServiceError(RuntimeError):
    """A service ended or did not get ready; the message holds the last lines of its log."""


class Service:
    """A command of this program with its output in a log file."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        folder: Path,
        ready: str = "",
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Start it.

        Args:
            arguments: of the command ``marginmon``.
            folder: where its log goes.
            ready: start of the line that it prints once it is ready; empty for a command that just ends.
            environment: variables besides those of this process.
        """
        self.name = name
        self.log = folder / f"{name}.log"
        self._ready = ready
        self._started = time.monotonic()
        with self.log.open("wb") as output:
            self._process = Lifeline(
                [sys.executable, "-m", "streams.cli", *arguments],
                output=output,
                environment={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
                grace_s=_GRACE_S,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def await_ready(self, deadline_s: float) -> str:
        """Wait for the ready line, or for a good end of a command that has none.

        Returns:
            the line, and how long it took.

        Raises:
            ServiceError: it ended, or took longer than the deadline.
        """
        while time.monotonic() - self._started < deadline_s:
            if line := self._ready_line():
                return f"{line} ({time.monotonic() - self._started:.1f} s)"
            self.check()
            time.sleep(_POLL_S)
        raise ServiceError(f"{self.name} was not ready within {deadline_s:g} s.\n{self.tail()}")

    def _ready_line(self) -> str:
        if not self._ready:
            return f"{self.name} ready" if self._process.poll() == 0 else ""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line for line in lines if line.startswith(self._ready)), "")

    def check(self) -> None:
        """Raise ServiceError if it has ended."""
        code = self._process.poll()
        if code is not None and (code != 0 or self._ready):
            raise ServiceError(f"{self.name} ended with exit code {code}.\n{self.tail()}")

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
        return f"Last lines of {self.log}:\n" + ("\n".join(lines) or "(empty)")

    def let_go(self) -> None:
        """Begin to end it without waiting."""
        self._process.let_go()

    def stop(self) -> None:
        """End it and wait."""
        self._process.stop()
