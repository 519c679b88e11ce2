"""`python -m streams.broker.renew_jar_lock`: resolve Kafka's class path anew and rewrite jars.lock."""

from __future__ import annotations

import tempfile
from pathlib import Path

from streams.broker import jar_repository
from streams.broker.jar_lock import ROOTS, PinnedJar, sha256_of, write_lock


def pin(coordinate: str) -> PinnedJar:
    """Download one jar from a remote repository (not from the local one) and note its sha256 and size."""
    with tempfile.TemporaryDirectory() as scratch:
        path = jar_repository.fetch(coordinate, Path(scratch), use_local=False)
        return PinnedJar(coordinate, sha256_of(path), path.stat().st_size)


if __name__ == "__main__":
    write_lock(pin(coordinate) for coordinate in jar_repository.resolve(ROOTS))
