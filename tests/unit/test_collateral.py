"""Collateral haircuts: golden cases on the shipped schedule, defaults, and checks at load."""

from __future__ import annotations

import copy
import math
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
    assert len(GOLDEN) == 7


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


def test_past_maturity_nothing_counts_and_without_maturity_the_longest_bucket(
    schedule: CollateralSchedule,
) -> None:
    due = Instrument("UST-OLD", Product.TREASURY, expiry_ns=NOW_NS)
    without = Instrument("UST-X", Product.TREASURY)
    assert schedule.haircut(due, "uncleared_swaps", NOW_NS - 1) == 0.005
    assert schedule.haircut(due, "uncleared_swaps", NOW_NS) == NOT_ELIGIBLE
    assert "matured" in schedule.terms(due, "uncleared_swaps", NOW_NS).reason
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


TABLES = ("rules", "currencies", "tokens", "limits", "volume_limits", "wrong_way", "locations")


def test_every_shipped_entry_states_its_source() -> None:
    mapping = shipped("collateral")
    assert all(entry["source"] for table in TABLES for entry in mapping[table])


def test_a_token_takes_the_haircut_of_what_it_stands_for_and_an_add_on(schedule: CollateralSchedule) -> None:
    maturity = NOW_NS + 200 * DAY_NS
    note = Instrument("UST", Product.TREASURY, expiry_ns=maturity)
    token = Instrument("tUST", Product.TOKENISED, "UST", tokenised_product="treasury", expiry_ns=maturity)
    plain, terms = schedule.terms(note, "futures", NOW_NS), schedule.terms(token, "futures", NOW_NS)
    assert (terms.own, terms.token) == (plain.own, 0.02)
    assert schedule.haircut(token, "futures", NOW_NS) == pytest.approx(0.0275)
    assert len(terms.sources) == 2
    assert schedule.haircut(token, "futures", maturity) == NOT_ELIGIBLE
    assert schedule.terms(token, "securities", NOW_NS).reason == (
        "not eligible: no rule for tokens of treasury in silo securities"
    )


def test_a_token_of_a_share_is_looked_up_by_the_share(schedule: CollateralSchedule) -> None:
    """It counts where the share does, in the same group and against its own volume."""
    token = Instrument(
        "AAPLx", Product.TOKENISED, "AAPL", tokenised_product="equity", average_daily_volume=500.0
    )
    share = Instrument("AAPL", Product.EQUITY, average_daily_volume=5e7)
    assert schedule.haircut(token, "futures", NOW_NS) == pytest.approx(0.15 + 0.05)
    assert schedule.group(token, "futures") == schedule.group(share, "futures") >= 0
    assert schedule.most_units(token, "futures") == 500.0


def test_bonds_by_grade_and_maturity(schedule: CollateralSchedule) -> None:
    bond = Instrument("B", Product.CORPORATE_BOND, expiry_ns=NOW_NS + 1000 * DAY_NS, grade="investment")
    junk = Instrument("J", Product.CORPORATE_BOND, expiry_ns=NOW_NS + 1000 * DAY_NS, grade="other")
    assert [schedule.haircut(bond, silo, NOW_NS) for silo in ("securities", "uncleared_swaps")] == [0.1, 0.04]
    assert [schedule.haircut(junk, silo, NOW_NS) for silo in ("securities", "uncleared_swaps")] == [0.2, 1.0]
    assert schedule.terms(bond, "uncleared_swaps", NOW_NS).reason == "corporate_bond, maturity below 5 years"


def test_volume_that_is_not_known_limits_nothing(schedule: CollateralSchedule) -> None:
    assert schedule.most_units(Instrument("X", Product.EQUITY), "futures") == math.inf
    assert (
        schedule.most_units(Instrument("BTC", Product.CRYPTO_SPOT, average_daily_volume=1.0), "futures")
        == math.inf
    )


def test_where_collateral_is_kept_decides_for_which_silo_it_counts(schedule: CollateralSchedule) -> None:
    limits = schedule.limits
    assert limits.segregated("", "futures")
    assert limits.segregated("fcm-custodian", "futures")
    assert not limits.segregated("fcm-custodian", "securities")
    assert not limits.segregated("somewhere", "futures")


@pytest.mark.parametrize(
    ("table", "entry", "place"),
    [
        ("tokens", {"silos": ["futures"], "products": ["crypto_spot"], "add_on": 0.1}, "tokens[1].products"),
        ("tokens", {"silos": ["futures"], "products": ["treasury"], "add_on": 2}, "tokens[1].add_on"),
        ("limits", {"silos": ["futures"], "name": "x", "products": ["gold"], "source": "s"}, "limits[1].largest_share"),
        (
            "limits",
            {"silos": ["futures"], "name": "x", "products": ["gold"], "source": "s", "largest_share": 1.2},
            "limits[1].largest_share",
        ),
        (
            "volume_limits",
            {"silos": ["futures"], "products": ["future"], "largest_days": 1},
            "volume_limits[1].products",
        ),
        ("wrong_way", {"silos": ["futures"], "own_issuer": 1.0, "source": "s"}, "wrong_way[1].same_name"),
        ("locations", {"name": "x", "silos": ["future"]}, "locations[1].silos"),
        ("rules", {"silos": ["futures"], "product": "tokenised", "haircut": 0.1}, "rules[1].product"),
        ("rules", {"silos": ["futures"], "product": "gold", "grade": "other", "haircut": 0.1}, "rules[1].grade"),
    ],
)  # fmt: skip
def test_a_bad_entry_is_refused_by_its_path(table: str, entry: dict[str, Any], place: str) -> None:
    with pytest.raises(MarginError) as caught:
        CollateralSchedule.from_mapping(shipped("collateral") | {table: [entry]})
    assert caught.value.thing == f"collateral collateral: {place}"


def test_an_asset_in_two_groups_is_refused() -> None:
    mapping = copy.deepcopy(shipped("collateral"))
    mapping["limits"].append(
        {"silos": ["futures"], "name": "metal", "products": ["gold"], "largest_usd": 1.0, "source": "s"}
    )
    with pytest.raises(MarginError, match="futures, gold, any is named twice"):
        CollateralSchedule.from_mapping(mapping)


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
    ("silos", "complaint"),
    [
        (["cleared_swaps"], "'cleared_swaps' is not"),
        (["security_based_swaps", "uncleared_swaps"], "security_based_swaps has no entry of currencies"),
    ],
)
def test_only_silos_whose_dollars_have_a_rule_may_be_settled_in_another_currency(
    silos: list[str], complaint: str
) -> None:
    mapping = copy.deepcopy(shipped("collateral"))
    mapping["currencies"] = [
        entry | {"silos": [silo for silo in entry["silos"] if silo != "security_based_swaps"]}
        for entry in mapping["currencies"]
    ]
    mapping["settled"]["silos"] = silos
    with pytest.raises(MarginError, match=f"collateral collateral: settled.silos: .*{complaint}"):
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
