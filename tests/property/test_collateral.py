"""Equity with collateral on random holdings and limits: vectorised == twin, and how collateral must behave."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.instruments import SILO_INDEX, SILOS, Instrument, Product
from engine.market.market import Market
from engine.portfolio.collateral import CollateralSchedule
from engine.portfolio.holdings import Holdings
from engine.portfolio.ledger import Effects
from engine.rules.interface import Holding
from engine.state.equity import EquityBook
from engine.state.equity_plain import SiloContent, explain_equity
from tests.crypto_book import market_of
from tests.rulebook_cases import shipped

AT_NS = 2 * NANOSECONDS_PER_DAY
YEAR_NS = 365 * NANOSECONDS_PER_DAY
LISTED = [
    Instrument("EURUSD", Product.FX_RATE, currency="EUR"),
    Instrument("AAPL", Product.EQUITY, average_daily_volume=100.0),
    Instrument("SAP", Product.EQUITY, currency="EUR", issuer="SAP SE"),
    Instrument("BILL", Product.TREASURY, multiplier=0.01, expiry_ns=YEAR_NS // 4),
    Instrument("NOTE", Product.TREASURY, multiplier=0.01, expiry_ns=7 * YEAR_NS),
    Instrument("DUE", Product.TREASURY, multiplier=0.01, expiry_ns=NANOSECONDS_PER_DAY),
    Instrument(
        "ACME-BOND", Product.CORPORATE_BOND, multiplier=10.0, expiry_ns=3 * YEAR_NS, issuer="ACME", grade="investment"
    ),
    Instrument("JUNK", Product.CORPORATE_BOND, multiplier=10.0, expiry_ns=3 * YEAR_NS, grade="other", issuer="JUNK CO"),
    Instrument("GOLD", Product.GOLD),
    Instrument("BTC", Product.CRYPTO_SPOT),
    Instrument("BUIDL", Product.TOKENISED, "BILL", tokenised_product="treasury", expiry_ns=YEAR_NS // 4),
    Instrument("AAPLx", Product.TOKENISED, "AAPL", tokenised_product="equity"),
    Instrument("AAPL-TRS", Product.EQUITY_SWAP, "AAPL"),
    Instrument(
        "ACME-CDS", Product.CREDIT_DEFAULT_SWAP, multiplier=1e4, expiry_ns=5 * YEAR_NS, reference_entity="ACME",
        coupon=0.01, recovery_rate=0.4, negative_price_allowed=True,
    ),
]  # fmt: skip
NAMES = [instrument.instrument_id for instrument in LISTED[1:]]
PLEDGED = [name for name in NAMES if name not in {"AAPL-TRS", "ACME-CDS"}]
BY_ID = {instrument.instrument_id: instrument for instrument in LISTED}
silos = st.sampled_from(
    ["securities", "security_based_swaps", "futures", "uncleared_swaps", "digital_assets"]
)
amounts = st.floats(-1e4, 1e6).map(lambda amount: round(amount, 2))
quantities = st.floats(-1e3, 1e4).map(lambda quantity: round(quantity, 3))
rates = st.floats(0.0, 1.0)


@st.composite
def schedules(draw: st.DrawFn) -> CollateralSchedule:
    """The shipped haircuts under random limits."""
    mapping = copy.deepcopy(shipped("collateral"))
    mapping["limits"] = [
        {
            "silos": ["futures", "uncleared_swaps"], "name": "risky", "products": ["equity", "gold", "corporate_bond"],
            "largest_share": draw(rates), "largest_usd": draw(st.floats(0.0, 1e7)), "source": "test",
        },
        {
            "silos": ["futures"], "name": "coins", "products": ["crypto_spot"], "assets": ["BTC"],
            "largest_usd": draw(st.floats(0.0, 1e7)), "source": "test",
        },
    ]  # fmt: skip
    mapping["volume_limits"][0]["largest_days"] = draw(st.floats(0.0, 20.0))
    for entry in mapping["wrong_way"]:
        entry["own_issuer"], entry["same_name"] = draw(rates), draw(rates)
    return CollateralSchedule.from_mapping(mapping)


Row = tuple[str, str, float]  # name of an instrument or currency, silo, amount


def rows(names: list[str], values: st.SearchStrategy[float]) -> st.SearchStrategy[list[Row]]:
    row = st.tuples(st.sampled_from(names), silos, values)
    return st.lists(row, max_size=6, unique_by=lambda each: each[:2])


def market(priced: set[str]) -> Market:
    marks = {"EURUSD": 1.1, "AAPL": 200.0, "SAP": 150.0, "GOLD": 2_600.0, "BTC": 60_000.0, "AAPL-TRS": 200.0}
    marks |= {"ACME-CDS": 0.02, "BUIDL": 1.0, "AAPLx": 199.0}
    known = {name: marks.get(name, 98.0) for name in BY_ID if name in priced | {"AAPL", "EURUSD"}}
    view = market_of(LISTED, known)
    view.valuation_time_ns = AT_NS
    return view


def vectorised(
    schedule: CollateralSchedule, view: Market, owner: str, cash: Sequence[Row], positions: Sequence[Row],
    pledged: Sequence[Row], settlement: str = "USD",
) -> dict[str, float]:  # fmt: skip
    """Equity of one account by silo, through holdings and book as in the engine."""
    book, holdings = EquityBook(schedule), Holdings()
    book.reserve(view.count)
    holdings.reserve(1, view.count)
    every = np.arange(view.count)
    for slot in every.tolist():
        book.learn(slot, view)
    entries = [*((*row, False) for row in positions), *((*row, True) for row in pledged)]
    slots = np.array([view.slot_of[name] for name, *_ in entries], np.int64)
    at = np.array([SILO_INDEX[silo] for _, silo, *_ in [*entries, *cash]], np.int64)
    count = len(entries) + len(cash)
    book.know_collateral(slots[len(positions) :], at[len(positions) : len(entries)], view)
    holdings.apply(
        Effects(
            np.zeros(count, np.int64),
            np.concatenate([slots, np.full(len(cash), -1, np.int64)]),
            at,
            np.array([row[3] for row in entries] + [False] * len(cash), np.bool_),
            np.array([row[2] for row in entries] + [0.0] * len(cash), np.float64),
            np.array([0.0] * len(entries) + [row[2] for row in cash], np.float64),
            np.array([0] * len(entries) + [holdings.currency_index(row[0]) for row in cash], np.int64),
            np.full(count, -1, np.int64),
        )
    )
    book.revalue(view, every, np.zeros(view.count, np.bool_))
    equity, trusted = np.zeros((1, len(SILOS))), np.ones((1, len(SILOS)), np.bool_)
    owners = np.array([book.names.index(owner)], np.int32)
    settlements = np.array([book.settlement(settlement)], np.int16)
    book.value(np.array([0]), owners, settlements, holdings, view, equity, trusted)
    return dict(zip(SILOS, equity[0].tolist(), strict=True))


def content(
    silo: str, owner: str, cash: Any, positions: Any, pledged: Any, settlement: str = "USD"
) -> SiloContent:
    held = [
        [Holding(BY_ID[name], quantity, silo) for name, at, quantity in rows if at == silo and quantity]
        for rows in (positions, pledged)
    ]
    balances = {code: amount for code, at, amount in cash if at == silo}
    return SiloContent(silo, balances, *held, owner, settlement)


@settings(deadline=None, max_examples=200)
@given(
    schedules(), st.sampled_from(["", "AAPL", "ACME", "SAP SE"]), rows(["USD", "EUR"], amounts),
    rows(NAMES, quantities), rows(PLEDGED, quantities), st.sets(st.sampled_from(NAMES), min_size=8),
    st.sampled_from(["USD", "EUR", "GBP"]),
)  # fmt: skip
def test_vectorised_equals_twin_and_explanation_adds_up(
    schedule: CollateralSchedule, owner: str, cash: list[Row], positions: list[Row], pledged: list[Row],
    priced: set[str], settlement: str,
) -> None:  # fmt: skip
    view = market(priced)
    found = vectorised(schedule, view, owner, cash, positions, pledged, settlement)
    for silo in SILOS:
        held = content(silo, owner, cash, positions, pledged, settlement)
        tree = explain_equity(schedule, held, view, AT_NS)
        assert found[silo] == pytest.approx(tree.amount_usd, rel=1e-9, abs=0.01)
        assert tree.largest_residual_usd() <= 1e-6


@given(schedules(), st.sampled_from(["", "ACME"]), silos, st.sampled_from(PLEDGED), st.floats(0.0, 1e4))
def test_an_asset_never_counts_more_than_its_value_nor_less_than_nothing(
    schedule: CollateralSchedule, owner: str, silo: str, name: str, quantity: float
) -> None:
    view = market(set(NAMES))
    counted = vectorised(schedule, view, owner, [], [], [(name, silo, quantity)])[silo]
    instrument = BY_ID[name]
    fx = 1.1 if instrument.currency == "EUR" else 1.0
    value = quantity * instrument.multiplier * float(view.mark[view.slot_of[name]]) * fx
    assert -1e-6 <= counted <= value + 1e-6


@given(schedules(), silos, st.sampled_from(PLEDGED), st.floats(1.0, 1e4))
def test_own_securities_never_count_more_than_those_of_others(
    schedule: CollateralSchedule, silo: str, name: str, quantity: float
) -> None:
    view = market(set(NAMES))
    deposit = [(name, silo, quantity)]
    stranger = vectorised(schedule, view, "", [], [], deposit)[silo]
    owner = vectorised(schedule, view, "ACME", [], [], deposit)[silo]
    assert owner <= stranger + 1e-9
