"""``marginmon compare``: the effect of another policy on silos and gap is a figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.replay.compare_command import compare
from tests.credit_book import mark_at, swap_of
from tests.file_book import write_json
from tests.unit.test_definition_overlap import BOOK, SCHEDULE, moved

SWAP = swap_of("ACME-2031-06", "ACME", "2031-06-20")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(compare, [str(argument) for argument in arguments])


def changes(told: dict[str, Any]) -> dict[tuple[str, str], tuple[float, float]]:
    [account] = told["accounts"]
    assert account["figures"] == told["total"]
    return {
        (row["figure"], row["silo"]): (float(row["before"]), float(row["after"]))
        for row in account["figures"]
    }


def test_a_swap_under_the_other_silo_and_its_schedule(tmp_path: Path) -> None:
    policy = moved(tmp_path, schedule=True) / "policy.toml"
    result = run(write_json(tmp_path, BOOK), "--policy", policy, "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    found = changes(told)
    assert told["policy_versions"] == {"before": "2026-11", "after": "2026-11"}
    assert found["requirement", "security_based_swaps"] == (700_000.0, 0.0)
    assert found["requirement", "uncleared_swaps"] == (0.0, 500_000.0)
    assert found["silo_sum", ""] == (700_000.0, 500_000.0)
    assert found["gap", ""] == (0.0, 0.0)
    assert found["silo_deficit", ""] == pytest.approx((700_000 + 10e6 * mark_at(SWAP, 150.0), 0.0), abs=0.02)
    assert found["trapped_excess", ""] == (1_000_000.0, 0.0)
    for row in told["total"]:
        assert float(row["after"]) - float(row["before"]) == pytest.approx(float(row["change"]))


def test_equity_swaps_under_the_schedule_widen_the_gap(tmp_path: Path) -> None:
    """The pot takes the swaps whatever their silo; their silo nets them by share today, the schedule does not."""
    policy = moved(tmp_path, schedule=True) / "policy.toml"
    text = policy.read_text(encoding="utf-8")
    text = text.replace('equity_swap = "security_based_swaps"', 'equity_swap = "uncleared_swaps"')
    head, tail = text.split('[[assignment]]\nsilo = "security_based_swaps"\nproducts = ["equity_swap"]\n')
    tail = tail.removeprefix('rulebook = "sec-18a-3-equity"\n')
    both = SCHEDULE.replace('["credit_default_swap"]', '["credit_default_swap", "equity_swap"]')
    assert SCHEDULE in tail
    policy.write_text(head + tail.replace(SCHEDULE, both), encoding="utf-8")
    swap = {"product": "equity_swap", "underlying": "AAPL", "risk_factor": "EQ:AAPL"}
    held = {"reference_price": 190.0}
    book = BOOK | {
        "instruments": [swap | {"instrument_id": name} for name in ("TRS-1", "TRS-2")],
        "prices": [BOOK["prices"][0] | {"instrument_id": name, "mark": 200.0} for name in ("TRS-1", "TRS-2")],
        "positions": [
            BOOK["positions"][0]
            | {
                "positions": [
                    held | {"instrument_id": "TRS-1", "quantity": 1000},
                    held | {"instrument_id": "TRS-2", "quantity": -600},
                ]
            }
        ],
    }
    result = run(write_json(tmp_path, book), "--policy", policy, "--json")
    assert result.exit_code == 0, result.stderr
    found = changes(json.loads(result.stdout))
    assert found["requirement", "security_based_swaps"] == (12_000.0, 0.0)
    assert found["requirement", "uncleared_swaps"] == (0.0, 48_000.0)
    assert found["equity", "security_based_swaps"] == (4_000.0, 0.0), "what they settled goes with them"
    assert found["equity", "uncleared_swaps"] == (1_000_000.0, 1_004_000.0)
    before, after = found["gap", ""]
    unified_before, unified_after = found["unified", ""]
    assert after - before == pytest.approx(36_000.0 - (unified_after - unified_before))
    assert after > before


def test_a_policy_that_cannot_take_effect_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    policy = (moved(tmp_path) / "policy.toml").read_text(encoding="utf-8")
    (tmp_path / "policy.toml").write_text(policy.replace('\nfuture = "futures"\n', "\n"), encoding="utf-8")
    result = run(write_json(tmp_path, BOOK), "--policy", tmp_path / "policy.toml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("NO_RULEBOOK: policy: product future would be in no silo")
    assert result.stderr.count("\n") == 1


def test_the_tables_show_before_after_and_change(tmp_path: Path) -> None:
    policy = moved(tmp_path) / "policy.toml"
    shown = run(write_json(tmp_path, BOOK), "--policy", policy).stdout
    assert "Account A" in shown
    assert "requirement uncleared swaps" in shown
    assert "-700,000.00" in shown
