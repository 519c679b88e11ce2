"""A supervised child: exit codes, output, stubborn commands, its own Ctrl-C, clean-up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.broker.lifeline import Lifeline

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("on", flush=True)
time.sleep(600)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_exit_code_and_output_are_the_commands(tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    code = "import os, sys; print(os.getcwd(), os.environ['NAME']); sys.exit(7)"
    environment = {**os.environ, "NAME": "value"}
    with Lifeline(
        python(code),
        output=subprocess.PIPE,
        environment=environment,
        working_directory=folder,
        remove=folder,
    ) as child:
        assert child.output is not None
        assert child.output.read().decode().split() == [str(folder), "value"]
        assert child.wait(10) == 7
    assert child.stop() == 7
    assert not folder.exists()


def test_death_by_signal_is_128_plus_its_number() -> None:
    with Lifeline(python("import time; time.sleep(600)")) as child:
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait(10) == 128 + signal.SIGKILL


def test_stubborn_command_is_killed_after_the_grace_time() -> None:
    child = Lifeline(python(STUBBORN), output=subprocess.PIPE, grace_s=0.5)
    assert child.output is not None
    assert child.output.readline() == b"on\n"
    begin = time.monotonic()
    assert child.stop() == 128 + signal.SIGKILL
    assert time.monotonic() - begin >= 0.5


def test_ctrl_c_on_the_terminal_does_not_reach_the_child() -> None:
    with Lifeline(python("import time; time.sleep(600)")) as child:
        assert os.getpgid(child.pid) != os.getpgid(0)
        assert child.poll() is None
        assert child.stop() == 128 + signal.SIGTERM


def test_absent_command_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="cannot start /absent/program"):
        Lifeline(["/absent/program"], output=subprocess.DEVNULL)
