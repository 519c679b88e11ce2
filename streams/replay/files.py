"""Opening the user's files, plain or gzip; what is wrong with one is said in one line."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO, cast

_GZIP_MAGIC = b"\x1f\x8b"


class FileError(ValueError):
    """A file that cannot be used: which, where in it, what is wrong, what to do. One line."""

    def __init__(self, file: Path, place: str, detail: str, remedy: str) -> None:
        self.file, self.place, self.detail, self.remedy = file, place, detail, remedy
        parts = [str(file), *([place] if place else []), f"{detail}; {remedy}"]
        super().__init__(" ".join(": ".join(parts).split()))


@contextmanager
def open_text(file: Path) -> Iterator[TextIO]:
    """The file as UTF-8 text; gzip is recognised by its content, not by its name.

    Raises:
        FileError: it does not exist, is a folder, cannot be read, or is neither text nor gzip.
    """
    try:
        with file.open("rb") as raw, _unpacked(raw) as content:
            yield io.TextIOWrapper(content, encoding="utf-8-sig", newline="")
    except FileNotFoundError:
        raise FileError(file, "", "does not exist", "check the path") from None
    except IsADirectoryError:
        raise FileError(file, "", "is a directory", "name a file in it") from None
    except UnicodeDecodeError as error:
        raise FileError(file, f"byte {error.start}", "is not UTF-8 text", "save it as UTF-8") from None
    except EOFError:
        raise FileError(file, "", "the gzip data end too early", "copy or pack the file again") from None
    except zlib.error as error:
        raise FileError(file, "", f"the gzip data are damaged: {error}", "copy the file again") from None
    except OSError as error:
        raise FileError(file, "", f"cannot be read: {error.strerror or error}", "check the file") from None


def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object (``object_pairs_hook``) of which no value is lost.

    Raises:
        ValueError: a key stands twice.
    """
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = next(key for key, _ in pairs if [k for k, _ in pairs].count(key) > 1)
        raise ValueError(f"key {twice!r} stands twice in one object")
    return fields


@contextmanager
def _unpacked(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    packed = raw.read(2) == _GZIP_MAGIC
    raw.seek(0)
    if not packed:
        yield raw
        return
    with gzip.GzipFile(fileobj=raw) as content:
        yield cast(IO[bytes], content)
