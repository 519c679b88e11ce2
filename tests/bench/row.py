"""One line of the benchmark's table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """A figure and what it is held against.

    Attributes:
        value: None if it was not measured.
        budget: bound that the figure should keep; None if it has none.
        at_least: the budget is a lower bound (a rate); else an upper one (a time).
        compared_with: what else was measured in the same run; ``ratio`` = this figure / that one.
    """

    figure: str
    value: float | None
    unit: str
    budget: float | None = None
    at_least: bool = False
    compared_with: str = ""
    ratio: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the budget is kept; None without one, or without a measurement."""
        if self.budget is None or self.value is None:
            return None
        return self.value >= self.budget if self.at_least else self.value <= self.budget

    def as_json(self) -> dict[str, Any]:
        """The row of bench.json."""
        fields = asdict(self) | {"met": self.met}
        del fields["at_least"]
        return fields


def median_of(rounds: Sequence[dict[str, float]], key: str) -> float:
    """Median of one figure over the rounds."""
    return median(each[key] for each in rounds)
