"""A small market over every product, and an engine on the packaged rulebooks, for engine tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from engine.market.instruments import Instrument, Product
from engine.market.prices import PriceColumns
from engine.portfolio.accounts import Account
from engine.state.activity_state import CollateralColumns, ReleasedColumns, TradeColumns
from engine.state.engine import Engine
from streams.parameters import load_policy

NOW_NS = 1_790_000_000 * 1_000_000_000
TODAY = 20_717  # days since 1970 of NOW_NS
DAY_NS = 86_400 * 1_000_000_000
APPROVED = frozenset({"portfolio_margin", "cross_margin"})

_QUARTER_NS = NOW_NS + 91 * DAY_NS
INSTRUMENTS = [
    Instrument("SPX", Product.INDEX, index_class="high_cap_broad", risk_factor="EQ:SPX"),
    Instrument("EURUSD", Product.FX_RATE, currency="EUR", risk_factor="FX:EURUSD"),
    Instrument(
        "SPY", Product.ETF, index_class="high_cap_broad", risk_factor="EQ:SPX", average_daily_volume=7e7
    ),
    Instrument("AAPL", Product.EQUITY, risk_factor="EQ:AAPL", average_daily_volume=5e7),
    Instrument(
        "AAPL-C", Product.EQUITY_OPTION, "AAPL", 100, expiry_ns=_QUARTER_NS, strike=200, right="call",
        exercise="american", risk_factor="EQ:AAPL", volatility_factor="VOL:EQ",
    ),
    Instrument(
        "SPX-P", Product.INDEX_OPTION, "SPX", 100, expiry_ns=_QUARTER_NS, strike=6000, right="put",
        exercise="european", risk_factor="EQ:SPX", volatility_factor="VOL:EQ",
    ),
    Instrument(
        "ESZ6", Product.FUTURE, "SPX", 50, combined_commodity="ES", contract_month="2026-12",
        risk_factor="EQ:SPX", basis_factor="BASIS:ES", average_daily_volume=1.5e6,
    ),
    Instrument(
        "ESH7", Product.FUTURE, "SPX", 50, combined_commodity="ES", contract_month="2027-03",
        risk_factor="EQ:SPX", basis_factor="BASIS:ES", average_daily_volume=1e5,
    ),
    Instrument(
        "ESZ6-P", Product.FUTURE_OPTION, "ESZ6", 50, expiry_ns=_QUARTER_NS, strike=6000, right="put",
        exercise="american", combined_commodity="ES", contract_month="2026-12", risk_factor="EQ:SPX",
        volatility_factor="VOL:EQ",
    ),
    Instrument("BTC", Product.CRYPTO_SPOT, "BTC", risk_factor="CRYPTO:BTC", average_daily_volume=3e4),
    Instrument(
        "BTC-PERP", Product.PERPETUAL, "BTC", margin_schedule="binance-usdtm:BTC",
        risk_factor="CRYPTO:BTC", basis_factor="BASIS:BTC_PERP", average_daily_volume=1e5,
    ),
    Instrument("BTCUSD", Product.FX_RATE, currency="BTC", risk_factor="CRYPTO:BTC"),
    Instrument(
        "BTC-COIN", Product.PERPETUAL, "BTC", 100, "BTC", settlement="inverse", risk_factor="CRYPTO:BTC",
        basis_factor="BASIS:BTC_PERP", margin_schedule="binance-coinm:BTC", average_daily_volume=5e6,
    ),
    Instrument("SAP", Product.EQUITY, currency="EUR", risk_factor="EQ:SPX", average_daily_volume=2e6),
    Instrument("T-NOTE", Product.TREASURY, multiplier=0.01, expiry_ns=NOW_NS + 3 * 365 * DAY_NS),
    Instrument(
        "EURO-BOND", Product.CORPORATE_BOND, multiplier=10, currency="EUR", expiry_ns=NOW_NS + 900 * DAY_NS,
        coupon=0.05, grade="other",
    ),
    Instrument("AAPL-F", Product.SECURITY_FUTURE, "AAPL", 100, expiry_ns=_QUARTER_NS, risk_factor="EQ:AAPL"),
    Instrument("AAPL-SWAP", Product.EQUITY_SWAP, "AAPL", 100, risk_factor="EQ:AAPL", average_daily_volume=5e5),
    Instrument(
        "ACME-5Y", Product.CREDIT_DEFAULT_SWAP, multiplier=1e6, expiry_ns=NOW_NS + 5 * 365 * DAY_NS,
        reference_entity="ACME", coupon=0.01, recovery_rate=0.4, negative_price_allowed=True,
    ),
    Instrument(
        "ACME-4Y", Product.CREDIT_DEFAULT_SWAP, multiplier=1e6, currency="EUR", expiry_ns=NOW_NS + 4 * 365 * DAY_NS,
        reference_entity="ACME", coupon=0.05, recovery_rate=0.4, negative_price_allowed=True,
    ),
    Instrument(
        "CUT-YES", Product.EVENT_CONTRACT, event="CUT", outcomes=("YES", "NO"), pays_on=("YES",), payoff=1.0,
    ),
    Instrument(
        "CUT-NO", Product.EVENT_CONTRACT, event="CUT", outcomes=("NO", "YES"), pays_on=("NO",), payoff=1.0,
    ),
]  # fmt: skip
HELD = [
    "SPY", "AAPL", "AAPL-C", "SPX-P", "ESZ6", "ESH7", "ESZ6-P", "BTC", "BTC-PERP", "SAP", "AAPL-SWAP", "ACME-5Y",
    "ACME-4Y", "CUT-YES", "CUT-NO",
]  # fmt: skip
# Apart: a hundredth of a dollar is no whole binary fraction, nor is one by a price.
MORE_HELD = ["T-NOTE", "EURO-BOND", "AAPL-F", "BTC-COIN"]
MARKS = {
    "SPX": 6000.0, "EURUSD": 1.1, "SPY": 600.0, "AAPL": 200.0, "AAPL-C": 12.0, "SPX-P": 150.0,
    "ESZ6": 6010.0, "ESH7": 6060.0, "ESZ6-P": 140.0, "BTC": 60_000.0, "BTC-PERP": 60_050.0, "BTCUSD": 59_980.0,
    "BTC-COIN": 60_100.0, "SAP": 150.0,
    "T-NOTE": 99.0, "EURO-BOND": 80.0, "AAPL-SWAP": 200.0, "AAPL-F": 201.5, "ACME-5Y": 0.0825, "ACME-4Y": -0.0425,
    "CUT-YES": 0.62, "CUT-NO": 0.38,
}  # fmt: skip


def new_engine(accounts: Sequence[str] = ("A", "B", "C"), partition: int = 0) -> Engine:
    """An engine with all instruments, approved accounts and one live partition; no prices yet."""
    engine = Engine(load_policy())
    for account_id in accounts:
        engine.put_account(Account(account_id, approvals=APPROVED), partition)
    for instrument in INSTRUMENTS:
        engine.put_instrument(instrument)
    engine.take_partition(partition)
    engine.go_live(partition)
    return engine


def prices(engine: Engine, marks: dict[str, float], sequence: int, time_ns: int = NOW_NS) -> PriceColumns:
    """Marks as a batch."""
    n = len(marks)
    missing = np.full(n, np.nan)
    return PriceColumns(
        engine.instrument_slots(list(marks)),
        missing,
        missing,
        np.array(list(marks.values()), np.float64),
        missing,
        np.full(n, time_ns),
        np.full(n, sequence),
    )


TradeRow = tuple[str, int, str, str, float, float, bool, int]


def trades(engine: Engine, rows: Iterable[TradeRow]) -> TradeColumns:
    """Rows of (trade_id, version, account, instrument, quantity, price, cancelled, business day) as a batch."""
    ids, version, account, instrument, quantity, price, cancelled, day = zip(*rows, strict=True)
    return TradeColumns(
        list(ids),
        np.array(version, np.int64),
        engine.slots_to_book(list(account)),
        engine.instrument_slots(list(instrument)),
        np.array(quantity, np.float64),
        np.array(price, np.float64),
        np.array(cancelled, np.bool_),
        np.array(day, np.int64),
        np.full(len(ids), -1, np.int64),
    )


MovementRow = tuple[str, int, str, str, str, float, bool, int, int]


def movements(engine: Engine, rows: Iterable[MovementRow]) -> CollateralColumns:
    """Rows of (id, version, account, instrument or "", currency, quantity, cancelled, day, silo index)."""
    ids, version, account, instrument, currency, quantity, cancelled, day, silo = zip(*rows, strict=True)
    return CollateralColumns(
        list(ids),
        np.array(version, np.int64),
        engine.slots_to_book(list(account)),
        engine.instrument_slots(list(instrument)),
        list(currency),
        np.array(quantity, np.float64),
        np.array(cancelled, np.bool_),
        np.array(day, np.int64),
        np.array(silo, np.int64),
    )


def substitutions(
    engine: Engine, rows: Sequence[MovementRow], released: Sequence[tuple[str, float]]
) -> CollateralColumns:
    """Movements that release (instrument or "" for USD, quantity) in turn as a batch."""
    slots = engine.instrument_slots([name for name, _ in released])
    quantities = np.array([quantity for _, quantity in released])
    return replace(
        movements(engine, rows), released=ReleasedColumns(slots, ["USD"] * len(released), quantities)
    )
