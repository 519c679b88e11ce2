"""Figures from evidence: equity by addition, requirements by the rulebooks' plain twins."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from engine.base.units import NANOSECONDS_PER_SECOND
from engine.market.instruments import Product
from engine.market.market import Market
from engine.market.prices import PriceColumns, apply_prices
from engine.market.rate_conventions import RateConvention, conventions_of
from engine.market.rate_curves import RateCurves
from engine.market.refresh import refresh
from engine.portfolio.account_class import account_class
from engine.portfolio.collateral import CollateralSchedule
from engine.rules.interface import DatedRulebook, Holding, LooksBack, ScaledByClass, SiloRulebook
from engine.rules.registry import silo_rulebook, unified_rulebook
from streams.contracts.reference import AccountRecord
from streams.parameters import POLICY_FILE, UNIFIED_METHOD, read_rulebooks, read_scenarios, read_toml
from streams.verify.equity import SiloEquity, instrument_of


class Figures:
    """The firm's parameter files, as the verifier reads them.

    Attributes:
        policy: what ``policy.toml`` holds.
    """

    def __init__(self, folder: Path | None, scenarios: Path | None = None) -> None:
        """
        Args:
            folder: files that replace packaged ones.
            scenarios: of the unified candidate; else the packaged ones. Both the same as the worker's.
        """
        self.policy: Mapping[str, Any] = read_toml(POLICY_FILE, folder)
        self._schedule = CollateralSchedule.from_mapping(read_toml("collateral.toml", folder))
        self._curves = conventions_of(read_toml("curves.toml", folder))
        self._folder = folder
        self._unified = read_toml(f"{UNIFIED_METHOD}.toml", folder)
        self._pot = unified_rulebook(UNIFIED_METHOD, self._unified, read_scenarios(scenarios))

    def equity_usd(self, silo: str, evidence: Mapping[str, Any]) -> float:
        """Cash, market value, and collateral after haircut and limits."""
        return SiloEquity(self._schedule, silo, evidence).usd()

    def requirement_usd(
        self, event: Mapping[str, Any], evidence: Mapping[str, Any], account: AccountRecord
    ) -> float | None:
        """Maintenance of the event's scope by the plain twins; None if that takes parameters or a scenario set that are
        not known."""
        content = _Content(evidence, account, _market(evidence, self._curves))
        if event["scope"].startswith("silo:"):
            return self._silo_usd(event["scope"].removeprefix("silo:"), content, frozenset())
        return self._unified_usd(content)

    def _silo_usd(self, silo: str, content: _Content, without: Collection[str]) -> float | None:
        """Of the positions in a silo, ``without`` some products."""
        total = 0.0
        for method, products in self._products(silo, content.account.approvals).items():
            held = content.held(silo, products - set(without))
            if not held:
                continue
            undated = self._rulebook(method, content.evidence["parameters"].get(method), silo)
            if undated is None:
                return None
            rulebook = _on_the_day(undated, content.evidence["valuation_time_ns"])
            sets = sorted({rulebook.netting_set(holding.instrument) for holding in held})
            rulebook.bind(sets)
            total += _maintenance_usd(rulebook, held, content)
        return total

    def _unified_usd(self, content: _Content) -> float | None:
        """Of the pot, and of what stays outside of it under its silos' rulebooks; these are those of the files."""
        parameters = content.evidence["parameters"].get(UNIFIED_METHOD)
        if parameters is None or parameters["version"] != self._pot.version:
            return None
        known = content.evidence["parameters"] | self.parameters()
        content = content._replace(evidence={**content.evidence, "parameters": known})
        rulebook = self._pot
        is_in = rulebook.eligible_account(content.account.approvals, content.account.type)
        products = rulebook.eligible_products if is_in else frozenset[Product]()
        silos = sorted({row["silo"] for row in content.evidence["positions"]})
        all_usd = [self._silo_usd(silo, content, frozenset()) for silo in silos]
        outside_usd = [self._silo_usd(silo, content, products) for silo in silos]
        if None in all_usd or None in outside_usd:
            return None
        outside = math.fsum(usd or 0.0 for usd in outside_usd)
        pot = [holding for silo in silos for holding in content.held(silo, products)]
        silo_total = max(math.fsum(usd or 0.0 for usd in all_usd) - outside, 0.0)
        explained = rulebook.explain(pot, content.market.risk, silo_total)
        return outside + (explained.requirement.maintenance_usd if is_in else 0.0)

    @property
    def locations(self) -> Mapping[str, Collection[str]]:
        """Where collateral may be kept, with the silos whose property is kept apart there."""
        return self._schedule.limits.locations

    @cached_property
    def rulebooks(self) -> Mapping[str, Any]:
        """Parameters and scenario sets of the silo rulebooks, by id, as their files say."""
        return read_rulebooks(self._folder)

    def parameters(self) -> dict[str, Any]:
        """Of all rulebooks, in the form of evidence."""
        named = {name: rulebook.parameters for name, rulebook in self.rulebooks.items()}
        return named | {"rate": self.policy["rate"], UNIFIED_METHOD: self._unified}

    def version(self, rulebook_id: str) -> str:
        """Of the file; empty if there is none."""
        if rulebook_id == UNIFIED_METHOD:
            return self._pot.version
        known = self.rulebooks.get(rulebook_id)
        return "" if known is None else str(known.parameters["version"])

    def _rulebook(self, method: str, parameters: Mapping[str, Any] | None, silo: str) -> SiloRulebook | None:
        """With these parameters, and the scenario set of the file if they name the same."""
        known = self.rulebooks.get(method)
        if known is None or parameters is None:
            return None
        named = ("version", "scenario_file")
        same = all(parameters.get(name) == known.parameters.get(name) for name in named)
        if known.scenarios is not None and not same:
            return None
        return silo_rulebook(method, parameters, silo, known.scenarios)

    @property
    def follows_every_price(self) -> bool:
        """Whether requirements rest on the latest prices, not on earlier ones within a tolerance."""
        return not (self.policy.get("price_tolerance", 0.0) or self.policy.get("volatility_tolerance", 0.0))

    def _products(self, silo: str, approvals: tuple[str, ...]) -> dict[str, set[str]]:
        """What each rulebook of a silo margins for an account with these approvals: all assignments together."""
        found: dict[str, set[str]] = defaultdict(set)
        for assignment in self.policy["assignment"]:
            if assignment["silo"] == silo and _admits(assignment, approvals):
                found[assignment["rulebook"]].update(assignment["products"])
        return found


def _on_the_day(rulebook: SiloRulebook, time_ns: int) -> SiloRulebook:
    """The rulebook with the rates of the UTC day of the valuation."""
    if isinstance(rulebook, DatedRulebook):
        return rulebook.on(datetime.fromtimestamp(time_ns // NANOSECONDS_PER_SECOND, UTC).date())
    return rulebook


def _maintenance_usd(rulebook: SiloRulebook, held: list[Holding], content: _Content) -> float:
    market = content.market.risk
    if isinstance(rulebook, ScaledByClass):
        owner = account_class(content.account.type, content.account.approvals)
        return rulebook.explain_by_class(held, market, owner).requirement.maintenance_usd
    if isinstance(rulebook, LooksBack):
        past_usd = content.evidence["parameters"].get("past_charges_usd", ())
        return rulebook.explain_with_past(held, market, past_usd).requirement.maintenance_usd
    return rulebook.explain(held, market).requirement.maintenance_usd


def _admits(assignment: Mapping[str, Any], approvals: tuple[str, ...]) -> bool:
    wanted, unless = assignment.get("approval", ""), assignment.get("unless", "")
    return (not wanted or wanted in approvals) and (not unless or unless not in approvals)


class _Content(NamedTuple):
    """An account's evidence, and a market that holds the prices of it."""

    evidence: Mapping[str, Any]
    account: AccountRecord
    market: Market

    def held(self, silo: str, products: Collection[str]) -> list[Holding]:
        """What has a price, of some products."""
        instruments = {record["instrument_id"]: record for record in self.evidence["instruments"]}
        priced = {
            price["instrument_id"] for price in self.evidence["prices"] if price["risk_mark"] is not None
        }
        return [
            Holding(instrument_of(instruments[row["instrument_id"]]), row["quantity"], silo)
            for row in self.evidence["positions"]
            if row["silo"] == silo
            and row["instrument_id"] in priced
            and instruments[row["instrument_id"]]["product"] in products
        ]


def _market(evidence: Mapping[str, Any], curves: Mapping[str, RateConvention]) -> Market:
    """A market of its own that holds the prices that the requirement rested on."""
    market = Market(
        evidence["parameters"]["rate"], evidence["valuation_time_ns"], rate_curves=RateCurves(curves)
    )
    # Options after what they are on.
    records = sorted(evidence["instruments"], key=lambda record: bool(record["strike"]))
    slots = {record["instrument_id"]: market.put_instrument(instrument_of(record)) for record in records}
    prices = [price for price in evidence["prices"] if price["risk_mark"] is not None]
    nothing = np.full(len(prices), np.nan)
    apply_prices(
        market,
        PriceColumns(
            slots=np.array([slots[price["instrument_id"]] for price in prices], np.int64),
            bid=nothing,
            ask=nothing,
            mark=np.array([price["risk_mark"] for price in prices], np.float64),
            implied_volatility=np.array([price["risk_volatility"] for price in prices], np.float64),
            source_time_ns=np.array([price["source_time_ns"] for price in prices], np.int64),
            sequence=np.array([price["sequence"] for price in prices], np.int64),
        ),
    )
    refresh(market)
    return market
