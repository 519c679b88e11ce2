"""Runs one command and ends it when this process's own parent is gone; standard library only.

Started by `streams.broker.lifeline` as `python -I -S supervisor.py GRACE_S REMOVE PID_FD COMMAND...`: stdin
is a pipe whose other end only the parent holds. It ends the command (SIGTERM, after GRACE_S SIGKILL) when

* the pipe closes: the parent let go, or ended in any way, kill -9 included;
* its parent process id changes: the parent is gone but a forked copy of it still holds the pipe;
* it gets SIGTERM or SIGHUP itself.

On Linux the command additionally gets SIGKILL from the kernel when this supervisor dies (PR_SET_PDEATHSIG).
When the command has ended, folder REMOVE ("" for none) is deleted and the command's exit code passed on.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from types import FrameType

PR_SET_PDEATHSIG = 1
POLL_S = 0.2
CANNOT_START = 127  # as a shell says it


def main(arguments: list[str]) -> int:
    """Run the command until it ends by itself or must end; returns its exit code, 128 + n after signal n."""
    grace_s, remove, pid_fd, *command = arguments
    must_end = threading.Event()
    _end_on_signals(must_end)
    parent = os.getppid()
    threading.Thread(target=_wait_for_closed_pipe, args=(must_end,), daemon=True).start()
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_kill_with_supervisor())
        os.write(int(pid_fd), f"{child.pid}\n".encode())
        os.close(int(pid_fd))
        while child.poll() is None and os.getppid() == parent and not must_end.wait(POLL_S):
            pass
        _end(child, float(grace_s))
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return CANNOT_START
    finally:
        if remove:
            shutil.rmtree(remove, ignore_errors=True)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _end_on_signals(must_end: threading.Event) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        must_end.set()

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _wait_for_closed_pipe(must_end: threading.Event) -> None:
    while os.read(0, 1):
        pass
    must_end.set()


def _kill_with_supervisor() -> Callable[[], None] | None:
    """A hook for the child before exec: the kernel kills it with its parent. None where prctl is missing."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    supervisor = os.getpid()

    def hook() -> None:
        library.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:  # it died before the line above took effect
            os._exit(1)

    return hook


def _end(child: subprocess.Popen[bytes], grace_s: float) -> None:
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(grace_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
