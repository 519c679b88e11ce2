"""What one netting agreement holds, split by side and regulation.

Each side of a relation is margined under each regulation that binds it, on the trades that fall under it; the highest
figure is called for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.rules.simm.sensitivity import Sensitivity

COLLECT: Final = "collect"
POST: Final = "post"
SIDES: Final = (COLLECT, POST)
# Order of precedence where two regulations come to the same figure.
REGULATIONS: Final = (
    "APRA", "CFTC", "ESA", "FINMA", "KFSC", "HKMA", "JFSA", "MAS", "OSFI", "RBI", "SEC", "SEC-unseg", "USPR",
    "NONREG", "BACEN", "SANT", "SFC", "UK", "AMFQ", "BANX", "OJK",
)  # fmt: skip
UNSPECIFIED: Final = "Unspecified"
EXCLUDED: Final = "Excluded"


@dataclass(frozen=True, slots=True)
class AddOn:
    """A parameter of the agreement that is no sensitivity.

    Attributes:
        kind: one of ``ADD_ON_TYPES``. name: product class of a multiplier, product of a notional or its factor.
        value: a multiplier, a factor in percent, or an amount in USD.
    """

    kind: str
    name: str
    value: float


MULTIPLIER: Final = "Param_ProductClassMultiplier"
NOTIONAL_FACTOR: Final = "Param_AddOnNotionalFactor"
FIXED_AMOUNT: Final = "Param_AddOnFixedAmount"
NOTIONAL: Final = "Notional"
ADD_ON_TYPES: Final = (MULTIPLIER, NOTIONAL_FACTOR, FIXED_AMOUNT, NOTIONAL)


@dataclass(frozen=True, slots=True)
class Item:
    """One row: a sensitivity or an add-on, with the regulations of each side (none: unspecified)."""

    content: Sensitivity | AddOn
    regulations: Mapping[str, frozenset[str]] = field(
        default_factory=lambda: {side: frozenset() for side in SIDES}
    )


@dataclass(frozen=True, slots=True)
class AddOns:
    """Add-ons of one agreement under one regulation.

    Attributes:
        multipliers: by product class. factors: percent by product. notionals_usd: by product. fixed_usd: their sum.
    """

    multipliers: Mapping[str, float]
    factors: Mapping[str, float]
    notionals_usd: Mapping[str, float]
    fixed_usd: float

    @classmethod
    def of(cls, rows: Iterable[AddOn]) -> AddOns:
        """Amounts of one product add up; of multipliers and factors the last stands (the reader refuses two)."""
        multipliers: dict[str, float] = {}
        factors: dict[str, float] = {}
        notionals: dict[str, float] = {}
        fixed = 0.0
        for row in rows:
            if row.kind == MULTIPLIER:
                multipliers[row.name] = row.value
            elif row.kind == NOTIONAL_FACTOR:
                factors[row.name] = row.value
            elif row.kind == NOTIONAL:
                notionals[row.name] = notionals.get(row.name, 0.0) + row.value
            else:
                fixed += row.value
        return cls(multipliers, factors, notionals, fixed)

    def amounts_usd(self, simm_usd: Mapping[str, float]) -> dict[str, float]:
        """Every add-on that is not 0 under its name, from SIMM by product class."""
        amounts = {
            f"multiplier {name}": (factor - 1.0) * simm_usd.get(name, 0.0)
            for name, factor in self.multipliers.items()
        }
        amounts |= {
            f"notional {name}": self.factors.get(name, 0.0) / 100.0 * notional
            for name, notional in self.notionals_usd.items()
        }
        amounts["fixed amount"] = self.fixed_usd
        return {name: amount for name, amount in amounts.items() if amount != 0.0}

    @property
    def without_factor(self) -> list[str]:
        """Products with a notional that no factor charges."""
        return [name for name in self.notionals_usd if name not in self.factors]


def by_regulation(items: Sequence[Item], side: str) -> dict[str, list[Item]]:
    """The rows that fall under each regulation of a side, in order of precedence.

    * Rows without regulation count only where the side has none at all (``Unspecified``); where the other side has
      some, this side is not margined.
    * SEC takes in the rows of CFTC where both bind.
    * Add-ons without regulation apply under all of them.
    """
    names = _regulations(items, side)
    if not names:
        other = POST if side == COLLECT else COLLECT
        kept = [item for item in items if EXCLUDED not in item.regulations[side]]
        return {} if _regulations(items, other) or not kept else {UNSPECIFIED: kept}
    both = {"CFTC", "SEC"} <= names
    return {
        name: [
            item
            for item in items
            if name in item.regulations[side]
            or (both and name == "SEC" and "CFTC" in item.regulations[side])
            or (isinstance(item.content, AddOn) and not item.regulations[side])
        ]
        for name in REGULATIONS
        if name in names
    }


def _regulations(items: Sequence[Item], side: str) -> set[str]:
    """Regulations that a side's sensitivities fall under; those of its add-ons where it has no sensitivity."""
    binding = [item for item in items if isinstance(item.content, Sensitivity)] or items
    return {name for item in binding for name in item.regulations[side]} - {EXCLUDED}
