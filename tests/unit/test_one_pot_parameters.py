"""One-pot parameters: the shipped file loads, values out of bounds are refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Product
from engine.rules.unified.one_pot_parameters import LiquidityTier, OnePotParameters
from tests.one_pot_book import rulebook
from tests.rulebook_cases import shipped


def test_shipped_file() -> None:
    mapping = shipped("one-pot")
    read = OnePotParameters.from_mapping(mapping)
    assert read.rulebook_id == "one-pot"
    assert read.measure == "es"
    assert read.confidence == 0.975
    assert read.liquidity.tiers[0] == LiquidityTier(0.0, 0.0)
    assert Product.TREASURY not in read.eligible_products
    for name, entry in mapping.items():
        assert isinstance(entry, str) or entry["source"], name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("measure", "mean"),
        ("measure", ["es"]),
        ("confidence", 0.49),
        ("confidence", 1.0),
        ("confidence", float("nan")),
        ("confidence", "high"),
        ("stress_weight", -0.1),
        ("stress_weight", True),
        ("offset_cap", 1.01),
        ("floor_share_of_silos", 1.5),
        ("option_minimum_usd_per_unit", -1.0),
        ("futures_minimum_share", 0.2),
        ("eligible_products", ["index"]),
        ("eligible_products", [["etf"]]),
        ("eligible_products", "etf"),
        ("eligible_account_types", ["friend"]),
        ("required_approvals", ["none"]),
        ("liquidity_tiers", []),
        ("liquidity_tiers", [{"from_days": 1.0, "rate": 0.0}]),
        ("liquidity_tiers", [{"from_days": 0.0, "rate": 0.0}, {"from_days": 0.0, "rate": 0.1}]),
        ("liquidity_tiers", [{"from_days": 0.0, "rate": 0.1}, {"from_days": 1.0, "rate": 0.0}]),
        ("unknown_volume_usd_per_day", 0.0),
    ],
)
def test_out_of_bounds_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(MarginError) as refused:
        OnePotParameters.from_mapping(shipped("one-pot") | {name: {"value": value}})
    assert refused.value.reason is Reason.BAD_PARAMETER
    assert refused.value.thing.startswith(f"rulebook one-pot: {name}")


@pytest.mark.parametrize("name", ["rulebook_id", "confidence", "liquidity_tiers"])
def test_missing_is_refused_by_name(name: str) -> None:
    mapping = {key: value for key, value in shipped("one-pot").items() if key != name}
    with pytest.raises(MarginError, match=name):
        OnePotParameters.from_mapping(mapping)


def test_proxy_bounds() -> None:
    for entry in (
        {"factor": "EQ:NDX", "beta": 30.0, "residual_shock": 0.1},
        {"factor": "EQ:NDX", "beta": 1.0},
    ):
        with pytest.raises(MarginError, match=r"proxies\.EQ:NEWCO\."):
            OnePotParameters.from_mapping(shipped("one-pot") | {"proxies": {"EQ:NEWCO": entry}})


def test_eligibility() -> None:
    book = rulebook(eligible_account_types=["customer"], required_approvals=["portfolio_margin"])
    assert book.eligible_account(("portfolio_margin", "cross_margin"), "customer")
    assert not book.eligible_account(("cross_margin",), "customer")
    assert not book.eligible_account(("portfolio_margin",), "proprietary")
