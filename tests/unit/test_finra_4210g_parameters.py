"""The parameter file of FINRA 4210(g): what is read, what is refused and how it is said."""

from __future__ import annotations

from typing import Any

import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product
from engine.rules.finra_4210g_parameters import Parameters, ValuationRange
from tests.rulebook_cases import shipped

EQUITY = Instrument("ACME", Product.EQUITY)
OPTION = Instrument("BIG 5000C", Product.INDEX_OPTION, underlying="BIG", index_class="broad")


def changed(path: str, value: Any) -> dict[str, Any]:
    """The shipped mapping with one entry replaced, or taken out where the value is None."""
    mapping = shipped("finra-4210g")
    *parents, last = path.split(".")
    node = mapping
    for key in parents:
        node = node[key]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return mapping


def percent(moves: tuple[float, ...]) -> list[float]:
    return [round(100 * move, 9) for move in moves]


def test_shipped_file_is_the_table_of_the_rule() -> None:
    parameters = Parameters.from_mapping(shipped("finra-4210g"))
    assert parameters.ranges == {
        "high_cap_broad": ValuationRange(up=0.06, down=0.08),
        "broad": ValuationRange(up=0.10, down=0.10),
        "other": ValuationRange(up=0.15, down=0.15),
    }
    assert parameters.points_per_side == 5
    assert parameters.minimum_per_option_usd == 0.375


def test_every_entry_names_its_source_and_memory_is_marked() -> None:
    mapping = shipped("finra-4210g")
    entries = {name: entry for name, entry in mapping.items() if isinstance(entry, dict)}
    entries |= entries.pop("valuation_range") | entries.pop("groups")
    thresholds = entries["minimum_equity"].pop("threshold")
    entries |= thresholds
    assert all(entry["source"] for entry in entries.values())
    unverified = {name for name, entry in entries.items() if entry.get("unverified")}
    assert unverified == {
        "points_per_side", "cap_long_minimum", "scale_by_leverage", "high_cap_broad", "broad_based", "concentration",
        "real_time_monitoring", "no_real_time_monitoring",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (EQUITY, [-15, -12, -9, -6, -3, 3, 6, 9, 12, 15]),
        (
            Instrument("BIG", Product.INDEX, index_class="high_cap_broad"),
            [-8, -6.4, -4.8, -3.2, -1.6, 1.2, 2.4, 3.6, 4.8, 6],
        ),
        (Instrument("MID", Product.INDEX, index_class="broad"), [-10, -8, -6, -4, -2, 2, 4, 6, 8, 10]),
        (
            Instrument("CHIPS", Product.INDEX, index_class="narrow"),
            [-15, -12, -9, -6, -3, 3, 6, 9, 12, 15],
        ),
        (
            Instrument("INVERSE", Product.ETF, index_class="high_cap_broad", leverage=-1.0),
            [8, 6.4, 4.8, 3.2, 1.6, -1.2, -2.4, -3.6, -4.8, -6],
        ),
        (
            Instrument("DOUBLE", Product.ETF, index_class="broad", leverage=2.0),
            [-20, -16, -12, -8, -4, 4, 8, 12, 16, 20],
        ),
        (
            Instrument("WILD", Product.ETF, leverage=10.0),
            [-100, -100, -90, -60, -30, 30, 60, 90, 120, 150],
        ),
    ],
    ids=lambda value: value.instrument_id if isinstance(value, Instrument) else "",
)
def test_valuation_points_by_class_and_leverage(root: Instrument, expected: list[float]) -> None:
    assert percent(Parameters.from_mapping(shipped("finra-4210g")).moves(root, root)) == expected


def test_the_root_decides_for_its_options() -> None:
    parameters = Parameters.from_mapping(shipped("finra-4210g"))
    classed = Instrument("BIG", Product.INDEX, index_class="high_cap_broad")
    assert percent(parameters.moves(OPTION, classed))[0] == -8
    assert percent(parameters.moves(OPTION, Instrument("BIG", Product.INDEX)))[0] == -10
    fund_without_class = Instrument("BIG", Product.ETF)
    assert percent(parameters.moves(OPTION, fund_without_class))[0] == -15


def test_leverage_reading_can_be_turned_off() -> None:
    parameters = Parameters.from_mapping(changed("scale_by_leverage.value", False))
    fund = Instrument("DOUBLE", Product.ETF, index_class="broad", leverage=-2.0)
    assert percent(parameters.moves(fund, fund))[0] == -10


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("rulebook_id", ""),
        ("version", 3),
        ("silo", "futures"),
        ("currency", "EUR"),
        ("valuation_range.broad", None),
        ("valuation_range.high_cap_broad.down", 1.0),
        ("valuation_range.other.up", 0.0),
        ("valuation_range.other.up", "15 %"),
        ("valuation_range.other.up", float("nan")),
        ("points_per_side.value", 0),
        ("points_per_side.value", 5.0),
        ("points_per_side.value", True),
        ("minimum_per_option.value", -0.375),
        ("minimum_per_option.value", None),
        ("cap_long_minimum.value", 1),
        ("scale_by_leverage", None),
    ],
)
def test_bad_values_are_refused_by_path(path: str, value: Any) -> None:
    with pytest.raises(MarginError) as caught:
        Parameters.from_mapping(changed(path, value))
    assert caught.value.reason is Reason.BAD_PARAMETER
    assert caught.value.thing.startswith("rulebook finra-4210g: " + path.split(".")[0])
    if value is not None:
        assert path in caught.value.thing
        assert repr(value) in caught.value.detail
