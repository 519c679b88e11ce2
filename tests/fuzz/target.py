"""What is fuzzed: a decoder with good inputs, and what must hold of everything that it is given."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Target:
    """A decoder under test.

    Attributes:
        seeds: good inputs. check: gives whether the input was taken; raises if what must hold does not.
        is_json: seeds are JSON and are changed as such, too.
    """

    name: str
    seeds: tuple[bytes, ...]
    check: Callable[[bytes], bool]
    is_json: bool = False

    @cached_property
    def parsed(self) -> tuple[Any, ...]:
        return tuple(json.loads(seed) for seed in self.seeds)


class OneFile:
    """A file that is written anew for each input of a reader of files."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / name

    def __call__(self, content: bytes) -> Path:
        self.path.write_bytes(content)
        return self.path
