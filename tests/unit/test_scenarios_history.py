"""Historical scenarios: dates are joined on a calendar, nothing is filled, no return spans a gap."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from engine.base.errors import MarginError
from engine.market.scenario_history import Dates, Float64s, align_levels, historical_from_levels
from engine.market.scenarios import ShockKind

RELATIVE, ABSOLUTE = ShockKind.RELATIVE, ShockKind.ABSOLUTE
NAN = np.nan


def days(count: int) -> Dates:
    return np.datetime64("2026-01-05", "D") + np.arange(count)


def test_moves_are_ratios_or_differences_over_the_horizon() -> None:
    scenarios = historical_from_levels(
        days(4),
        {"EQ:A": np.array([100.0, 110.0, 99.0, 121.0]), "CMD:O": np.array([10.0, -37.0, 9.0, 1.0])},
        {"EQ:A": RELATIVE, "CMD:O": ABSOLUTE},
        horizon_days=2,
        count=2,
    )
    assert scenarios.names == ("2026-01-07", "2026-01-08")
    np.testing.assert_allclose(scenarios.shocks, [[-0.01, -1.0], [0.1, 38.0]], rtol=1e-14)
    assert scenarios.historical_count == 2
    assert not scenarios.synthetic


def test_no_return_across_a_gap() -> None:
    levels = {
        "EQ:A": np.array([1.0, 2.0, NAN, 4.0, 5.0, 6.0]),
        "EQ:B": np.array([1.0, 1.0, 1.0, 1.0, NAN, 1.0]),
    }
    kinds = dict.fromkeys(levels, RELATIVE)
    scenarios = historical_from_levels(days(6), levels, kinds, horizon_days=1, count=1)
    assert scenarios.names == ("2026-01-06",)
    with pytest.raises(MarginError, match="only 1 windows without a gap, 2 were asked for"):
        historical_from_levels(days(6), levels, kinds, horizon_days=1, count=2)
    with pytest.raises(MarginError, match="only 0 windows"):
        historical_from_levels(days(6), levels, kinds, horizon_days=2, count=1)


def test_the_latest_windows_are_taken_with_or_without_overlap() -> None:
    levels = {"EQ:A": np.arange(1.0, 9.0)}
    kinds = {"EQ:A": ABSOLUTE}
    overlapping = historical_from_levels(days(8), levels, kinds, horizon_days=3, count=3)
    assert overlapping.names == ("2026-01-10", "2026-01-11", "2026-01-12")
    apart = historical_from_levels(days(8), levels, kinds, horizon_days=3, count=2, overlapping=False)
    assert apart.names == ("2026-01-09", "2026-01-12")


def test_negative_levels_need_the_absolute_kind() -> None:
    with pytest.raises(MarginError, match=r"factor CMD:O is -37.0 on 2026-01-06.*absolute"):
        historical_from_levels(
            days(3), {"CMD:O": np.array([10.0, -37.0, 9.0])}, {"CMD:O": RELATIVE}, horizon_days=1, count=1
        )


def test_dates_must_increase() -> None:
    with pytest.raises(MarginError, match="strictly increasing"):
        historical_from_levels(days(3)[::-1], {"A": np.ones(3)}, {"A": RELATIVE}, horizon_days=1, count=1)


def test_alignment_keeps_calendar_dates_and_marks_what_is_missing() -> None:
    calendar = days(4)[[0, 1, 3]]
    aligned = align_levels(
        calendar, {"A": (days(4), np.arange(4.0)), "B": (days(4)[[0, 3]], np.array([7.0, 8.0]))}
    )
    np.testing.assert_array_equal(aligned["A"], [0.0, 1.0, 3.0])
    np.testing.assert_array_equal(aligned["B"], [7.0, NAN, 8.0])


def read(path: Path) -> tuple[Dates, Float64s]:
    with path.open() as file:
        rows = [(row["date"], float(row["value"])) for row in csv.DictReader(file)]
    return np.array([day for day, _ in rows], "datetime64[D]"), np.array([value for _, value in rows])


def test_real_histories_2020(reference_dir: Path) -> None:
    """March and April 2020 come out as published: SPX -11.98 %, WTI from 18.31 to -36.98."""
    folder = reference_dir / "market_daily"
    series = {
        "EQ:SPX": read(folder / "spx.csv"),
        "CMD:WTI": read(folder / "wti_spot.csv"),
        "CRYPTO:BTC": read(folder / "btcusd_bitstamp.csv"),
    }
    until = np.datetime64("2020-12-31")
    calendar = series["EQ:SPX"][0]
    calendar = calendar[(calendar >= np.datetime64("2019-06-01")) & (calendar <= until)]
    levels = align_levels(calendar, series)
    kinds = {"EQ:SPX": RELATIVE, "CMD:WTI": ABSOLUTE, "CRYPTO:BTC": RELATIVE}
    scenarios = historical_from_levels(calendar, levels, kinds, horizon_days=1, count=380)
    moves = dict(zip(scenarios.names, scenarios.shocks.tolist(), strict=True))
    assert moves["2020-03-16"][0] == pytest.approx(-0.1198, abs=5e-5)
    assert moves["2020-04-20"][1] == pytest.approx(-36.98 - 18.31, abs=1e-9)
    missing = np.isnan(np.column_stack(list(levels.values()))).any(axis=1)
    assert missing.any()
    assert not {str(day) for day in calendar[missing]} & set(scenarios.names)
    with pytest.raises(MarginError, match=r"factor CMD:WTI is -36\.98 on 2020-04-20"):
        historical_from_levels(calendar, levels, kinds | {"CMD:WTI": RELATIVE}, horizon_days=1, count=380)
