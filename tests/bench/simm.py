"""ISDA SIMM of many netting sets: one changed trade, a full pass, and the same portfolios by the oracle in this run.

A netting set holds 1,000 risk factors: 10 currencies with two curves and volatilities, 60 credit names, 120 equities,
20 equity volatility surfaces, 40 commodities, 20 currencies, 10 FX volatility surfaces. The oracle (Open Source Risk
Engine, a library in C++) is given some of them, since all would take it hours; its time is that of its calculation
alone, without reading the file, and its totals must be ours.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Final

import numpy as np
import pytest

from engine.base.threads import Threads
from engine.rules.simm.book import Book, NettingSet
from engine.rules.simm.sensitivity import Sensitivity
from engine.rules.simm.vocabulary import CREDIT_TENORS, TENORS
from engine.rules.simm.weights import Weights
from tests.bench.row import Row
from tests.bench.timing import cores
from tests.simm_book import calibration
from tests.simm_oracle import installed, report

NETTING_SETS: Final = 10_000
ORACLE_SETS: Final = 20
CHANGES: Final = 3000
BUDGET_US: Final = 200.0
VERSION: Final = "2.8+2512"
SEED: Final = 11
_CURRENCIES: Final = ("USD", "EUR", "JPY", "GBP", "CHF", "CAD", "AUD", "BRL", "MXN", "ZAR")
_MORE_CURRENCIES: Final = ("SEK", "NOK", "NZD", "SGD", "HKD", "KRW", "INR", "CNY", "TRY", "PLN")


def layout() -> list[Sensitivity]:
    """The 1,000 risk factors of a netting set, amounts 0."""
    factors = []

    def add(
        product: str, kind: str, qualifier: str, bucket: str = "", label1: str = "", label2: str = ""
    ) -> None:
        factors.append(Sensitivity(product, kind, qualifier, bucket, label1, label2, 0.0))

    for currency in _CURRENCIES:
        for tenor in TENORS:
            add("RatesFX", "Risk_IRCurve", currency, "", tenor, "OIS")
            add("RatesFX", "Risk_IRCurve", currency, "", tenor, "Libor3m")
            add("RatesFX", "Risk_IRVol", currency, "", tenor)
    for name in range(60):
        for tenor in CREDIT_TENORS:
            add("Credit", "Risk_CreditQ", f"C{name}", str(1 + name % 12), tenor, "USD")
    for name in range(120):
        add("Equity", "Risk_Equity", f"E{name}", str(1 + name % 12))
    for name in range(20):
        for tenor in TENORS[1:6]:
            add("Equity", "Risk_EquityVol", f"E{name}", str(1 + name % 12), tenor)
    for name in range(40):
        add("Commodity", "Risk_Commodity", f"G{name}", str(1 + name % 17))
    for currency in _CURRENCIES + _MORE_CURRENCIES:
        add("RatesFX", "Risk_FX", currency)
    for currency in _CURRENCIES[1:] + _MORE_CURRENCIES[:1]:
        for tenor in TENORS[:6]:
            add("RatesFX", "Risk_FXVol", "".join(sorted((currency, "USD"))), "", tenor)
    return factors


def filled_book(sets: int) -> Book:
    """Netting sets with random amounts, charged; the same ones at every run."""
    book = Book(Weights(calibration(VERSION), 10, "USD"))
    factors = layout()
    keys = np.array([book.keys.key(factor) for factor in factors], np.int64)
    order = np.argsort(keys)
    random = np.random.default_rng(SEED)
    for _ in range(sets):
        netting_set = NettingSet()
        netting_set.hold(keys[order], np.round(random.normal(size=len(keys)) * 1e5, 2))
        book.sets.append(netting_set)
    book.charge_all()
    return book


def _full_pass_s(book: Book, threads: Threads) -> float:
    times = []
    for _ in range(4):
        started = time.perf_counter()
        book.charge_all(threads)
        times.append(time.perf_counter() - started)
    return median(times[1:])


def _change_us(book: Book, before: list[Sensitivity], after: list[Sensitivity]) -> float:
    """Median over netting sets at random: out of cache, as in life."""
    places = np.random.default_rng(SEED).integers(len(book.sets), size=CHANGES)
    times = []
    for place in places:
        started = time.perf_counter()
        book.change(int(place), before, after)
        times.append(time.perf_counter() - started)
    return 1e6 * median(times[10:])


def _oracle_s(book: Book, factors: list[Sensitivity]) -> float:
    """Seconds a netting set; the totals are compared first."""
    keys = [book.keys.key(factor) for factor in factors]
    rows = []
    for place, netting_set in enumerate(book.sets[:ORACLE_SETS]):
        amounts = dict(zip(netting_set.keys.tolist(), netting_set.amounts.tolist(), strict=True))
        for number, (key, factor) in enumerate(zip(keys, factors, strict=True)):
            amount = repr(amounts[key])
            rows.append(
                {
                    "TradeID": f"t{number}", "PortfolioID": f"P{place}", "ProductClass": factor.product_class,
                    "RiskType": factor.risk_type, "Qualifier": factor.qualifier, "Bucket": factor.bucket,
                    "Label1": factor.label1, "Label2": factor.label2, "AmountCurrency": "USD",
                    "Amount": amount, "AmountUSD": amount,
                }
            )  # fmt: skip
    outcome = report(VERSION, 10, rows)
    for place, netting_set in enumerate(book.sets[:ORACLE_SETS]):
        for side, total in zip(("collect", "post"), netting_set.simm_usd, strict=True):
            assert outcome["figures"][f"P{place}"][side]["All|All|All"] == pytest.approx(total, rel=1e-9)
    return float(outcome["seconds"]) / ORACLE_SETS


def measure(sets: int = NETTING_SETS) -> list[Row]:
    """The rows of this part."""
    factors = layout()
    book = filled_book(sets)
    one, all_cores = _full_pass_s(book, Threads()), cores()
    many = _full_pass_s(book, Threads(all_cores))
    oracle_us = 1e6 * _oracle_s(book, factors) if installed() else None
    swap = [
        Sensitivity("RatesFX", "Risk_IRCurve", "USD", "", tenor, curve, 1000.0)
        for tenor in TENORS
        for curve in ("OIS", "Libor3m")
    ]
    option = [Sensitivity("Equity", "Risk_EquityVol", "E3", "4", tenor, "", 1000.0) for tenor in TENORS[1:4]]
    option.append(Sensitivity("Equity", "Risk_Equity", "E3", "4", "", "", 5000.0))
    new = [
        Sensitivity("Credit", "Risk_CreditQ", "a new name", "5", tenor, "USD", 1000.0)
        for tenor in CREDIT_TENORS
    ]
    size = f"{sets:,} netting sets of {len(factors):,} sensitivities"
    per_set_us = 1e6 * one / sets
    beside = "the oracle is not installed" if oracle_us is None else f"oracle {oracle_us:,.0f} us"
    return [
        Row(f"one changed swap (24 sensitivities), {size}", _change_us(book, swap, []), "us", BUDGET_US),
        Row(
            "one changed option (4 sensitivities in two sheets)",
            _change_us(book, option, []),
            "us",
            BUDGET_US,
        ),
        Row(
            "one new name (5 sensitivities): its set is laid out afresh",
            _change_us(book, [], new),
            "us",
            BUDGET_US,
        ),
        Row(f"full pass, one thread, {size}", one, "s"),
        Row(f"full pass, {all_cores} threads", many, "s", compared_with="one thread", ratio=many / one),
        Row(
            "full pass, one thread, a netting set",
            per_set_us,
            "us",
            compared_with=f"{beside} (mean of {ORACLE_SETS})",
            ratio=None if oracle_us is None else per_set_us / oracle_us,
        ),
    ]
