"""The same book under two policies: requirement of every silo, unified requirement and gap, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from engine.market.instruments import SILOS
from streams.replay.margin import MarginedBook

_GAP_FIGURES: Final = ("silo_sum", "unified", "gap", "silo_deficit", "unified_deficit", "trapped_excess")
_NOTHING: Final = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure under both policies, USD; ``silo`` is empty for figures of the whole account."""

    figure: str
    silo: str
    before: Decimal
    after: Decimal

    @property
    def change(self) -> Decimal:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Comparison:
    """By account, in the order of their ids, and in total; versions of both policies."""

    versions: tuple[str, str]
    accounts: dict[str, list[Compared]]
    total: list[Compared]


def compare(margined: MarginedBook, policy: Mapping[str, Any]) -> Comparison:
    """What another policy changes; ``margined`` stands under it afterwards.

    Raises:
        MarginError: the policy cannot take effect.
    """
    version, before = margined.files.engine.policy.version, _figures(margined)
    margined.take_policy(policy)
    after = _figures(margined)
    accounts = {name: _compared([before[name]], [after[name]]) for name in before}
    versions = (version, margined.files.engine.policy.version)
    return Comparison(versions, accounts, _compared(list(before.values()), list(after.values())))


Figures = dict[tuple[str, str], Decimal]  # by figure and silo


def _figures(margined: MarginedBook) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    for view in margined.views:
        statement = view["statement"]
        figures: Figures = {}
        for silo in statement["silos"]:
            figures["requirement", silo["silo"]] = Decimal(silo["maintenance"])
            figures["equity", silo["silo"]] = Decimal(silo["equity"])
        for name in _GAP_FIGURES:
            figures[name, ""] = Decimal(statement["gap"][name])
        found[statement["account_id"]] = figures
    return found


def _compared(before: Sequence[Figures], after: Sequence[Figures]) -> list[Compared]:
    """Sums over accounts: requirement and equity of each silo that has any, then the figures of whole accounts."""
    named = [(figure, silo.value) for figure in ("requirement", "equity") for silo in SILOS]
    rows = []
    for key in [*named, *((name, "") for name in _GAP_FIGURES)]:
        if any(key in figures for figures in (*before, *after)):
            sums = [
                sum((figures.get(key, _NOTHING) for figures in side), _NOTHING) for side in (before, after)
            ]
            rows.append(Compared(*key, *sums))
    return rows
