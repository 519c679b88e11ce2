"""The broker's jars on disk: checked by sha256, fetched when missing, mended when damaged.

A jar gets its final name only by a rename after its check. So an interrupted download leaves nothing that
looks good, and two processes that start on an empty cache at once may both download but cannot spoil each
other's files.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from streams.broker import jar_repository
from streams.broker.cache import CACHE_VARIABLE, cache_directory
from streams.broker.download_progress import JarProgress
from streams.broker.errors import JarError
from streams.broker.jar_lock import KAFKA_VERSION, PinnedJar, read_lock, sha256_of

# Repositories answer small files slowly; four at a time keep the line busy without being rude.
PARALLEL_DOWNLOADS = 4
ATTEMPTS = 3
MISSING = "missing"


def class_path() -> list[Path]:
    """Paths of all pinned jars in class path order, each just checked; fetches what is missing or damaged.

    Raises JarError when a jar can be had from no repository.
    """
    folder = cache_directory() / f"kafka-{KAFKA_VERSION}"
    jars = read_lock()
    wanting = faulty_jars(jars, folder)
    if wanting:
        _fetch_all(wanting, folder)
    return [folder / jar.file_name for jar in jars]


def faulty_jars(jars: Sequence[PinnedJar], folder: Path) -> list[PinnedJar]:
    """Those of the pinned jars that are missing in the folder, truncated, or not the pinned file."""
    return [jar for jar in jars if fault(jar, folder / jar.file_name) is not None]


def fault(jar: PinnedJar, path: Path) -> str | None:
    """What is wrong with the file that should be this jar, or None."""
    if not path.is_file():
        return MISSING
    size_bytes = path.stat().st_size
    if size_bytes != jar.size_bytes:
        return f"{size_bytes} bytes instead of {jar.size_bytes}"
    return None if sha256_of(path) == jar.sha256 else "another sha256 than pinned"


def _fetch_all(jars: Sequence[PinnedJar], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    faults = {jar.file_name: fault(jar, folder / jar.file_name) for jar in jars}
    damaged = {name: what for name, what in faults.items() if what not in (None, MISSING)}
    with JarProgress(jars, folder, damaged) as progress, ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
        downloads = [pool.submit(_fetch, jar, folder, progress) for jar in jars]
        try:
            for download in downloads:
                download.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch(jar: PinnedJar, folder: Path, progress: JarProgress) -> None:
    """Bring one jar to its place; a file from the local Maven repository is tried first, and once."""
    problem = ""
    for attempt in range(ATTEMPTS):
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as scratch:
            try:
                found = jar_repository.fetch(
                    jar.coordinate, Path(scratch), progress.counter, use_local=attempt == 0
                )
                problem = _accept(jar, found, Path(scratch), folder) or ""
            except (OSError, RuntimeError) as error:
                problem = _without_passwords(str(error))
        if not problem:
            progress.finished(jar)
            return
    raise JarError(_no_jar_message(jar, problem))


def _accept(jar: PinnedJar, found: Path, scratch: Path, folder: Path) -> str | None:
    """Check what was found and rename it into place; says what is wrong if it is not the pinned jar."""
    problem = fault(jar, found)
    if problem:
        return problem
    if not found.is_relative_to(scratch):
        # From the user's local repository: copied, for a link would follow a later change of that file.
        copy = scratch / jar.file_name
        copy.write_bytes(found.read_bytes())
        found = copy
    os.replace(found, folder / jar.file_name)
    return None


def _without_passwords(text: str) -> str:
    """jgo's messages quote repository addresses, and these may carry `user:password@`."""
    return re.sub(r"//[^/@\s]+@", "//***@", text)


def _no_jar_message(jar: PinnedJar, problem: str) -> str:
    return (
        f"cannot fetch {jar.coordinate} ({problem}). Remedy: check the network and HTTPS_PROXY; "
        "behind a mirror name it `central` under [repositories] in jgo.conf, or put the jar into the local "
        f"Maven repository; {CACHE_VARIABLE} may point at a folder filled elsewhere; "
        "or set KAFKA_BOOTSTRAP to a running Kafka"
    )
