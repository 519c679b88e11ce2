"""Maven repositories as jgo sees them: resolving coordinates and fetching single jars.

The settings that jgo knows stay in force: repositories in jgo.conf (one named `central` replaces Maven
Central), JGO_CONFIG_FILE, the user's local Maven repository (M2_REPO or ~/.m2/repository) and, through
requests, HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from streams.broker.errors import BrokerError

if TYPE_CHECKING:
    from jgo.config import GlobalSettings


class ByteCounter(Protocol):
    """Told how many more bytes of the running download have arrived."""

    def __call__(self, count: int, /) -> None: ...


class DownloadProgress(Protocol):
    """jgo's progress callback: (file name, bytes to come) -> a context manager that gives a ByteCounter."""

    def __call__(self, file_name: str, size_bytes: int, /) -> AbstractContextManager[ByteCounter]: ...


def resolve(coordinates: Iterable[str]) -> tuple[str, ...]:
    """The given coordinates and all that they need at run time; raises RuntimeError or OSError."""
    import jgo

    artifacts = jgo.resolve("+".join(coordinates), repositories=_settings().repositories)
    return tuple(f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}" for artifact in artifacts)


def fetch(
    coordinate: str, folder: Path, progress: DownloadProgress | None = None, *, use_local: bool = True
) -> Path:
    """The jar's file: from the user's local Maven repository if it is there, else downloaded into `folder`.

    The content is not checked here. Raises RuntimeError (no repository has it) or OSError (network, disk).
    """
    settings = _settings()
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(
        resolver=PythonResolver(progress_callback=progress),
        repo_cache=folder,
        local_repos=[settings.repo_cache] if use_local else [],
    )
    context.remote_repos.update(settings.repositories)
    path: Path = context.create_dependency(coordinate).artifact.resolve()
    return path


def _settings() -> GlobalSettings:
    try:
        from jgo.config import GlobalSettings
    except ImportError as error:
        raise BrokerError(
            "the embedded broker needs the package jgo: install marginmon with the extra `embedded`, "
            "or set KAFKA_BOOTSTRAP to a running Kafka"
        ) from error
    return GlobalSettings.load()
