"""Parameter checks of tiered crypto margin: every mistake is named where it stands."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from engine.base.errors import MarginError, Reason
from engine.rules.crypto_tiered_parameters import Parameters
from tests.rulebook_cases import shipped

BTC = "binance-usdtm:BTC"
COIN = "binance-coinm:BTC"
DYDX = "dydx-v4:mid-cap"


def changed(schedule: str, tier: int | None, key: str, value: Any) -> dict[str, Any]:
    """The shipped file with one value changed; None takes the key away."""
    mapping = copy.deepcopy(shipped("crypto-tiered"))
    table = mapping["schedules"][schedule]
    table = table if tier is None else table["tiers"][tier - 1]
    if value is None:
        del table[key]
    else:
        table[key] = value
    return mapping


def test_shipped_file_is_accepted_and_marks_what_is_not_verified() -> None:
    mapping = shipped("crypto-tiered")
    parameters = Parameters.from_mapping(mapping)
    assert (parameters.rulebook_id, parameters.silo, len(parameters.schedules)) == (
        "crypto-tiered",
        "futures",
        18,
    )
    assert all("source" in table for table in mapping["schedules"].values())
    assert {name for name, table in mapping["schedules"].items() if table.get("unverified")} == {
        "binance-coinm:BTC", "dydx-v4:large-cap", "dydx-v4:mid-cap", "dydx-v4:isolated",
    }  # fmt: skip


def test_deductions_that_are_not_given_follow_from_the_tiers() -> None:
    given = Parameters.from_mapping(shipped("crypto-tiered")).schedules[BTC]
    mapping = shipped("crypto-tiered")
    for tier in mapping["schedules"][BTC]["tiers"]:
        del tier["deduction_usd"]
    derived = Parameters.from_mapping(mapping).schedules[BTC]
    for one, other in zip(given.tiers, derived.tiers, strict=True):
        assert one.deduction == pytest.approx(other.deduction, abs=1e-6)


@pytest.mark.parametrize(
    ("schedule", "tier", "key", "value", "place"),
    [
        (BTC, 3, "deduction_usd", 950.02, "tiers[3].deduction_usd"),
        (BTC, 3, "deduction_usd", 949.98, "tiers[3].deduction_usd"),
        (BTC, 1, "deduction_usd", 1, "tiers[1].deduction_usd"),
        (BTC, 1, "from_usd", 1, "tiers[1].from_usd"),
        (BTC, 3, "from_usd", 50_000, "tiers[3].from_usd"),
        (BTC, 3, "max_leverage", 100, "tiers[3].max_leverage"),
        (BTC, 3, "max_leverage", 0.5, "tiers[3].max_leverage"),
        (BTC, 3, "maintenance_rate", 0.005, "tiers[3].maintenance_rate"),
        (BTC, 3, "maintenance_rate", 0.02, "tiers[3].maintenance_rate"),
        (BTC, 3, "maintenance_rate", float("nan"), "tiers[3].maintenance_rate"),
        (BTC, 3, "maintenance_rate", None, "tiers[3].maintenance_rate"),
        (BTC, 3, "maintenance_rates", 0.0065, "tiers[3].maintenance_rates"),
        (BTC, None, "tiers", [], "tiers"),
        (BTC, None, "maintenance_share_of_initial", 0.5, "tiers[1].maintenance_rate"),
        (BTC, None, "maximum_notional_usd", 1_200_000_000, "maximum_notional_usd"),
        (BTC, None, "kind", "inverse", "kind"),
        (COIN, 2, "deduction_coin", 0.0051, "tiers[2].deduction_coin"),
        (COIN, 2, "from_coin", 0, "tiers[2].from_coin"),
        (COIN, 2, "from_usd", 5, "tiers[2].from_usd"),
        (COIN, None, "coin", "USD", "coin"),
        (COIN, None, "coin", "BITCOIN", "coin"),
        (COIN, None, "coin", None, "coin"),
        (COIN, None, "maximum_notional_coin", 400, "maximum_notional_coin"),
        (COIN, None, "maximum_notional_usd", 1e9, "maximum_notional_usd"),
        (DYDX, None, "base_initial_ppm", 0, "base_initial_ppm"),
        (DYDX, None, "base_initial_ppm", True, "base_initial_ppm"),
        (DYDX, None, "maintenance_fraction_ppm", 1_000_001, "maintenance_fraction_ppm"),
        (DYDX, None, "lower_cap_usd", 200_000_000, "lower_cap_usd"),
        (DYDX, None, "open_interest_usd", None, "open_interest_usd"),
        (DYDX, None, "rounding_usd", -0.01, "rounding_usd"),
    ],
)
def test_a_bad_value_is_refused_by_its_path(
    schedule: str, tier: int | None, key: str, value: Any, place: str
) -> None:
    with pytest.raises(MarginError) as caught:
        Parameters.from_mapping(changed(schedule, tier, key, value))
    assert caught.value.reason is Reason.BAD_PARAMETER
    assert caught.value.thing == f"rulebook crypto-tiered: schedules.{schedule}.{place}"


def test_a_whole_notional_of_maintenance_is_refused() -> None:
    mapping = changed(DYDX, None, "base_initial_ppm", 1_000_000)
    mapping["schedules"][DYDX]["maintenance_fraction_ppm"] = 1_000_000
    with pytest.raises(MarginError, match="maintenance_fraction_ppm"):
        Parameters.from_mapping(mapping)


def test_a_schedule_name_with_the_separator_of_netting_sets_is_refused() -> None:
    mapping = shipped("crypto-tiered")
    mapping["schedules"]["a/b"] = mapping["schedules"][BTC]
    with pytest.raises(MarginError, match="a/b"):
        Parameters.from_mapping(mapping)


@pytest.mark.parametrize(
    ("key", "value"), [("silo", "crypto"), ("currency", "BTC"), ("version", ""), ("extra", 1)]
)
def test_a_bad_header_is_refused(key: str, value: Any) -> None:
    with pytest.raises(MarginError) as caught:
        Parameters.from_mapping(shipped("crypto-tiered") | {key: value})
    assert caught.value.thing == f"rulebook crypto-tiered: {key}"
