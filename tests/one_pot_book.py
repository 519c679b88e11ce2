"""One-pot cases as the engine sees them: a market over all products, accounts, the vectorised path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.market.instruments import SILO_INDEX, Instrument, Product
from engine.market.market import Market
from engine.market.scenarios import ScenarioSet, from_csv_lines
from engine.rules.interface import Float64s, Holding
from engine.rules.unified.one_pot import OnePot
from engine.rules.unified.one_pot_parameters import OnePotParameters
from tests.rulebook_cases import DATA, exposure_of, set_prices, shipped

SCENARIO_FILE = DATA / "scenarios-synthetic.csv"
DAY_NS = 86_400_000_000_000
NOW_NS = 1_782_500_000_000_000_000

_OPTION = {"multiplier": 100.0, "volatility_factor": "VOL:EQ"}
INSTRUMENTS: tuple[Instrument, ...] = (
    Instrument("EURUSD", Product.FX_RATE, currency="EUR", risk_factor="FX:EURUSD"),
    Instrument("SPX", Product.INDEX, risk_factor="EQ:SPX", average_daily_volume=4e6),
    Instrument("SPY", Product.ETF, risk_factor="EQ:SPX", average_daily_volume=7e7),
    Instrument("UPRO", Product.ETF, risk_factor="EQ:SPX", beta=3.0, leverage=3.0, average_daily_volume=5e6),
    Instrument("AAPL", Product.EQUITY, risk_factor="EQ:AAPL", average_daily_volume=5e7),
    Instrument("TINY", Product.EQUITY, risk_factor="EQ:XOM", beta=1.4),
    Instrument(
        "SAP", Product.EQUITY, currency="EUR", risk_factor="EQ:NDX", beta=0.9, average_daily_volume=2e6,
    ),
    Instrument(
        "AAPL C210", Product.EQUITY_OPTION, "AAPL", expiry_ns=NOW_NS + 45 * DAY_NS, strike=210.0,
        right="call",
        exercise="american", **_OPTION,
    ),
    Instrument(
        "AAPL P190", Product.EQUITY_OPTION, "AAPL", expiry_ns=NOW_NS + 45 * DAY_NS, strike=190.0, right="put",
        exercise="american", risk_factor="EQ:AAPL", **_OPTION,
    ),
    Instrument(
        "SPX P5800", Product.INDEX_OPTION, "SPX", expiry_ns=NOW_NS + 30 * DAY_NS, strike=5800.0, right="put",
        exercise="european", **_OPTION,
    ),
    Instrument(
        "ES", Product.FUTURE, "SPX", 50.0, combined_commodity="ES", contract_month="2026-09",
        risk_factor="EQ:SPX", basis_factor="BASIS:ES", average_daily_volume=1.5e6,
    ),
    Instrument(
        "CL", Product.FUTURE, "", 1000.0, combined_commodity="CL", contract_month="2026-09",
        risk_factor="CMD:WTI", negative_price_allowed=True, average_daily_volume=3e5,
    ),
    Instrument(
        "CL P60", Product.FUTURE_OPTION, "CL", 1000.0, expiry_ns=NOW_NS + 40 * DAY_NS, strike=60.0,
        right="put",
        exercise="european", price_model="normal", combined_commodity="CL", contract_month="2026-09",
    ),
    Instrument(
        "FESX", Product.FUTURE, "", 10.0, "EUR", combined_commodity="FESX", contract_month="2026-09",
        risk_factor="EQ:SPX", beta=1.1, average_daily_volume=8e5,
    ),
    Instrument("BTC", Product.CRYPTO_SPOT, risk_factor="CRYPTO:BTC", average_daily_volume=2e4),
    Instrument(
        "BTC-PERP", Product.PERPETUAL, "BTC", risk_factor="CRYPTO:BTC", basis_factor="BASIS:BTC_PERP",
        margin_schedule="binance-usdtm:BTC", average_daily_volume=1e5,
    ),
    Instrument("BTCUSD", Product.FX_RATE, currency="BTC", risk_factor="CRYPTO:BTC"),
    Instrument(
        "BTC-INVERSE", Product.PERPETUAL, "BTC", 100.0, "BTC", settlement="inverse", risk_factor="CRYPTO:BTC",
        basis_factor="BASIS:BTC_PERP", margin_schedule="binance-coinm:BTC", average_daily_volume=5e6,
    ),
    Instrument("USDC", Product.STABLECOIN, risk_factor="STABLE:USDC", average_daily_volume=1e9),
)  # fmt: skip
MARKS = {
    "EURUSD": 1.1, "SPX": 6000.0, "SPY": 600.0, "UPRO": 90.0, "AAPL": 200.0, "TINY": 40.0, "SAP": 240.0,
    "AAPL C210": 4.2, "AAPL P190": 3.1, "SPX P5800": 55.0, "ES": 6012.0, "CL": 65.0, "CL P60": 1.4,
    "FESX": 5400.0, "BTC": 100_000.0, "BTC-PERP": 100_050.0, "BTCUSD": 99_900.0, "BTC-INVERSE": 100_100.0, "USDC": 1.0,
}  # fmt: skip
VOLATILITIES = {"AAPL C210": 0.27, "AAPL P190": 0.30, "SPX P5800": 0.17, "CL P60": 22.0}
SILO_OF = {
    Product.FUTURE: "futures",
    Product.FUTURE_OPTION: "futures",
    Product.PERPETUAL: "futures",
    Product.CRYPTO_SPOT: "digital_assets",
    Product.STABLECOIN: "digital_assets",
}
HELD = tuple(
    instrument.instrument_id
    for instrument in INSTRUMENTS
    if instrument.product not in {Product.INDEX, Product.FX_RATE}
)


def shipped_scenarios() -> ScenarioSet:
    return from_csv_lines(SCENARIO_FILE.read_text().splitlines())


def parameters(proxies: dict[str, Any] | None = None, **values: Any) -> OnePotParameters:
    """The shipped parameters with some values replaced."""
    mapping = shipped("one-pot")
    for name, value in values.items():
        mapping[name] = {"value": value}
    return OnePotParameters.from_mapping(mapping | {"proxies": proxies or {}})


def rulebook(scenarios: ScenarioSet | None = None, **values: Any) -> OnePot:
    return OnePot(parameters(**values), scenarios or shipped_scenarios())


def set_marks(market: Market, marks: dict[str, float], sequence: int = 1) -> None:
    prices = [
        {
            "instrument_id": name,
            "mark": mark,
            "implied_volatility": VOLATILITIES.get(name, np.nan),
        }
        for name, mark in marks.items()
    ]
    set_prices(market, prices, sequence)


def market_of(
    instruments: Sequence[Instrument] = INSTRUMENTS, marks: dict[str, float] | None = None
) -> Market:
    market = Market(rate=0.04, valuation_time_ns=NOW_NS)
    for instrument in instruments:
        market.put_instrument(instrument)
    set_marks(market, MARKS if marks is None else marks)
    return market


def holding(market: Market, instrument_id: str, quantity: float, silo: str = "") -> Holding:
    instrument = market.instruments[market.slot_of[instrument_id]]
    return Holding(instrument, quantity, silo or SILO_OF.get(instrument.product, "securities"))


@dataclass(frozen=True)
class Account:
    """An account on the vectorised path: its units and what the rulebook makes of them."""

    silos: list[str]
    exposures: Float64s
    charges: Float64s
    add_on_usd: float
    result: dict[str, float]


def _add_on(book: OnePot, market: Market, holdings: Sequence[Holding]) -> float:
    sets = sorted({book.add_on.netting_set(h.instrument) for h in holdings})
    book.add_on.bind(sets)
    units = [
        exposure_of(
            book.add_on, market, [h for h in holdings if book.add_on.netting_set(h.instrument) == name]
        )
        for name in sets
    ]
    index = np.arange(len(sets))
    exposures = np.array(units).reshape(len(sets), len(book.add_on.column_kinds))
    combined = book.add_on.combine(book.add_on.charge(exposures, index), index, np.array([0, len(sets)]))
    return float(combined[0, 1])


def margin(
    book: OnePot, market: Market, accounts: Sequence[Sequence[Holding]], silo_total_usd: float = 0.0
) -> list[Account]:
    """All accounts in one call of charge and combine."""
    silos = [sorted({h.silo for h in holdings}) for holdings in accounts]
    units = [
        exposure_of(book, market, [h for h in holdings if h.silo == silo])
        for holdings, names in zip(accounts, silos, strict=True)
        for silo in names
    ]
    values = np.array(units).reshape(len(units), len(book.column_kinds))
    sets = np.array([SILO_INDEX[silo] for names in silos for silo in names], np.int64)
    offsets = np.cumsum([0, *map(len, silos)])
    add_on = np.array([_add_on(book, market, holdings) for holdings in accounts])
    charges = book.charge(values, sets)
    totals = np.full(len(accounts), silo_total_usd)
    results = book.combine(values, charges, sets, offsets, add_on, totals)
    return [
        Account(
            silos[i],
            values[offsets[i] : offsets[i + 1]],
            charges[offsets[i] : offsets[i + 1]],
            float(add_on[i]),
            dict(zip(book.result_columns, results[i].tolist(), strict=True)),
        )
        for i in range(len(accounts))
    ]
