"""Compiling the numeric kernels before the first message needs them.

Kernels are compiled once per machine and cached on disk; without this the first trade of a live worker would
wait for it. A throw-away engine is taken through every kind of instrument and every question.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import click
import numpy as np

from engine.base.errors import MarginError
from engine.market.instruments import FUTURES_STYLE, OPTIONS, SILO_INDEX, Instrument, Product
from engine.market.prices import PriceColumns
from engine.portfolio.accounts import Account
from engine.rules.finra_4210g import Finra4210g
from engine.rules.finra_4210g_basket_parameters import Composition
from engine.state.activity_state import CollateralColumns, TradeColumns
from engine.state.engine import Engine
from engine.state.firm_limit_uses import pledged_units
from engine.state.policy import Policy
from streams.parameters import load_policy

_NOW_NS = 1_700_000_000_000_000_000
_YEAR_NS = 365 * 86_400 * 1_000_000_000
# Securities with the approval are margined by their risk, without it by strategies.
_ACCOUNTS = {"by risk": frozenset({"portfolio_margin", "cross_margin"}), "by strategies": frozenset[str]()}


def warm_up(policy: Policy) -> float:
    """Compile what is not compiled yet; returns the seconds it took (well under one when all was cached)."""
    started = time.perf_counter()
    engine = Engine(policy)
    for name, approvals in _ACCOUNTS.items():
        engine.put_account(Account(name, approvals=approvals), 0)
    engine.take_partition(0)
    engine.go_live(0)
    for instrument in _instruments(engine):
        try:
            engine.put_instrument(instrument)
        except MarginError:
            continue  # the firm's own parameters do not know this factor, commodity or tier table
    _trade(engine)
    engine.evaluate(_NOW_NS)
    for name in _ACCOUNTS:
        engine.statement(name, _NOW_NS)
    engine.shadow_check(list(_ACCOUNTS))
    engine.totals(1)
    pledged_units(engine, np.arange(len(_ACCOUNTS)))  # totals need it only where the firm states limits
    _publish_composition(engine)
    return time.perf_counter() - started


def _instruments(engine: Engine) -> list[Instrument]:
    """One instrument per product and exercise style, on the first factor that the scenarios have."""
    factor = engine.unified.rulebook.scenarios.factors[0]
    roots = [
        Instrument("root", Product.EQUITY, risk_factor=factor),
        Instrument("level", Product.INDEX, risk_factor=factor),
        Instrument(
            "future",
            Product.FUTURE,
            "level",
            combined_commodity="ES",
            contract_month="2099-12",
            risk_factor=factor,
        ),
        Instrument("asset", Product.CRYPTO_SPOT, "BTC", risk_factor=factor),
        Instrument(
            "perpetual", Product.PERPETUAL, "BTC", margin_schedule="binance-usdtm:BTC", risk_factor=factor
        ),
        Instrument("note", Product.TREASURY, expiry_ns=_NOW_NS + _YEAR_NS),
        Instrument(
            "contract", Product.SECURITY_FUTURE, "root", expiry_ns=_NOW_NS + _YEAR_NS, risk_factor=factor
        ),
        Instrument(
            "protection",
            Product.CREDIT_DEFAULT_SWAP,
            expiry_ns=_NOW_NS + _YEAR_NS,
            reference_entity="entity",
            coupon=0.01,
            recovery_rate=0.4,
            negative_price_allowed=True,
        ),
    ]
    roots += _rates(engine)
    options = [
        Instrument(
            f"{underlying} {exercise} {right}", product, underlying, expiry_ns=_NOW_NS + _YEAR_NS, strike=100.0,
            right=right, exercise=exercise, combined_commodity="ES", contract_month="2099-12",
            risk_factor=factor, volatility_factor=factor,
        )
        for product, underlying, exercise in (
            (Product.EQUITY_OPTION, "root", "american"),
            (Product.INDEX_OPTION, "level", "european"),
            (Product.FUTURE_OPTION, "future", "american"),
        )
        for right in ("call", "put")
    ]  # fmt: skip
    return roots + options


def _rates(engine: Engine) -> list[Instrument]:
    """A quote and a swap of each curve, an index of the packaged parameters, repo on the note."""
    found = []
    for curve_id, convention in engine.policy.rate_conventions.items():
        terms: dict[str, Any] = {
            "underlying": curve_id,
            "currency": convention.currency,
            "negative_price_allowed": True,
        }
        found += [
            Instrument(f"{curve_id} 5Y", Product.PAR_RATE, tenor="5Y", **terms),
            Instrument(
                f"{curve_id} swap",
                Product.INTEREST_RATE_SWAP,
                start_ns=_NOW_NS + _YEAR_NS,
                expiry_ns=_NOW_NS + 3 * _YEAR_NS,
                coupon=0.03,
                **terms,
            ),
        ]
    index = Instrument(
        "index",
        Product.CREDIT_INDEX_SWAP,
        expiry_ns=_NOW_NS + 5 * _YEAR_NS,
        reference_entity="CDX.NA.IG",
        coupon=0.01,
        recovery_rate=0.4,
        negative_price_allowed=True,
    )
    repo = Instrument(
        "repo",
        Product.REPO,
        "note",
        expiry_ns=_NOW_NS + _YEAR_NS // 12,
        strike=99.0,
        coupon=0.03,
        negative_price_allowed=True,
    )
    return [*found, index, repo]


def _trade(engine: Engine) -> None:
    market = engine.market
    every = np.arange(market.count)
    option = np.array([instrument.product in OPTIONS for instrument in market.instruments])
    missing = np.full(len(every), np.nan)
    times, sequence = np.full(len(every), _NOW_NS), np.ones(len(every), np.int64)
    marks = np.where(option, 8.0, 100.0)
    for product, mark in _SMALL_MARKS.items():
        marks[[instrument.product is product for instrument in market.instruments]] = mark
    engine.apply_prices(PriceColumns(every, missing, missing, marks, missing, times, sequence))
    held = [
        slot
        for slot, instrument in enumerate(market.instruments)
        if engine.silo_of_instrument[slot] >= 0 and instrument.product in {*OPTIONS, *FUTURES_STYLE, *_CASH}
    ]
    _book(engine, held, _BY_CLASSIFICATION)
    swaps = [slot for slot in held if market.instruments[slot].product is Product.INTEREST_RATE_SWAP]
    _book(engine, swaps, SILO_INDEX["uncleared_swaps"])
    note = engine.instrument_slots(["note"])
    engine.apply_collateral(
        0,
        CollateralColumns(
            ["note"], np.ones(1, np.int64), np.zeros(1, np.int64), note, ["USD"], np.ones(1), np.zeros(1, np.bool_),
            np.ones(1, np.int64), np.array([SILO_INDEX["securities"]]),
        ),
    )  # fmt: skip


def _book(engine: Engine, slots: list[int], silo: int) -> None:
    """One contract of each instrument for every account, long and short in turn."""
    n = len(slots)
    for account, name in enumerate(_ACCOUNTS):
        engine.apply_trades(
            0,
            TradeColumns(
                [f"{name} {slot} {silo}" for slot in slots], np.ones(n, np.int64), np.full(n, account),
                np.array(slots, np.int64), np.where(np.arange(n) % 2, -1.0, 1.0), np.full(n, 100.0),
                np.zeros(n, np.bool_), np.full(n, 1, np.int64), np.full(n, silo, np.int64),
            ),
        )  # fmt: skip


def _publish_composition(engine: Engine) -> None:
    """A firm may publish the composition of an index at any time; the baskets' kernels must be there by then."""
    for book in list(engine.silo_books.values()):
        if isinstance(book.rulebook, Finra4210g):
            composition = Composition("level", {"root": 1.0})
            parameters = replace(book.rulebook.parameters, compositions=(composition,))
            engine.put_silo_rulebook(Finra4210g(parameters))
    engine.evaluate(_NOW_NS)


_BY_CLASSIFICATION = -1
_SMALL_MARKS = {Product.PAR_RATE: 0.03, Product.CREDIT_INDEX_SWAP: 0.01}
_CASH = (Product.EQUITY, Product.CRYPTO_SPOT, Product.CREDIT_DEFAULT_SWAP)


@click.command()
def warmup() -> None:
    """Compile the numeric kernels into the cache, so that a worker starts without a pause.

    \b
    Example:
      marginmon warmup
    """
    seconds = warm_up(load_policy())
    click.echo(f"kernels compiled and cached in {seconds:.1f} s")
