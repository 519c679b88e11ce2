"""The example of two days in 2013, recomputed from the reference data."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.cli import main
from tests.example_2013 import EXAMPLE, WINDOW, book_arguments, build_scenarios, market_arguments


@pytest.fixture(scope="module")
def replayed(reference_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    scenarios = build_scenarios(reference_dir, tmp_path_factory.mktemp("example"))
    arguments = [
        *book_arguments(scenarios),
        *market_arguments(reference_dir),
        *WINDOW,
        "--every",
        "6h",
        "--json",
    ]
    result = CliRunner().invoke(main, ["replay", *arguments])
    assert result.exit_code == 0, result.stderr
    return dict(json.loads(result.stdout))


def test_the_example_gives_the_figures_that_are_checked_in(replayed: dict[str, Any]) -> None:
    expected = json.loads((EXAMPLE / "expected.json").read_text(encoding="utf-8"))
    for key in expected:
        assert replayed[key] == expected[key], key
    assert replayed.keys() == expected.keys()


def test_the_figures_by_hand(replayed: dict[str, Any]) -> None:
    """As in the example's README: 8 % of SPY, the rate of ES, minimum and basis, the offset cap."""
    by_account = {statement["account_id"]: statement for statement in replayed["statements"]}
    hedged = by_account["hedged"]
    spy, es = Decimal("165.475"), Decimal("1649.625")
    securities, futures = hedged["silos"]
    assert Decimal(securities["maintenance"]) == Decimal("0.08") * 50_000 * spy
    assert Decimal(securities["equity"]) == 50_000 * spy - 7_200_000
    assert (futures["maintenance"], futures["initial"]) == ("380000.00", "418000.00")
    assert Decimal(futures["equity"]) == 600_000 + 100 * 50 * (Decimal("1669.375") - es)
    parts = {part["name"]: Decimal(part["amount"]) for part in hedged["unified"]["parts"]}
    assert parts["minimum"] == pytest.approx(Decimal("0.003") * 100 * 50 * es, abs=Decimal("0.01"))
    standalone = [core_of(by_account[name]) for name in ("index-long", "index-short")]
    cap = Decimal("0.2") * sum(standalone) - parts["core"]
    assert parts["cap_top_up"] == pytest.approx(cap, abs=Decimal("0.02"))


def core_of(statement: dict[str, Any]) -> Decimal:
    return next(Decimal(p["amount"]) for p in statement["unified"]["parts"] if p["name"] == "core")


def test_the_readme_shows_these_figures(replayed: dict[str, Any]) -> None:
    readme = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    for statement in replayed["statements"]:
        gap = statement["gap"]
        figures = " | ".join(f"{Decimal(gap[name]):,}" for name in ("silo_sum", "unified", "gap"))
        assert f"{figures} |" in readme, statement["account_id"]
    for call in replayed["calls"]:
        if call["state"] == "issued":
            assert f"| `{call['account_id']}` | issued | {call['reason']} |" in readme
            assert f"{Decimal(call['margin_call_amount']):,} |" in readme
