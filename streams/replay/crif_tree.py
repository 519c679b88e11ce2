"""An explanation tree of a CRIF's figure as a document."""

from __future__ import annotations

from typing import Any

from engine.rules.requirement import Part


def tree_of(part: Part, units: float) -> dict[str, Any]:
    """``units``: of the result currency for one USD; facts stay in USD."""
    return {
        "name": part.name,
        "amount": part.amount_usd * units,
        "facts": part.facts,
        "parts": [tree_of(child, units) for child in part.parts],
    }
