"""What a rulebook answers: a requirement, and the tree of named parts that adds up to it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Requirement:
    """Initial and maintenance requirement in USD, both >= 0; for netting set, silo and account alike."""

    initial_usd: float
    maintenance_usd: float

    def __add__(self, other: Requirement) -> Requirement:
        return Requirement(self.initial_usd + other.initial_usd, self.maintenance_usd + other.maintenance_usd)

    def excess_usd(self, equity_usd: float) -> float:
        """Equity over maintenance; negative is a deficit."""
        return equity_usd - self.maintenance_usd

    def utilisation(self, equity_usd: float) -> float:
        """Share of equity that maintenance takes: 0 without requirement, infinite without equity."""
        if self.maintenance_usd <= 0.0:
            return 0.0 if equity_usd >= 0.0 else math.inf
        return self.maintenance_usd / equity_usd if equity_usd > 0.0 else math.inf


@dataclass(frozen=True, slots=True)
class Part:
    """One line of an explanation.

    A part with children is their sum (``check`` proves it); credits are negative. ``facts`` are figures that
    explain the amount without adding to it: prices, rates, scenario losses, the worst valuation point.
    """

    name: str
    amount_usd: float
    parts: tuple[Part, ...] = ()
    facts: dict[str, float | str] = field(default_factory=dict)

    @classmethod
    def sum_of(cls, name: str, parts: list[Part], **facts: float | str) -> Part:
        """A part whose amount is the sum of its children."""
        return cls(name, math.fsum(part.amount_usd for part in parts), tuple(parts), facts)

    def walk(self) -> Iterator[Part]:
        """This part and all below it, parents first."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def largest_residual_usd(self) -> float:
        """Largest difference, over all parts with children, between the amount and the children's sum."""
        return max(
            (
                abs(part.amount_usd - math.fsum(child.amount_usd for child in part.parts))
                for part in self.walk()
                if part.parts
            ),
            default=0.0,
        )


@dataclass(frozen=True, slots=True)
class Explained:
    """A requirement with its tree. ``tree.amount_usd`` equals ``requirement.maintenance_usd``.

    ``worst_scenario`` names the valuation point that decides (empty where no single one does).
    """

    requirement: Requirement
    tree: Part
    worst_scenario: str = ""
