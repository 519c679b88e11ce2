"""Risk prices under any sequence of prices: near the live ones, and what rests on them is named exactly."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.market.instruments import Instrument, Product
from engine.market.market import Market
from engine.market.prices import PriceColumns, apply_prices
from engine.market.refresh import refresh

NOW_NS = 1_790_000_000 * 1_000_000_000
DAY_NS = 86_400 * 1_000_000_000
SOON_NS, LATER_NS = NOW_NS + DAY_NS, NOW_NS + 90 * DAY_NS
LEVELS = {
    "EURUSD": 1.1, "SPY": 100.0, "SPY C": 6.0, "SPY P": 1.0, "SAP": 90.0, "SAP C": 5.0, "SAP Q": 7.0, "CL": 1.0,
    "CL P": 0.8, "GLD": 400.0, "JPYUSD": 0.007, "SONY": 3_000.0,
}  # fmt: skip
INSTRUMENTS = (
    Instrument("EURUSD", Product.FX_RATE, currency="EUR"),
    Instrument("SPY", Product.ETF),
    Instrument(
        "SPY C", Product.EQUITY_OPTION, "SPY", expiry_ns=LATER_NS, strike=100, right="call", exercise="european"
    ),
    Instrument(
        "SPY P", Product.EQUITY_OPTION, "SPY", expiry_ns=SOON_NS, strike=98, right="put", exercise="american"
    ),
    Instrument("SAP", Product.EQUITY, currency="EUR"),
    Instrument(
        "SAP C", Product.EQUITY_OPTION, "SAP", currency="EUR", expiry_ns=LATER_NS, strike=90, right="call",
        exercise="european",
    ),
    Instrument(  # in dollars, on an underlying in euros
        "SAP Q", Product.EQUITY_OPTION, "SAP", expiry_ns=LATER_NS, strike=90, right="put", exercise="european"
    ),
    Instrument(
        "CL", Product.FUTURE, combined_commodity="CL", contract_month="2026-12", negative_price_allowed=True
    ),
    Instrument(
        "CL P", Product.FUTURE_OPTION, "CL", expiry_ns=LATER_NS, strike=1, right="put", exercise="european",
        price_model="normal", combined_commodity="CL", contract_month="2026-12",
    ),
    Instrument("GLD", Product.ETF),
    Instrument("JPYUSD", Product.FX_RATE, currency="JPY"),
    Instrument("SONY", Product.EQUITY, currency="JPY"),
)  # fmt: skip
WAITING_FOR_NOTHING = frozenset({"GLD", "JPYUSD", "SONY"})  # no option rests on them, or on anything in yen
NAMES = tuple(LEVELS)
OPTION_NAMES = tuple(name for name in NAMES if " " in name)


class Inputs(NamedTuple):
    """What the risk array of one instrument is made from."""

    mark: float
    volatility: float
    underlying: float
    fx: float
    underlying_fx: float
    years: float
    priced: bool


class Quote(NamedTuple):
    """A mark as a multiple of the instrument's level, and a volatility or NaN."""

    name: str
    multiple: float
    volatility: float


class Step(NamedTuple):
    """A batch of quotes, time that passes, and whether options are refreshed."""

    quotes: list[Quote]
    passes_ns: int
    options: bool


MULTIPLES = st.one_of(
    st.sampled_from([1.0, 1.0, 1.0001, 0.9999, 1.02, 0.5, 0.0]),
    st.floats(0.9, 1.1),
)
QUOTES = st.builds(
    Quote, st.sampled_from(NAMES), MULTIPLES, st.sampled_from([math.nan, math.nan, 0.2, 0.2001, 0.4])
)
STEPS = st.lists(
    st.builds(
        Step,
        st.lists(QUOTES, max_size=6),
        st.sampled_from([0, 0, 0, 60_000_000_000, 2 * DAY_NS]),
        st.sampled_from([True, True, False]),
    ),
    min_size=1,
    max_size=12,
)
TOLERANCES = st.sampled_from([0.0, 0.0, 1e-4, 0.01, 0.3])


class Book:
    """A market, and for each instrument the inputs that its risk array was last made from."""

    def __init__(self, order: list[Instrument], price_tolerance: float, volatility_tolerance: float) -> None:
        self.market = Market(0.03, NOW_NS, price_tolerance, volatility_tolerance)
        for instrument in order:
            self.market.put_instrument(instrument)
        refresh(self.market)
        self.made = [self.inputs(slot) for slot in range(self.market.count)]
        self.values = self._values()
        self.sequence = 0
        self.waited = False

    def inputs(self, slot: int) -> Inputs:
        risk, one = self.market.risk, np.array([slot])
        underlying = int(risk.underlying[slot])
        return Inputs(
            known(risk.mark[slot]),
            known(risk.volatility[slot]),
            known(risk.underlying_price(one)[0]),
            known(risk.fx_rate(one)[0]),
            known(risk.fx_rate(np.array([underlying]))[0]) if underlying >= 0 else 1.0,
            float(risk.years_to_expiry(one)[0]),
            bool(risk.priced[slot]),
        )

    def _values(self) -> list[tuple[float, bool]]:
        values = self.market.unit_value_usd(np.arange(self.market.count))
        return [
            (known(value), bool(priced)) for value, priced in zip(values, self.market.priced, strict=False)
        ]

    def step(self, step: Step) -> None:
        self._quote(step.quotes)
        self.market.step_time(self.market.valuation_time_ns + step.passes_ns)
        found = refresh(self.market, step.options)
        self._check_valued(set(found.valued.tolist()))
        self._check_risk(set(found.risk.tolist()), step.options)
        self._check_prices(step.options)
        self.waited = not step.options

    def _quote(self, quotes: list[Quote]) -> None:
        self.sequence += 1
        n = len(quotes)
        missing = np.full(n, np.nan)
        shift = -2.0 if self.sequence % 3 == 0 else 0.0  # oil goes through zero
        marks = [
            quote.multiple * LEVELS[quote.name] + (shift if quote.name == "CL" else 0.0) for quote in quotes
        ]
        apply_prices(
            self.market,
            PriceColumns(
                self.market.slots([quote.name for quote in quotes]), missing, missing, np.array(marks),
                np.array([quote.volatility for quote in quotes], np.float64), np.full(n, NOW_NS),
                np.full(n, self.sequence),
            ),
        )  # fmt: skip

    def _check_valued(self, valued: set[int]) -> None:
        values = self._values()
        assert {slot for slot, value in enumerate(values) if value != self.values[slot]} <= valued
        self.values = values

    def _check_risk(self, risk: set[int], options: bool) -> None:
        changed = set()
        for slot in range(self.market.count):
            made, now = self.made[slot], self.inputs(slot)
            if made != now and (made.priced or now.priced):
                changed.add(slot)
        if options and self.waited:
            assert changed <= risk  # what moved there and back in the meantime may be among them
        else:
            assert changed == risk
        for slot in risk:
            self.made[slot] = self.inputs(slot)

    def _check_prices(self, options: bool) -> None:
        """Every risk price is within its tolerance of the live one; at tolerance 0 it is the live one.

        Without options those of options and of what they rest on wait.
        """
        market, risk = self.market, self.market.risk
        assert np.array_equal(market.priced, risk.priced)
        for slot in range(market.count):
            option = market.model[slot] > 0
            if not options and market.instruments[slot].instrument_id not in WAITING_FOR_NOTHING:
                continue
            reference = market.underlying[slot] if option else slot
            unit = risk.mark[reference] if math.isfinite(risk.mark[reference]) else 0.0
            assert_near(market.mark[slot], risk.mark[slot], risk.price_tolerance * abs(unit))
            if option:
                held = risk.volatility[slot]
                bound = risk.volatility_tolerance * (abs(held) if math.isfinite(held) else 0.0)
                assert_near(market.volatility[slot], held, bound)


def known(value: float) -> float:
    """A missing value as one that equals itself."""
    return -1e99 if math.isnan(value) else float(value)


def assert_near(live: float, held: float, bound: float) -> None:
    assert abs(known(live) - known(held)) <= bound


@given(st.permutations(INSTRUMENTS), TOLERANCES, TOLERANCES, STEPS)
@settings(max_examples=300, deadline=None)
def test_risk_prices_stay_near_and_risk_names_what_changed(
    order: list[Instrument], price_tolerance: float, volatility_tolerance: float, steps: list[Step]
) -> None:
    book = Book(order, price_tolerance, volatility_tolerance)
    for step in steps:
        book.step(step)


def test_a_tolerance_spares_most_of_the_work_of_a_quiet_market() -> None:
    """Ticks of a hundredth of a percent under a tolerance of a tenth of one: far fewer risk arrays."""
    generator = np.random.default_rng(1)
    counts = []
    for tolerance in (0.0, 1e-3):
        book = Book(list(INSTRUMENTS), tolerance, tolerance)
        book.step(Step([Quote(name, 1.0, 0.2) for name in NAMES], 0, options=True))
        level, made = 1.0, 0
        for _ in range(200):
            level *= 1.0 + 1e-4 * float(generator.standard_normal())
            book._quote([Quote("SPY", level, math.nan)])
            made += len(refresh(book.market).risk)
        counts.append(made)
        risk, slot = book.market.risk, book.market.slot_of["SPY"]
        assert abs(risk.mark[slot] / book.market.mark[slot] - 1.0) <= 1.001 * tolerance
    assert counts[0] == 600
    assert counts[1] < 30


def test_a_risk_array_that_is_made_anyway_takes_the_live_volatility() -> None:
    book = Book(list(INSTRUMENTS), 0.01, 0.1)
    market, slot = book.market, book.market.slot_of["SPY C"]
    book.step(Step([Quote("SPY", 1.0, math.nan), Quote("SPY C", 1.0, 0.2)], 0, options=True))
    book.step(Step([Quote("SPY", 1.001, math.nan), Quote("SPY C", 1.01, 0.21)], 0, options=True))
    assert (market.risk.mark[slot], market.risk.volatility[slot]) == (6.0, 0.2)
    book.step(Step([Quote("SPY", 1.02, math.nan)], 0, options=True))
    assert (market.risk.mark[slot], market.risk.volatility[slot]) == (1.01 * 6.0, 0.21)
