"""Markets of Treasuries, repo and futures, and the rulebook of Treasury clearing on small scenario sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.market.scenarios import ScenarioSet
from engine.rules.interface import Holding
from engine.rules.treasury_clearing import TreasuryClearing
from engine.rules.treasury_clearing_parameters import Parameters
from tests.rates_book import NOW, RATE, day_ns
from tests.rulebook_cases import nanoseconds, set_prices, shipped

SILO = "treasury_clearing"


def treasury(instrument_id: str, maturity: str, coupon: float, **more: Any) -> Instrument:
    """One unit is a principal of 100,000."""
    return Instrument(
        instrument_id, Product.TREASURY, multiplier=1e3, expiry_ns=day_ns(maturity), coupon=coupon, **more
    )


def repo(instrument_id: str, behind: str, end: str, cash: float, rate: float, **more: Any) -> Instrument:
    """Cash borrowed against a principal of 100,000."""
    return Instrument(
        instrument_id, Product.REPO, behind, 1e3, expiry_ns=day_ns(end), strike=cash, coupon=rate,
        negative_price_allowed=True, **more,
    )  # fmt: skip


def future(instrument_id: str, root: str, multiplier: float = 1e3) -> Instrument:
    return Instrument(
        instrument_id, Product.FUTURE, multiplier=multiplier, combined_commodity=root, contract_month="2027-03",
        risk_factor="PX:ZN",
    )  # fmt: skip


LISTED = [
    treasury("BILL", "2027-02-25", 0.0),
    treasury("2Y", "2028-11-30", 0.036),
    treasury("5Y", "2031-11-30", 0.0375),
    treasury("10Y", "2036-11-15", 0.04),
    treasury("30Y", "2056-11-15", 0.0475),
    treasury("UNPRICED", "2036-11-15", 0.04),
    treasury("MATURED", "2026-11-25", 0.04),
    treasury("BUND", "2036-08-15", 0.026, currency="EUR"),
    repo("REPO-1W", "10Y", "2026-12-04", 99.8, 0.041),
    repo("REPO-6M", "5Y", "2027-05-27", 101.0, 0.040),
    repo("REPO-UNPRICED", "UNPRICED", "2026-12-04", 99.8, 0.041),
    future("ZNH7", "ZN"),
    future("UBH7", "UB"),
    future("ESH7", "ES", 50.0),
]
MARKS = {
    "BILL": 99.0, "2Y": 99.9, "5Y": 100.2, "10Y": 99.5, "30Y": 97.0, "MATURED": 100.0, "BUND": 98.0, "ZNH7": 112.0,
    "UBH7": 120.0, "ESH7": 6400.0, "EURUSD": 1.16,
}  # fmt: skip


def market_of(marks: Mapping[str, float] = MARKS) -> Market:
    market = Market(RATE, nanoseconds(NOW))
    for instrument in [Instrument("EURUSD", Product.FX_RATE, currency="EUR"), *LISTED]:
        market.put_instrument(instrument)
    set_prices(market, [{"instrument_id": name, "mark": mark} for name, mark in marks.items()])
    return market


def rulebook(scenarios: ScenarioSet, **values: Any) -> TreasuryClearing:
    """The packaged parameters with other values of stated ones."""
    mapping = shipped("treasury-clearing")
    for key, value in values.items():
        mapping[key]["value"] = value
    return TreasuryClearing(Parameters.from_mapping(mapping), scenarios)


def account(market: Market, book: Mapping[str, float]) -> list[Holding]:
    return [Holding(market.instruments[market.slot_of[name]], held, SILO) for name, held in book.items()]
