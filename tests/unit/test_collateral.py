"""Collateral haircuts: golden cases on the shipped schedule, defaults, and checks at load."""

from __future__ import annotations

import copy
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from engine.base.errors import MarginError, Reason
from engine.base.units import NANOSECONDS_PER_SECOND
from engine.market.instruments import SILOS, Instrument, Product
from engine.portfolio.collateral import NOT_ELIGIBLE, CollateralSchedule, asset_of
from tests.rulebook_cases import golden, instrument_of, load, nanoseconds, shipped

GOLDEN = golden("collateral")
DAY_NS = 24 * 3600 * NANOSECONDS_PER_SECOND
NOW_NS = nanoseconds("2026-11-20T21:00:00+00:00")


@pytest.fixture
def schedule() -> CollateralSchedule:
    return CollateralSchedule.from_mapping(shipped("collateral"))


def asset(record: dict[str, Any], valuation_time_ns: int) -> Instrument:
    fields = dict(record["instrument"])
    if "days_to_maturity" in record:
        fields["expiry_ns"] = valuation_time_ns + record["days_to_maturity"] * DAY_NS
    return instrument_of(fields)


def test_no_case_is_lost() -> None:
    assert len(GOLDEN) == 5


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_case(schedule: CollateralSchedule, path: Path) -> None:
    case = load(path)
    now, silo = nanoseconds(case["valuation_time"]), case["silo"]
    assets = [asset(record, now) for record in case["assets"]]
    expected = [record["haircut"] for record in case["assets"]]
    found = schedule.haircuts(assets, [silo] * len(assets), now)
    assert found.tolist() == pytest.approx(expected, abs=case["tolerance"]["haircut"])
    for cash in case["cash"]:
        assert schedule.fx_haircut(cash["currency"], silo) == cash["haircut"]


def test_haircuts_of_mixed_silos_are_those_one_by_one(schedule: CollateralSchedule) -> None:
    bill = Instrument("UST", Product.TREASURY, expiry_ns=NOW_NS + 30 * DAY_NS)
    bitcoin = Instrument("BTC", Product.CRYPTO_SPOT)
    found = schedule.haircuts([bill, bitcoin, bill], ["uncleared_swaps", "futures", "securities"], NOW_NS)
    assert found.tolist() == [0.005, 0.2, 0.01]
    assert schedule.haircuts([], [], NOW_NS).shape == (0,)


@pytest.mark.parametrize("silo", SILOS)
def test_dollars_count_in_full_and_derivatives_not_at_all(schedule: CollateralSchedule, silo: str) -> None:
    assert schedule.fx_haircut("USD", silo) == 0.0
    for product in (Product.FUTURE, Product.EQUITY_OPTION, Product.PERPETUAL, Product.INDEX):
        assert schedule.haircut(Instrument("X", product), silo, NOW_NS) == NOT_ELIGIBLE


@pytest.mark.parametrize("silo", SILOS)
@pytest.mark.parametrize(
    "product", [Product.TREASURY, Product.EQUITY, Product.CRYPTO_SPOT, Product.STABLECOIN]
)
@pytest.mark.parametrize("currency", ["USD", "EUR", "MXN"])
def test_every_haircut_lies_between_0_and_1(
    schedule: CollateralSchedule, silo: str, product: Product, currency: str
) -> None:
    for days in (-1, 1, 400, 20_000):
        held = Instrument("BTC", product, currency=currency, expiry_ns=NOW_NS + days * DAY_NS)
        assert 0.0 <= schedule.haircut(held, silo, NOW_NS) <= 1.0


def test_past_maturity_is_the_shortest_bucket_and_no_maturity_the_longest(
    schedule: CollateralSchedule,
) -> None:
    matured = Instrument("UST-OLD", Product.TREASURY, expiry_ns=NOW_NS - DAY_NS)
    without = Instrument("UST-X", Product.TREASURY)
    assert schedule.haircut(matured, "uncleared_swaps", NOW_NS) == 0.005
    assert schedule.haircut(without, "uncleared_swaps", NOW_NS) == 0.04


def test_a_foreign_asset_in_a_silo_without_currency_rule_is_not_eligible(
    schedule: CollateralSchedule,
) -> None:
    bund = Instrument("DBR", Product.TREASURY, currency="EUR", expiry_ns=NOW_NS + 30 * DAY_NS)
    assert schedule.haircut(bund, "treasury_clearing", NOW_NS) == NOT_ELIGIBLE
    assert schedule.haircut(bund, "uncleared_swaps", NOW_NS) == pytest.approx(0.085)


def test_a_pair_is_its_underlying_and_a_coin_itself() -> None:
    assert asset_of(Instrument("BTC-USD", Product.CRYPTO_SPOT, underlying="BTC")) == "BTC"
    assert asset_of(Instrument("BTC", Product.CRYPTO_SPOT)) == "BTC"


def test_time_passing_moves_a_treasury_into_the_next_bucket(schedule: CollateralSchedule) -> None:
    maturity = int(datetime.fromisoformat("2027-11-20T21:00:00+00:00").timestamp()) * NANOSECONDS_PER_SECOND
    note = Instrument("UST-NOTE", Product.TREASURY, expiry_ns=maturity)
    assert schedule.haircut(note, "uncleared_swaps", NOW_NS) == 0.02
    assert schedule.haircut(note, "uncleared_swaps", NOW_NS + NANOSECONDS_PER_SECOND) == 0.005


def test_every_shipped_rule_states_its_source() -> None:
    mapping = shipped("collateral")
    assert all(rule["source"] for rule in [*mapping["rules"], *mapping["currencies"]])


TREASURY_RULE = {"silos": ["futures"], "product": "treasury"}


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"silos": ["future"], "product": "etf", "haircut": 0.1}, "rules[1].silos"),
        ({"silos": ["futures", "futures"], "product": "etf", "haircut": 0.1}, "rules[1].silos"),
        ({"silos": ["futures"], "product": "perpetual", "haircut": 0.1}, "rules[1].product"),
        ({"silos": ["futures"], "product": "index", "haircut": 0.1}, "rules[1].product"),
        ({"silos": ["futures"], "product": "etf", "haircut": 1.1}, "rules[1].haircut"),
        ({"silos": ["futures"], "product": "etf"}, "rules[1].haircut"),
        ({"silos": ["futures"], "product": "etf", "asset": "SPY", "haircut": 0.1}, "rules[1].asset"),
        ({"silos": ["futures"], "product": "etf", "maturities": [{"haircut": 0.1}]}, "rules[1].maturities"),
        (TREASURY_RULE | {"haircut": 0.1, "maturities": [{"haircut": 0.1}]}, "rules[1].haircut"),
        (
            TREASURY_RULE | {"maturities": [{"below_years": 1, "haircut": 0.1}]},
            "rules[1].maturities[1].below_years",
        ),
        (
            TREASURY_RULE | {"maturities": [{"below_years": 1, "haircut": 0.1}, {"haircut": 0.05}]},
            "rules[1].maturities[2].haircut",
        ),
        (
            TREASURY_RULE
            | {
                "maturities": [
                    {"below_years": 2, "haircut": 0.1},
                    {"below_years": 2, "haircut": 0.1},
                    {"haircut": 0.1},
                ]
            },
            "rules[1].maturities[2].below_years",
        ),
    ],
)
def test_a_bad_rule_is_refused_by_its_path(rule: dict[str, Any], place: str) -> None:
    with pytest.raises(MarginError) as caught:
        CollateralSchedule.from_mapping(shipped("collateral") | {"rules": [rule]})
    assert caught.value.reason is Reason.BAD_PARAMETER
    assert caught.value.thing == f"collateral collateral: {place}"


def test_two_rules_for_the_same_asset_are_refused() -> None:
    mapping = copy.deepcopy(shipped("collateral"))
    mapping["rules"].append(
        {"silos": ["futures"], "product": "crypto_spot", "assets": ["BTC"], "haircut": 0.3}
    )
    with pytest.raises(MarginError, match="repeats futures, crypto_spot, BTC"):
        CollateralSchedule.from_mapping(mapping)


@pytest.mark.parametrize(
    ("currency", "place"),
    [
        ({"silos": ["futures"], "currencies": ["USD"], "cash": 0.1, "other_assets": 0.1}, "currencies"),
        ({"silos": ["futures"], "cash": 1.1, "other_assets": 0.1}, "cash"),
        ({"silos": ["futures"], "cash": 0.1}, "other_assets"),
    ],
)
def test_a_bad_currency_is_refused_by_its_path(currency: dict[str, Any], place: str) -> None:
    with pytest.raises(MarginError) as caught:
        CollateralSchedule.from_mapping(shipped("collateral") | {"currencies": [currency]})
    assert caught.value.thing == f"collateral collateral: currencies[1].{place}"
