"""Cases of any rulebook: files, a market from its JSON form, and the vectorised path end to end."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.market.prices import PriceColumns, apply_prices
from engine.market.refresh import refresh
from engine.portfolio.account_class import AccountClass
from engine.risk.reference import exposure
from engine.rules.interface import Float64s, Holding, Int64s, Rulebook, ScaledByClass, SiloRulebook

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "engine/rules/data"


def shipped(name: str) -> dict[str, Any]:
    """The parsed parameter file of the package."""
    return tomllib.loads((DATA / f"{name}.toml").read_text())


def golden(name: str) -> list[Path]:
    return sorted((ROOT / "tests/golden" / name).glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(path.read_text())
    return case


def nanoseconds(timestamp: str) -> int:
    return int(datetime.fromisoformat(timestamp).timestamp()) * 1_000_000_000


def instrument_of(record: dict[str, Any]) -> Instrument:
    fields = dict(record)
    fields["product"] = Product(fields["product"])
    if "expiry" in fields:
        fields["expiry_ns"] = nanoseconds(fields.pop("expiry"))
    if "components" in fields:
        fields["components"] = tuple((name, weight) for name, weight in fields["components"])
    return Instrument(**fields)


def set_prices(market: Market, prices: Sequence[dict[str, Any]], sequence: int = 1) -> None:
    """Marks and, where given, implied volatilities; each must be taken."""
    count = len(prices)
    empty = np.full(count, np.nan)
    outcome = apply_prices(
        market,
        PriceColumns(
            slots=market.slots([price["instrument_id"] for price in prices]),
            bid=empty,
            ask=empty,
            mark=np.array([price["mark"] for price in prices], np.float64),
            implied_volatility=np.array([price.get("implied_volatility", np.nan) for price in prices]),
            source_time_ns=np.full(count, sequence, np.int64),
            sequence=np.full(count, sequence, np.int64),
        ),
    )
    assert not outcome.any()
    refresh(market)


def market_of(case: dict[str, Any]) -> Market:
    market = Market(
        rate=case["market"]["rate"], valuation_time_ns=nanoseconds(case["market"]["valuation_time"])
    )
    for record in case["instruments"]:
        market.put_instrument(instrument_of(record))
    set_prices(market, case["prices"])
    return market


def exposure_of(rulebook: Rulebook, market: Market, holdings: Sequence[Holding]) -> Float64s:
    """float64[k] of one unit, by the definition in the rulebook interface."""
    rows = rulebook.rows(market, market.slots([held.instrument.instrument_id for held in holdings]))
    terms = [(held.quantity, row.tolist()) for held, row in zip(holdings, rows, strict=True)]
    return np.array(exposure(terms, rulebook.column_kinds.tolist()))


def exposures_of(rulebook: SiloRulebook, market: Market, holdings: Sequence[Holding]) -> dict[str, Float64s]:
    """Exposure of each netting set."""
    members: dict[str, list[Holding]] = {}
    for held in holdings:
        members.setdefault(rulebook.netting_set(held.instrument), []).append(held)
    return {name: exposure_of(rulebook, market, unit) for name, unit in members.items()}


def requirements(
    rulebook: SiloRulebook,
    market: Market,
    accounts: Sequence[Sequence[Holding]],
    classes: Sequence[AccountClass] = (),
) -> Float64s:
    """float64[a, 2] of the vectorised path: rows, exposures, charge and combine for all accounts at once.

    ``classes``: of the accounts, for a rulebook that scales by them.
    """
    charges, sets, offsets = units_of(rulebook, market, accounts)
    if classes:
        assert isinstance(rulebook, ScaledByClass)
        return rulebook.combine_by_class(charges, sets, offsets, np.array(classes, np.int8))
    return rulebook.combine(charges, sets, offsets)


def units_of(
    rulebook: SiloRulebook, market: Market, accounts: Sequence[Sequence[Holding]]
) -> tuple[Float64s, Int64s, Int64s]:
    """What ``combine`` takes: charges of all accounts' netting sets, the sets, and where each account's begin."""
    by_account = [exposures_of(rulebook, market, holdings) for holdings in accounts]
    names = sorted({name for exposures in by_account for name in exposures})
    rulebook.bind(names)
    units = [(names.index(name), row) for exposures in by_account for name, row in exposures.items()]
    sets = np.array([index for index, _ in units], np.int64)
    stacked = np.array([row for _, row in units]).reshape(len(units), len(rulebook.column_kinds))
    offsets = np.cumsum([0, *(len(exposures) for exposures in by_account)], dtype=np.int64)
    return rulebook.charge(stacked, sets), sets, offsets
