"""Figures from evidence: equity by addition, requirements by the rulebooks' plain twins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.market.prices import PriceColumns, apply_prices
from engine.market.rate_conventions import RateConvention, conventions_of
from engine.market.rate_curves import RateCurves
from engine.market.refresh import refresh
from engine.portfolio.collateral import CollateralSchedule
from engine.rules.interface import Holding
from engine.rules.registry import SILO_METHODS, silo_rulebook
from streams.contracts.reference import AccountRecord
from streams.parameters import POLICY_FILE, read_toml

_USD: Final = "USD"


class Figures:
    """The firm's parameter files, as the verifier reads them.

    Attributes:
        policy: what ``policy.toml`` holds.
    """

    def __init__(self, folder: Path | None) -> None:
        """``folder``: files that replace packaged ones; the same as the worker's."""
        self.policy: Mapping[str, Any] = read_toml(POLICY_FILE, folder)
        self._schedule = CollateralSchedule.from_mapping(read_toml("collateral.toml", folder))
        self._curves = conventions_of(read_toml("curves.toml", folder))

    def equity_usd(self, silo: str, evidence: Mapping[str, Any]) -> float | None:
        """Cash, market value and collateral after haircut; None where that takes an FX rate or the
        account settles in another currency."""
        if evidence["parameters"].get("settlement_currency", _USD) != _USD:
            return None
        instruments = {record["instrument_id"]: record for record in evidence["instruments"]}
        marks = {price["instrument_id"]: price["mark"] for price in evidence["prices"]}
        terms = []
        for cash in evidence["cash"]:
            if cash["silo"] == silo:
                if cash["currency"] != _USD:
                    return None
                terms.append(cash["amount"])
        for name in ("positions", "collateral"):
            for row in evidence[name]:
                if row["silo"] != silo:
                    continue
                record, mark = instruments[row["instrument_id"]], marks[row["instrument_id"]]
                if record["currency"] != _USD:
                    return None
                worth = row["quantity"] * record["multiplier"] * (mark or 0.0)
                if name == "collateral" and row["quantity"] > 0:
                    worth *= 1.0 - self._haircut(record, silo, evidence["valuation_time_ns"])
                terms.append(worth)
        return math.fsum(terms)

    def _haircut(self, record: Mapping[str, Any], silo: str, time_ns: int) -> float:
        return self._schedule.haircut(_instrument(record), silo, time_ns - time_ns % NANOSECONDS_PER_DAY)

    def requirement_usd(
        self, event: Mapping[str, Any], evidence: Mapping[str, Any], account: AccountRecord
    ) -> float | None:
        """Maintenance of the scope's silo by the plain twins; None if a rulebook is not one of the packaged methods."""
        silo = event["scope"].removeprefix("silo:")
        market, total = _market(evidence, self._curves), 0.0
        for assignment in self.policy["assignment"]:
            method = assignment["rulebook"]
            approvals = account.approvals
            if assignment["silo"] != silo or not _admits(assignment, approvals):
                continue
            held = _held(evidence, silo, assignment["products"])
            if not held:
                continue
            if method not in SILO_METHODS or method not in evidence["parameters"]:
                return None
            rulebook = silo_rulebook(method, evidence["parameters"][method], silo)
            sets = sorted({rulebook.netting_set(holding.instrument) for holding in held})
            rulebook.bind(sets)
            total += rulebook.explain(held, market.risk).requirement.maintenance_usd
        return total


def _admits(assignment: Mapping[str, Any], approvals: tuple[str, ...]) -> bool:
    wanted, unless = assignment.get("approval", ""), assignment.get("unless", "")
    return (not wanted or wanted in approvals) and (not unless or unless not in approvals)


def _held(evidence: Mapping[str, Any], silo: str, products: list[str]) -> list[Holding]:
    instruments = {record["instrument_id"]: record for record in evidence["instruments"]}
    priced = {price["instrument_id"] for price in evidence["prices"] if price["risk_mark"] is not None}
    return [
        Holding(_instrument(instruments[row["instrument_id"]]), row["quantity"], silo)
        for row in evidence["positions"]
        if row["silo"] == silo
        and row["instrument_id"] in priced
        and instruments[row["instrument_id"]]["product"] in products
    ]


def _instrument(record: Mapping[str, Any]) -> Instrument:
    components = tuple((share, weight) for share, weight in record.get("components", ()))
    fixing = math.nan if record.get("fixing") is None else record["fixing"]
    known = {"product": Product(record["product"]), "components": components, "fixing": fixing}
    return Instrument(**{**record, **known})


def _market(evidence: Mapping[str, Any], curves: Mapping[str, RateConvention]) -> Market:
    """A market of its own that holds the prices that the requirement rested on."""
    market = Market(
        evidence["parameters"]["rate"], evidence["valuation_time_ns"], rate_curves=RateCurves(curves)
    )
    # Options after what they are on.
    records = sorted(evidence["instruments"], key=lambda record: bool(record["strike"]))
    slots = {record["instrument_id"]: market.put_instrument(_instrument(record)) for record in records}
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
