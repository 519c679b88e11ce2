"""docs/metrics.md, read for the tests."""

from __future__ import annotations

from dataclasses import dataclass

from tests.boards.alert_rules import ROOT

DOCUMENT = ROOT / "docs" / "metrics.md"


@dataclass(frozen=True)
class Metric:
    """One row of the catalogue."""

    name: str
    type: str
    labels: frozenset[str]
    unit: str
    meaning: str
    used_by: frozenset[str]


def _rows(width: int) -> list[list[str]]:
    lines = DOCUMENT.read_text("utf-8").splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")
    ]
    return [row for row in cells if len(row) == width]


def _names(cell: str) -> frozenset[str]:
    return frozenset(name.strip() for name in cell.split(",") if name.strip())


def catalogue() -> list[Metric]:
    """Every exported metric."""
    return [
        Metric(name.strip("`"), type_, _names(labels), unit, meaning, _names(used_by))
        for name, type_, labels, unit, meaning, used_by in _rows(6)
    ]


def recorded() -> dict[str, frozenset[str]]:
    """Every recorded series -> who uses it."""
    return {name.strip("`"): _names(used_by) for name, _, used_by in _rows(3)}
