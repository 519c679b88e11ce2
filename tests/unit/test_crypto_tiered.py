"""Tiered crypto margin: what is covered, what nets, missing prices, liquidation prices at the edges."""

from __future__ import annotations

import numpy as np
import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILO_INDEX, Instrument, Product
from engine.rules.crypto_tiered import CryptoTiered
from engine.rules.crypto_tiered_liquidation import liquidation_price
from engine.rules.crypto_tiered_parameters import Parameters
from engine.rules.interface import Holding
from tests.crypto_book import holdings_of, market_of
from tests.engine_book import NOW_NS, TODAY, new_engine, prices, trades
from tests.rulebook_cases import requirements, shipped

PERPETUAL = Instrument("BTC-PERP", Product.PERPETUAL, margin_schedule="binance-usdtm:BTC")


@pytest.fixture
def rulebook() -> CryptoTiered:
    return CryptoTiered(Parameters.from_mapping(shipped("crypto-tiered")))


def test_silo_is_data() -> None:
    mapping = shipped("crypto-tiered") | {"silo": "digital_assets"}
    assert CryptoTiered(Parameters.from_mapping(mapping)).silo == "digital_assets"


def test_netting_set_is_schedule_and_contract(rulebook: CryptoTiered) -> None:
    assert rulebook.netting_set(PERPETUAL) == "binance-usdtm:BTC/BTC-PERP"


@pytest.mark.parametrize(
    "instrument",
    [
        Instrument("BTC-USD", Product.CRYPTO_SPOT),
        Instrument("ESZ6", Product.FUTURE),
        Instrument("BTC-QUANTO", Product.PERPETUAL, currency="BTC", margin_schedule="binance-coinm:BTC"),
        Instrument("BTC-EUR", Product.CRYPTO_FUTURE, currency="EUR", margin_schedule="binance-usdtm:BTC"),
    ],
)
def test_what_is_not_covered_is_an_error(rulebook: CryptoTiered, instrument: Instrument) -> None:
    with pytest.raises(MarginError) as caught:
        rulebook.netting_set(instrument)
    assert caught.value.reason is Reason.NO_RULEBOOK
    assert caught.value.thing == f"instrument {instrument.instrument_id} in silo futures"


def test_an_unknown_schedule_is_an_error_at_load_and_at_bind(rulebook: CryptoTiered) -> None:
    unknown = Instrument("PEPE-PERP", Product.PERPETUAL, margin_schedule="binance-usdtm:PEPE")
    with pytest.raises(MarginError) as caught:
        rulebook.netting_set(unknown)
    assert caught.value.reason is Reason.BAD_PARAMETER
    assert "PEPE-PERP" in caught.value.detail
    with pytest.raises(MarginError, match="binance-usdtm:PEPE"):
        rulebook.bind(["binance-usdtm:PEPE/PEPE-PERP"])


def test_bind_learns_sets_that_come_later(rulebook: CryptoTiered) -> None:
    sets = ["binance-usdtm:BTC/A", "dydx-v4:large-cap/B"]
    rulebook.bind(sets[:1])
    rulebook.bind(sets)
    charges = rulebook.charge(np.diag([1000.0, 0, 0, 0, 0, 0])[[0, 0]] * [[1], [-1]], np.array([0, 1]))
    assert charges == pytest.approx(np.array([[8.0, 4.0], [20.0, 12.0]]))


def test_the_contracts_own_open_interest_scales_its_initial_margin(rulebook: CryptoTiered) -> None:
    """1,000 contracts at 70,000 are half way from 40 to 100 million: 5 % + half of 95 %; maintenance stays at 3 %."""
    terms = {"product": Product.PERPETUAL, "margin_schedule": "dydx-v4:mid-cap"}
    known = Instrument("KNOWN", open_interest=1_000.0, **terms)
    listed = [known, Instrument("NOT-KNOWN", **terms), Instrument("FULL", open_interest=1e4, **terms)]
    market = market_of(listed, dict.fromkeys(("KNOWN", "NOT-KNOWN", "FULL"), 70_000.0))
    accounts = [holdings_of(market, {name: -2.0}, "futures") for name in ("KNOWN", "NOT-KNOWN", "FULL")]
    figures = requirements(rulebook, market, accounts)
    assert figures.tolist() == [
        pytest.approx([73_500.0, 4_200.0]),
        pytest.approx([7_000.0, 4_200.0]),
        pytest.approx([140_000.0, 4_200.0]),
    ]
    facts = rulebook.explain(accounts[0], market).tree.parts[0].facts
    assert (facts["open_interest_usd"], facts["adjusted_initial_ppm"]) == (70e6, 525_000.0)
    assert facts["initial_usd"] == pytest.approx(73_500.0)


def test_open_interest_is_a_feed() -> None:
    """The record published again, or another price, moves the initial requirement of who holds the contract."""
    engine = new_engine(["A"])
    terms = {"product": Product.PERPETUAL, "margin_schedule": "dydx-v4:mid-cap", "risk_factor": "CRYPTO:BTC"}

    def initial() -> float:
        engine.evaluate(NOW_NS)
        assert engine.shadow_check(["A"]) < 0.01
        slot = engine.account_slots(["A"])[0]
        assert engine.maintenance[slot, SILO_INDEX["futures"]] == pytest.approx(0.03 * 2 * mark)
        return float(engine.initial[slot, SILO_INDEX["futures"]])

    engine.put_instrument(Instrument("PERP", open_interest=500.0, **terms))
    mark = 70_000.0
    engine.apply_prices(prices(engine, {"PERP": mark}, 1))
    engine.apply_trades(0, trades(engine, [("T", 1, "A", "PERP", 2.0, mark, False, TODAY)]))
    assert initial() == pytest.approx(0.05 * 2 * mark)
    engine.put_instrument(Instrument("PERP", open_interest=1_000.0, **terms))
    assert initial() == pytest.approx(0.525 * 2 * mark)
    mark = 85_000.0
    engine.apply_prices(prices(engine, {"PERP": mark}, 2))
    assert initial() == pytest.approx((0.05 + 0.95 * 0.75) * 2 * mark)


def test_an_instrument_without_price_has_a_zero_row_and_says_so(rulebook: CryptoTiered) -> None:
    market = market_of([PERPETUAL], {})
    assert rulebook.rows(market, np.array([0])).tolist() == [[0.0] * 6]
    explained = rulebook.explain([Holding(PERPETUAL, 2.0, "futures")], market)
    assert explained.requirement.maintenance_usd == 0.0
    assert explained.tree.parts[0].facts["price"] == "missing: not in the figure"


def test_holdings_of_other_silos_and_rulebooks_are_not_in_the_figure(rulebook: CryptoTiered) -> None:
    future = Instrument("ESZ6", Product.FUTURE, combined_commodity="ES", contract_month="2026-12")
    market = market_of([PERPETUAL, future], {"BTC-PERP": 60_000.0, "ESZ6": 6_800.0})
    holdings = [Holding(PERPETUAL, 1.0, "digital_assets"), Holding(future, 1.0, "futures")]
    assert rulebook.explain(holdings, market).tree.parts == ()


def test_accounts_without_contracts_need_nothing(rulebook: CryptoTiered) -> None:
    market = market_of([PERPETUAL], {"BTC-PERP": 10_000.0})
    accounts = [[], holdings_of(market, {"BTC-PERP": 1.0}, "futures"), []]
    expected = [[0.0, 0.0], [80.0, 40.0], [0.0, 0.0]]
    assert requirements(rulebook, market, accounts) == pytest.approx(np.array(expected))


@pytest.mark.parametrize(
    ("quantity", "equity_usd", "expected"),
    [
        (1.0, 60_001.0, "none: the account survives a fall to zero"),
        (-1.0, -60_001.0, "none: in deficit at any price"),
    ],
)
def test_no_price_liquidates(
    rulebook: CryptoTiered, quantity: float, equity_usd: float, expected: str
) -> None:
    market = market_of([PERPETUAL], {"BTC-PERP": 60_000.0})
    explained = rulebook.explain(holdings_of(market, {"BTC-PERP": quantity}, "futures"), market, equity_usd)
    assert explained.tree.parts[0].facts["liquidation_price"] == expected


def test_the_tier_at_the_liquidation_price_decides(rulebook: CryptoTiered) -> None:
    """A short of 0.9 at 50,000 stands in tier 1 (0.4 %) and is liquidated in tier 2 (0.5 %, deduction 50)."""
    schedule = rulebook.parameters.schedules["binance-usdtm:BTC"]
    price = liquidation_price(schedule, 10_000.0, 0.0, -0.9, 50_000.0)
    assert price == pytest.approx((10_000.0 + 50.0 + 0.9 * 50_000.0) / (0.9 * 1.005))
    assert price is not None
    assert price * 0.9 > 50_000.0


def test_a_schedule_of_options_is_for_options_and_no_other(rulebook: CryptoTiered) -> None:
    option = Instrument("OPT", Product.CRYPTO_OPTION, "BTC", margin_schedule="deribit:option", right="call")
    assert rulebook.netting_set(option) == "deribit:option/OPT"
    for wrong in (
        Instrument("PERP", Product.PERPETUAL, margin_schedule="deribit:option"),
        Instrument("OPT", Product.CRYPTO_OPTION, "BTC", margin_schedule="binance-usdtm:BTC", right="call"),
    ):
        with pytest.raises(MarginError) as caught:
            rulebook.netting_set(wrong)
        assert caught.value.reason is Reason.BAD_PARAMETER
