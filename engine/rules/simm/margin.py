"""Margin of a netting agreement: both sides, every regulation, the one that decides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.rules.interface import Float64s
from engine.rules.requirement import Part
from engine.rules.simm.aggregation import COLLECT as COLLECT_COLUMN
from engine.rules.simm.aggregation import LINEAR
from engine.rules.simm.aggregation import POST as POST_COLUMN
from engine.rules.simm.book import Book
from engine.rules.simm.plain import simm_parts
from engine.rules.simm.portfolio import COLLECT, AddOn, AddOns, Item, by_regulation
from engine.rules.simm.sensitivity import Sensitivity
from engine.rules.simm.vocabulary import (
    CLASS_OF_SHEET,
    PRODUCT_CLASSES,
    RISK_CLASSES,
    VOLATILITY_SHEETS,
    Sheet,
    margin_type,
)
from engine.rules.simm.weights import Weights


@dataclass(frozen=True, slots=True)
class Line:
    """Margin of one product class, risk class and margin type, USD."""

    product_class: str
    risk_class: str
    margin_type: str
    amount_usd: float


@dataclass(frozen=True, slots=True)
class Margin:
    """One side under one regulation, USD.

    Attributes:
        lines: what is not 0 or has sensitivities. simm_usd: by product class. add_ons_usd: by name.
        uncharged: products with a notional that no factor charges.
    """

    regulation: str
    lines: tuple[Line, ...]
    simm_usd: dict[str, float]
    add_ons_usd: dict[str, float]
    uncharged: tuple[str, ...]

    @property
    def total_usd(self) -> float:
        return math.fsum((*self.simm_usd.values(), *self.add_ons_usd.values()))

    def split_usd(self) -> dict[str, dict[str, float]]:
        """Margin by risk class and margin type, summed over product classes."""
        split: dict[str, dict[str, float]] = {}
        for line in self.lines:
            inside = split.setdefault(line.risk_class, {})
            inside[line.margin_type] = inside.get(line.margin_type, 0.0) + line.amount_usd
        return split


def margins_of(items: Sequence[Item], side: str, book: Book) -> list[Margin]:
    """Under every regulation of a side, in order of precedence; none if the side is not margined.

    Args:
        book: whose calibration, horizon and calculation currency decide.
    """
    margins = []
    for regulation, rows in by_regulation(items, side).items():
        sensitivities = [row.content for row in rows if isinstance(row.content, Sensitivity)]
        add_ons = AddOns.of(row.content for row in rows if isinstance(row.content, AddOn))
        netting_set = book.charged(sensitivities)
        column = 0 if side == COLLECT else 1
        present = {record.product_class for record in sensitivities}
        simm = {
            name: float(netting_set.margins[place, column])
            for place, name in enumerate(PRODUCT_CLASSES)
            if name in present
        }
        sheets = {(record.product_class, record.sheet) for record in sensitivities}
        margins.append(
            Margin(
                regulation=regulation,
                lines=_lines(netting_set.sheets, sheets, side),
                simm_usd=simm,
                add_ons_usd=add_ons.amounts_usd(simm),
                uncharged=tuple(add_ons.without_factor),
            )
        )
    return margins


def deciding(margins: Sequence[Margin]) -> Margin | None:
    """The highest; the first in order of precedence where several are equal (to 1e-12)."""
    if not margins:
        return None
    highest = max(margin.total_usd for margin in margins)
    return next(margin for margin in margins if math.isclose(margin.total_usd, highest, rel_tol=1e-12))


def explain(items: Sequence[Item], side: str, regulation: str, weights: Weights) -> Part:
    """The plain twin of one side under one regulation, as a tree that adds up."""
    rows = by_regulation(items, side)[regulation]
    sensitivities = [row.content for row in rows if isinstance(row.content, Sensitivity)]
    parts = simm_parts(sensitivities, weights, 1.0 if side == COLLECT else -1.0)
    add_ons = AddOns.of(row.content for row in rows if isinstance(row.content, AddOn))
    amounts = add_ons.amounts_usd({part.name: part.amount_usd for part in parts})
    if amounts:
        children = [Part(name, amount) for name, amount in amounts.items()]
        parts = [*parts, Part.sum_of("add-ons", children)]
    return Part.sum_of(
        f"ISDA SIMM {weights.calibration.version}, {weights.days} days, {side}, {regulation}", parts
    )


def _lines(margins: Float64s, present: set[tuple[str, Sheet]], side: str) -> tuple[Line, ...]:
    curvature = COLLECT_COLUMN if side == COLLECT else POST_COLUMN
    lines = []
    for place, product_class in enumerate(PRODUCT_CLASSES):
        for sheet in Sheet:
            if (product_class, sheet) not in present:
                continue
            risk_class = RISK_CLASSES[CLASS_OF_SHEET[sheet]]
            linear = float(margins[place, sheet, LINEAR])
            lines.append(Line(product_class, risk_class, margin_type(sheet), linear))
            if sheet in VOLATILITY_SHEETS:
                bent = float(margins[place, sheet, curvature])
                lines.append(Line(product_class, risk_class, "Curvature", bent))
    return tuple(lines)
