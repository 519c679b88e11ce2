"""Scenario-matrix margin: golden cases, an independent Black-76 revaluation, what is covered, checks at load."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.base.errors import MarginError, Reason
from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.instruments import Instrument, Product
from engine.rules.crypto_scenario_matrix import CryptoScenarioMatrix
from engine.rules.crypto_scenario_matrix_parameters import Parameters
from engine.rules.crypto_scenario_matrix_plain import volatility_scale
from engine.rules.interface import Holding
from tests.crypto_book import case_market, holdings_of, market_of
from tests.rulebook_cases import golden, load, requirements, shipped

ALL = golden("crypto-scenario-matrix")
PORTFOLIOS = [path for path in ALL if "positions" in load(path)]
PARAMETERS = Parameters.from_mapping(shipped("crypto-scenario-matrix"))


@pytest.fixture
def rulebook() -> CryptoScenarioMatrix:
    return CryptoScenarioMatrix(PARAMETERS)


def test_no_case_is_lost() -> None:
    assert (len(ALL), len(PORTFOLIOS)) == (4, 3)


@pytest.mark.parametrize("path", PORTFOLIOS, ids=lambda path: path.stem)
def test_golden_portfolio(rulebook: CryptoScenarioMatrix, path: Path) -> None:
    case = load(path)
    market, expected, usd = case_market(case), case["result"], case["tolerance"]["usd"]
    account = holdings_of(market, case["positions"], "futures")
    [(initial, maintenance)] = requirements(rulebook, market, [account])
    explained = rulebook.explain(account, market)
    for figure in (initial, explained.requirement.initial_usd):
        assert figure == pytest.approx(expected["initial_usd"], abs=usd)
    for figure in (maintenance, explained.requirement.maintenance_usd):
        assert figure == pytest.approx(expected["maintenance_usd"], abs=usd)
    for part in explained.tree.parts:
        for name, value in expected["coins"][part.name].items():
            found = part.facts[name]
            assert found == (value if isinstance(value, str) else pytest.approx(value, abs=usd)), name
    assert explained.tree.largest_residual_usd() <= 1e-6


def test_the_minimum_of_the_venues_example(rulebook: CryptoScenarioMatrix) -> None:
    case = load(next(path for path in ALL if path not in PORTFOLIOS))
    row = np.zeros((1, len(rulebook.column_kinds)))
    row[0, len(PARAMETERS.scenarios) :] = list(case["exposures"].values())
    [(initial, maintenance)] = rulebook.charge(row, np.zeros(1, np.int64)).tolist()
    assert initial == pytest.approx(case["result"]["initial_usd"], abs=case["tolerance"]["usd"])
    assert maintenance == pytest.approx(case["result"]["maintenance_usd"], abs=case["tolerance"]["usd"])


def black(call: bool, forward: float, strike: float, volatility: float, years: float) -> float:
    """Black-76 without discounting, from the textbook."""
    deviation = volatility * math.sqrt(years)
    d1 = (math.log(forward / strike) + 0.5 * deviation**2) / deviation
    up, down = (0.5 * math.erfc(-d / math.sqrt(2.0)) for d in (d1, d1 - deviation))
    value = forward * up - strike * down
    return value if call else value - forward + strike


@pytest.mark.parametrize("days", [3, 30, 200])
@pytest.mark.parametrize("right", ["call", "put"])
def test_an_option_sold_against_an_independent_revaluation(
    rulebook: CryptoScenarioMatrix, days: int, right: str
) -> None:
    years, spot, strike, volatility = days / 365.0, 60_000.0, 66_000.0, 0.6
    coin = Instrument("BTC", Product.CRYPTO_SPOT)
    option = Instrument(
        "OPT", Product.CRYPTO_OPTION, "BTC", 0.1, expiry_ns=days * NANOSECONDS_PER_DAY, strike=strike, right=right,
        exercise="european", margin_schedule="deribit:option",
    )  # fmt: skip
    mark = black(right == "call", spot, strike, volatility, years)
    market = market_of([coin, option], {"BTC": spot, "OPT": mark})
    power = 0.30 if days < 30 else 0.13
    scale = (30.0 / days) ** power
    losses = [
        scenario["weight"]
        * (
            black(
                right == "call", spot * (1 + scenario["price"]), strike,
                volatility * (1 + scale * scenario["volatility"]), years,
            )
            - mark
        )
        for scenario in shipped("crypto-scenario-matrix")["scenarios"]
    ]  # fmt: skip
    [(initial, maintenance)] = requirements(rulebook, market, [[Holding(option, -10.0, "futures")]])
    assert initial == pytest.approx(10.0 * 0.1 * max(losses), rel=1e-6)
    assert maintenance == pytest.approx(0.5 * initial, rel=1e-12)


COIN_MARGINED = Instrument(
    "BTCUSD_PERP", Product.PERPETUAL, "BTC", 100.0, "BTC", settlement="inverse", margin_schedule="x"
)
COIN_RATE = Instrument("BTCUSD", Product.FX_RATE, currency="BTC")


@pytest.mark.parametrize("in_coins", [False, True])
@pytest.mark.parametrize("quantity", [10_000.0, -10_000.0])
def test_inverse_contracts_gain_coins(quantity: float, in_coins: bool) -> None:
    """Coins gained in every scenario, at the coin's price in it or at the present one; the worst weighted loss."""
    market = market_of([COIN_RATE, COIN_MARGINED], {"BTCUSD": 47_900.0, "BTCUSD_PERP": 48_000.0})
    losses = []
    for scenario in shipped("crypto-scenario-matrix")["scenarios"]:
        move = 1.0 + scenario["price"]
        coins = quantity * 100.0 * (1.0 / 48_000.0 - 1.0 / (48_000.0 * move))
        losses.append(-scenario["weight"] * coins * 47_900.0 * (1.0 if in_coins else move))
    rulebook = CryptoScenarioMatrix(replace(PARAMETERS, gain_in_coins=in_coins))
    account = [Holding(COIN_MARGINED, quantity, "futures")]
    [(initial, maintenance)] = requirements(rulebook, market, [account])
    assert initial == pytest.approx(max(losses), rel=1e-12)
    assert maintenance == pytest.approx(0.5 * initial, rel=1e-12)
    assert rulebook.explain(account, market).requirement.initial_usd == pytest.approx(initial, rel=1e-12)


def test_coins_held_against_an_inverse_contract_sold_leave_the_minimum(
    rulebook: CryptoScenarioMatrix,
) -> None:
    """Cash and carry: 20 coins and 1,000,000 USD sold at 50,000 are dollars, whatever the coin does."""
    coin = Instrument("BTC", Product.CRYPTO_SPOT)
    marks = {"BTC": 50_000.0, "BTCUSD": 50_000.0, "BTCUSD_PERP": 50_000.0}
    market = market_of([coin, COIN_RATE, COIN_MARGINED], marks)
    account = [Holding(coin, 20.0, "digital_assets"), Holding(COIN_MARGINED, -10_000.0, "futures")]
    [(initial, _)] = requirements(rulebook, market, [account])
    assert initial == pytest.approx(0.01 * 1e6)  # hedged delta


def test_an_inverse_contract_is_margined_with_the_coin_it_settles_in(rulebook: CryptoScenarioMatrix) -> None:
    assert rulebook.netting_set(replace(COIN_MARGINED, underlying="BTC-USD")) == "BTC"
    assert rulebook.netting_set(replace(COIN_MARGINED, combined_commodity="XBT")) == "XBT"


def test_volatility_scaling_stops_at_the_shortest_day_and_changes_its_power_at_the_reference() -> None:
    scaling = PARAMETERS.scaling
    assert volatility_scale(scaling, 0.1) == volatility_scale(scaling, 1.0) == pytest.approx(30**0.3)
    assert volatility_scale(scaling, 30.0) == 1.0
    assert volatility_scale(scaling, 60.0) == pytest.approx(0.5**0.13)


def test_an_option_on_a_dated_future_is_margined_with_its_coin(rulebook: CryptoScenarioMatrix) -> None:
    option = Instrument("OPT", Product.CRYPTO_OPTION, "BTC-26Z", combined_commodity="BTC")
    assert (
        rulebook.netting_set(option) == rulebook.netting_set(Instrument("BTC", Product.CRYPTO_SPOT)) == "BTC"
    )


@pytest.mark.parametrize(
    "instrument",
    [Instrument("ESZ6", Product.FUTURE), Instrument("BTC-EUR", Product.PERPETUAL, currency="EUR")],
)
def test_what_is_not_covered_is_an_error(rulebook: CryptoScenarioMatrix, instrument: Instrument) -> None:
    with pytest.raises(MarginError) as caught:
        rulebook.netting_set(instrument)
    assert caught.value.reason is Reason.NO_RULEBOOK


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("scenarios", 0, "weight"), 1.5),
        (("scenarios", 0, "price"), -1.0),
        (("volatility_scaling", "shortest_days"), 31),
        (("minimum", "net_delta_rate"), -0.1),
        (("maintenance", "share"), 0.0),
        (("funding", "hours"), 25),
        (("minimum", "misspelt"), 1),
        (("inverse", "coins_at"), "entry"),
    ],
)
def test_a_bad_parameter_is_refused_by_its_path(path: tuple[Any, ...], value: Any) -> None:
    mapping = copy.deepcopy(shipped("crypto-scenario-matrix"))
    table: Any = mapping
    for step in path[:-1]:
        table = table[step]
    table[path[-1]] = value
    with pytest.raises(MarginError) as caught:
        Parameters.from_mapping(mapping)
    assert caught.value.reason is Reason.BAD_PARAMETER
    assert str(path[-1]) in caught.value.thing
