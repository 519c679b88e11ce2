"""What a risk row of an option costs: own kernels on one thread beside QuantLib, and rows of whole rulebooks.

A chain: three expiries, calls and puts at 25 strikes each, every contract with a volatility of its own. *At a new
time* the tables of exercise boundaries are empty, as after a step of the valuation time; *again* they are there, as
whenever prices move in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import NamedTuple

import numpy as np
import QuantLib as ql  # noqa: N813 - the name its documentation uses
from numpy.typing import NDArray

from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.market.prices import PriceColumns, apply_prices
from engine.market.refresh import refresh
from engine.market.revaluation import option_moves
from engine.rules.interface import Rulebook
from streams.parameters import load_policy
from tests.bench.row import Row

ROUNDS = 9
DAY_NS = 86_400 * 1_000_000_000
NOW_NS = 1_790_000_000 * 1_000_000_000
DAYS = (9, 44, 170)
STRIKES = np.linspace(0.8, 1.2, 25)
POINTS = 16

AMERICAN, EUROPEAN, BACHELIER = "American", "European", "Bachelier"
MODELS = (AMERICAN, EUROPEAN, BACHELIER)
# Securities for 4210(g), futures for SPAN; Bachelier has futures alone.
UNDERLYINGS = (
    Instrument(
        "AAPL", Product.EQUITY, risk_factor="EQ:AAPL", average_daily_volume=5e7, negative_price_allowed=False
    ),
    Instrument("SPX", Product.INDEX, index_class="high_cap_broad", risk_factor="EQ:SPX"),
    Instrument(
        "ES", Product.FUTURE, "", 50.0, combined_commodity="ES", contract_month="2026-12", risk_factor="EQ:SPX",
        average_daily_volume=1.5e6,
    ),
    Instrument(
        "CL", Product.FUTURE, "", 1000.0, combined_commodity="CL", contract_month="2026-12",
        risk_factor="CMD:WTI", negative_price_allowed=True, average_daily_volume=3e5,
    ),
)  # fmt: skip
MARKS = {"AAPL": 200.0, "SPX": 6000.0, "ES": 6010.0, "CL": 65.0}
CHAINS = {
    "AAPL": (Product.EQUITY_OPTION, AMERICAN),
    "SPX": (Product.INDEX_OPTION, EUROPEAN),
    "ES": (Product.FUTURE_OPTION, AMERICAN),
    "CL": (Product.FUTURE_OPTION, BACHELIER),
}

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]


class Chains(NamedTuple):
    """A market of option chains, and the slots of each chain by underlying."""

    market: Market
    slots: dict[str, Int64s]


def _options(underlying: str) -> list[Instrument]:
    product, model = CHAINS[underlying]
    root = next(instrument for instrument in UNDERLYINGS if instrument.instrument_id == underlying)
    first = Instrument(
        "", product, underlying, 100.0 if product is not Product.FUTURE_OPTION else root.multiplier,
        exercise="american" if model == AMERICAN else "european", dividend_yield=0.012,
        price_model="normal" if model == BACHELIER else "lognormal", volatility_factor="VOL:EQ",
        combined_commodity=root.combined_commodity, contract_month=root.contract_month,
    )  # fmt: skip
    return [
        replace(
            first, instrument_id=f"{underlying} {days} {right} {share:.4f}", expiry_ns=NOW_NS + days * DAY_NS,
            strike=float(share * MARKS[underlying]), right=right,
        )
        for days in DAYS
        for right in ("call", "put")
        for share in STRIKES
    ]  # fmt: skip


def chains() -> Chains:
    """All priced, each option at a volatility of its own (a smile)."""
    market = Market(0.04, NOW_NS)
    marks, volatilities, slots = [], [], {}
    for instrument in UNDERLYINGS:
        market.put_instrument(instrument)
        marks.append(MARKS[instrument.instrument_id])
        volatilities.append(np.nan)
    for underlying in CHAINS:
        first = market.count
        for option in _options(underlying):
            market.put_instrument(option)
            moneyness = np.log(option.strike / MARKS[underlying])
            smile = 0.25 * (1.0 - 0.6 * moneyness + 0.8 * moneyness**2)
            unit = MARKS[underlying] if option.price_model == "normal" else 1.0
            marks.append(0.05 * MARKS[underlying])
            volatilities.append(smile * unit)
        slots[underlying] = np.arange(first, market.count)
    count = market.count
    missing = np.full(count, np.nan)
    apply_prices(
        market,
        PriceColumns(
            np.arange(count), missing, missing, np.array(marks), np.array(volatilities), np.full(count, NOW_NS),
            np.ones(count, np.int64),
        ),
    )  # fmt: skip
    refresh(market)
    return Chains(market, slots)


def _points(market: Market, slots: Int64s) -> tuple[Float64s, Float64s]:
    """Sixteen points as in a risk array: eight prices within 12 %, volatility a tenth up and down."""
    moves = np.repeat(np.linspace(-0.12, 0.12, POINTS // 2), 2)
    volatility = market.volatility[slots][:, None] * np.tile([1.1, 0.9], POINTS // 2)
    return market.underlying_price(slots)[:, None] * (1.0 + moves), volatility


def _microseconds(work: Callable[[], object], rows: int, before: Callable[[], object] | None = None) -> float:
    """Median CPU time of this thread over the rounds, per row; compiled before."""
    times = []
    for _ in range(ROUNDS + 1):
        if before is not None:
            before()
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return 1e6 * median(times[1:]) / rows


def _new_time(market: Market) -> Callable[[], None]:
    """Empty tables: another valuation time, a nanosecond later."""

    def step() -> None:
        market.step_time(market.valuation_time_ns + 1)
        refresh(market)

    return step


def quantlib_microseconds(market: Market, slots: Int64s, model: str) -> float:
    """The same sixteen points by QuantLib: one instrument and engine per contract, quotes set per point."""
    today = ql.Date(1, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    days = ql.Actual365Fixed()
    quotes = [ql.SimpleQuote(1.0) for _ in range(2)]
    spot, volatility = (ql.QuoteHandle(quote) for quote in quotes)
    process = ql.BlackScholesMertonProcess(
        spot,
        ql.YieldTermStructureHandle(ql.FlatForward(today, 0.012, days)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, market.rate, days)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), volatility, days)),
    )
    american = model == AMERICAN
    engine = ql.QdFpAmericanEngine(process) if american else ql.AnalyticEuropeanEngine(process)
    contracts = []
    for slot in slots.tolist():
        option = market.instruments[slot]
        expiry = today + round((option.expiry_ns - NOW_NS) / DAY_NS)
        exercise = ql.AmericanExercise(today, expiry) if american else ql.EuropeanExercise(expiry)
        kind = ql.Option.Call if option.right == "call" else ql.Option.Put
        contract = ql.VanillaOption(ql.PlainVanillaPayoff(kind, option.strike), exercise)
        contract.setPricingEngine(engine)
        contracts.append(contract)
    prices, volatilities = (points.tolist() for points in _points(market, slots))

    def work() -> None:
        for contract, at_prices, at_volatilities in zip(contracts, prices, volatilities, strict=True):
            for price, level in zip(at_prices, at_volatilities, strict=True):
                quotes[0].setValue(price)
                quotes[1].setValue(level)
                contract.NPV()

    return _microseconds(work, len(slots))


def _contract_rows(found: Chains) -> list[Row]:
    """Microseconds per contract x 16 points by model."""
    market = found.market
    rows = []
    for underlying, model in (("AAPL", AMERICAN), ("SPX", EUROPEAN), ("CL", BACHELIER)):
        slots = found.slots[underlying]
        points = _points(market, slots)

        def work(slots: Int64s = slots, points: tuple[Float64s, Float64s] = points) -> None:
            option_moves(market, slots, *points)

        figure = f"{model} option x {POINTS} points"
        value = _microseconds(work, len(slots))
        if model == BACHELIER:
            rows.append(Row(figure, value, "us"))
            continue
        other = quantlib_microseconds(market, slots, model)
        engine = "QdFpAmericanEngine" if model == AMERICAN else "AnalyticEuropeanEngine"
        name = f"QuantLib {engine}, {model} x {POINTS} points"
        rows.append(Row(figure, value, "us", compared_with=name, ratio=value / other))
        if model == AMERICAN:
            first = _microseconds(work, len(slots), _new_time(market))
            rows.append(Row(f"{figure}, at a new time", first, "us", compared_with=name, ratio=first / other))
        rows.append(Row(name, other, "us"))
    return rows


def _rulebook_rows(found: Chains) -> list[Row]:
    """Microseconds per row of each rulebook, by what it margins."""
    policy = load_policy()
    books: tuple[tuple[str, Rulebook, tuple[str, ...]], ...] = (
        ("4210g row, 10 points", policy.rulebooks["finra-4210g"], ("AAPL", "SPX")),
        ("SPAN row, 16 points", policy.rulebooks["span-futures"], ("ES", "CL")),
        ("one-pot row, 256 scenarios", policy.unified, ("AAPL", "SPX", "CL")),
        ("liquidity row", policy.unified.add_on, ("AAPL", "SPX", "CL")),
    )
    rows = []
    for name, rulebook, underlyings in books:
        for underlying in underlyings:
            slots, model = found.slots[underlying], CHAINS[underlying][1]

            def work(rulebook: Rulebook = rulebook, slots: Int64s = slots) -> None:
                rulebook.rows(found.market.risk, slots)

            rows.append(Row(f"{model} {name}", _microseconds(work, len(slots)), "us"))
            if model == AMERICAN:
                first = _microseconds(work, len(slots), _new_time(found.market))
                rows.append(Row(f"{model} {name}, at a new time", first, "us"))
    return rows


def measure() -> list[Row]:
    """All rows; one thread, CPU time, compiled before."""
    found = chains()
    return _contract_rows(found) + _rulebook_rows(found)
