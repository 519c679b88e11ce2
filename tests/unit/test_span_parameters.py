"""Parameter file of the SPAN-type rulebook: the shipped one, its sources, and what is refused."""

from __future__ import annotations

import csv
from copy import deepcopy
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.base.errors import MarginError, Reason
from engine.rules.span_parameters import REGULAR_THIRDS, SCENARIO_NAMES, VOLATILITY_DIRECTIONS, Parameters
from engine.rules.span_rates import Rate, dated_rates
from tests.rulebook_cases import shipped


@pytest.fixture
def mapping() -> dict[str, Any]:
    return deepcopy(shipped("span-futures"))


def refused(mapping: dict[str, Any]) -> str:
    with pytest.raises(MarginError) as error:
        Parameters.from_mapping(mapping)
    assert error.value.reason is Reason.BAD_PARAMETER
    return f"{error.value.thing}: {error.value.detail}"


def test_shipped_file_has_the_commodities_and_reads_clean(mapping: dict[str, Any]) -> None:
    parameters = Parameters.from_mapping(mapping)
    names = "ES NQ GC SI CL NG ZN ZB 6E RTY TN UB ZF ZT 6J GE VX MBT MET"
    assert list(parameters.commodities) == names.split()
    assert [each.initial for each in parameters.commodities["ES"].factors] == [1.10, 1.0, 1.0]
    assert [spread.name for spread in parameters.inter_commodity] == ["ES:NQ", "ZN:ZB", "GC:SI", "MBT:MET"]


def test_every_figure_without_source_says_so(mapping: dict[str, Any]) -> None:
    for name, table in mapping["commodities"].items():
        placeholders = {"volatility_scan", "short_option_minimum_usd", "inter_month"}
        assert table["source"]
        assert table["unverified"] is True or set(table["unverified"]) == placeholders, name
    assert all(spread["unverified"] for spread in mapping["inter_commodity"])


def test_scenarios_stand_in_the_published_order(reference_dir: Path) -> None:
    with (reference_dir / "span/mcmillan_risk_arrays.csv").open() as file:
        rows = list(csv.DictReader(file))
    size = 10000.0
    by_price = [round(float(row["long_1_SP_future_pnl"]) / size * 3) for row in rows[:14]]
    assert tuple(by_price) == REGULAR_THIRDS
    assert (
        tuple(1 if row["scenario"].lower().endswith("up") else -1 for row in rows[:14])
        == (VOLATILITY_DIRECTIONS[:14])
    )
    assert [name.split(":")[0] for name in SCENARIO_NAMES] == [row["scenario_no"] for row in rows]


def test_rates_are_the_last_of_the_history(mapping: dict[str, Any], reference_dir: Path) -> None:
    checked = 0
    for name, table in mapping["commodities"].items():
        for path in (reference_dir / "lean_cme_futures_margin_history").glob(f"*_{name}.csv"):
            last = history(path)[-1]
            assert table["price_scan_usd"] == last[2]
            assert f"in force from {last[0]}" in table["source"]
            factor = table.get("initial_factor", mapping["initial_factor"])
            assert last[1] == pytest.approx(factor * last[2], abs=0.5)  # rounded to whole USD
            checked += 1
    assert checked == 17


def history(path: Path) -> list[tuple[date, float, float]]:
    with path.open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return [
        (
            datetime.strptime(row["date"], "%Y%m%d").date(),  # noqa: DTZ007 (a calendar date has no zone)
            float(row["initial"]),
            float(row["maintenance"]),
        )
        for row in rows
    ]


def test_rate_of_the_day_from_the_history(mapping: dict[str, Any], reference_dir: Path) -> None:
    rows = history(reference_dir / "lean_cme_futures_margin_history/cme_ES.csv")
    rates = dated_rates(rows, "ES")
    rate = rates.on(date(2013, 10, 7))
    assert (rate.effective_from, rate.initial, rate.maintenance) == (
        date(2013, 10, 3),
        4180.0,
        3800.0,
    )
    commodity = Parameters.from_mapping(mapping).with_rates({"ES": rate}).commodities["ES"]
    assert (commodity.price_scan_usd, commodity.factors[0].initial) == (3800.0, pytest.approx(1.1))


def test_a_dated_rate_is_every_class_s_that_states_no_initial_factor(mapping: dict[str, Any]) -> None:
    mapping["account_classes"] = {"member": {"initial_factor": 1.2}}
    rate = {"ES": Rate(date(2024, 1, 1), 2600.0, 2000.0)}
    factors = Parameters.from_mapping(mapping).with_rates(rate).commodities["ES"].factors
    assert [each.initial for each in factors] == [1.3, 1.3, 1.2]


def test_dated_rates_change_on_their_day_whatever_the_order_of_rows() -> None:
    rows = [
        (date(2024, 3, 1), 110.0, 100.0),
        (date(2024, 1, 1), 88.0, 80.0),
        (date(2024, 3, 1), 121.0, 110.0),
    ]
    rates = dated_rates(rows)
    assert [rates.on(day).maintenance for day in (date(2024, 1, 1), date(2024, 2, 29))] == [80.0, 80.0]
    assert rates.on(date(2024, 3, 1)).maintenance == 110.0  # the later row of the day corrects the earlier
    with pytest.raises(MarginError, match="no rate on 2023-12-31: history begins on 2024-01-01"):
        rates.on(date(2023, 12, 31))
    with pytest.raises(MarginError, match="history is empty"):
        dated_rates([]).on(date(2024, 1, 1))


@pytest.mark.parametrize(("initial", "maintenance"), [(90.0, 100.0), (100.0, 0.0), (float("nan"), 1.0)])
def test_impossible_rates_are_refused(initial: float, maintenance: float) -> None:
    with pytest.raises(MarginError, match="rates of ES on 2024-01-01"):
        dated_rates([(date(2024, 1, 1), initial, maintenance)], "ES")


def test_a_rate_replaces_a_fraction_of_notional(mapping: dict[str, Any]) -> None:
    rate = Rate(date(2024, 1, 1), 2600.0, 2000.0)
    parameters = Parameters.from_mapping(mapping)
    commodity = parameters.with_rates({"MBT": rate}).commodities["MBT"]
    assert (commodity.price_scan_usd, commodity.price_scan_rate) == (2000.0, 0.0)
    assert commodity.factors[0].initial == pytest.approx(1.3)
    assert parameters.commodities["MBT"].price_scan_rate == 0.25
    with pytest.raises(MarginError, match=r"commodities\.ZZ"):
        parameters.with_rates({"ZZ": rate})


def test_months_fall_into_tiers(mapping: dict[str, Any]) -> None:
    mapping["commodities"]["CL"]["tier_last_months"] = ["2024-06", "2024-12"]
    commodity = Parameters.from_mapping(mapping).commodities["CL"]
    months = ("2023-01", "2024-06", "2024-07", "2024-12", "2025-01", "2031-01")
    assert [commodity.tier(month) for month in months] == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("table", "key", "value", "message"),
    [
        ("ES", "price_scan_usd", 0.0, "commodities.ES.price_scan_usd: 0.0 is not in"),
        ("ES", "price_scan_usd", True, "commodities.ES.price_scan_usd: True is not a finite number"),
        ("ES", "price_scan_usd", "10", "commodities.ES.price_scan_usd: '10' is not a finite number"),
        ("ES", "price_scan_usd", float("inf"), "commodities.ES.price_scan_usd: inf is not a finite number"),
        ("ES", "price_scan_rate", 0.1, "commodities.ES.price_scan_usd: give exactly one of"),
        ("MBT", "price_scan_rate", 1.5, "commodities.MBT.price_scan_rate: 1.5 is not in"),
        ("ES", "volatility_scan", 1.0, "commodities.ES.volatility_scan: 1.0 is not in"),
        ("ES", "initial_factor", 0.9, "commodities.ES.initial_factor: 0.9 is not in"),
        ("ES", "contract_multiplier", 0.0, "commodities.ES.contract_multiplier: 0.0 is not in"),
        ("ES", "short_option_minimum_usd", -1.0, "commodities.ES.short_option_minimum_usd: -1.0 is not in"),
        ("ES", "tier_last_months", ["2024-13"], "commodities.ES.tier_last_months: ['2024-13'] are not"),
        ("ES", "tier_last_months", ["2024-06", "2024-03"], "commodities.ES.tier_last_months: "),
        ("ES", "tier_last_months", "2024-06", "commodities.ES.tier_last_months: '2024-06' is not a list"),
        (
            "ES",
            "inter_month",
            [{"tiers": [1, 2], "charge_usd": 1.0}],
            "commodities.ES.inter_month[1].tiers: 2",
        ),
        (
            "ES",
            "inter_month",
            [{"tiers": [1], "charge_usd": 1.0}],
            "commodities.ES.inter_month[1].tiers: [1]",
        ),
        ("ES", "inter_month", [{"tiers": [1, 1]}], "commodities.ES.inter_month[1].charge_usd: is missing"),
        ("ES", "inter_month", {}, "commodities.ES.inter_month: {} is not a list of tables"),
    ],
)
def test_bad_commodities_are_refused(
    mapping: dict[str, Any], table: str, key: str, value: Any, message: str
) -> None:
    mapping["commodities"][table][key] = value
    assert message in refused(mapping)


TWO_TIERS = {"tier_last_months": ["2024-06"]}
A_TIER = {"tier": 1, "side": "A", "delta_per_spread": 1.0}
B_TIER = {"tier": 2, "side": "B", "delta_per_spread": 1.0}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"inter_month": [{"charge_usd": 1.0}]}, "legs: give exactly one of tiers and legs"),
        ({"inter_month": [{"legs": [A_TIER], "charge_usd": 1.0}]}, "legs: [{"),
        (
            {"inter_month": [{"legs": [A_TIER, A_TIER], "charge_usd": 1.0}]},
            "legs: needs a leg on each of the sides A and B",
        ),
        (
            {"inter_month": [{"legs": [A_TIER, A_TIER, B_TIER], "charge_usd": 1.0}]},
            "no delta on one side twice",
        ),
        (
            {
                "inter_month": [
                    {"legs": [A_TIER, {**A_TIER, "month": "2024-03"} | {}, B_TIER], "charge_usd": 1.0}
                ]
            },
            "legs[2].tier: give exactly one of tier and month",
        ),
        (
            {
                "inter_month": [
                    {
                        "legs": [
                            A_TIER,
                            {"month": "2024-03", "side": "A", "delta_per_spread": 1.0},
                            B_TIER,
                        ],
                        "charge_usd": 1.0,
                    }
                ]
            },
            "no delta on one side twice",
        ),
        (
            {"delivery": [{"month": "2024-6", "spread_usd": 1.0, "outright_usd": 1.0}]},
            "delivery[1].month: '2024-6' is not a month YYYY-MM",
        ),
        (
            {"delivery": [{"month": "2024-06", "spread_usd": 1.0, "outright_usd": 1.0}] * 2},
            "delivery: names one month twice",
        ),
        ({"delivery": [{"month": "2024-06", "spread_usd": -1.0}]}, "delivery[1].spread_usd: -1.0 is not in"),
        ({"short_options_counted": "net"}, "short_options_counted: 'net' is not sum or greater"),
        ({"account_classes": {"broker": {}}}, "account_classes.broker: is not a parameter"),
        (
            {"account_classes": {"member": {"initial_factor": 0.5}}},
            "account_classes.member.initial_factor: 0.5 is not in [1, 5]",
        ),
        (
            {"rates": [{"from": "2024-13-01", "initial_usd": 2.0, "maintenance_usd": 1.0}]},
            "rates[1].from: '2024-13-01' is not a date",
        ),
        (
            {"rates": [{"from": "2024-01-01", "initial_usd": 1.0, "maintenance_usd": 2.0}]},
            "rates of ES on 2024-01-01",
        ),
        (
            {"month_scans": [{"month": "2024-06", "price_scan_usd": 1.0}], "rates": []},
            "month_scans: stands beside price_scan_usd only, and not beside rates",
        ),
    ],
)
def test_bad_spreads_months_and_classes_are_refused(
    mapping: dict[str, Any], changed: dict[str, Any], message: str
) -> None:
    mapping["commodities"]["ES"] |= TWO_TIERS | changed
    assert message in refused(mapping)


def test_other_bad_parameters_are_refused(mapping: dict[str, Any]) -> None:
    def with_(**changed: Any) -> dict[str, Any]:
        return deepcopy(mapping) | changed

    def legs(*sides: tuple[str, str]) -> list[dict[str, Any]]:
        parts = [{"commodity": name, "side": side, "delta_per_spread": 1.0} for name, side in sides]
        return [{"name": "x", "legs": parts, "credit_rate": 0.5}]

    assert "rulebook span-futures: silo: 'securities' is not futures" in refused(with_(silo="securities"))
    assert "month_columns: 2.5 is not a whole number" in refused(with_(month_columns=2.5))
    weights = {"scan": mapping["scan"] | {"delta_weights": [0.0] * 4}}
    assert "scan.delta_weights: all are zero" in refused(with_(**weights))
    no_scan = deepcopy(mapping)
    del no_scan["scan"]
    assert "scan: is missing" in refused(no_scan)
    assert "commodities: [] is not a table" in refused(with_(commodities=[]))
    assert "legs[2].commodity: 'ZZ' is not" in refused(with_(inter_commodity=legs(("ES", "A"), ("ZZ", "B"))))
    assert "legs: needs different" in refused(with_(inter_commodity=legs(("ES", "A"), ("NQ", "A"))))
    assert "legs: needs different" in refused(with_(inter_commodity=legs(("ES", "A"), ("ES", "B"))))
    assert "legs[1].side: 'C' is not A or B" in refused(with_(inter_commodity=legs(("ES", "C"), ("NQ", "B"))))
    short = {"X": {"values_usd": [0.0] * 15}}
    assert "risk_arrays.X.values_usd: " in refused(with_(risk_arrays=short))
