"""From the silos' requirements down to the unified one, in steps that add up to the cent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from engine.market.instruments import SILOS
from engine.shortfall.gap import RULEBOOK_EFFECT
from streams.contracts.results import RequirementStatement
from streams.web.columns import ACCOUNT_TERMS, COLUMN, SILO_TERMS, Int64s, row_of
from streams.web.money import usd

_SILOS: Final = tuple(silo.value for silo in SILOS)
REST: Final = "rest"


class Step(msgspec.Struct, frozen=True):
    """One bar. ``start`` and ``end`` are levels in USD; ``amount`` is their difference, signed.

    Attributes:
        kind: ``silo``, ``total`` (silo sum and unified), the name of a gap term, or ``rest``.
        silo: the silo of the step; empty for the account's own.
    """

    kind: str
    silo: str
    amount: str
    start: str
    end: str


def waterfall(row: Int64s) -> list[Step]:
    """Steps of one row (or of the totals) of the accounts' columns; steps without an amount are left out."""
    level = 0
    steps: list[Step] = []
    for kind, silo, amount in _steps(row):
        if kind == "total":
            steps.append(Step(kind, silo, usd(amount), usd(0), usd(amount)))
            level = amount
        elif amount:
            steps.append(Step(kind, silo, usd(amount), usd(level), usd(level + amount)))
            level += amount
    return steps


def statement_waterfall(statement: RequirementStatement) -> list[Step]:
    """Steps of one account."""
    return waterfall(row_of(statement))


def _steps(row: Int64s) -> Iterable[tuple[str, str, int]]:
    """(kind, silo, amount in cents). Gap terms free money where positive, so they lower the level.

    What the terms leave open (names that this version does not know) stands as one step of its own.
    """
    silo_sum, unified = int(row[COLUMN["silo_sum"]]), int(row[COLUMN["unified"]])
    by_silo = {silo: int(row[COLUMN[f"maintenance:{silo}"]]) for silo in _SILOS}
    yield from (("silo", silo, amount) for silo, amount in by_silo.items())
    yield REST, "", silo_sum - sum(by_silo.values())
    yield "total", "silos", silo_sum
    terms = _terms(row)
    yield RULEBOOK_EFFECT, "", sum(amount for kind, _, amount in terms if kind == RULEBOOK_EFFECT)
    yield from (term for term in terms if term[0] != RULEBOOK_EFFECT)
    yield REST, "", unified - silo_sum - sum(amount for _, _, amount in terms)
    yield "total", "unified", unified


def _terms(row: Int64s) -> list[tuple[str, str, int]]:
    by_silo = [(kind, silo, -int(row[COLUMN[f"{kind}:{silo}"]])) for kind in SILO_TERMS for silo in _SILOS]
    return by_silo + [(name, "", -int(row[COLUMN[name]])) for name in ACCOUNT_TERMS]
