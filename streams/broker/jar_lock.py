"""The pinned class path of the embedded Kafka: coordinates, sha256 and size of every jar, no addresses.

`streams.broker.renew_jar_lock` resolves the roots anew and rewrites the file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from streams.broker.errors import JarError

LOCK_FILE = Path(__file__).with_name("jars.lock")
KAFKA_VERSION = "4.3.1"
# slf4j-simple: Kafka's POM names the logging interface only; without a backend the broker's log is lost.
ROOTS = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
HEADER = "# Class path of the embedded Kafka: coordinate, sha256, bytes. Made by `make lock`; do not edit.\n"


@dataclass(frozen=True, slots=True)
class PinnedJar:
    """One jar: `coordinate` is group:artifact:version, `size_bytes` its exact length."""

    coordinate: str
    sha256: str
    size_bytes: int

    @property
    def file_name(self) -> str:
        """Name of the file in a Maven repository, for example kafka_2.13-4.3.1.jar."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def read_lock(path: Path = LOCK_FILE) -> tuple[PinnedJar, ...]:
    """The pinned jars in class path order; a line that is not `coordinate sha256 bytes` is a JarError."""
    jars = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line and not line.startswith("#"):
            jars.append(_parse(line, f"{path.name} line {number}"))
    return tuple(jars)


def _parse(line: str, place: str) -> PinnedJar:
    fields = line.split()
    if len(fields) != 3 or fields[0].count(":") != 2 or len(fields[1]) != 64 or not fields[2].isdigit():
        raise JarError(
            f"{place}: expected `group:artifact:version sha256 bytes`; restore the file or run `make lock`"
        )
    return PinnedJar(fields[0], fields[1], int(fields[2]))


def write_lock(jars: Iterable[PinnedJar], path: Path = LOCK_FILE) -> None:
    """Write the lock in one step, so that an interrupted run leaves the old file."""
    rows = [f"{jar.coordinate} {jar.sha256} {jar.size_bytes}\n" for jar in jars]
    draft = path.with_suffix(".lock.new")
    draft.write_text(HEADER + "".join(rows), encoding="utf-8")
    os.replace(draft, path)


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
