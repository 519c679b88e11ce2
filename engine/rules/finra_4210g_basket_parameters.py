"""Qualified stock baskets as the parameter file of FINRA 4210(g) has them: rule and composition of indexes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.base.parameter_table import ParameterTable

NARROW = "narrow"  # and indexes published without a class


@dataclass(frozen=True, slots=True)
class BasketRule:
    """What a basket must cover, what it offsets and what it is asked at least.

    Attributes:
        offset: share of gains that counts, between a basket and the class group of its index.
        least_coverage: by class of the index, share of its capitalization that a basket must represent.
        minimum: by class, share of the basket's market value.
    """

    offset: float
    least_coverage: Mapping[str, float]
    minimum: Mapping[str, float]

    def terms(self, index_class: str) -> tuple[float, float]:
        """Least coverage and minimum of a basket on an index of this class."""
        known = index_class if index_class in self.least_coverage else NARROW
        return self.least_coverage[known], self.minimum[known]


@dataclass(frozen=True, slots=True)
class Composition:
    """An index: ``weights`` by constituent, share of the index's capitalization."""

    index: str
    weights: Mapping[str, float]


def basket_rule(header: ParameterTable, index_classes: tuple[str, ...]) -> BasketRule:
    """The rule of a parameter file; without a table ``qualified_basket`` no basket is recognised, whatever it holds."""
    classes = (*index_classes, NARROW)
    if not header.has("qualified_basket"):
        return BasketRule(0.0, dict.fromkeys(classes, 1.0), dict.fromkeys(classes, 1.0))
    table = header.table("qualified_basket")
    table.only("offset", "least_coverage", "minimum")
    coverage, minimum = table.table("least_coverage"), table.table("minimum")
    for each in (coverage, minimum):
        each.only(*classes)
    return BasketRule(
        offset=table.number("offset", 0.0, 1.0),
        least_coverage={name: coverage.number(name, 0.01, 1.0) for name in classes},
        minimum={name: minimum.number(name, 0.0, 1.0) for name in classes},
    )


def compositions(header: ParameterTable) -> tuple[Composition, ...]:
    """Compositions of indexes in the order of the file; none if it has no ``composition``.

    Raises:
        MarginError: BAD_PARAMETER for a weight out of bounds, weights of more than the whole index, and for
            compositions without a ``qualified_basket`` that says what a basket is asked.
    """
    if not header.has("composition"):
        return ()
    if not header.has("qualified_basket"):
        raise header.bad("composition", "needs the table qualified_basket")
    return tuple(_composition(index, table) for index, table in header.tables("composition").items())


def _composition(index: str, table: ParameterTable) -> Composition:
    table.only("weights")
    own = table.table("weights")
    weights = {name: own.number(name, 1e-9, 1.0) for name in own.names()}
    if index in weights:
        raise table.bad("weights", f"{index!r} cannot be its own constituent")
    if sum(weights.values()) > 1.0 + 1e-9:
        raise table.bad("weights", f"add up to {sum(weights.values()):g}, more than the whole index")
    return Composition(index, weights)
