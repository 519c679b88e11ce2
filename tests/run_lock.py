"""The product as it is installed to run: what only requirements-dev.lock holds cannot be imported.

``python -m tests.run_lock warmup`` is ``marginmon warmup`` there. Hiding costs nothing; a second environment would
compile every kernel once more.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Collection, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

RUN_LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
PRODUCT = "marginmon"


def canonical(distribution: str) -> str:
    """A name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def locked() -> set[str]:
    """Distributions that the run lock names, for any platform."""
    return {canonical(name) for name in re.findall(r"(?m)^([\w.-]+)==", RUN_LOCK.read_text())}


def not_locked() -> set[str]:
    """Top-level modules that are installed here and come with nothing in the run lock."""
    allowed = locked() | {PRODUCT}
    return {
        module
        for module, distributions in importlib.metadata.packages_distributions().items()
        if not allowed & {canonical(name) for name in distributions}
    }


class Hidden:
    """A finder before all others that finds nothing of what is hidden."""

    def __init__(self, modules: Collection[str]) -> None:
        self._modules = modules

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] in self._modules:
            raise ModuleNotFoundError(f"{name} is not in {RUN_LOCK.name}", name=name)
        return None


def hide() -> None:
    """From here on this process imports only what the run lock holds."""
    sys.meta_path.insert(0, Hidden(not_locked()))


if __name__ == "__main__":
    hide()
    from streams.cli import main

    main()
