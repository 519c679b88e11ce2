"""`marginmon scenarios build`: moves by hand, gaps, negative levels, stress."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from engine.market.scenarios import ShockKind
from streams.cli import main
from streams.parameters import read_scenarios

MONDAY = date(2024, 1, 1)


def levels(folder: Path, name: str, values: list[float | None], column: str = "value") -> None:
    """A level per day from Monday on; None leaves the day out."""
    rows = [f"{MONDAY + timedelta(days=n)},{value}" for n, value in enumerate(values) if value is not None]
    (folder / name).write_text("\n".join([f"date,{column}", *rows]) + "\n")


def build(folder: Path, *arguments: str) -> Result:
    out = str(folder / "out.csv")
    return CliRunner().invoke(
        main, ["scenarios", "build", "--history", str(folder), "--out", out, *arguments]
    )


def test_moves_are_those_by_hand(tmp_path: Path) -> None:
    levels(tmp_path, "spx.csv", [100.0, 110.0, 99.0, 99.0], "close")
    levels(tmp_path, "oil.csv", [10.0, -30.0, 5.0, 6.0])
    factors = ["--factor", "EQ:SPX=spx.csv:close", "--factor", "CMD:WTI=oil.csv", "--absolute", "CMD:WTI"]
    result = build(tmp_path, *factors, "--count", "3", "--label", "by-hand")
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines() == [
        "calendar: 4 days, 2024-01-01 to 2024-01-04",
        "3 historical moves over 1 days, ending 2024-01-02 to 2024-01-04; 0 stress moves",
    ]
    made = read_scenarios(tmp_path / "out.csv")
    assert (made.label, made.synthetic, made.factors) == ("by-hand", False, ("EQ:SPX", "CMD:WTI"))
    assert made.kinds == (ShockKind.RELATIVE, ShockKind.ABSOLUTE)
    assert made.names == ("2024-01-02", "2024-01-03", "2024-01-04")
    np.testing.assert_allclose(made.shocks, [[0.1, -40.0], [-0.1, 35.0], [0.0, 1.0]], rtol=1e-12)


def test_no_move_spans_a_day_without_a_level(tmp_path: Path) -> None:
    levels(tmp_path, "a.csv", [100.0, 101.0, 102.0, 103.0, 104.0])
    levels(tmp_path, "b.csv", [10.0, 11.0, None, 13.0, 14.0])
    factors = ["--factor", "A=a.csv", "--factor", "B=b.csv"]
    result = build(tmp_path, *factors, "--count", "2")
    assert result.exit_code == 0
    assert read_scenarios(tmp_path / "out.csv").names == ("2024-01-02", "2024-01-05")
    assert "B: no level on 1 of these days, no move spans them: 2024-01-03" in result.stderr
    refused = build(tmp_path, *factors, "--count", "3")
    assert refused.exit_code == 2
    assert refused.stderr == (
        f"{tmp_path}: only 2 windows without a gap, 3 were asked for; lower --count, or widen --from and --to\n"
    )


def test_days_that_the_first_factor_lacks_are_left_out(tmp_path: Path) -> None:
    levels(tmp_path, "week.csv", [100.0, None, 102.0])
    levels(tmp_path, "every.csv", [10.0, 99.0, 12.0])
    result = build(tmp_path, "--factor", "A=week.csv", "--factor", "B=every.csv", "--count", "1")
    assert result.exit_code == 0
    np.testing.assert_allclose(read_scenarios(tmp_path / "out.csv").shocks, [[0.02, 0.2]], rtol=1e-12)


def test_nothing_after_the_last_day_is_looked_at(tmp_path: Path) -> None:
    levels(tmp_path, "a.csv", [100.0, 101.0, 102.0, -1.0, 0.0])
    window = ["--from", "2024-01-02", "--to", "2024-01-03"]
    result = build(tmp_path, "--factor", "A=a.csv", "--count", "1", *window)
    assert result.exit_code == 0
    assert read_scenarios(tmp_path / "out.csv").names == ("2024-01-03",)


def test_stress_scenarios_are_added(tmp_path: Path) -> None:
    levels(tmp_path, "a.csv", [100.0, 101.0])
    (tmp_path / "stress.csv").write_text(
        "# label: made-up\n# synthetic: true\nscenario,kind,A\ncrash,stress,-0.5\n"
    )
    result = build(tmp_path, "--factor", "A=a.csv", "--count", "1", "--stress", str(tmp_path / "stress.csv"))
    assert result.exit_code == 0, result.output
    made = read_scenarios(tmp_path / "out.csv")
    assert made.names == ("2024-01-02", "crash")
    assert made.is_stress.tolist() == [False, True]
    assert made.synthetic


@pytest.mark.parametrize(
    ("content", "arguments", "line"),
    [
        ("date,value\n2024-01-01,1\n", ["--factor", "A=absent.csv"], "absent.csv: does not exist"),
        ("day,value\n", ["--factor", "A=a.csv"], "a.csv: header: has no column date; it has day, value"),
        ("date,value\n", ["--factor", "A=a.csv:close"], "a.csv: header: has no column close"),
        ("date,value\n2024-13-01,1\n", ["--factor", "A=a.csv"], "a.csv: row 1, date: '2024-13-01' is not YYYY"),
        ("date,value\n2024-01-01,x\n", ["--factor", "A=a.csv"], "a.csv: row 1, value: 'x' is not a finite number"),
        ("date,value\n2024-01-02,1\n2024-01-01,1\n", ["--factor", "A=a.csv"], "row 2, date: goes back in time"),
        ("date,value\n2024-01-02,1\n2024-01-02,1\n", ["--factor", "A=a.csv"], "date 2024-01-02: stands twice"),
        ("date,value\n2024-01-01,1\n2024-01-02,-3\n", ["--factor", "A=a.csv"],
         "date 2024-01-02: A is -3.0 on 2024-01-02, so its relative moves mean nothing; add --absolute A"),
        ("", ["--factor", "A"], "'A' is not FACTOR=FILE or FACTOR=FILE:COLUMN"),
        ("", ["--factor", "A=a.csv", "--absolute", "B"], "B must be one --factor"),
        ("", ["--factor", "A=a.csv", "--factor", "A=a.csv"], "A must be one --factor"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(tmp_path: Path, content: str, arguments: list[str], line: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    result = build(tmp_path, *arguments)
    assert result.exit_code == 2
    assert line in result.stderr
    assert not (tmp_path / "out.csv").exists()
