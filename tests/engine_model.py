"""A plain model of what an engine is told: trades, collateral and start-of-day records as dictionaries.

What accounts hold and what their equity is follow from it from scratch, by the plain twins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.base.units import start_of_day
from engine.market.instruments import Instrument, Product
from engine.market.plain import contract_value
from engine.rules.interface import Holding
from engine.state.engine import Engine
from engine.state.equity_plain import SiloContent, explain_equity
from tests.engine_book import DAY_NS, INSTRUMENTS, MARKS, NOW_NS

# Swaps and repo: valued by the market from what they rest on, without prices of their own.
RATES = [
    *(
        Instrument(f"SOFR-{tenor}", Product.PAR_RATE, "USD-SOFR", tenor=tenor, negative_price_allowed=True)
        for tenor in ("2Y", "10Y")
    ),
    Instrument(
        "SWAP", Product.INTEREST_RATE_SWAP, "USD-SOFR", 1e5, start_ns=NOW_NS - 30 * DAY_NS,
        expiry_ns=NOW_NS + 5 * 365 * DAY_NS, coupon=0.036, fixing=0.041, negative_price_allowed=True,
    ),
    Instrument(
        "INDEX", Product.CREDIT_INDEX_SWAP, multiplier=1e5, expiry_ns=NOW_NS + 5 * 365 * DAY_NS,
        reference_entity="CDX.NA.IG", coupon=0.01, recovery_rate=0.4, negative_price_allowed=True,
    ),
    Instrument(
        "REPO", Product.REPO, "T-NOTE", 10.0, expiry_ns=NOW_NS + 30 * DAY_NS, strike=98.5, coupon=0.04,
        negative_price_allowed=True,
    ),
]  # fmt: skip
PRICES = MARKS | {"SOFR-2Y": 0.037, "SOFR-10Y": 0.038, "INDEX": -0.02}
BY_ID = {instrument.instrument_id: instrument for instrument in [*INSTRUMENTS, *RATES]}
OWNERS = {"A": "", "B": "AAPL", "C": "T"}  # as issuers


@dataclass
class Opened:
    """The model's start-of-day record."""

    day: int = -(10**9)
    as_of_ns: int = -1
    positions: dict[str, tuple[float, float]] = field(default_factory=dict)
    cash: dict[tuple[str, str], float] = field(default_factory=dict)


@dataclass
class Booked:
    """The model's trade or collateral movement."""

    version: int
    account: str
    instrument: str
    quantity: float
    price: float
    cancelled: bool
    day: int
    silo: str = ""
    currency: str = "USD"


class BookModel:
    """The records of some accounts, by their ids."""

    def __init__(self, accounts: Sequence[str]) -> None:
        self.trades: dict[str, Booked] = {}
        self.deposits: dict[str, Booked] = {}
        self.releases: dict[str, Booked] = {}  # by id of the substitution
        self.opened = {account: Opened() for account in accounts}

    def live(self, book: dict[str, Booked], account: str) -> list[Booked]:
        """The entries of an account that count: not cancelled, younger than its start-of-day record."""
        return [
            entry
            for entry in book.values()
            if entry.account == account and not entry.cancelled and entry.day > self.opened[account].day
        ]

    def holdings(self, engine: Engine, account: str) -> list[Holding]:
        """What the account holds, in the silos of the engine's policy."""
        quantity: dict[str, float] = {name: q for name, (q, _) in self.opened[account].positions.items()}
        for entry in self.live(self.trades, account):
            quantity[entry.instrument] = quantity.get(entry.instrument, 0.0) + entry.quantity
        policy = engine.policy
        return [
            Holding(BY_ID[name], q, policy.classification[BY_ID[name].product].value)
            for name, q in quantity.items()
            if abs(q) > 1e-9
        ]

    def equity(self, engine: Engine, account: str, silo: str) -> float:
        """Cash moved by every trade, market value of what is held, collateral after haircut."""
        opened = self.opened[account]
        classification = engine.policy.classification
        cash: dict[str, list[float]] = {
            "USD": [opened.cash.get((silo, "USD"), 0.0)],
            "EUR": [0.0],
            "BTC": [0.0],
        }
        for name, (quantity, reference) in opened.positions.items():
            instrument = BY_ID[name]
            if classification[instrument.product] == silo and instrument.is_futures_style:
                cash[instrument.currency].append(-quantity * contract_value(instrument, reference))
        for entry in self.live(self.trades, account):
            instrument = BY_ID[entry.instrument]
            if classification[instrument.product] == silo:
                cash[instrument.currency].append(-entry.quantity * contract_value(instrument, entry.price))
        pledged: dict[str, float] = {}
        for entry in [*self.live(self.deposits, account), *self.live(self.releases, account)]:
            if entry.silo != silo:
                continue
            if entry.instrument:
                pledged[entry.instrument] = pledged.get(entry.instrument, 0.0) + entry.quantity
            else:
                cash[entry.currency].append(entry.quantity)
        content = SiloContent(
            silo,
            {currency: math.fsum(amounts) for currency, amounts in cash.items()},
            [holding for holding in self.holdings(engine, account) if holding.silo == silo],
            [
                Holding(BY_ID[name], quantity, silo)
                for name, quantity in pledged.items()
                if abs(quantity) > 1e-9
            ],
            OWNERS[account],
        )
        at_ns = start_of_day(engine.market.valuation_time_ns)
        tree = explain_equity(engine.policy.collateral, content, engine.market, at_ns)
        assert tree.largest_residual_usd() < 1e-6
        return tree.amount_usd
