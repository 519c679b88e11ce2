"""Markets of interest rate swaps and credit indexes, and the rulebook of cleared swaps on small scenario sets."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.market.rate_conventions import RateConvention, conventions_of
from engine.market.rate_curves import RateCurves
from engine.market.scenarios import ScenarioSet, from_csv_lines
from engine.rules.cleared_swaps import ClearedSwaps
from engine.rules.cleared_swaps_parameters import Parameters
from engine.rules.interface import Holding
from streams.parameters import packaged
from tests.rulebook_cases import DATA, nanoseconds, set_prices, shipped

SILO = "cleared_swaps"
NOW = "2026-11-27T15:00:00+00:00"
RATE = 0.04
CONVENTIONS: dict[str, RateConvention] = conventions_of(tomllib.loads((DATA / "curves.toml").read_text()))
PAR_RATES: dict[str, dict[str, float]] = {
    "USD-SOFR": {
        "3M": 0.0428, "6M": 0.0420, "1Y": 0.0402, "2Y": 0.0371, "3Y": 0.0362, "5Y": 0.0365, "10Y": 0.0384,
        "30Y": 0.0390,
    },
    "EUR-ESTR": {"6M": 0.0192, "1Y": 0.0190, "2Y": 0.0195, "5Y": 0.0215, "10Y": 0.0245, "30Y": 0.0250},
    "EUR-EURIBOR-6M": {"1Y": 0.0205, "2Y": 0.0210, "5Y": 0.0230, "10Y": 0.0260, "30Y": 0.0262},
}  # fmt: skip
EURO = Instrument("EURUSD", Product.FX_RATE, currency="EUR")


def day_ns(day: str) -> int:
    return nanoseconds(f"{day}T21:00:00+00:00")


def quote_id(curve_id: str, tenor: str) -> str:
    return f"{curve_id}-{tenor}"


def quotes_of(curve_id: str) -> list[Instrument]:
    """The par rates of a curve as instruments."""
    currency = CONVENTIONS[curve_id].currency
    return [
        Instrument(
            quote_id(curve_id, tenor), Product.PAR_RATE, curve_id, currency=currency, tenor=tenor,
            negative_price_allowed=True,
        )
        for tenor in PAR_RATES[curve_id]
    ]  # fmt: skip


def rate_swap(
    instrument_id: str, curve_id: str, start: str, maturity: str, coupon: float, **more: Any
) -> Instrument:
    """One contract pays fixed on 1,000,000 of notional."""
    return Instrument(
        instrument_id, Product.INTEREST_RATE_SWAP, curve_id, 1e6, currency=CONVENTIONS[curve_id].currency,
        start_ns=day_ns(start), expiry_ns=day_ns(maturity), coupon=coupon, negative_price_allowed=True, **more,
    )  # fmt: skip


def index_swap(instrument_id: str, index: str, maturity: str, coupon: float) -> Instrument:
    """One contract protects 1,000,000 of an index."""
    return Instrument(
        instrument_id, Product.CREDIT_INDEX_SWAP, multiplier=1e6, expiry_ns=day_ns(maturity), reference_entity=index,
        coupon=coupon, recovery_rate=0.4, negative_price_allowed=True,
    )  # fmt: skip


def market_of(
    instruments: Sequence[Instrument], marks: Mapping[str, float] | None = None, without: Sequence[str] = ()
) -> Market:
    """A market with the par rates of all curves but those quotes named, a euro, and swaps; others at marks."""
    market = Market(RATE, nanoseconds(NOW), rate_curves=RateCurves(CONVENTIONS))
    quotes = [quote for curve_id in PAR_RATES for quote in quotes_of(curve_id)]
    for instrument in [EURO, *quotes, *instruments]:
        market.put_instrument(instrument)
    prices = {EURO.instrument_id: 1.16} | {
        quote_id(curve_id, tenor): rate
        for curve_id, rates in PAR_RATES.items()
        for tenor, rate in rates.items()
    }
    prices = {name: mark for name, mark in (prices | dict(marks or {})).items() if name not in without}
    set_prices(market, [{"instrument_id": name, "mark": mark} for name, mark in prices.items()])
    return market


def rulebook(scenarios: ScenarioSet, one_tier: bool = False, **values: Any) -> ClearedSwaps:
    """The packaged parameters with other values of stated ones; ``one_tier``: costs do not rise with size."""
    mapping = shipped("cleared-swaps")
    for table in ("rate_liquidity", "credit_liquidity"):
        for buckets in mapping[table].values():
            for bucket in buckets:
                bucket["tiers"] = bucket["tiers"][:1] if one_tier else bucket["tiers"]
    for key, value in values.items():
        mapping[key]["value"] = value
    return ClearedSwaps(Parameters.from_mapping(mapping), scenarios)


def packaged_scenarios(name: str = "scenarios-cleared-swaps.csv") -> ScenarioSet:
    return from_csv_lines((packaged() / name).read_text(encoding="utf-8").splitlines())


def few_scenarios(historical: int, stress: int) -> ScenarioSet:
    """The first scenarios of each kind of the packaged set: quick to reprice one by one."""
    whole = packaged_scenarios()
    rows = [*range(historical), *range(whole.historical_count, whole.historical_count + stress)]
    return ScenarioSet(
        whole.label, whole.source, True, tuple(whole.names[row] for row in rows), whole.factors, whole.kinds,
        whole.shocks[rows], whole.is_stress[rows],
    )  # fmt: skip


def holdings_of(market: Market, quantities: Mapping[str, float]) -> list[Holding]:
    return [
        Holding(market.instruments[market.slot_of[name]], quantity, SILO)
        for name, quantity in quantities.items()
    ]
