"""Scenario sets from tidy rows and CSV: what is taken, what is refused and why; the shipped synthetic set."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from engine.base.errors import MarginError, Reason
from engine.market.scenarios import ScenarioSet, ShockKind, from_csv_lines, from_rows
from tests.one_pot_book import SCENARIO_FILE, shipped_scenarios
from tests.rulebook_cases import ROOT

HEADER = ["scenario", "kind", "EQ:A", "CMD:O"]
ROWS = [
    ["crash", "stress", "-0.2", "-40"],
    ["d1", "historical", "0.01", "2"],
    ["d2", "historical", "0", "-1.5"],
]


def small(**facts: object) -> ScenarioSet:
    return from_rows(HEADER, ROWS, absolute=["CMD:O"], label="small", **facts)  # type: ignore[arg-type]


def test_historical_scenarios_come_first_in_their_order() -> None:
    scenarios = small()
    assert scenarios.names == ("d1", "d2", "crash")
    assert scenarios.is_stress.tolist() == [False, False, True]
    assert scenarios.historical_count == 2
    assert scenarios.kinds == (ShockKind.RELATIVE, ShockKind.ABSOLUTE)
    assert scenarios.shocks.tolist() == [[0.01, 2.0], [0.0, -1.5], [-0.2, -40.0]]


def test_arrays_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        small().shocks[0, 0] = 1.0


@pytest.mark.parametrize(
    ("header", "rows", "named"),
    [
        (["name", "kind", "EQ:A"], [], "header"),
        (HEADER, [["d1", "historical", "0.01"]], "row 1: 3 columns"),
        (HEADER, [ROWS[1], ["d2", "past", "0", "0"]], "row 2: kind 'past'"),
        (HEADER, [["d1", "historical", "x", "0"]], "row 1: EQ:A: 'x'"),
        (HEADER, [["d1", "historical", "nan", "0"]], "scenario d1, factor EQ:A"),
        (HEADER, [["d1", "historical", "-1.01", "0"]], "scenario d1, factor EQ:A"),
        (HEADER, [ROWS[1], ROWS[1]], "'d1' is empty or occurs twice"),
        (HEADER, [ROWS[0]], "no historical scenario"),
        ([*HEADER[:3], "EQ:A"], [ROWS[1]], "factor name 'EQ:A'"),
    ],
)
def test_refusals_name_the_place(header: list[str], rows: list[list[str]], named: str) -> None:
    absolute = ["CMD:O"] if "CMD:O" in header else []
    with pytest.raises(MarginError) as refused:
        from_rows(header, rows, absolute=absolute, label="mine")
    assert refused.value.reason is Reason.BAD_PARAMETER
    assert "mine" in str(refused.value)
    assert named in str(refused.value)


def test_absolute_names_must_be_columns() -> None:
    with pytest.raises(MarginError, match="absolute factor CMD:X is not a column"):
        from_rows(HEADER, ROWS, absolute=["CMD:X"])


def test_csv_comments_carry_label_source_and_kinds() -> None:
    lines = [
        "# label: mine\n", "# source: worked by hand\n", "# synthetic: true\n", "# absolute: CMD:O\n",
        "# free text\n", "\n", ",".join(HEADER) + "\n", *(",".join(row) + "\n" for row in ROWS),
    ]  # fmt: skip
    scenarios = from_csv_lines(lines)
    assert (scenarios.label, scenarios.source, scenarios.synthetic) == ("mine", "worked by hand", True)
    assert scenarios.kinds[1] is ShockKind.ABSOLUTE
    np.testing.assert_array_equal(scenarios.shocks, small().shocks)


def test_stress_of_another_set_is_taken_on_own_factors() -> None:
    other = from_rows(
        ["scenario", "kind", "CMD:O", "EXTRA", "EQ:A"],
        [["x", "historical", "0", "0", "0"], ["shock", "stress", "-9", "0.5", "-0.3"]],
        absolute=["CMD:O"],
        label="other",
        synthetic=True,
    )
    joined = small().with_stress_of(other)
    assert joined.names == ("d1", "d2", "shock")
    assert joined.shocks[-1].tolist() == [-0.3, -9.0]
    assert joined.synthetic
    assert joined.is_stress.tolist() == [False, False, True]
    with pytest.raises(MarginError, match="no relative factor EXTRA"):
        other.with_stress_of(small())


def test_synthetic_set_is_labelled_and_complete() -> None:
    scenarios = shipped_scenarios()
    assert scenarios.synthetic
    assert scenarios.label
    assert "no observed market data" in scenarios.source
    assert scenarios.historical_count == 240
    assert scenarios.count == 256
    assert len(scenarios.factors) == 22
    moves = dict(zip(scenarios.factors, scenarios.shocks[:240].T, strict=True))
    assert np.corrcoef(moves["EQ:SPX"], moves["VOL:EQ"])[0, 1] < -0.5
    assert np.corrcoef(moves["CRYPTO:BTC"], moves["CRYPTO:ETH"])[0, 1] > 0.7
    kinds = dict(zip(scenarios.factors, scenarios.kinds, strict=True))
    assert [factor for factor, kind in kinds.items() if kind is ShockKind.ABSOLUTE] == ["CMD:WTI"]


def test_synthetic_set_is_reproduced_byte_for_byte() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "streams.simulator.synthetic_scenarios"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    assert made.stdout == SCENARIO_FILE.read_bytes()
