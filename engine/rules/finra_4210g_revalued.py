"""A position, a class group or a group of them at every valuation point of FINRA 4210(g), for its plain twin."""

from __future__ import annotations

from dataclasses import dataclass

from engine.market.instruments import Instrument
from engine.rules.requirement import Part

Facts = dict[str, float | str]


@dataclass(frozen=True, slots=True)
class Revalued:
    """A position, a class group or a group of them at every valuation point; USD, losses negative.

    ``offset`` is the share of its members' gains that counts against losses of the other members.
    """

    name: str
    points: tuple[str, ...]
    pnl_usd: tuple[float, ...]
    minimum_usd: float
    facts: Facts
    members: tuple[Revalued, ...] = ()
    offset: float = 1.0

    @property
    def worst(self) -> int:
        """The valuation point with the largest loss."""
        return min(range(len(self.points)), key=lambda point: self.pnl_usd[point])

    @property
    def apart_usd(self) -> float:
        """Its requirement where nothing else offsets it: the larger of worst loss and minimum."""
        return max(-self.pnl_usd[self.worst], self.minimum_usd, 0.0)

    def loss_at(self, point: int) -> Part:
        """What it loses at a point, by member; a gain is a credit."""
        if not self.members:
            return Part(self.name, -self.pnl_usd[point], (), self.facts)
        return Part.sum_of(self.name, self.lines_at(point), **self.facts)

    def lines_at(self, point: int) -> list[Part]:
        """Losses of the members, and of their gains what does not count."""
        lines = [member.loss_at(point) for member in self.members]
        for member in self.members:
            if self.offset < 1.0 and member.pnl_usd[point] > 0.0:
                cut = (1.0 - self.offset) * member.pnl_usd[point]
                lines.append(Part(f"{100.0 * (1.0 - self.offset):.4g} % of the gain of {member.name}", cut))
        return lines


@dataclass(frozen=True, slots=True)
class ClassGroup:
    """Everything on one underlying.

    Attributes:
        root: the underlying. moves: of its price, by valuation point.
        stock_usd: market value of what is held of the underlying itself, signed.
    """

    root: Instrument
    moves: tuple[float, ...]
    stock_usd: float
    revalued: Revalued
