"""Coin-margined contracts: what they are worth, gain and cost, and at which price they are liquidated."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILO_INDEX, Instrument, Product, check_instrument
from engine.market.prices import PriceOutcome
from engine.portfolio.accounts import Account
from engine.portfolio.collateral import CollateralSchedule
from engine.rules.requirement import Part
from engine.state.engine import Engine
from engine.state.explanation import explanation
from streams.parameters import load_policy
from tests.engine_book import APPROVED, NOW_NS, TODAY, movements, prices, trades
from tests.rulebook_cases import shipped

FUTURES = SILO_INDEX["futures"]
RATE = Instrument("BTCUSD", Product.FX_RATE, currency="BTC", risk_factor="CRYPTO:BTC")
TERMS: dict[str, Any] = {
    "currency": "BTC",
    "settlement": "inverse",
    "margin_schedule": "binance-coinm:BTC",
    "risk_factor": "CRYPTO:BTC",
}
PERPETUAL = Instrument("BTCUSD_PERP", Product.PERPETUAL, "BTC", 100.0, **TERMS)
FUTURE = Instrument("BTCUSD_261225", Product.CRYPTO_FUTURE, "BTC", 100.0, **TERMS)
ONE_DOLLAR = Instrument("XBTUSD", Product.PERPETUAL, "BTC", 1.0, **TERMS)


def coin_wallets() -> CollateralSchedule:
    """The packaged schedule of a firm whose crypto venue keeps wallets in coins."""
    mapping = copy.deepcopy(shipped("collateral"))
    mapping["settled"]["silos"].append("futures")
    return CollateralSchedule.from_mapping(mapping)


def new_engine(settlement: str = "USD") -> Engine:
    engine = Engine(replace(load_policy(), collateral=coin_wallets()))
    engine.put_account(Account("A", approvals=APPROVED, settlement_currency=settlement), 0)
    for instrument in (RATE, PERPETUAL, FUTURE, ONE_DOLLAR):
        engine.put_instrument(instrument)
    engine.take_partition(0)
    engine.go_live(0)
    return engine


def mark(engine: Engine, sequence: int, coin: float, **marks: float) -> None:
    assert not engine.apply_prices(prices(engine, {"BTCUSD": coin, **marks}, sequence)).any()
    engine.evaluate(NOW_NS)


def buy(engine: Engine, instrument_id: str, quantity: float, price: float) -> None:
    trade = (f"T{instrument_id}{quantity}", 1, "A", instrument_id, quantity, price, False, TODAY)
    engine.apply_trades(0, trades(engine, [trade]))


def deposit(engine: Engine, coins: float) -> None:
    row = ("C", 1, "A", "", "BTC", coins, False, TODAY, FUTURES)
    engine.apply_collateral(0, movements(engine, [row]))


def equity(engine: Engine) -> float:
    engine.evaluate(NOW_NS)
    return float(engine.equity[0, FUTURES])


@pytest.mark.parametrize(
    ("quantity", "bought", "now", "coins"),
    [
        # Bybit help centre, What is Inverse Contract: 10,000 USD bought at 8,000, closed at 12,500: 1.25 - 0.8 BTC.
        (10_000.0, 8_000.0, 12_500.0, 0.45),
        # BitMEX, Inverse Futures Guide: 100,000 contracts of 1 USD from 10,000 to 10,500.
        (100_000.0, 10_000.0, 10_500.0, 100_000.0 * (1 / 10_000 - 1 / 10_500)),
        # Bybit, Profit & Loss calculations: 1,000 sold at 5,000, at 5,500 the other way of 0.01818 BTC.
        (-1_000.0, 5_000.0, 5_500.0, -0.0181818),
    ],
)
def test_published_gains_in_coins(quantity: float, bought: float, now: float, coins: float) -> None:
    engine = new_engine("BTC")
    buy(engine, "XBTUSD", quantity, bought)
    mark(engine, 1, now, XBTUSD=now)
    assert equity(engine) == pytest.approx(coins * now, abs=5e-8 * now)


def test_the_haircut_of_the_coin_is_on_the_coins_that_are_left() -> None:
    """1,000,000 USD bought at 50,000 puts 20 coins into the balance, which are no collateral: with 2 coins paid in and
    the contract at 48,000, 2 + 20 - 20.8333 = 1.1667 coins are left, of which 80 % count."""
    engine = new_engine()
    deposit(engine, 2.0)
    buy(engine, "BTCUSD_PERP", 10_000.0, 50_000.0)
    mark(engine, 1, 47_900.0, BTCUSD_PERP=48_000.0)
    left = 2.0 + 1e6 / 50_000 - 1e6 / 48_000
    assert equity(engine) == pytest.approx(0.8 * left * 47_900.0, abs=1e-6)
    mark(engine, 2, 45_000.0, BTCUSD_PERP=45_000.0)  # 0.2222 coins are owed: no haircut
    assert equity(engine) == pytest.approx((2.0 + 1e6 / 50_000 - 1e6 / 45_000) * 45_000.0, abs=1e-6)
    assert [line.name for line in cash_line(engine).parts] == [
        "at the rate",
        "BTCUSD_PERP",
        "haircut of the currency",
    ]
    assert engine.shadow_check(["A"]) < 0.01


def cash_line(engine: Engine) -> Part:
    """The coins in the explanation of the silo's equity."""
    [tree] = [tree for silo, tree in explanation(engine, "A").equity if silo == "futures"]
    assert tree.amount_usd == pytest.approx(equity(engine), abs=1e-6)
    assert tree.largest_residual_usd() <= 1e-6
    [cash] = [line for part in tree.parts for line in part.parts if line.name == "cash BTC"]
    return cash


def liquidation_price(engine: Engine, instrument_id: str) -> float | str:
    [(_, _, explained)] = explanation(engine, "A").silos
    [facts] = [part.facts for part in explained.tree.parts if part.name == instrument_id]
    return facts["liquidation_price"]


def test_a_perpetual_and_a_dated_future_settle_in_one_balance() -> None:
    engine = new_engine("BTC")
    buy(engine, "BTCUSD_PERP", 500.0, 50_000.0)
    buy(engine, "BTCUSD_261225", -500.0, 52_000.0)
    mark(engine, 1, 60_000.0, BTCUSD_PERP=60_000.0, BTCUSD_261225=62_000.0)
    coins = 50_000.0 * (1 / 50_000 - 1 / 60_000) - 50_000.0 * (1 / 52_000 - 1 / 62_000)
    assert equity(engine) == pytest.approx(coins * 60_000.0, abs=1e-6)
    need = 50_000.0 / 60_000 * 0.004 + 50_000.0 / 62_000 * 0.004
    assert engine.maintenance[0, FUTURES] == pytest.approx(need * 60_000.0, abs=1e-6)


@pytest.mark.parametrize(("quantity", "coins"), [(10_000.0, 3.0), (-10_000.0, 3.0), (40_000.0, 9.0)])
def test_at_the_liquidation_price_the_engine_has_what_it_requires(quantity: float, coins: float) -> None:
    """Cross margin in a wallet of coins, a second contract beside it: marked at the price that the explanation tells,
    equity is the maintenance requirement; a tenth of a per cent further it is short."""
    engine = new_engine("BTC")
    deposit(engine, coins)
    buy(engine, "BTCUSD_PERP", quantity, 50_000.0)
    buy(engine, "XBTUSD", 20_000.0, 50_000.0)
    mark(engine, 1, 49_900.0, BTCUSD_PERP=50_500.0, XBTUSD=50_100.0)
    price = liquidation_price(engine, "BTCUSD_PERP")
    assert isinstance(price, float)
    assert (price < 50_500.0) == (quantity > 0.0)
    # The coin's own rate moves as it likes: everything is in coins.
    mark(engine, 2, 0.97 * price, BTCUSD_PERP=price, XBTUSD=50_100.0)
    assert engine.equity[0, FUTURES] == pytest.approx(engine.maintenance[0, FUTURES], rel=1e-9)
    worse = price * (0.999 if quantity > 0.0 else 1.001)
    mark(engine, 3, 0.97 * price, BTCUSD_PERP=worse, XBTUSD=50_100.0)
    assert engine.equity[0, FUTURES] < engine.maintenance[0, FUTURES]


def test_the_worked_example_of_the_page() -> None:
    """docs/rulebooks/crypto-tiered.md: 10,000 contracts at 50,000, mark 48,000, coin at 47,900, wallet 3 coins."""
    engine = new_engine("BTC")
    deposit(engine, 3.0)
    buy(engine, "BTCUSD_PERP", 10_000.0, 50_000.0)
    mark(engine, 1, 47_900.0, BTCUSD_PERP=48_000.0)
    assert equity(engine) == pytest.approx(103_783.33, abs=0.005)
    assert engine.maintenance[0, FUTURES] == pytest.approx(7_943.42, abs=0.005)
    assert engine.initial[0, FUTURES] == pytest.approx(49_895.83, abs=0.005)
    assert liquidation_price(engine, "BTCUSD_PERP") == pytest.approx(43_887.82, abs=0.005)


def test_coins_enough_for_any_rise() -> None:
    """A short position of as much as the wallet is worth: in USD its value does not move any more."""
    engine = new_engine("BTC")
    deposit(engine, 1.0)
    buy(engine, "XBTUSD", -50_000.0, 50_000.0)
    mark(engine, 1, 50_000.0, XBTUSD=50_000.0)
    assert liquidation_price(engine, "XBTUSD") == "none: the account survives any rise"
    for sequence, price in enumerate((10_000.0, 200_000.0), 2):
        mark(engine, sequence, price, XBTUSD=price)
        assert equity(engine) == pytest.approx(50_000.0, abs=1e-6)


@pytest.mark.parametrize(
    ("changed", "detail"),
    [
        (
            {"product": Product.FUTURE},
            "settlement 'inverse' is for perpetuals and crypto futures, not for future",
        ),
        ({"currency": "USD"}, "needs the coin it settles in as its currency"),
        ({"currency": "DOGE"}, "is not a three letter code"),
        ({"negative_price_allowed": True}, "no value at a price below zero"),
    ],
)
def test_a_record_that_cannot_be_is_refused_by_name(changed: dict[str, Any], detail: str) -> None:
    with pytest.raises(MarginError, match=detail) as caught:
        check_instrument(replace(PERPETUAL, **changed))
    assert caught.value.reason is Reason.BAD_INSTRUMENT
    assert caught.value.thing == "instrument BTCUSD_PERP"


def test_a_contract_does_not_become_inverse() -> None:
    engine = new_engine()
    with pytest.raises(MarginError, match="is_inverse changed from True to False"):
        engine.put_instrument(replace(PERPETUAL, settlement="cash"))


@pytest.mark.parametrize(
    ("instrument", "detail"),
    [
        (
            replace(PERPETUAL, instrument_id="X", currency="ETH"),
            "has its tiers in BTC, but .* settles in ETH",
        ),
        (
            replace(PERPETUAL, instrument_id="X", margin_schedule="binance-usdtm:BTC"),
            "has its tiers in USD, but .* settles in BTC",
        ),
        (
            replace(PERPETUAL, instrument_id="X", currency="USD", settlement="cash"),
            "has its tiers in BTC, but .* settles in USD",
        ),
    ],
)
def test_tiers_in_another_unit_are_refused(instrument: Instrument, detail: str) -> None:
    with pytest.raises(MarginError, match=detail) as caught:
        new_engine().put_instrument(instrument)
    assert caught.value.reason is Reason.BAD_PARAMETER


def test_a_price_of_zero_is_refused() -> None:
    engine = new_engine()
    outcome = engine.apply_prices(prices(engine, {"BTCUSD_PERP": 0.0, "BTCUSD": 50_000.0}, 1))
    assert outcome.tolist() == [PriceOutcome.ZERO, PriceOutcome.APPLIED]
