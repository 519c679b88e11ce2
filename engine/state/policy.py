"""What the firm has decided: silo of each product, rulebook of each silo, call rules, staleness, rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.base.errors import MarginError, Reason
from engine.market.instruments import REFERENCE_ONLY, SILO_INDEX, Instrument, Product, Silo
from engine.portfolio.collateral import CollateralSchedule
from engine.rules.interface import SiloRulebook
from engine.rules.unified.interface import UnifiedRulebook
from engine.shortfall.call_rule import CallRule

STRATEGY_BASED = "strategy_based"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which rulebook margins a product in a silo; ``approval`` is what the account must have for it, ``unless`` what
    it must not have."""

    silo: Silo
    products: frozenset[Product]
    rulebook_id: str
    approval: str = ""
    unless: str = ""

    def admits(self, approved: bool) -> bool:
        """Whether it stands for accounts with (or without) approval for portfolio margin."""
        return not (self.unless if approved else self.approval)


@dataclass(frozen=True)
class Policy:
    """Everything that is decided before the first trade.

    Attributes:
        classification: silo that each product belongs to (data, since the definitions are under review).
        collateral_only: products that may be pledged but not traded.
        assignments: rulebooks by silo and product.
        rulebooks: silo rulebooks by id.
        unified: the unified candidate.
        call_rules: by scope, or by scope and regime (``silo:securities strategy_based``: accounts without approval for
            portfolio margin); ``default`` where a scope has none of its own.
        stale_after_ms: age from which a price is stale, by product; ``default`` else.
        rate: continuously compounded, for options.
        revaluation_step_s: years to expiry advance in steps of this length.
        price_tolerance, volatility_tolerance: shares within which a price or volatility may move before risk arrays
            are made anew; 0 = at every change.
    """

    classification: Mapping[Product, Silo]
    collateral_only: frozenset[Product]
    assignments: tuple[Assignment, ...]
    rulebooks: Mapping[str, SiloRulebook]
    unified: UnifiedRulebook
    collateral: CollateralSchedule
    call_rules: Mapping[str, CallRule]
    stale_after_ms: Mapping[str, int]
    rate: float
    revaluation_step_s: int
    price_tolerance: float = 0.0
    volatility_tolerance: float = 0.0

    def __post_init__(self) -> None:
        """
        Raises:
            MarginError: BAD_PARAMETER if a rulebook stands for another silo than it is assigned to.
        """
        for assignment in self.assignments:
            rulebook = self.rulebooks[assignment.rulebook_id]
            if rulebook.silo != assignment.silo:
                raise MarginError(
                    Reason.BAD_PARAMETER,
                    f"rulebook {assignment.rulebook_id}: silo",
                    f"its file says {rulebook.silo}, but the policy assigns it to {assignment.silo}",
                )

    def silo_of(self, instrument: Instrument) -> int:
        """Index of the instrument's silo; -1 for what cannot be traded: reference levels, pure collateral.

        Raises:
            MarginError: NO_RULEBOOK if the product has no silo.
        """
        if instrument.product in REFERENCE_ONLY or instrument.product in self.collateral_only:
            return -1
        silo = self.classification.get(instrument.product)
        if silo is None:
            raise MarginError(
                Reason.NO_RULEBOOK,
                f"instrument {instrument.instrument_id}",
                f"product {instrument.product} is in no silo",
            )
        return SILO_INDEX[silo]

    def assignment(self, silo: Silo, product: Product) -> Assignment | None:
        """The assignment for a product held in a silo, None if there is none."""
        for assignment in self.assignments:
            if assignment.silo is silo and product in assignment.products:
                return assignment
        return None

    def call_rule(self, scope: str, approved: bool = True) -> CallRule:
        """Rule of a scope such as ``silo:futures`` for accounts with or without approval for portfolio margin."""
        rule = self.call_rules.get(scope, self.call_rules["default"])
        return rule if approved else self.call_rules.get(f"{scope} {STRATEGY_BASED}", rule)

    def stale_after_ns(self, product: Product) -> int:
        """Age from which a price of this product is stale."""
        return 1_000_000 * self.stale_after_ms.get(product, self.stale_after_ms["default"])


def parse_assignments(mapping: Mapping[str, Any]) -> tuple[dict[Product, Silo], tuple[Assignment, ...]]:
    """Classification and assignments from the policy file's ``classification`` and ``assignment`` tables.

    Raises:
        MarginError: BAD_PARAMETER naming the entry.
    """
    thing = "policy"
    try:
        classification = {Product(product): Silo(silo) for product, silo in mapping["classification"].items()}
        assignments = tuple(
            Assignment(
                Silo(entry["silo"]),
                frozenset(Product(product) for product in entry["products"]),
                str(entry["rulebook"]),
                str(entry.get("approval", "")),
                str(entry.get("unless", "")),
            )
            for entry in mapping["assignment"]
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise MarginError(Reason.BAD_PARAMETER, thing, f"classification or assignment: {error}") from error
    for product, silo in classification.items():
        if not any(a.silo is silo and product in a.products for a in assignments):
            raise MarginError(
                Reason.NO_RULEBOOK, thing, f"product {product} in silo {silo} has no rulebook assigned"
            )
    return classification, assignments
