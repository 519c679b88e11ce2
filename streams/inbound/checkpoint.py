"""Checkpoints as files: written whole or not at all, believed only if every byte is what was written.

A file may be deleted, be old, be damaged or come from elsewhere at any time: then the log is read instead. See
docs/decisions/0018-checkpoints.md.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from engine.state.partition_image import layout
from streams.inbound.partition_state import PartitionState

_NAME: Final = b"marginmon checkpoint "
_MAGIC: Final = _NAME + b"1\n"  # the number is that of this format
_DIGEST_BYTES: Final = 32
_KINDS: Final = frozenset({"|u1", "|i1", "|b1", "<i2", "<i4", "<i8", "<f8"})


class Unusable(StrEnum):
    """Why a checkpoint is not taken; the partition's log is read instead."""

    ABSENT = "absent"
    DAMAGED = "damaged"
    OTHER_VERSION = "other_version"
    OTHER_TOPICS = "other_topics"
    LOG_ENDS_BEFORE = "log_ends_before"
    LOG_BEGINS_BEHIND = "log_begins_behind"
    LOG_DIFFERS = "log_differs"
    OTHER_TERMS = "other_terms"


class UnusableError(Exception):
    """A checkpoint that is not taken."""

    def __init__(self, reason: Unusable, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A partition's state with what it belongs to.

    Attributes:
        topics: name of each topic by its short name. partitions: that the topics have.
        taken_at_ns: when the state was copied.
    """

    topics: dict[str, str]
    partitions: int
    partition: int
    taken_at_ns: int
    state: PartitionState


class _Array(msgspec.Struct, array_like=True, gc=False):
    kind: str
    shape: tuple[int, ...]
    data: bytes


def written_by() -> str:
    """Program and layout of a state; a file of another one is not read."""
    return f"{version('marginmon')} {layout()}"


def encoded(checkpoint: Checkpoint) -> bytes:
    """The whole file."""
    return b"".join(_parts(checkpoint))


def _parts(checkpoint: Checkpoint) -> list[bytes]:
    """What it is and who wrote it, a digest of this and the rest, the rest."""
    body = msgspec.msgpack.encode(checkpoint, enc_hook=_plain)
    head = _MAGIC + written_by().encode() + b"\n"
    return [head, _digest(head, body), body]


def _digest(head: bytes, body: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(head)
    digest.update(body)
    return digest.digest()


def decoded(data: bytes) -> Checkpoint:
    """What a file holds.

    Raises:
        UnusableError: OTHER_VERSION or DAMAGED.
    """
    if not data.startswith(_MAGIC):
        is_other = data.startswith(_NAME) and b"\n" in data[len(_NAME) : 2 * len(_NAME)]
        reason = Unusable.OTHER_VERSION if is_other else Unusable.DAMAGED
        raise UnusableError(reason, "it does not begin like a checkpoint of this format")
    end = data.find(b"\n", len(_MAGIC))
    body_at = end + 1 + _DIGEST_BYTES
    if end < 0 or len(data) < body_at:
        raise UnusableError(Unusable.DAMAGED, "it is cut off")
    body = memoryview(data)[body_at:]
    if _digest(data[: end + 1], body) != data[end + 1 : body_at]:
        raise UnusableError(Unusable.DAMAGED, "its digest is not that of its bytes")
    if data[len(_MAGIC) : end] != written_by().encode():
        raise UnusableError(Unusable.OTHER_VERSION, "it was written by another version of this program")
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, ValueError) as error:
        raise UnusableError(Unusable.DAMAGED, f"it does not read: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _Array(value.dtype.str, value.shape, value.tobytes())
    raise NotImplementedError(f"a checkpoint cannot hold a {type(value).__name__}")


def _array(kind: type, value: Any) -> Any:
    """An array again; it may not be written to."""
    kind_of, shape, data = value
    if kind_of not in _KINDS:
        raise ValueError(f"{kind_of} is no column")
    return np.frombuffer(data, kind_of).reshape(shape)


# Made before there are threads: partitions are restored beside each other, and msgspec ends the process if two threads
# look at the types for the first time at once.
_DECODER: Final = msgspec.msgpack.Decoder(Checkpoint, dec_hook=_array)


class CheckpointFolder:
    """A folder with one file a partition.

    Workers may share it: a file is replaced by another whole one, and each is true by itself.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, topics: Mapping[str, str], partition: int) -> Path:
        """Where the checkpoint of a partition is kept."""
        return self._folder / f"{topics['trades']}-{partition}.checkpoint"

    def write(self, checkpoint: Checkpoint) -> int:
        """Put a checkpoint in the place of the one before; returns its bytes.

        Raises:
            OSError: it could not be written; the one before is still there.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        parts, path = _parts(checkpoint), self.path(checkpoint.topics, checkpoint.partition)
        handle, name = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            self._put_in_place(Path(name), path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return sum(map(len, parts))

    def _put_in_place(self, written: Path, path: Path) -> None:
        """The one step at which the checkpoint becomes another."""
        written.replace(path)
        _sync(self._folder)

    def read(self, topics: Mapping[str, str], partitions: int, partition: int) -> Checkpoint:
        """The checkpoint of a partition.

        Raises:
            UnusableError: ABSENT, DAMAGED, OTHER_VERSION or OTHER_TOPICS.
        """
        path = self.path(topics, partition)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise UnusableError(Unusable.ABSENT, f"there is no {path}") from None
        except OSError as error:
            raise UnusableError(Unusable.DAMAGED, str(error)) from None
        checkpoint = decoded(data)
        belongs = (checkpoint.topics, checkpoint.partitions, checkpoint.partition)
        if belongs != (dict(topics), partitions, partition):
            raise UnusableError(Unusable.OTHER_TOPICS, f"{path} belongs to other topics or another partition")
        return checkpoint

    def sweep(self) -> None:
        """Delete what crashes left half written.

        Workers may share the folder: one that is writing just now loses this checkpoint, not the one before.
        """
        for path in self._folder.glob("*.part"):
            path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """A rename lasts once its folder is written."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
