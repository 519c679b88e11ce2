"""`make fuzz`: changed inputs for every decoder, as many as wanted; findings are kept and told.

    python -m tests.fuzz.campaign --executions 1000000 --seed 7 --only CRIF

Targets take turns of equal time, so that slow ones are not left out and quick ones get the most. Exit code 1: found
something; the input lies in the folder of findings and belongs among the cases of ``test_findings.py``.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from tests.fuzz import files, parameters, topics
from tests.fuzz.mutation import Mutator
from tests.fuzz.target import Target

TURN_S = 2.0
SLOW_S = 2.0
_JSON_SHARE = 0.7  # of a JSON target's inputs, that stay JSON


def all_targets(folder: Path) -> list[Target]:
    return [*topics.targets(), *files.targets(folder), *parameters.targets()]


@dataclass
class Tally:
    """What became of a target's inputs; ``findings`` by where and what: the shortest input that shows it."""

    executions: int = 0
    taken: int = 0
    seconds: float = 0.0
    findings: dict[str, bytes] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)


class Fuzzer:
    """Changed inputs for one target; one that takes longer than ``slow_s`` of processor time is a finding, too."""

    def __init__(self, target: Target, seed: int, slow_s: float = math.inf) -> None:
        self.target = target
        self._slow_s = slow_s
        self.tally = Tally()
        self._random = Random(f"{seed} {target.name}")
        self._mutator = Mutator(self._random)

    def run(self, executions: int, seconds: float) -> None:
        """So many inputs, or as many as the time allows."""
        started = time.perf_counter()
        for _ in range(executions):
            self._one(self._input())
            if time.perf_counter() - started > seconds:
                break
        self.tally.seconds += time.perf_counter() - started

    def _input(self) -> bytes:
        if self.target.is_json and self._random.random() < _JSON_SHARE:
            return self._mutator.json(self.target.parsed)
        return self._mutator.bytes(self.target.seeds)

    def _one(self, content: bytes) -> None:
        tally = self.tally
        tally.executions += 1
        started = time.thread_time()
        try:
            tally.taken += self.target.check(content)
        except Exception as error:
            self._found(place_of(error), content)
            return
        if time.thread_time() - started > self._slow_s:
            self._found("slow", content)

    def _found(self, what: str, content: bytes) -> None:
        self.tally.times[what] += 1
        held = self.tally.findings.get(what)
        if held is None:
            print(f"{self.target.name}: {what}", file=sys.stderr, flush=True)
        if held is None or len(content) < len(held):
            self.tally.findings[what] = content


def place_of(error: Exception) -> str:
    """Kind, message and the innermost line in the product or the check."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename
    ]
    own = [
        frame for frame in frames if "/engine/" in frame.filename or "/streams/" in frame.filename
    ] or frames
    at = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "?"
    message = str(error).splitlines()[0][:60] if isinstance(error, AssertionError) and str(error) else ""
    return f"{type(error).__name__} at {at} {message}".strip()


def campaign(fuzzers: Sequence[Fuzzer], executions: int, seconds: float) -> None:
    """Turns until all of them together have had so many inputs, or so much time."""
    started = time.monotonic()
    while True:
        for fuzzer in fuzzers:
            left = executions - sum(each.tally.executions for each in fuzzers)
            if left <= 0 or time.monotonic() - started > seconds:
                return
            fuzzer.run(left, TURN_S)


def table_of(fuzzers: Sequence[Fuzzer]) -> Table:
    table = Table("decoder", "executions", "taken", "seconds", "findings")
    for fuzzer in fuzzers:
        tally = fuzzer.tally
        shown = f"{tally.executions:,}", f"{tally.taken:,}", f"{tally.seconds:.0f}", str(len(tally.findings))
        table.add_row(fuzzer.target.name, *shown)
    total = sum(fuzzer.tally.executions for fuzzer in fuzzers)
    found = sum(len(fuzzer.tally.findings) for fuzzer in fuzzers)
    seconds = sum(fuzzer.tally.seconds for fuzzer in fuzzers)
    table.add_row("all", f"{total:,}", "", f"{seconds:.0f}", str(found))
    return table


def keep(fuzzers: Sequence[Fuzzer], folder: Path, console: Console) -> bool:
    """Write the inputs that show something; whether there are any."""
    found = False
    for fuzzer in fuzzers:
        for what, content in fuzzer.tally.findings.items():
            found = True
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / hashlib.sha256(content).hexdigest()[:16]
            file.write_bytes(content)
            console.print(
                f"{fuzzer.target.name}: {what} ({fuzzer.tally.times[what]} times): {file}", markup=False
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Fuzz every decoder.")
    parser.add_argument("--executions", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=math.inf)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    parser.add_argument("--only", default="", help="targets whose name holds this text")
    parser.add_argument("--findings", type=Path, default=Path(".fuzz"))
    arguments = parser.parse_args()
    console = Console(width=120)
    in_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=in_memory if in_memory.is_dir() else None) as folder:
        targets = [each for each in all_targets(Path(folder)) if arguments.only in each.name]
        fuzzers = [Fuzzer(target, arguments.seed, SLOW_S) for target in targets]
        console.print(f"seed {arguments.seed}, {len(fuzzers)} decoders")
        campaign(fuzzers, arguments.executions, arguments.seconds)
    console.print(table_of(fuzzers))
    sys.exit(keep(fuzzers, arguments.findings, console))


if __name__ == "__main__":
    main()
