"""The demo for real: it shows figures and calls, and leaves nothing behind however it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.broker.ports import accepts, free_ports

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc to find child processes"),
]
START_DEADLINE_S = 240.0  # kernels may have to be compiled first
CALL_DEADLINE_S = 120.0
END_DEADLINE_S = 20.0


class Demo:
    """A demo process, its lines, its descendants and its ports."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.page_port = free_ports(1)[0]
        environment = {k: v for k, v in os.environ.items() if k != "KAFKA_BOOTSTRAP"}
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streams.cli", "demo", "--no-table"),
                *("--accounts=150", "--prices-per-second=300", "--trades-per-second=20"),
                *("--port", str(self.page_port), *options),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment | {"PYTHONUNBUFFERED": "1", "TMPDIR": str(folder)},
        )
        self.lines: list[str] = []

    def read_until(self, start: str) -> str:
        """Lines of the demo up to one that starts like this."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith(start):
                return line.rstrip()
        pytest.fail(f"no line {start!r} before the end:\n" + "\n".join(self.lines))

    def ports(self) -> set[int]:
        """Ports that its lines name."""
        return {int(port) for line in self.lines for port in re.findall(r"127\.0\.0\.1:(\d+)", line)}

    def rest(self) -> str:
        """What it still says; returns at its end."""
        assert self.process.stdout is not None
        return self.process.stdout.read()


def descendants(pid: int) -> set[int]:
    """All processes below a process, in whatever session."""
    parent_of: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parent_of[int(entry.name)] = int(fields[1])
    found: set[int] = set()
    frontier = {pid}
    while frontier:
        frontier = {child for child, parent in parent_of.items() if parent in frontier} - found
        found |= frontier
    return found


def alive(pids: set[int]) -> set[int]:
    def runs(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    return {pid for pid in pids if runs(pid)}


def wait_until(condition: Callable[[], bool], deadline_s: float, what: str) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    demos: list[Demo] = []

    def started(*options: str) -> Demo:
        demos.append(Demo(tmp_path, *options))
        return demos[-1]

    yield started
    for demo in demos:
        demo.process.kill()
        demo.process.wait()


def issued_calls(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/calls", timeout=5) as answer:
        return json.dumps(json.load(answer)).count('"issued"')


def test_it_shows_calls_and_ctrl_c_leaves_nothing(start: Callable[..., Demo]) -> None:
    demo = start()
    logs = Path(demo.read_until("logs in ").removeprefix("logs in "))
    demo.read_until("open http")
    wait_until(lambda: issued_calls(demo.page_port) > 0, CALL_DEADLINE_S, "no call was issued")
    figures = demo.read_until("silo ")
    assert re.match(r"silo [\d,.]+ m USD, unified [\d,.]+ m, gap [\d,.-]+ m \(", figures)
    for service in ("broker", "topics", "kernels", "simulator", "worker", "web"):
        assert any(line.startswith(f"{service} ready") for line in demo.lines), service
    children, ports = descendants(demo.process.pid), demo.ports()
    assert len(children) >= 8  # broker, simulator, worker and page, each below its supervisor
    assert len(ports) >= 3
    assert all(accepts(port) for port in ports)

    demo.process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    assert demo.process.wait(END_DEADLINE_S) == 0
    assert time.monotonic() - asked < END_DEADLINE_S
    assert alive(children) == set()
    assert not any(accepts(port) for port in ports)
    assert not logs.exists()


def test_kill_9_leaves_nothing(start: Callable[..., Demo]) -> None:
    demo = start()
    demo.read_until("open http")
    children, ports = descendants(demo.process.pid), demo.ports()
    assert len(children) >= 8
    demo.process.kill()
    demo.process.wait()
    wait_until(lambda: not alive(children), END_DEADLINE_S, "children outlived the demo")
    assert not any(accepts(port) for port in ports)


def test_a_dead_service_ends_it_with_the_end_of_its_log(start: Callable[..., Demo]) -> None:
    demo = start()
    demo.read_until("open http")
    children = descendants(demo.process.pid)
    worker = next(
        pid
        for pid in children
        if b"streams.cli\0worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        and b"supervisor.py" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    os.kill(worker, signal.SIGKILL)
    said = demo.rest()
    assert demo.process.wait(END_DEADLINE_S) == 1
    assert "worker-1 ended with exit code 137" in said
    assert "Last lines of " in said
    assert "Traceback" not in said
    assert alive(children) == set()


def test_a_duration_ends_it_with_code_0(start: Callable[..., Demo]) -> None:
    demo = start("--duration", "3")
    demo.read_until("open http")
    children = descendants(demo.process.pid)
    demo.rest()
    assert demo.process.wait(END_DEADLINE_S) == 0
    assert alive(children) == set()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--accounts", "0"), "--accounts"),
        (("--workers", "0"), "--workers"),
        (("--port", "0"), "--port"),
        (("--bad-share", "2"), "--bad-share"),
    ],
)
def test_wrong_settings_start_nothing(options: tuple[str, ...], named: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "streams.cli", "demo", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert named in ended.stderr
    assert "logs in" not in ended.stdout


def test_a_taken_port_is_named(start: Callable[..., Demo]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = start("--port", str(port))
        assert demo.process.wait(60) == 2
        assert f"--port {port}: is taken" in demo.rest()
