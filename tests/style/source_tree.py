"""The repository's own files, as the style tests see them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PRODUCT = ("engine", "streams")
PYTHON = (*PRODUCT, "grafana", "tests")


@cache
def tracked_files() -> tuple[Path, ...]:
    """Files that are, or would be, under version control; paths relative to the repository."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode == 0:
        names = [Path(name) for name in listing.stdout.split("\0") if name]
        return tuple(sorted(name for name in names if (REPOSITORY / name).is_file()))
    # A source archive has no git folder; it holds what was under version control and what tools left.
    everything = (path.relative_to(REPOSITORY) for path in REPOSITORY.rglob("*") if path.is_file())
    hidden = {"__pycache__", ".venv", ".cache", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache"}
    return tuple(sorted(path for path in everything if not hidden & set(path.parts)))


def texts() -> Iterator[tuple[Path, str]]:
    """Every tracked text file with its content."""
    for path in tracked_files():
        content = (REPOSITORY / path).read_bytes()
        if b"\0" not in content:
            yield path, content.decode("utf-8", errors="replace")


def module_name(path: Path) -> str:
    """Dotted name of a Python file: engine/base/units.py -> engine.base.units."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(*roots: str) -> dict[str, str]:
    """Dotted name -> source of every Python file below the given top folders."""
    return {
        module_name(path): text for path, text in texts() if path.suffix == ".py" and path.parts[0] in roots
    }


def imports(name: str, source: str, *, is_package: bool = False) -> set[str]:
    """Dotted names that a module imports anywhere; `from a import b` gives both `a` and `a.b`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = name.split(".")[: None if is_package and node.level == 1 else -node.level]
            base = ".".join([*(above if node.level else ()), *([node.module] if node.module else ())])
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


def packages(sources: Mapping[str, str]) -> set[str]:
    """Those of the modules that contain others."""
    return {name for name in sources if any(other.startswith(name + ".") for other in sources)}
