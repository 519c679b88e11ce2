"""What the firm has decided: silo of each product, rulebook of each silo, call rules, staleness, rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.base.errors import MarginError, Reason
from engine.base.parameter_table import ParameterTable
from engine.market.instruments import REFERENCE_ONLY, SILO_INDEX, Instrument, Product, Silo
from engine.market.rate_conventions import RateConvention
from engine.market.scenarios import ScenarioSet
from engine.portfolio.account_class import PORTFOLIO_MARGIN_APPROVAL
from engine.portfolio.collateral import CollateralSchedule
from engine.rules.interface import SiloRulebook
from engine.rules.registry import silo_rulebook
from engine.rules.unified.interface import UnifiedRulebook
from engine.shortfall.call_rule import CallRule
from engine.shortfall.intraday_parameters import IntradayRule

STRATEGY_BASED = "strategy_based"

_THING = "policy"
_DEFAULT = "default"
_DAY_S, _YEAR_MS = 86_400, 366 * 86_400_000
_KEYS = (
    "version", "rate", "revaluation_step_s", "price_tolerance", "volatility_tolerance", "collateral_only",
    "classification", "assignment", "call", "stale_after_ms",
)  # fmt: skip
# What the market is valued with: a running engine keeps it.
_VALUATION = ("rate", "revaluation_step_s", "price_tolerance", "volatility_tolerance")


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
    """What the firm has decided; a running engine takes another one in (decision 11).

    Attributes:
        version: stamped on each statement.
        classification: silo that each product belongs to (data, since the definitions are under review).
        collateral_only: products that may be pledged but not traded.
        assignments: rulebooks by silo and product.
        rulebooks: silo rulebooks by id.
        unified: the unified candidate.
        call_rules: by scope, or by scope and regime (``silo:securities strategy_based``: accounts without approval for
            portfolio margin); ``default`` where a scope has none of its own.
        rate_conventions: terms of the swaps on each interest rate curve, a curve after the one that discounts it.
        stale_after_ms: age from which a price is stale, by product; ``default`` else.
        rate: continuously compounded, for options.
        revaluation_step_s: years to expiry advance in steps of this length.
        price_tolerance, volatility_tolerance: shares within which a price or volatility may move before risk arrays
            are made anew; 0 = at every change.
        intraday: of intraday margin deficits; None if this program does not apply it.
    """

    version: str
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
    intraday: IntradayRule | None = None
    rate_conventions: Mapping[str, RateConvention] = field(default_factory=dict)

    @classmethod
    def from_mapping(
        cls,
        mapping: Mapping[str, Any],
        parameters: Mapping[str, RulebookParameters],
        call_rules: Mapping[str, CallRule],
        unified: UnifiedRulebook,
        collateral: CollateralSchedule,
        intraday: IntradayRule | None = None,
        rate_conventions: Mapping[str, RateConvention] | None = None,
    ) -> Policy:
        """Read and check a parsed policy file.

        Args:
            parameters: of every rulebook that may be named, by id. Where a rulebook stands, the assignment says.
            call_rules: what the file's ``call`` tables say, by scope.

        Raises:
            MarginError: BAD_PARAMETER or UNKNOWN_RULEBOOK naming the entry; NO_RULEBOOK for a product without one.
        """
        table = ParameterTable(_THING, mapping)
        table.only(*_KEYS)
        classification, assignments = _assignments(mapping)
        if _DEFAULT not in call_rules:
            raise table.bad("call", f"{_DEFAULT} is missing")
        return cls(
            version=table.text("version") if table.has("version") else "",
            classification=classification,
            collateral_only=_products(table, "collateral_only"),
            assignments=assignments,
            rulebooks=_rulebooks(assignments, parameters),
            unified=unified,
            collateral=collateral,
            call_rules=call_rules,
            stale_after_ms=_stale_after_ms(table.table("stale_after_ms")),
            rate=table.number("rate", -1.0, 1.0),
            revaluation_step_s=table.whole("revaluation_step_s", 1, _DAY_S),
            price_tolerance=table.number("price_tolerance", 0.0, 1.0, default=0.0),
            volatility_tolerance=table.number("volatility_tolerance", 0.0, 1.0, default=0.0),
            intraday=intraday,
            rate_conventions=rate_conventions or {},
        )

    def check_follows(self, former: Policy) -> None:
        """Whether it may take another one's place in a running engine.

        Raises:
            MarginError: NO_RULEBOOK if it leaves a product that could be held without silo; BAD_PARAMETER if it
                changes what the market is valued with.
        """
        for product in former.classification:
            if product not in self.classification or product in self.collateral_only:
                raise MarginError(
                    Reason.NO_RULEBOOK,
                    _THING,
                    f"product {product} would be in no silo; {former.version} has one",
                )
        for name in _VALUATION:
            mine, held = getattr(self, name), getattr(former, name)
            if mine != held:
                raise _bad(f"{name} is {mine} and was {held}: a change of it takes a start")

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
        rule = self.call_rules.get(scope, self.call_rules[_DEFAULT])
        return rule if approved else self.call_rules.get(f"{scope} {STRATEGY_BASED}", rule)

    def stale_after_ns(self, product: Product) -> int:
        """Age from which a price of this product is stale."""
        return 1_000_000 * self.stale_after_ms.get(product, self.stale_after_ms[_DEFAULT])


@dataclass(frozen=True, slots=True)
class RulebookParameters:
    """How the parameters of a rulebook are read, the parameters, and the scenario set that it rests on, if any."""

    method: str
    parameters: Mapping[str, Any]
    scenarios: ScenarioSet | None = None


def _rulebooks(
    assignments: tuple[Assignment, ...], parameters: Mapping[str, RulebookParameters]
) -> dict[str, SiloRulebook]:
    """The rulebooks that are assigned, by id in sorted order, each in its silo."""
    silos: dict[str, Silo] = {}
    for assignment in assignments:
        rulebook_id = assignment.rulebook_id
        if rulebook_id not in parameters:
            known = f"known are {sorted(parameters)}"
            raise MarginError(Reason.UNKNOWN_RULEBOOK, f"rulebook {rulebook_id}", known)
        if silos.setdefault(rulebook_id, assignment.silo) is not assignment.silo:
            raise _bad(
                f"rulebook {rulebook_id} is assigned in {silos[rulebook_id]} and in {assignment.silo}: "
                "one silo a rulebook"
            )
    return {
        rulebook_id: silo_rulebook(
            parameters[rulebook_id].method,
            parameters[rulebook_id].parameters,
            silos[rulebook_id].value,
            parameters[rulebook_id].scenarios,
        )
        for rulebook_id in sorted(silos)
    }


def _products(table: ParameterTable, key: str) -> frozenset[Product]:
    if not table.has(key):
        return frozenset()
    return frozenset(Product(name) for name in table.texts(key, choices=tuple(Product), fewest=0))


def _stale_after_ms(table: ParameterTable) -> dict[str, int]:
    known = (_DEFAULT, *Product)
    table.only(*known)
    table.whole(_DEFAULT, 1, _YEAR_MS)
    return {str(name): table.whole(name, 1, _YEAR_MS) for name in known if table.has(name)}


def _bad(detail: str) -> MarginError:
    return MarginError(Reason.BAD_PARAMETER, _THING, detail)


def _assignments(mapping: Mapping[str, Any]) -> tuple[dict[Product, Silo], tuple[Assignment, ...]]:
    """Classification and assignments from the policy file's ``classification`` and ``assignment`` tables.

    Raises:
        MarginError: BAD_PARAMETER naming the entry.
    """
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
        raise _bad(f"classification or assignment: {error}") from error
    _check_one_each(assignments)
    for product, silo in classification.items():
        if not any(a.silo is silo and product in a.products for a in assignments):
            raise MarginError(
                Reason.NO_RULEBOOK, _THING, f"product {product} in silo {silo} has no rulebook assigned"
            )
    return classification, assignments


def _check_one_each(assignments: tuple[Assignment, ...]) -> None:
    """No product of a silo is margined twice for one account.

    Raises:
        MarginError: BAD_PARAMETER naming silo, product and both rulebooks, or an approval that selects nothing.
    """
    taken: dict[tuple[Silo, Product, bool], str] = {}
    for assignment in assignments:
        for name in ("approval", "unless"):
            if getattr(assignment, name) not in ("", PORTFOLIO_MARGIN_APPROVAL):
                raise _bad(
                    f"assignment of {assignment.rulebook_id}: {name} is {getattr(assignment, name)!r}; "
                    f"{PORTFOLIO_MARGIN_APPROVAL!r} is what rulebooks are selected by"
                )
        for product in sorted(assignment.products):
            for approved in (False, True):
                if not assignment.admits(approved):
                    continue
                other = taken.setdefault((assignment.silo, product, approved), assignment.rulebook_id)
                if other != assignment.rulebook_id:
                    raise _bad(
                        f"product {product} in silo {assignment.silo} is assigned to {other} and to "
                        f"{assignment.rulebook_id}: it would be margined twice"
                    )
