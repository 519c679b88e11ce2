"""Spot digital assets: golden cases, what is covered, parameter checks."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product
from engine.rules.digital_assets_spot import DigitalAssetsSpot
from engine.rules.digital_assets_spot_parameters import Parameters
from engine.rules.interface import Holding
from tests.crypto_book import case_market, holdings_of, market_of
from tests.rulebook_cases import golden, load, requirements, shipped

GOLDEN = golden("digital-assets-spot")
PAIR = Instrument("BTC-USD", Product.CRYPTO_SPOT, underlying="BTC")


@pytest.fixture
def rulebook() -> DigitalAssetsSpot:
    return DigitalAssetsSpot(Parameters.from_mapping(shipped("digital-assets-spot")))


def test_no_case_is_lost() -> None:
    assert len(GOLDEN) == 5


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_case(path: Path) -> None:
    case = load(path)
    market = case_market(case)
    rules = DigitalAssetsSpot(Parameters.from_mapping(case["rulebook"]))
    account = holdings_of(market, case["positions"], "digital_assets")
    result, usd = case["result"], case["tolerance"]["usd"]
    [(initial, maintenance)] = requirements(rules, market, [account])
    explained = rules.explain(account, market)
    for found in (initial, explained.requirement.initial_usd):
        assert found == pytest.approx(result["initial_usd"], abs=usd)
    for found in (maintenance, explained.requirement.maintenance_usd, explained.tree.amount_usd):
        assert found == pytest.approx(result["maintenance_usd"], abs=usd)
    assert {part.name for part in explained.tree.parts} == set(result["assets"])
    for part in explained.tree.parts:
        expected = result["assets"][part.name]
        assert part.amount_usd == pytest.approx(expected["maintenance_usd"], abs=usd)
        for fact in ("long_value_usd", "short_value_usd", "initial_usd"):
            assert part.facts[fact] == pytest.approx(expected[fact], abs=usd)


def test_netting_set_is_the_asset(rulebook: DigitalAssetsSpot) -> None:
    assert rulebook.netting_set(PAIR) == "BTC"
    assert rulebook.netting_set(Instrument("USDC", Product.STABLECOIN)) == "USDC"


def test_other_products_are_an_error(rulebook: DigitalAssetsSpot) -> None:
    with pytest.raises(MarginError) as caught:
        rulebook.netting_set(Instrument("BTC-PERP", Product.PERPETUAL))
    assert caught.value.reason is Reason.NO_RULEBOOK
    assert caught.value.thing == "instrument BTC-PERP in silo digital_assets"


def test_an_asset_without_rates_is_an_error_at_load_and_at_bind(rulebook: DigitalAssetsSpot) -> None:
    with pytest.raises(MarginError) as caught:
        rulebook.netting_set(Instrument("BTC-USD", Product.CRYPTO_SPOT))  # names no asset
    assert caught.value.reason is Reason.BAD_PARAMETER
    assert caught.value.thing == "rulebook digital-assets-spot: assets.BTC-USD"
    with pytest.raises(MarginError, match="PEPE"):
        rulebook.bind(["PEPE"])


def test_bind_learns_assets_that_come_later(rulebook: DigitalAssetsSpot) -> None:
    rulebook.bind(["BTC"])
    rulebook.bind(["BTC", "USDC"])
    charges = rulebook.charge(np.array([[100.0, 0.0], [0.0, 100.0]]), np.array([0, 1]))
    assert charges == pytest.approx(np.array([[20.0, 20.0], [2.0, 2.0]]))


def test_an_instrument_without_price_has_a_zero_row_and_says_so(rulebook: DigitalAssetsSpot) -> None:
    market = market_of([PAIR], {})
    assert rulebook.rows(market, np.array([0])).tolist() == [[0.0, 0.0]]
    [part] = rulebook.explain([Holding(PAIR, 1.0, "digital_assets")], market).tree.parts
    assert (part.amount_usd, part.facts["mark of BTC-USD"]) == (0.0, "missing: not in the figure")


def test_holdings_of_other_silos_are_not_in_the_figure(rulebook: DigitalAssetsSpot) -> None:
    market = market_of([PAIR], {"BTC-USD": 60_000.0})
    assert rulebook.explain([Holding(PAIR, 1.0, "futures")], market).tree.parts == ()


def test_shipped_file_states_a_source_for_every_asset() -> None:
    assets = shipped("digital-assets-spot")["assets"]
    assert all(asset["source"] and asset["unverified"] for asset in assets.values())
    assert set(assets) >= {"BTC", "ETH", "USDC", "USDT"}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"long": {"initial": 0.1, "maintenance": 0.2}}, "long.initial"),
        ({"long": {"initial": 1.1, "maintenance": 0.2}}, "long.initial"),
        ({"long": {"initial": 0.2, "maintenance": -0.2}}, "long.maintenance"),
        ({"short": {"initial": 4.0, "maintenance": 0.2}}, "short.initial"),
        ({"short": {"initial": 0.2}}, "short.maintenance"),
        ({"short": 0.2}, "short"),
        ({"shorts": {"initial": 0.2, "maintenance": 0.2}}, "shorts"),
    ],
)
def test_a_bad_value_is_refused_by_its_path(change: dict[str, Any], place: str) -> None:
    mapping = copy.deepcopy(shipped("digital-assets-spot"))
    mapping["assets"]["BTC"] |= change
    with pytest.raises(MarginError) as caught:
        Parameters.from_mapping(mapping)
    assert caught.value.reason is Reason.BAD_PARAMETER
    assert caught.value.thing == f"rulebook digital-assets-spot: assets.BTC.{place}"


@pytest.mark.parametrize(
    ("key", "value"), [("silo", "spot"), ("currency", "EUR"), ("assets", {}), ("extra", 1)]
)
def test_a_bad_header_is_refused(key: str, value: Any) -> None:
    with pytest.raises(MarginError) as caught:
        Parameters.from_mapping(shipped("digital-assets-spot") | {key: value})
    assert caught.value.thing == f"rulebook digital-assets-spot: {key}"


def test_a_token_takes_the_rate_of_what_it_stands_for_and_an_add_on(rulebook: DigitalAssetsSpot) -> None:
    """400 days to maturity: 1.5 % + 2 %; a year later below three months: 0 % + 2 %."""
    day_ns = 86_400 * 1_000_000_000
    token = Instrument(
        "tUST",
        Product.TOKENISED,
        "UST",
        expiry_ns=400 * day_ns,
        tokenised_product="treasury",
        multiplier=100.0,
    )
    market = market_of([token], {"tUST": 0.99})
    assert rulebook.netting_set(token) == "token/tUST"
    for days, rate in ((0, 0.035), (365, 0.02)):
        market.valuation_time_ns = days * day_ns
        held = [Holding(token, -1000.0, "digital_assets")]
        [(initial, maintenance)] = requirements(DigitalAssetsSpot(rulebook.parameters), market, [held])
        assert initial == maintenance == pytest.approx(99_000 * rate)
        assert rulebook.explain(held, market).requirement.maintenance_usd == pytest.approx(99_000 * rate)


def test_a_token_of_a_product_without_rates_is_an_error(rulebook: DigitalAssetsSpot) -> None:
    token = Instrument("tMUNI", Product.TOKENISED, "NYC", tokenised_product="municipal_bond", expiry_ns=1)
    with pytest.raises(MarginError, match=r"tokens\.municipal_bond"):
        rulebook.netting_set(token)
