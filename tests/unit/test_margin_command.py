"""`marginmon margin`: figures by hand, what could not be margined, exit codes."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from engine.market.pricing_european import black_price
from engine.rules.registry import SCENARIO_METHODS, SILO_METHODS, UNIFIED_METHODS
from streams.cli import main
from streams.replay.book_file import read_book
from streams.replay.margin import MarginedBook
from tests.file_book import BOOK, T0_NS, book, write_json


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["margin", *map(str, arguments)])


def figures(result: Result) -> dict[str, Any]:
    """The statement of the book's one account."""
    (view,) = json.loads(result.stdout)["accounts"]
    return dict(view["statement"])


def silo(statement: dict[str, Any], name: str) -> dict[str, Any]:
    return next(entry for entry in statement["silos"] if entry["silo"] == name)


def with_position(**position: Any) -> dict[str, Any]:
    whole = book()
    whole["positions"][0]["positions"].append(position)
    return whole


def test_the_figures_are_those_by_hand(tmp_path: Path) -> None:
    """8 % of 3 M of SPY; 10 ES at the packaged maintenance rate of 10,800; equity from cash and marks."""
    result = run(write_json(tmp_path, BOOK), "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    statement = figures(result)
    securities, futures = silo(statement, "securities"), silo(statement, "futures")
    assert securities["maintenance"] == "240000.00"
    assert securities["equity"] == "300000.00"  # 5,000 x 600 - 2,700,000
    assert (futures["maintenance"], futures["initial"]) == ("108000.00", "118800.00")
    assert futures["equity"] == "295000.00"  # 300,000 - 10 x 50 x (6,010 - 6,000)
    gap = statement["gap"]
    assert gap["silo_sum"] == "348000.00"
    assert Decimal(gap["gap"]) == Decimal("348000.00") - Decimal(statement["unified"]["requirement"])
    assert sum(Decimal(term["amount"]) for term in gap["terms"]) == Decimal(gap["gap"])
    assert statement["as_of_ns"] == T0_NS


def test_json_is_the_same_every_time_and_sorted(tmp_path: Path) -> None:
    file = write_json(tmp_path, BOOK)
    first, second = run(file, "--json").stdout, run(file, "--json").stdout
    assert first == second
    assert json.dumps(json.loads(first), indent=2, sort_keys=True) + "\n" == first


def test_trades_and_collateral_of_the_file_count(tmp_path: Path) -> None:
    more = book(
        trades=[{
            "trade_id": "T", "version": 1, "account_id": "A", "instrument_id": "SPY", "quantity": -2000,
            "price": 600.0, "business_date": "2026-09-21", "trade_time_ns": T0_NS,
        }],
        collateral=[{
            "collateral_id": "C", "version": 1, "account_id": "A", "silo": "futures", "currency": "USD",
            "quantity": 1000, "business_date": "2026-09-21", "time_ns": T0_NS,
        }],
    )  # fmt: skip
    statement = figures(run(write_json(tmp_path, more), "--json"))
    assert silo(statement, "securities")["maintenance"] == "144000.00"  # 8 % of 3,000 x 600
    assert silo(statement, "securities")["equity"] == "300000.00"
    assert silo(statement, "futures")["equity"] == "296000.00"


def test_one_rulebook_shows_its_published_form(tmp_path: Path) -> None:
    result = run(write_json(tmp_path, BOOK), "--rulebook", "span-futures", "--json")
    (entry,) = json.loads(result.stdout)["requirements"]
    assert (entry["account_id"], entry["silo"], entry["maintenance"]) == ("A", "futures", "108000.00")
    assert entry["tree"]["facts"]["published_usd"] == 108000.0


@pytest.mark.parametrize("rulebook_id", [*SILO_METHODS, *SCENARIO_METHODS, *UNIFIED_METHODS])
def test_every_rulebook_of_the_registry_can_be_asked_for(tmp_path: Path, rulebook_id: str) -> None:
    """Assigned a product or not, each shows a tree that adds up to its figure."""
    result = run(write_json(tmp_path, BOOK), "--rulebook", rulebook_id, "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["rulebook_ids"] == [rulebook_id]
    for entry in told["requirements"]:
        assert entry["rulebook_id"] == rulebook_id
        assert entry["tree"]["amount"] == entry["maintenance"]
        assert_adds_up(entry["tree"])


def test_a_comparison_takes_a_book_across_its_silos(tmp_path: Path) -> None:
    """Spot in one silo against a perpetual in another: 1 % of the hedged delta, half of it for maintenance."""
    coin = {"product": "crypto_spot", "instrument_id": "BTC", "risk_factor": "CRYPTO:BTC"}
    perpetual = {
        "product": "perpetual", "instrument_id": "BTC-PERP", "underlying": "BTC", "risk_factor": "CRYPTO:BTC",
        "margin_schedule": "binance-usdtm:BTC",
    }  # fmt: skip
    price = {"mark": 60_000, "source_time_ns": T0_NS, "sequence": 1}
    book = {
        "accounts": [{"account_id": "A"}, {"account_id": "B"}],
        "instruments": [coin, perpetual, {"product": "equity", "instrument_id": "AAPL", "risk_factor": "EQ:AAPL"}],
        "prices": [price | {"instrument_id": name} for name in ("BTC", "BTC-PERP", "AAPL")],
        "positions": [{
            "account_id": "A", "business_date": "2026-09-18", "as_of_ns": T0_NS - 1,
            "positions": [
                {"instrument_id": "BTC", "quantity": 10},
                {"instrument_id": "AAPL", "quantity": 1},
                {"instrument_id": "BTC-PERP", "quantity": -10, "reference_price": 60_000},
            ],
        }],
    }  # fmt: skip
    result = run(write_json(tmp_path, book), "--rulebook", "crypto-scenario-matrix", "--json")
    assert result.exit_code == 0, result.stderr
    (entry,) = json.loads(result.stdout)["requirements"]
    assert (entry["account_id"], entry["silo"], entry["left_out"]) == ("A", "comparison", ["AAPL"])
    assert (entry["initial"], entry["maintenance"]) == ("6000.00", "3000.00")
    assert_adds_up(entry["tree"])


def assert_adds_up(part: dict[str, Any]) -> None:
    """Every part is the sum of those below it, but for the cents that each is rounded to."""
    if part["parts"]:
        below = sum(Decimal(child["amount"]) for child in part["parts"])
        assert abs(Decimal(part["amount"]) - below) <= Decimal("0.01") * len(part["parts"])
    for child in part["parts"]:
        assert_adds_up(child)


def test_several_rulebooks_side_by_side(tmp_path: Path) -> None:
    file = write_json(tmp_path, BOOK)
    chosen = ["--rulebook", "finra-4210g", "--rulebook", "one-pot"]
    told = json.loads(run(file, *chosen, "--json").stdout)
    assert told["rulebook_ids"] == ["finra-4210g", "one-pot"]
    shown = [(entry["rulebook_id"], entry["silo"]) for entry in told["requirements"]]
    assert shown == [("finra-4210g", "securities"), ("one-pot", "")]
    terminal = run(file, *chosen).stdout
    assert "A under finra-4210g" in terminal
    assert "A under one-pot" in terminal


def test_a_rulebook_that_margins_nothing_here_says_so(tmp_path: Path) -> None:
    result = run(write_json(tmp_path, BOOK), "--rulebook", "crypto-tiered")
    assert (result.exit_code, result.stdout) == (0, "No account holds anything under it.\n")


def test_one_rulebook_for_a_terminal(tmp_path: Path) -> None:
    result = run(write_json(tmp_path, BOOK), "--rulebook", "finra-4210g")
    assert result.exit_code == 0
    assert "A under finra-4210g" in result.stdout
    assert "240,000.00" in result.stdout
    assert "span-futures" not in result.stdout


def test_all_for_a_terminal(tmp_path: Path) -> None:
    result = run(write_json(tmp_path, BOOK))
    assert result.exit_code == 0
    for text in ("Account A (desk one)", "240,000.00", "108,000.00", "348,000.00", "silo sum", "one-pot"):
        assert text in result.stdout


@pytest.mark.parametrize(
    ("changes", "reason", "place"),
    [
        (with_position(instrument_id="QQQ", quantity=1), "UNKNOWN_INSTRUMENT", "positions[0].positions[2]"),
        (with_position(instrument_id="SPY", quantity=1, silo="cleared_swaps"), "NO_RULEBOOK",
         "positions[0].positions[2]"),
        (book(trades=[{
            "trade_id": "T", "version": 1, "account_id": "B", "instrument_id": "SPY", "quantity": 1, "price": 600,
            "business_date": "2026-09-21", "trade_time_ns": T0_NS,
         }]), "UNKNOWN_ACCOUNT", "trades[0]"),
        (book(collateral=[{
            "collateral_id": "C", "version": 1, "account_id": "A", "silo": "futures", "instrument_id": "T-BILL",
            "quantity": 1, "business_date": "2026-09-21", "time_ns": T0_NS,
         }]), "UNKNOWN_INSTRUMENT", "collateral[0]"),
        (book(rulebooks=[{
            "rulebook_id": "span-futures", "version": "2", "method": "span-futures", "parameters": {},
         }]), "BAD_PARAMETER", "rulebooks[0]"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named_and_the_rest_is_margined(
    tmp_path: Path, changes: dict[str, Any], reason: str, place: str
) -> None:
    result = run(write_json(tmp_path, changes), "--json")
    assert result.exit_code == 1
    assert f"incomplete: {place}: {reason}: " in result.stderr
    statement = figures(result)
    assert silo(statement, "securities")["maintenance"] == "240000.00"
    assert silo(statement, "futures")["maintenance"] == "108000.00"
    assert json.loads(result.stdout)["complete"] is False


def test_an_instrument_that_the_engine_refuses_is_a_problem_where_it_is_held(tmp_path: Path) -> None:
    whole = with_position(instrument_id="SPY-P", quantity=3)
    option = {"instrument_id": "SPY-P", "product": "equity_option", "underlying": "SPY", "multiplier": 100,
              "expiry": "2026-12-18", "right": "put", "exercise": "american"}  # fmt: skip
    whole["instruments"].append(option)
    result = run(write_json(tmp_path, whole), "--json")
    assert result.exit_code == 1
    assert "incomplete: positions[0].positions[2]: BAD_INSTRUMENT: " in result.stderr
    assert "instruments[2]: instrument SPY-P: strike 0.0 is missing or not positive" in result.stderr
    (line,) = figures(result)["quality"]["incomplete"]
    assert line.startswith("BAD_INSTRUMENT: positions[0].positions[2]")
    whole["positions"] = BOOK["positions"]
    assert run(write_json(tmp_path, whole), "--json").exit_code == 0  # nobody holds it


def test_a_position_without_a_price_is_incomplete(tmp_path: Path) -> None:
    result = run(write_json(tmp_path, book(prices=BOOK["prices"][:1])), "--json")
    assert result.exit_code == 1
    assert "incomplete: account A: NO_PRICE: instrument ES" in result.stderr
    assert silo(figures(result), "securities")["maintenance"] == "240000.00"


def test_a_crossed_quote_leaves_its_instrument_without_a_price(tmp_path: Path) -> None:
    crossed = BOOK["prices"][0] | {"bid": 601.0, "ask": 599.0}
    result = run(write_json(tmp_path, book(prices=[crossed, BOOK["prices"][1]])), "--json")
    assert result.exit_code == 1
    assert "left out: prices[0]: CROSSED_QUOTE" in result.stderr
    assert "NO_PRICE: instrument SPY" in result.stderr


def test_an_account_without_approval_is_margined_by_strategies(tmp_path: Path) -> None:
    """A quarter of the stock to maintain, instead of its worst move."""
    result = run(write_json(tmp_path, book(accounts=[{"account_id": "A"}])), "--json")
    assert result.exit_code == 0
    assert silo(figures(result), "securities")["maintenance"] == "750000.00"
    assert silo(figures(result), "securities")["initial"] == "1500000.00"


def test_unknown_keys_are_reported_and_hurt_nothing(tmp_path: Path) -> None:
    result = run(write_json(tmp_path, book(comment="mine")), "--json")
    assert result.exit_code == 0
    assert result.stderr == "left out: comment: unknown key\n"


def test_as_of_makes_prices_stale_or_refuses_those_of_the_future(tmp_path: Path) -> None:
    file = write_json(tmp_path, BOOK)
    later = run(file, "--json", "--as-of", "2026-09-21T14:16:00Z")
    assert later.exit_code == 0
    assert "stale: account A" in later.stderr
    assert figures(later)["quality"] == {"incomplete": [], "oldest_price_age_ms": 120_000, "stale": True}
    earlier = run(file, "--json", "--as-of", "2026-09-21T14:13:00")
    assert earlier.exit_code == 1
    assert "prices[0]: CLOCK_SKEW" in earlier.stderr


def test_option_volatility_is_solved_at_the_time_of_the_evaluation(tmp_path: Path) -> None:
    """A mark of Black's formula at 20 % over 91 days gives 20 % back."""
    years, rate = 91 / 365, 0.04  # the rate of the packaged policy
    mark = black_price(
        True, 600.0 * math.exp(rate * years), 610.0, 0.2 * math.sqrt(years), math.exp(-rate * years)
    )
    expiry = datetime.fromtimestamp(T0_NS // 10**9, UTC) + timedelta(days=91)
    whole = book()
    whole["instruments"].append({
        "instrument_id": "SPY-C", "product": "equity_option", "underlying": "SPY", "multiplier": 100,
        "expiry": expiry.isoformat(), "strike": 610, "right": "call", "exercise": "european",
        "risk_factor": "EQ:SPX", "volatility_factor": "VOL:EQ",
    })  # fmt: skip
    whole["prices"].append({"instrument_id": "SPY-C", "mark": mark, "source_time_ns": T0_NS, "sequence": 1})
    margined = MarginedBook(read_book(write_json(tmp_path, whole))[0], None, None, None)
    market = margined.files.engine.market
    # The valuation time stands on its grid of 900 s, up to a quarter of an hour before.
    assert market.volatility[market.slot_of["SPY-C"]] == pytest.approx(0.2, rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--rulebook", "nothing"], "no rulebook nothing; --rulebook takes one of cleared-swaps, "),
        (["--as-of", "tomorrow"], "'tomorrow' is no time such as 2013-10-07T13:30:00Z"),
        (["--parameters", "absent"], "Directory 'absent' does not exist"),
        (["--scenarios", "absent"], "File 'absent' does not exist"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_one_line_and_exit_code_2(tmp_path: Path, arguments: list[str], line: str) -> None:
    result = run(write_json(tmp_path, BOOK), *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert line in result.stderr
    assert "Traceback" not in result.stderr


def test_bad_files_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    broken = write_json(tmp_path, '{"accounts": [', "broken.json")
    result = run(broken)
    assert (result.exit_code, result.stdout) == (2, "")
    assert (
        result.stderr
        == f"{broken}: line 1 column 15: is not JSON: Expecting value; complete or correct it there\n"
    )
    (tmp_path / "one-pot.toml").write_text("measure = \n")
    result = run(write_json(tmp_path, BOOK), "--parameters", tmp_path)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "one-pot.toml" in result.stderr
    scenarios = tmp_path / "scenarios.csv"
    scenarios.write_text("scenario,kind,EQ:SPX\na,historical,much\n")
    result = run(write_json(tmp_path, BOOK), "--scenarios", scenarios)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "row 1" in result.stderr
