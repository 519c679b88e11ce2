"""`marginmon margin --crif FILE --rulebook schedule-im`: published figures, refused rows, groups of counterparties."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from tests.rulebook_cases import golden, load

HEAD = "TradeID,PortfolioID,ProductClass,RiskType,AmountCurrency,Amount,AmountUSD,EndDate,IMModel"
CLASS_OF = {"treasury": "Rates", "stablecoin": "FX", "equity": "Equity", "credit_default_swap": "Credit"}
SIMM_LIB = [path for path in golden("schedule-im") if path.stem.startswith("simm-lib")]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["margin", *map(str, arguments), "--rulebook", "schedule-im"])


def crif(folder: Path, *lines: str, head: str = HEAD) -> Path:
    file = folder / "schedule.csv"
    file.write_text("\n".join((head, *lines)) + "\n", encoding="utf-8")
    return file


def documents(result: Result) -> list[dict[str, Any]]:
    return list(json.loads(result.stdout))


@pytest.mark.parametrize(("side", "total"), [("collect", 457.79), ("post", 395.86)])
def test_the_example_of_the_open_source_risk_engine(reference_dir: Path, side: str, total: float) -> None:
    file = reference_dir / "ore_simm_examples/crif_schedule.csv"
    result = run("--crif", file, "--as-of", "2020-12-28", "--day-first", "--side", side, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    [document] = documents(result)
    assert document["total"] == pytest.approx(total, abs=0.01)
    assert document["gross_initial_margin"] == pytest.approx(989.66, abs=0.01)
    assert document["trades"] == 9
    if side == "collect":
        assert document["gross_replacement_cost"] == pytest.approx(4804.86, abs=0.01)
        assert document["net_replacement_cost"] == pytest.approx(501.06, abs=0.01)
        assert document["net_to_gross"] == pytest.approx(0.104282, abs=1e-6)
        assert document["post_total"] == pytest.approx(395.86, abs=0.01)


@pytest.mark.parametrize("path", SIMM_LIB, ids=lambda path: path.stem)
def test_the_cases_of_simm_lib(path: Path, tmp_path: Path) -> None:
    """The trades of the golden case as rows, worth to the firm; a trade without value has no row PV."""
    case, rows = load(path), []
    for record in case["instruments"]:
        name, end = record["instrument_id"], record["expiry"][:10]
        worth = -case["positions"][name] * record["multiplier"] * case["prices"][name]
        kind = f"{name},P,{CLASS_OF[record['product']]}"
        rows.append(f"{kind},Notional,USD,{record['multiplier']},,{end},Schedule")
        if worth:
            rows.append(f"{kind},PV,USD,,{worth!r},{end},Schedule")
    result = run("--crif", crif(tmp_path, *rows), "--as-of", case["valuation_time"][:10], "--json")
    assert result.exit_code == 0
    without = sum(price == 0.0 for price in case["prices"].values())
    assert result.stderr.count("worth nothing: portfolio P: trade") == without
    [document] = documents(result)
    assert document["total"] == pytest.approx(case["result"]["requirement_usd"], abs=0.5)


def test_the_cases_are_those_that_are_published() -> None:
    assert {load(path)["result"]["requirement_usd"] for path in SIMM_LIB} >= {10_269, 45_109, 48_447}
    assert len(SIMM_LIB) == 6


NOTIONAL = "t1,P,Rates,Notional,USD,1000000,,2031-11-27,Schedule"
VALUE = "t1,P,Rates,PV,EUR,2000,,2031-11-27,Schedule"


def test_amounts_are_converted_and_shown(tmp_path: Path) -> None:
    """Five years to the day: 2 %; all of it, since the one trade costs 2,200 to replace."""
    file = crif(tmp_path, NOTIONAL, VALUE)
    result = run("--crif", file, "--as-of", "2026-11-27", "--fx", "EUR=1.1", "--explain")
    assert result.exit_code == 0
    for text in ("20,000.00", "2,200.00", "8,000.00", "ratio 1"):
        assert text in result.stdout
    result = run("--crif", file, "--as-of", "2026-11-26", "--fx", "EUR=1.1", "--json")
    assert documents(result)[0]["total"] == pytest.approx(40_000.0)


def test_a_row_can_say_the_day_itself(tmp_path: Path) -> None:
    file = crif(tmp_path, f"{NOTIONAL},2026-11-26", head=f"{HEAD},ValuationDate")
    assert documents(run("--crif", file, "--json"))[0]["total"] == pytest.approx(40_000.0)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (",P,Rates,PV,USD,1,,2031-11-27,Schedule", "TradeID '' is not allowed; it may be the name of the trade"),
        ("t2,P,RatesFX,Notional,USD,1,,2031-11-27,Schedule", "ProductClass 'RatesFX' is not allowed; it may be one of"),
        ("t2,P,Rates,Delta,USD,1,,2031-11-27,Schedule", "RiskType 'Delta' is not allowed; it may be one of Notional"),
        ("t2,P,Rates,Notional,USD,1,,27/11/2031,Schedule", "EndDate '27/11/2031' is not allowed; it may be a date"),
        ("t2,P,Rates,Notional,CHF,1,,2031-11-27,Schedule", "AmountCurrency 'CHF' is not allowed"),
        ("t2,P,Rates,PV,USD,1,,2031-11-27,Schedule", "with a row Notional of trade t2 beside it"),
        ("t1,P,Rates,Notional,USD,1,,2031-11-27,Schedule", "stated once for trade t1"),
        ("t1,P,FX,PV,USD,1,,2031-11-27,Schedule", "of one product class and end date, as in line 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_line_and_the_rest_is_margined(
    row: str, complaint: str, tmp_path: Path
) -> None:
    result = run("--crif", crif(tmp_path, NOTIONAL, row), "--as-of", "2026-11-27", "--json")
    assert result.exit_code == 1
    assert "refused: line 3: " in result.stderr
    assert complaint in result.stderr
    [document] = documents(result)
    assert (document["complete"], len(document["refused_rows"])) == (False, 1)
    assert document["total"] == pytest.approx(20_000.0)


def test_rows_of_other_models_are_passed_over_by_name(tmp_path: Path) -> None:
    other = "s1,P,RatesFX,Risk_IRCurve,USD,5,,,SIMM"
    result = run("--crif", crif(tmp_path, NOTIONAL, other), "--as-of", "2026-11-27", "--json")
    assert result.exit_code == 0
    assert "passed over: line 3: portfolio P: IMModel SIMM is not margined by the schedule" in result.stderr
    assert documents(result)[0]["total"] == pytest.approx(20_000.0)


def test_settings_that_do_not_fit_are_said(tmp_path: Path) -> None:
    file = crif(tmp_path, NOTIONAL)
    assert "or give --as-of" in run("--crif", file, "--json").stderr
    result = run("--crif", file, "--as-of", "2026-11-27", "--currency", "EUR", "--fx", "EUR=1.1")
    assert (result.exit_code, "is given in USD" in result.stderr) == (2, True)


GROUPS = """
[group.Alder]
held_usd = { P = 0.0, Q = 5_000_000.0 }
aana = [
    { in_force_from = 2026-01-01, amount = 7.9e9, currency = "EUR" },
    { in_force_from = 2027-01-01, amount = 8.1e9, currency = "USD" },
]
"""


def grouped(folder: Path, as_of: str) -> list[dict[str, Any]]:
    """P needs 60 million and Q 20 million: 4 % of notional each."""
    rows = [
        f"t{name},{name},Rates,Notional,USD,{notional},,2040-01-01,Schedule"
        for name, notional in (("P", 1_500_000_000), ("Q", 500_000_000), ("R", 1_000_000))
    ]
    (folder / "groups.toml").write_text(GROUPS, encoding="utf-8")
    result = run(
        "--crif", crif(folder, *rows), "--as-of", as_of, "--groups", folder / "groups.toml", "--json"
    )
    assert result.exit_code == 0
    assert "in no group: portfolio R: nothing is taken off" in result.stderr
    return documents(result)


def test_the_threshold_stands_once_for_a_group_above_its_aana(tmp_path: Path) -> None:
    p, q, r = grouped(tmp_path, "2027-03-01")
    assert r["collection"] is None
    assert p["collection"]["reason"].endswith("in force from 2027-01-01, is above 8,000,000,000")
    assert p["collection"]["group_required"] == pytest.approx(80e6)
    assert (p["collection"]["to_hold"], q["collection"]["to_hold"]) == (
        pytest.approx(22.5e6),
        pytest.approx(7.5e6),
    )
    assert (p["collection"]["transfer"], q["collection"]["transfer"]) == (
        pytest.approx(22.5e6),
        pytest.approx(2.5e6),
    )


def test_below_its_aana_a_group_gets_back_what_is_held(tmp_path: Path) -> None:
    p, q, _ = grouped(tmp_path, "2026-11-27")
    assert not p["collection"]["in_scope"]
    assert (p["collection"]["to_hold"], p["collection"]["transfer"]) == (0.0, 0.0)
    assert q["collection"]["transfer"] == pytest.approx(-5e6)


def test_the_report_shows_the_group(tmp_path: Path) -> None:
    grouped(tmp_path, "2027-03-01")
    arguments = ("--crif", tmp_path / "schedule.csv", "--groups", tmp_path / "groups.toml")
    shown = run(*arguments, "--as-of", "2027-03-01").stdout
    assert "group Alder: required" in shown
    assert "22,500,000.00" in shown
    result = run(*arguments)
    assert (result.exit_code, "which AANA is in force depends on the day" in result.stderr) == (2, True)
