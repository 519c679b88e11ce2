"""Futures, perpetuals and options of the simulated market, built from the spot prices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import product
from typing import Any, Final, NamedTuple

from streams.contracts.reference import InstrumentRecord
from streams.simulator.listing import (
    EVEN_MONTHS,
    MONTHLY,
    QUARTERLY,
    Listing,
    contract_code,
    expiries,
)

_DAYS_PER_YEAR: Final = 365.0
_OFTEN, _SOMETIMES, _SELDOM = 8, 4, 1


class _Future(NamedTuple):
    """A family of futures; ``spot`` is the underlying's id, or the price where there is none to name."""

    root: str
    spot: str | float
    multiplier: float
    tick: float
    cycle: tuple[int, ...]
    months: int
    carry: float  # per year, of the future over the spot
    factor: str
    basis: str
    volume: float


_FUTURES: Final = (
    _Future("ES", "SPX", 50, 0.25, QUARTERLY, 3, 0.027, "EQ:SPX", "BASIS:ES", 1.5e6),
    _Future("NQ", "NDX", 20, 0.25, QUARTERLY, 2, 0.032, "EQ:NDX", "BASIS:ES", 6e5),
    _Future("GC", 2650.0, 100, 0.1, EVEN_MONTHS, 3, 0.04, "CMD:GOLD", "", 2e5),
    _Future("CL", 70.0, 1000, 0.01, MONTHLY, 3, -0.03, "CMD:WTI", "", 4e5),
    _Future("ZN", 110.0, 1000, 1 / 64, QUARTERLY, 2, -0.01, "PX:ZN", "", 1.5e6),
    _Future("6E", "EURUSD", 125_000, 0.00005, QUARTERLY, 2, 0.018, "FX:EURUSD", "", 2e5),
    _Future("MBT", "BTC", 0.1, 5.0, MONTHLY, 2, 0.08, "CRYPTO:BTC", "BASIS:BTC_FUT", 8e4),
    _Future("MET", "ETH", 0.1, 0.5, MONTHLY, 2, 0.07, "CRYPTO:ETH", "BASIS:BTC_FUT", 6e4),
)


class _Perpetual(NamedTuple):
    instrument_id: str
    asset: str
    schedule: str
    premium: float
    basis: str
    volume: float


_PERPETUALS: Final = (
    _Perpetual("BTCUSDT-PERP", "BTC", "binance-usdtm:BTC", 0.0004, "BASIS:BTC_PERP", 2e5),
    _Perpetual("ETHUSDT-PERP", "ETH", "binance-usdtm:ETH", 0.0004, "BASIS:ETH_PERP", 4e6),
    _Perpetual("SOLUSDT-PERP", "SOL", "binance-usdtm:SOL", 0.0005, "BASIS:ETH_PERP", 3e7),
    _Perpetual("BTC-USD-PERP", "BTC", "hyperliquid:BTC", 0.0003, "BASIS:BTC_PERP", 3e4),
    _Perpetual("ETH-USD-PERP", "ETH", "hyperliquid:ETH", 0.0003, "BASIS:ETH_PERP", 6e5),
    _Perpetual("SOL-USD-PERP", "SOL", "hyperliquid:SOL", 0.0006, "BASIS:ETH_PERP", 5e6),
    _Perpetual("BTC-USD", "BTC", "dydx-v4:large-cap", 0.0002, "BASIS:BTC_PERP", 3e3),
)


class _Chain(NamedTuple):
    """Options on one underlying; strikes are multiples of ``step`` at these distances from the price."""

    underlying: str
    product: str
    step: float
    volatility: float
    expiries: int
    distances: tuple[float, ...]
    late_distances: tuple[float, ...] = ()


# Coin, distance of strikes, volatility, schedule.
_COIN_CHAINS: Final = (("BTC", 2_000.0, 0.45, "deribit:option"), ("ETH", 100.0, 0.60, "deribit:option"))
_COIN_DISTANCES: Final = (-0.15, 0.0, 0.15)
_STOCK_DISTANCES: Final = (-0.10, -0.05, 0.0, 0.05, 0.10)
_INDEX_DISTANCES: Final = (-0.12, -0.08, -0.05, -0.02, 0.0, 0.03, 0.06)
_CHAINS: Final = (
    _Chain("AAPL", "equity_option", 5.0, 0.27, 2, _STOCK_DISTANCES, (0.15, 0.20)),
    _Chain("MSFT", "equity_option", 5.0, 0.25, 2, _STOCK_DISTANCES),
    _Chain("IBM", "equity_option", 5.0, 0.24, 2, _STOCK_DISTANCES),
    _Chain("BAC", "equity_option", 1.0, 0.28, 2, _STOCK_DISTANCES, (0.15, 0.20)),
    _Chain("AIG", "equity_option", 2.5, 0.28, 2, _STOCK_DISTANCES),
    _Chain("XOM", "equity_option", 2.5, 0.25, 2, _STOCK_DISTANCES),
    _Chain("SPY", "equity_option", 5.0, 0.17, 2, _INDEX_DISTANCES),
    _Chain("QQQ", "equity_option", 5.0, 0.22, 2, _INDEX_DISTANCES[2:]),
    _Chain("SPX", "index_option", 25.0, 0.17, 2, _INDEX_DISTANCES),
    _Chain("NDX", "index_option", 100.0, 0.22, 1, _INDEX_DISTANCES[2:]),
)
_ON_STOCKS: Final = ("AAPL", "IBM")
_CARRY: Final = 0.04  # per year, of a future on a stock over the stock, before its dividends
_FACTORS_OF: Final = {"SPY": "EQ:SPX", "QQQ": "EQ:NDX"}
_YIELDS: Final = {
    "AAPL": 0.004, "MSFT": 0.007, "IBM": 0.026, "BAC": 0.022, "AIG": 0.021, "XOM": 0.034,
    "SPY": 0.013, "QQQ": 0.006, "SPX": 0.013, "NDX": 0.006,
}  # fmt: skip


def _record(**fields: Any) -> InstrumentRecord:
    return InstrumentRecord.model_validate(fields)


def futures(start: date, prices: Mapping[str, float]) -> Iterator[Listing]:
    """Futures under SPAN-type margin, micro ES included, and one quarterly future of a crypto venue."""
    for family in _FUTURES:
        for expiry in expiries(start, family.cycle, family.months):
            yield _future(family, family.root, family.multiplier, start, expiry, prices)
    index = _FUTURES[0]
    front = expiries(start, QUARTERLY, 1)[0]
    yield _future(index, "MES", 5.0, start, front, prices)
    price = prices["BTC"] * math.exp(0.07 * (front - start).days / _DAYS_PER_YEAR)
    venue_future = _record(
        instrument_id=f"BTCUSDT-{front:%y%m%d}",
        product="crypto_future",
        underlying="BTC",
        expiry=front.isoformat(),
        venue="binance-usdtm",
        margin_schedule="binance-usdtm:BTC",
        risk_factor="CRYPTO:BTC",
        basis_factor="BASIS:BTC_FUT",
        average_daily_volume=2e4,
    )
    yield Listing(venue_future, price, 1.0, 0.0002, _SOMETIMES)
    yield from _coin_margined(front, price, prices)


def _coin_margined(expiry: date, future_price: float, prices: Mapping[str, float]) -> Iterator[Listing]:
    """Inverse contracts of 100 USD on bitcoin, perpetual and quarterly."""
    terms = {
        "underlying": "BTC",
        "multiplier": 100,
        "currency": "BTC",
        "settlement": "inverse",
        "venue": "binance-coinm",
        "margin_schedule": "binance-coinm:BTC",
        "risk_factor": "CRYPTO:BTC",
    }
    perpetual = _record(
        instrument_id="BTCUSD_PERP",
        product="perpetual",
        basis_factor="BASIS:BTC_PERP",
        average_daily_volume=2e7,
        funding_rate=0.0001,
        **terms,
    )
    future = _record(
        instrument_id=f"BTCUSD_{expiry:%y%m%d}",
        product="crypto_future",
        expiry=expiry.isoformat(),
        basis_factor="BASIS:BTC_FUT",
        average_daily_volume=2e6,
        **terms,
    )
    yield Listing(perpetual, prices["BTC"] * 1.0003, 0.1, 0.0001, _OFTEN)
    yield Listing(future, future_price, 0.1, 0.0002, _SOMETIMES)


def security_futures(start: date, prices: Mapping[str, float]) -> Iterator[Listing]:
    """Two quarterly futures of 100 shares on some stocks."""
    for ticker in _ON_STOCKS:
        for expiry in expiries(start, QUARTERLY, 2):
            record = _record(
                instrument_id=contract_code(f"{ticker}1C", expiry),
                product="security_future",
                underlying=ticker,
                multiplier=100,
                expiry=expiry.isoformat(),
                risk_factor=f"EQ:{ticker}",
                average_daily_volume=1e4,
            )
            price = prices[ticker] * math.exp(
                (_CARRY - _YIELDS[ticker]) * (expiry - start).days / _DAYS_PER_YEAR
            )
            yield Listing(record, price, 0.01, 0.0002, _SELDOM)


def _future(
    family: _Future, root: str, multiplier: float, start: date, expiry: date, prices: Mapping[str, float]
) -> Listing:
    named = isinstance(family.spot, str)
    spot = prices[family.spot] if isinstance(family.spot, str) else family.spot
    record = _record(
        instrument_id=contract_code(root, expiry),
        product="future",
        underlying=family.spot if named else "",
        multiplier=multiplier,
        expiry=expiry.isoformat(),
        combined_commodity=family.root,
        contract_month=f"{expiry:%Y-%m}",
        risk_factor=family.factor,
        basis_factor=family.basis,
        average_daily_volume=family.volume,
        negative_price_allowed=family.root == "CL",
    )
    price = spot * math.exp(family.carry * (expiry - start).days / _DAYS_PER_YEAR)
    return Listing(record, price, family.tick, 0.00002, _OFTEN)


def perpetuals(start: date, prices: Mapping[str, float]) -> Iterator[Listing]:
    """Perpetuals of three venues."""
    for contract in _PERPETUALS:
        record = _record(
            instrument_id=contract.instrument_id,
            product="perpetual",
            underlying=contract.asset,
            venue=contract.schedule.partition(":")[0],
            margin_schedule=contract.schedule,
            risk_factor=f"CRYPTO:{contract.asset}",
            basis_factor=contract.basis,
            average_daily_volume=contract.volume,
            funding_rate=contract.premium / 4.0,
            funding_interval_h=1.0 if contract.schedule.startswith(("hyperliquid", "dydx")) else 8.0,
        )
        price = prices[contract.asset] * (1.0 + contract.premium)
        yield Listing(record, price, 10.0 ** (math.floor(math.log10(price)) - 4), 0.0001, _OFTEN)


def options(start: date, prices: Mapping[str, float]) -> Iterator[Listing]:
    """American options on stocks and funds, European ones on indexes, American ones on ES futures."""
    for chain in _CHAINS:
        for expiry in expiries(start, MONTHLY, chain.expiries):
            for distances, late in ((chain.distances, False), (chain.late_distances, True)):
                for strike in _strikes(prices[chain.underlying], chain.step, distances):
                    yield from _pair(chain, expiry, strike, late)
    for expiry in expiries(start, QUARTERLY, 2):
        future = contract_code("ES", expiry)
        for strike in _strikes(prices[future], 25.0, _INDEX_DISTANCES):
            yield from _future_options(future, expiry, strike)


def crypto_options(start: date, prices: Mapping[str, float]) -> Iterator[Listing]:
    """European options of a crypto venue on the coins' indexes."""
    for coin, step, volatility, schedule in _COIN_CHAINS:
        for expiry in expiries(start, MONTHLY, 2):
            for strike, right in product(_strikes(prices[coin], step, _COIN_DISTANCES), ("call", "put")):
                record = _record(
                    instrument_id=f"{coin}-{expiry:%y%m%d}-{right[0].upper()}-{strike:g}",
                    product="crypto_option",
                    underlying=coin,
                    expiry=expiry.isoformat(),
                    strike=strike,
                    right=right,
                    exercise="european",
                    settlement="cash",
                    venue=schedule.partition(":")[0],
                    margin_schedule=schedule,
                    risk_factor=f"CRYPTO:{coin}",
                    volatility_factor="VOL:CRYPTO",
                )
                yield Listing(record, 0.0, 0.5, 0.01, _SELDOM, volatility)


def _strikes(price: float, step: float, distances: tuple[float, ...]) -> list[float]:
    return sorted({round(price * (1.0 + distance) / step) * step for distance in distances})


def _pair(chain: _Chain, expiry: date, strike: float, late: bool) -> Iterator[Listing]:
    index_option = chain.product == "index_option"
    for right in ("call", "put"):
        record = _record(
            instrument_id=f"{chain.underlying}-{expiry:%y%m%d}-{right[0].upper()}-{strike:g}",
            product=chain.product,
            underlying=chain.underlying,
            multiplier=100.0,
            expiry=expiry.isoformat(),
            strike=strike,
            right=right,
            exercise="european" if index_option else "american",
            settlement="cash" if index_option else "physical",
            dividend_yield=_YIELDS[chain.underlying],
            risk_factor=_FACTORS_OF.get(chain.underlying, f"EQ:{chain.underlying}"),
            volatility_factor="VOL:EQ",
        )
        yield Listing(record, 0.0, 0.05, 0.01, _SELDOM, chain.volatility, late)


def _future_options(future: str, expiry: date, strike: float) -> Iterator[Listing]:
    for right in ("call", "put"):
        record = _record(
            instrument_id=f"{future}-{right[0].upper()}-{strike:g}",
            product="future_option",
            underlying=future,
            multiplier=50.0,
            expiry=expiry.isoformat(),
            strike=strike,
            right=right,
            exercise="american",
            settlement="physical",
            combined_commodity="ES",
            contract_month=f"{expiry:%Y-%m}",
            risk_factor="EQ:SPX",
            basis_factor="BASIS:ES",
            volatility_factor="VOL:EQ",
        )
        yield Listing(record, 0.0, 0.05, 0.01, _SELDOM, 0.17)
