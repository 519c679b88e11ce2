"""Writes the boards: ``python -m grafana.build``; ``--check`` compares them with what is on disk."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.overview import overview

BOARDS = {"margin-overview.json": overview}
BOARD_DIRECTORY = Path(__file__).parent / "boards"


def rendered() -> dict[str, str]:
    """File name -> JSON text of every board; the same text on every run."""
    return {
        name: json.dumps(build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for name, build in BOARDS.items()
    }


def differences(directory: Path = BOARD_DIRECTORY) -> list[str]:
    """What is missing, outdated or left over in the directory; empty if it is current."""
    wanted = rendered()
    present = {path.name: path.read_text(encoding="utf-8") for path in sorted(directory.glob("*.json"))}
    problems = [f"{name}: missing" for name in wanted.keys() - present.keys()]
    problems += [f"{name}: no such board in grafana.build" for name in present.keys() - wanted.keys()]
    problems += [
        f"{name}: differs from the code"
        for name in wanted.keys() & present.keys()
        if wanted[name] != present[name]
    ]
    return sorted(problems)


def write(directory: Path = BOARD_DIRECTORY) -> None:
    """Write every board."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in rendered().items():
        (directory / name).write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 if written or current, 1 if ``--check`` finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m grafana.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    if not parser.parse_args(arguments).check:
        write()
        return 0
    problems = differences()
    for problem in problems:
        print(f"{problem}; remedy: python -m grafana.build", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
