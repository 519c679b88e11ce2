"""Child processes that end with their parent, whatever happens to the parent (kill -9 included).

Every command runs under a small supervisor process (see `supervisor.py`) that holds the reading end of a
pipe; when this process is gone, the pipe closes and the supervisor ends the command and removes its
temporary folder. Both run in a session of their own, so Ctrl-C on the terminal reaches only the parent,
which then ends its children in its order.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

SUPERVISOR = Path(__file__).with_name("supervisor.py")
# Killing the command and deleting its folder come after the grace time; seconds that `stop` allows for them.
CLEAN_UP_S = 10.0


class Lifeline:
    """One supervised child: `pid` is the command's own, so are exit codes (128 + n after signal n)."""

    def __init__(
        self,
        command: Sequence[str | os.PathLike[str]],
        *,
        output: IO[bytes] | int | None = None,
        environment: Mapping[str, str] | None = None,
        working_directory: Path | None = None,
        remove: Path | None = None,
        grace_s: float = 5.0,
    ) -> None:
        """Start the command.

        output: where its stdout and stderr go (a file or subprocess.PIPE; None: where ours go).
        remove: a folder to delete when the command has ended.
        grace_s: seconds between SIGTERM and SIGKILL.
        Raises OSError if the command cannot be started.
        """
        self._grace_s, self._remove = grace_s, remove
        pid_reader, pid_writer = os.pipe()
        with os.fdopen(pid_reader) as reader:
            try:
                self._supervisor = subprocess.Popen(
                    [
                        *(sys.executable, "-I", "-S", SUPERVISOR),
                        *(str(grace_s), str(remove or ""), str(pid_writer)),
                        *command,
                    ],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=None if output is None else subprocess.STDOUT,
                    env=environment,
                    cwd=working_directory,
                    pass_fds=(pid_writer,),
                    start_new_session=True,
                )
            finally:
                os.close(pid_writer)
            answer = reader.readline().strip()
        if not answer:
            self.wait()
            raise FileNotFoundError(f"cannot start {command[0]}: is it installed and executable?")
        self.pid = int(answer)

    @property
    def output(self) -> IO[bytes] | None:
        """The command's stdout and stderr when started with subprocess.PIPE."""
        return self._supervisor.stdout

    def poll(self) -> int | None:
        """Exit code if the command has ended and its folder is removed, else None."""
        return self._supervisor.poll()

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the end; raises subprocess.TimeoutExpired."""
        return self._supervisor.wait(timeout_s)

    def stop(self) -> int:
        """End the command if it still runs (SIGTERM, after the grace time SIGKILL); returns its exit code."""
        self.let_go()
        try:
            code = self.wait(self._grace_s + CLEAN_UP_S)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            code = self.wait()
        if self._remove is not None and self._remove.exists():  # the supervisor itself was killed
            shutil.rmtree(self._remove, ignore_errors=True)
        return code

    def let_go(self) -> None:
        """Begin to end the command without waiting: ends several children at the same time."""
        if self._supervisor.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._supervisor.stdin.close()

    def __enter__(self) -> Lifeline:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
