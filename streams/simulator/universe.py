"""The instruments of the simulated market: every product that a rulebook covers, with dates from the start day.

Levels are round figures, tickers are real ones; no price is an observed one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from engine.market.credit_pricing import BASIS_POINT, upfront
from streams.contracts.reference import InstrumentRecord
from streams.simulator.listing import Listing
from streams.simulator.universe_derivatives import (
    crypto_options,
    futures,
    options,
    perpetuals,
    security_futures,
)
from streams.simulator.universe_rates import rates

# Ticker, price, average daily volume.
_STOCKS: Final = (
    ("AAPL", 230.0, 5e7),
    ("MSFT", 470.0, 2e7),
    ("IBM", 250.0, 4e6),
    ("BAC", 46.0, 4e7),
    ("AIG", 82.0, 4e6),
    ("XOM", 114.0, 1.6e7),
)
# Name, days to maturity, coupon, price in percent of the principal.
_TREASURIES: Final = (
    ("UST-BILL-3M", 91, 0.0, 98.9),
    ("UST-NOTE-2Y", 730, 0.0375, 99.6),
    ("UST-NOTE-5Y", 1826, 0.04, 99.2),
    ("UST-NOTE-10Y", 3652, 0.0425, 98.4),
)
# Name, product, grade, principal of one bond, days to maturity, coupon, price.
_BONDS: Final = (
    ("IBM-BOND-6Y", "corporate_bond", "investment", 1_000.0, 2190, 0.045, 100.8),
    ("BAC-BOND-9Y", "corporate_bond", "investment", 1_000.0, 3285, 0.051, 101.6),
    ("XYZ-BOND-4Y", "corporate_bond", "other", 1_000.0, 1460, 0.085, 88.5),
    ("NYC-MUNI-12Y", "municipal_bond", "", 5_000.0, 4380, 0.04, 102.3),
)
# Reference entity, spread in basis points, coupon, relative move of the swap's value for one of the stock.
_CREDIT_SWAPS: Final = (("AIG", 145.0, 0.01, -4.0), ("BAC", 80.0, 0.01, 4.0), ("XOM", 310.0, 0.05, 1.5))
_RECOVERY: Final = 0.4
# Event, days until it is known, price of the YES by outcome; of an event with two outcomes the second one is the NO.
_EVENTS: Final = (
    ("RATE-CUT", 35, {"YES": 0.62, "NO": 0.38}),
    ("SPX-AT-6500", 45, {"YES": 0.41, "NO": 0.59}),
    ("CPI-YOY", 28, {"BELOW-2.5": 0.18, "2.5-TO-2.9": 0.47, "3.0-TO-3.4": 0.29, "FROM-3.5": 0.06}),
)
_BITCOIN: Final = 98_000.0
_RATE: Final = 0.04
_EPOCH: Final = date(1970, 1, 1)
_OFTEN, _SOMETIMES, _SELDOM = 8, 4, 1


def universe(start: date) -> list[Listing]:
    """All listings, underlyings before what is derived from them.

    Args:
        start: first day of the simulation; expiries are counted from it.
    """
    spot = [*_levels(), *_funds(), *_stocks(), *_crypto(), *_treasuries(start), *_bonds(start)]
    prices = {listing.instrument_id: listing.base_price for listing in spot}
    derived = [*futures(start, prices), *security_futures(start, prices), *perpetuals(start, prices)]
    prices |= {listing.instrument_id: listing.base_price for listing in derived}
    swaps = [*_equity_swaps(), *_credit_swaps(start), *rates(start)]
    return [
        *spot, *derived, *options(start, prices), *crypto_options(start, prices), *swaps,
        *_event_contracts(start), *_pledged_only(start),
    ]  # fmt: skip


def _levels() -> Iterator[Listing]:
    """Reference levels, which nobody holds."""
    for name, price, index_class in (("SPX", 6400.0, "high_cap_broad"), ("NDX", 23_200.0, "broad")):
        record = InstrumentRecord.model_validate(
            {
                "instrument_id": name,
                "product": "index",
                "index_class": index_class,
                "risk_factor": f"EQ:{name}",
            }
        )
        yield Listing(record, price, 0.01, 0.0, _OFTEN)
    euro = InstrumentRecord(
        instrument_id="EURUSD", product="fx_rate", currency="EUR", risk_factor="FX:EURUSD"
    )
    yield Listing(euro, 1.16, 0.00005, 0.00003, _OFTEN)
    # The rate of coins in accounts and of contracts that settle in them; the asset BTC is what is held and pledged.
    coin = InstrumentRecord(
        instrument_id="BTCUSD", product="fx_rate", currency="BTC", risk_factor="CRYPTO:BTC"
    )
    yield Listing(coin, _BITCOIN, 1.0, 0.0001, _OFTEN)


def _funds() -> Iterator[Listing]:
    for name, price, factor, index_class, volume in (
        ("SPY", 639.0, "EQ:SPX", "high_cap_broad", 7e7),
        ("QQQ", 565.0, "EQ:NDX", "broad", 4e7),
    ):
        record = InstrumentRecord.model_validate(
            {
                "instrument_id": name,
                "product": "etf",
                "index_class": index_class,
                "risk_factor": factor,
                "average_daily_volume": volume,
            }
        )
        yield Listing(record, price, 0.01, 0.00002, _OFTEN)


def _stocks() -> Iterator[Listing]:
    for ticker, price, volume in _STOCKS:
        record = InstrumentRecord(
            instrument_id=ticker,
            product="equity",
            risk_factor=f"EQ:{ticker}",
            average_daily_volume=volume,
        )
        yield Listing(record, price, 0.01, 0.0001, _SOMETIMES)
    # A European stock: no history of its own in the scenario set, so it moves with the index.
    sap = InstrumentRecord(
        instrument_id="SAP",
        product="equity",
        currency="EUR",
        risk_factor="EQ:SPX",
        beta=1.1,
        average_daily_volume=2e6,
    )
    yield Listing(sap, 235.0, 0.02, 0.0002, _SOMETIMES)


def _crypto() -> Iterator[Listing]:
    for asset, price, tick, volume in (
        ("BTC", _BITCOIN, 1.0, 4e5),
        ("ETH", 3_500.0, 0.05, 6e6),
        ("SOL", 180.0, 0.01, 2.5e7),
    ):
        spot = InstrumentRecord(
            instrument_id=asset,
            product="crypto_spot",
            risk_factor=f"CRYPTO:{asset}",
            average_daily_volume=volume,
        )
        yield Listing(spot, price, tick, 0.0001, _OFTEN)
    coin = InstrumentRecord(
        instrument_id="USDC", product="stablecoin", risk_factor="STABLE:USDC", average_daily_volume=8e9
    )
    yield Listing(coin, 1.0, 0.0001, 0.0001, _SOMETIMES)


def _treasuries(start: date) -> Iterator[Listing]:
    """Quoted in percent of the principal; one unit is a principal of 1 USD."""
    for name, days, coupon, price in _TREASURIES:
        record = InstrumentRecord.model_validate(
            {
                "instrument_id": name,
                "product": "treasury",
                "multiplier": 0.01,
                "expiry": (start + timedelta(days=days)).isoformat(),
                "coupon": coupon,
            }
        )
        yield Listing(record, price, 1 / 64, 0.0001, _SELDOM)


def _bonds(start: date) -> Iterator[Listing]:
    """Corporate and municipal bonds by the piece, quoted in percent of the principal."""
    for name, product, grade, principal, days, coupon, price in _BONDS:
        record = InstrumentRecord.model_validate(
            {
                "instrument_id": name,
                "product": product,
                "grade": grade,
                "multiplier": principal / 100.0,
                "expiry": (start + timedelta(days=days)).isoformat(),
                "coupon": coupon,
            }
        )
        yield Listing(record, price, 0.01, 0.002, _SELDOM)


def _pledged_only(start: date) -> Iterator[Listing]:
    """Gold by the ounce, a money market fund, a token of a Treasury bill."""
    gold = InstrumentRecord(instrument_id="XAU", product="gold", risk_factor="CMD:GOLD")
    yield Listing(gold, 2650.0, 0.01, 0.0001, _SELDOM)
    fund = InstrumentRecord(instrument_id="GOV-MMF", product="money_market_fund")
    yield Listing(fund, 1.0, 0.0001, 0.0, _SELDOM)
    name, days, _, price = _TREASURIES[0]
    token = InstrumentRecord.model_validate(
        {
            "instrument_id": f"TOKEN-{name}",
            "product": "tokenised",
            "underlying": name,
            "tokenised_product": "treasury",
            "multiplier": 0.01,
            "expiry": (start + timedelta(days=days)).isoformat(),
        }
    )
    yield Listing(token, price, 1 / 64, 0.0005, _SELDOM)


def _equity_swaps() -> Iterator[Listing]:
    """The return of 100 shares, at the price of the share."""
    for ticker, price, volume in _STOCKS[:2]:
        record = InstrumentRecord(
            instrument_id=f"TRS-{ticker}",
            product="equity_swap",
            underlying=ticker,
            multiplier=100,
            risk_factor=f"EQ:{ticker}",
            average_daily_volume=volume / 1_000,
        )
        yield Listing(record, price, 0.01, 0.0002, _SELDOM)


def _credit_swaps(start: date) -> Iterator[Listing]:
    """Protection on 1,000,000 of notional for some five years; below the coupon its value is negative."""
    maturity = date(start.year + 5, 6, 20)
    for entity, spread_bp, coupon, beta in _CREDIT_SWAPS:
        record = InstrumentRecord.model_validate(
            {
                "instrument_id": f"CDS-{entity}-{maturity:%Y-%m}",
                "product": "credit_default_swap",
                "multiplier": 1e6,
                "expiry": maturity.isoformat(),
                "reference_entity": entity,
                "coupon": coupon,
                "recovery_rate": _RECOVERY,
                "risk_factor": f"EQ:{entity}",
                "beta": beta,
                "negative_price_allowed": True,
            }
        )
        terms = ((start - _EPOCH).days, (maturity - _EPOCH).days, _RECOVERY, _RATE, coupon)
        yield Listing(record, upfront(*terms, spread_bp * BASIS_POINT), 0.00001, 0.01, _SELDOM)


def _event_contracts(start: date) -> Iterator[Listing]:
    """Contracts that pay 1 USD, one on each outcome; their prices add up to 1 before noise."""
    for event, days, outcomes in _EVENTS:
        for outcome, price in outcomes.items():
            record = InstrumentRecord.model_validate(
                {
                    "instrument_id": f"{event}-{outcome}",
                    "product": "event_contract",
                    "expiry": (start + timedelta(days=days)).isoformat(),
                    "event": event,
                    "outcomes": list(outcomes),
                    "pays_on": [outcome],
                    "payoff": 1.0,
                }
            )
            yield Listing(record, price, 0.01, 0.01, _SELDOM)
