"""`marginmon margin` with positions that cannot be margined: each is named, the rest of the account is margined."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from engine.base.errors import Reason
from streams.cli import main
from tests.file_book import BOOK, T0_NS, book, write_json

PUT = {
    "instrument_id": "SPY-P", "product": "equity_option", "underlying": "SPY", "multiplier": 100,
    "expiry": "2026-12-18", "strike": 580.0, "right": "put", "exercise": "american",
    "risk_factor": "EQ:SPX", "volatility_factor": "VOL:EQ",
}  # fmt: skip
OLD = {"instrument_id": "OLD", "product": "equity", "risk_factor": "EQ:SPX"}


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["margin", *map(str, arguments), "--json"])


def price(instrument_id: str, **values: float) -> dict[str, Any]:
    return {"instrument_id": instrument_id, "source_time_ns": T0_NS, "sequence": 1} | values


def holding(
    instrument: dict[str, Any], quote: dict[str, Any] | None = None, quantity: float = -3
) -> dict[str, Any]:
    """The book with a further instrument, its price and a position in it."""
    whole = book()
    whole["instruments"].append(instrument)
    whole["prices"] += [quote] if quote else []
    held = {"instrument_id": instrument["instrument_id"], "quantity": quantity}
    whole["positions"][0]["positions"].append(held)
    return whole


LAST = "positions[0].positions[2]"


@pytest.mark.parametrize(
    ("whole", "reason", "detail"),
    [
        pytest.param(
            holding(PUT | {"strike": 0.0}, price("SPY-P", mark=5.0)), "BAD_INSTRUMENT",
            "(instruments[2]: instrument SPY-P: strike 0.0 is missing or not positive)", id="no strike",
        ),
        pytest.param(
            holding(PUT | {"expiry": "2026-09-18"}, price("SPY-P", mark=5.0)), "EXPIRED",
            "(instruments[2]: expired at 2026-09-18T21:00:00Z, before 2026-09-21T14:14:00Z)", id="option expired",
        ),
        pytest.param(
            holding(
                {"instrument_id": "ESU", "product": "future", "multiplier": 50, "combined_commodity": "ES",
                 "contract_month": "2026-09", "expiry": "2026-09-18", "risk_factor": "EQ:SPX"},
                price("ESU", mark=6000.0),
            ), "EXPIRED", "(instruments[2]: expired at 2026-09-18T21:00:00Z", id="future expired",
        ),
        pytest.param(
            holding(PUT | {"deliverable": "unknown"}, price("SPY-P", mark=5.0)), "UNKNOWN_DELIVERABLE",
            "(instruments[2]: instrument SPY-P: what it delivers after a corporate action is not known)",
            id="adjusted, terms unknown",
        ),
        pytest.param(
            holding(OLD, price("OLD", mark=0.0)), "ZERO_PRICE", "(prices[2]: its price is zero)", id="share at zero"
        ),
        pytest.param(
            holding(OLD, price("OLD", bid=0.0, ask=0.0)), "ZERO_PRICE", "(prices[2]: its price is zero)",
            id="share quoted at zero",
        ),
        pytest.param(
            holding(PUT, price("SPY-P", mark=0.0)), "ZERO_PRICE", "(prices[2]: its price is zero)",
            id="option at zero, no volatility",
        ),
        pytest.param(
            holding(PUT), "NO_PRICE", "instrument SPY-P has no price, or what it rests on has none", id="no price"
        ),
    ],
)  # fmt: skip
def test_the_position_is_named_and_the_rest_is_margined(
    tmp_path: Path, whole: dict[str, Any], reason: str, detail: str
) -> None:
    result = run(write_json(tmp_path, whole))
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    (refused,) = told["refused_positions"]
    instrument_id = whole["instruments"][2]["instrument_id"]
    assert (refused["account_id"], refused["instrument_id"]) == ("A", instrument_id)
    assert (refused["place"], refused["reason"]) == (LAST, reason)
    assert detail in refused["detail"]
    assert refused["remedy"] == Reason(reason).action
    assert reason in result.stderr
    assert instrument_id in result.stderr
    assert told["complete"] is False
    (view,) = told["accounts"]
    assert any(line.startswith(reason) for line in view["statement"]["quality"]["incomplete"])
    figures = {each["silo"]: each["maintenance"] for each in view["statement"]["silos"]}
    assert figures == {"securities": "240000.00", "futures": "108000.00"}


def test_an_option_on_an_underlying_at_zero_is_refused_with_it(tmp_path: Path) -> None:
    whole = holding(PUT, price("SPY-P", mark=5.0))
    whole["prices"][0] = price("SPY", mark=0.0)
    refused = json.loads(run(write_json(tmp_path, whole)).stdout)["refused_positions"]
    assert [(each["instrument_id"], each["reason"]) for each in refused] == [
        ("SPY", "ZERO_PRICE"), ("SPY-P", "ZERO_PRICE"),
    ]  # fmt: skip
    assert "the price of its underlying SPY is zero" in refused[1]["detail"]


@pytest.mark.parametrize(
    "whole",
    [
        pytest.param(holding(PUT, price("SPY-P", mark=0.0, implied_vol=0.3)), id="volatility quoted"),
        pytest.param(holding(PUT, price("SPY-P", bid=0.0, ask=0.05)), id="no bid, an ask"),
        pytest.param(
            holding(
                {"instrument_id": "CL", "product": "future", "multiplier": 1000, "combined_commodity": "CL",
                 "contract_month": "2026-12", "negative_price_allowed": True, "risk_factor": "CMD:WTI"},
                price("CL", mark=0.0),
            ), id="a price that may be negative",
        ),
        pytest.param(
            holding(PUT | {"expiry": "2026-09-21T14:14:00+00:00"}, price("SPY-P", mark=1.0)),
            id="expires at this very time",
        ),
    ],
)  # fmt: skip
def test_what_can_be_meant_is_margined(tmp_path: Path, whole: dict[str, Any]) -> None:
    result = run(write_json(tmp_path, whole))
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["refused_positions"] == []


@pytest.mark.parametrize(("expiry", "refused"), [("2026-09-18", ["EXPIRED"]), ("2026-09-21T00:00:01", [])])
def test_a_treasury_counts_to_the_end_of_the_day_on_which_it_matures(
    tmp_path: Path, expiry: str, refused: list[str]
) -> None:
    whole = book()
    bill = {"instrument_id": "BILL", "product": "treasury", "expiry": expiry}
    whole["instruments"].append(bill)
    whole["prices"].append(price("BILL", mark=1.0))
    whole["positions"][0]["collateral"] = [{"silo": "futures", "instrument_id": "BILL", "quantity": 1000}]
    result = run(write_json(tmp_path, whole))
    found = json.loads(result.stdout)["refused_positions"]
    assert (result.exit_code, [each["reason"] for each in found]) == (len(refused), refused)
    assert all(each["place"] == "positions[0].collateral[0]" for each in found)


def test_expiry_is_judged_at_the_time_of_the_evaluation(tmp_path: Path) -> None:
    file = write_json(tmp_path, holding(PUT, price("SPY-P", mark=5.0)))
    assert run(file).exit_code == 0
    later = run(file, "--as-of", "2026-12-18T21:00:01")
    (refused,) = json.loads(later.stdout)["refused_positions"]
    assert (later.exit_code, refused["reason"]) == (1, "EXPIRED")


def test_trades_and_collateral_in_what_is_refused_are_named_too(tmp_path: Path) -> None:
    whole = book(
        trades=[{
            "trade_id": "T", "version": 1, "account_id": "A", "instrument_id": "OLD", "quantity": 1,
            "price": 1.0, "business_date": "2026-09-21", "trade_time_ns": T0_NS,
        }],
        collateral=[{
            "collateral_id": "C", "version": 1, "account_id": "A", "silo": "futures", "instrument_id": "OLD",
            "quantity": 1000, "business_date": "2026-09-21", "time_ns": T0_NS,
        }],
    )  # fmt: skip
    whole["instruments"].append(OLD)
    whole["prices"].append(price("OLD", mark=0.0))
    refused = json.loads(run(write_json(tmp_path, whole)).stdout)["refused_positions"]
    assert [each["place"] for each in refused] == ["trades[0]", "collateral[0]"]


def test_what_the_intake_refuses_is_named_where_it_stands(tmp_path: Path) -> None:
    trade = {
        "trade_id": "T", "version": 1, "account_id": "A", "instrument_id": "SPY", "quantity": 1, "price": 600.0,
        "business_date": "2026-09-21", "trade_time_ns": T0_NS,
    }  # fmt: skip
    unknown = trade | {"trade_id": "U", "instrument_id": "QQQ"}
    elsewhere = trade | {"trade_id": "E", "silo": "cleared_swaps"}
    told = json.loads(run(write_json(tmp_path, book(trades=[unknown, trade, elsewhere]))).stdout)
    assert [(each["place"], each["instrument_id"], each["reason"]) for each in told["refused_positions"]] == [
        ("trades[0]", "QQQ", "UNKNOWN_INSTRUMENT"), ("trades[2]", "SPY", "NO_RULEBOOK"),
    ]  # fmt: skip


def test_an_instrument_that_nobody_holds_hurts_nobody(tmp_path: Path) -> None:
    whole = holding(OLD, price("OLD", mark=0.0))
    whole["positions"] = BOOK["positions"]
    result = run(write_json(tmp_path, whole))
    assert result.exit_code == 0
    assert json.loads(result.stdout)["refused_positions"] == []
    assert "left out: prices[2]: ZERO_PRICE: instrument OLD was refused" in result.stderr


POLICY = """
rate = 0.04
revaluation_step_s = 900
classification = { etf = "securities", future = "futures" }
call.default = {}
stale_after_ms.default = 60000
[[assignment]]
silo = "securities"
products = ["etf"]
rulebook = "finra-4210g"
approval = "portfolio_margin"
[[assignment]]
silo = "futures"
products = ["future"]
rulebook = "span-futures"
"""


def test_an_account_without_the_approval_has_its_positions_named(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    file = write_json(tmp_path, book(accounts=[{"account_id": "A"}]))
    result = run(file, "--parameters", tmp_path)
    (refused,) = json.loads(result.stdout)["refused_positions"]
    assert (result.exit_code, refused["place"], refused["reason"]) == (
        1, "positions[0].positions[0]", "NO_RULEBOOK",
    )  # fmt: skip
    assert refused["detail"] == "instrument SPY (etf) in silo securities needs approval portfolio_margin"


def test_refused_positions_stand_beside_one_rulebook_too(tmp_path: Path) -> None:
    whole = holding(OLD, price("OLD", mark=0.0))
    told = json.loads(run(write_json(tmp_path, whole), "--rulebook", "finra-4210g").stdout)
    assert [each["instrument_id"] for each in told["refused_positions"]] == ["OLD"]
    assert [each["maintenance"] for each in told["requirements"]] == ["240000.00"]


COIN_MARGINED = {
    "instrument_id": "BTCUSD_PERP", "product": "perpetual", "multiplier": 100, "currency": "BTC",
    "settlement": "inverse", "margin_schedule": "binance-coinm:BTC", "risk_factor": "CRYPTO:BTC",
}  # fmt: skip
COIN_RATE = {"instrument_id": "BTCUSD", "product": "fx_rate", "currency": "BTC", "risk_factor": "CRYPTO:BTC"}


@pytest.mark.parametrize(("price_paid", "reason"), [(0.0, "ZERO_PRICE"), (-1.0, "NEGATIVE_PRICE")])
def test_an_inverse_contract_without_a_positive_price_is_named(
    tmp_path: Path, price_paid: float, reason: str
) -> None:
    """In a start-of-day record and in a trade; the rest of the account is margined."""
    whole = holding(COIN_MARGINED, price("BTCUSD_PERP", mark=50_000.0))
    whole["instruments"].append(COIN_RATE)
    whole["prices"].append(price("BTCUSD", mark=50_000.0))
    whole["positions"][0]["positions"][-1]["reference_price"] = price_paid
    whole["trades"] = [
        {
            "trade_id": "T", "version": 1, "account_id": "A", "instrument_id": "BTCUSD_PERP", "quantity": 1.0,
            "price": price_paid, "business_date": "2026-09-21", "trade_time_ns": T0_NS,
        }
    ]  # fmt: skip
    result = run(write_json(tmp_path, whole))
    assert result.exit_code == 1
    assert (
        f"{LAST}: {reason}: reference_price {price_paid:g} of inverse contract BTCUSD_PERP" in result.stderr
    )
    assert f"trades[0]: {reason}: price {price_paid:g} of inverse contract BTCUSD_PERP" in result.stderr
    told = json.loads(result.stdout)
    assert [each["reason"] for each in told["refused_positions"]] == [reason, reason]
    figures = {each["silo"]: each["maintenance"] for each in told["accounts"][0]["statement"]["silos"]}
    assert figures == {"securities": "240000.00", "futures": "108000.00"}
