"""What the user sees while the broker's jars are fetched: a bar on a terminal, one plain line elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from streams.broker.jar_lock import KAFKA_VERSION, PinnedJar
from streams.broker.jar_repository import ByteCounter

MEGABYTE = 1_000_000


class JarProgress:
    """One bar over all jars to fetch, on stderr; names first the jars that were there but damaged."""

    def __init__(self, jars: Sequence[PinnedJar], folder: Path, damaged: Mapping[str, str | None]) -> None:
        self._console = Console(stderr=True, soft_wrap=True)
        self._folder, self._damaged, self._count = folder, damaged, len(jars)
        self._size_bytes = sum(jar.size_bytes for jar in jars)
        self._done_bytes = 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(f"Kafka {KAFKA_VERSION}", total=self._size_bytes)

    def __enter__(self) -> JarProgress:
        for name, fault in self._damaged.items():
            self._console.print(
                f"{name} in {self._folder} is damaged ({fault}); fetching it again", highlight=False
            )
        self._console.print(
            f"Fetching Kafka {KAFKA_VERSION} once: {self._count} jars, {self._size_bytes / MEGABYTE:.1f} MB "
            f"into {self._folder}",
            highlight=False,
        )
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    @contextmanager
    def counter(self, file_name: str, size_bytes: int) -> Iterator[ByteCounter]:
        """jgo's progress callback: moves the bar while a jar arrives."""
        yield lambda count: self._bar.advance(self._task, count)

    def finished(self, jar: PinnedJar) -> None:
        """Correct the bar where a jar came without a stated length, from disk, or at the second attempt."""
        self._done_bytes += jar.size_bytes
        if self._done_bytes > self._bar.tasks[0].completed or self._done_bytes == self._size_bytes:
            self._bar.update(self._task, completed=self._done_bytes)
