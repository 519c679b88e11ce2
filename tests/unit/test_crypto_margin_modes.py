"""Cross and isolated margin end to end: published liquidation prices from a book file, each account its own pocket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.parameters import packaged
from tests.file_book import T0_NS, write_json
from tests.rulebook_cases import golden, load

INVERSE = [path for path in golden("crypto-tiered") if path.stem.startswith("inverse-liquidation-")]
LIQUIDATION = [path for path in golden("crypto-tiered") if path.stem.startswith("liquidation-")]


def account(case: dict[str, Any], account_id: str) -> dict[str, Any]:
    """A start-of-day record: positions at their entry prices, the wallet as cash."""
    return {
        "account_id": account_id,
        "business_date": "2026-09-18",
        "as_of_ns": T0_NS - 1,
        "positions": [
            {"instrument_id": name, "quantity": quantity, "reference_price": case["entry_prices"][name]}
            for name, quantity in case["positions"].items()
        ],
        "cash": [{"silo": "futures", "amount": case["wallet_balance_usd"]}],
    }


def explained(tmp_path: Path, case: dict[str, Any], positions: list[dict[str, Any]]) -> dict[str, Any]:
    """Facts of each contract by account and contract."""
    rulebook = case["rulebook"]
    book = {
        "accounts": [{"account_id": record["account_id"], "owner": "one"} for record in positions],
        "instruments": [
            record | {"underlying": "", "risk_factor": "CRYPTO:BTC"} for record in case["instruments"]
        ],
        "rulebooks": [
            {
                "rulebook_id": "crypto-tiered", "version": "golden", "method": "crypto-tiered",
                "parameters": {k: v for k, v in rulebook.items() if k not in {"rulebook_id", "version"}},
            }
        ],
        "prices": [
            {"instrument_id": name, "mark": mark, "source_time_ns": T0_NS, "sequence": 1}
            for name, mark in case["prices"].items()
        ],
        "positions": positions,
    }  # fmt: skip
    file = write_json(tmp_path, book)
    result = CliRunner().invoke(main, ["margin", str(file), "--rulebook", "crypto-tiered", "--json"])
    assert result.exit_code == 0, result.stderr
    return {
        (entry["account_id"], part["name"]): part["facts"]
        for entry in json.loads(result.stdout)["requirements"]
        for part in entry["tree"]["parts"]
    }


@pytest.mark.parametrize("path", LIQUIDATION, ids=lambda path: path.stem)
def test_published_liquidation_prices_from_a_book_file(tmp_path: Path, path: Path) -> None:
    case = load(path)
    facts = explained(tmp_path, case, [account(case, "A")])
    found = facts["A", case["contract"]]["liquidation_price"]
    assert found == pytest.approx(case["result"]["liquidation_price"], abs=case["tolerance"]["price"])


def test_an_isolated_position_is_an_account_of_its_own(tmp_path: Path) -> None:
    """Beside a cross-margined account of the same owner, neither changes the other's liquidation price."""
    by_name = {path.stem: load(path) for path in LIQUIDATION}
    cross, isolated = by_name["liquidation-cross-eth"], by_name["liquidation-isolated-eth"]
    facts = explained(tmp_path, cross, [account(cross, "A"), account(isolated, "A:ETHUSDT")])
    for account_id, case in (("A", cross), ("A:ETHUSDT", isolated)):
        price = facts[account_id, "ETHUSDT"]["liquidation_price"]
        assert price == pytest.approx(case["result"]["liquidation_price"], abs=case["tolerance"]["price"])


def test_the_next_funding_payment_is_told(tmp_path: Path) -> None:
    case = load(next(path for path in LIQUIDATION if path.stem == "liquidation-isolated-eth"))
    case["instruments"][0] |= {"funding_rate": 0.0001, "funding_interval_h": 4}
    facts = explained(tmp_path, case, [account(case, "A")])["A", "ETHUSDT"]
    assert facts["next_funding_usd"] == pytest.approx(3683.979 * 1335.18 * 0.0001)
    assert facts["funding_interval_h"] == 4


@pytest.mark.parametrize("path", INVERSE, ids=lambda path: path.stem)
def test_an_isolated_inverse_position_from_a_book_file(tmp_path: Path, path: Path) -> None:
    """A wallet of coins that count in full: the futures silo is settled in the account's coin."""
    case = load(path)
    folder = tmp_path / "parameters"
    folder.mkdir()
    collateral = (packaged() / "collateral.toml").read_text(encoding="utf-8")
    packaged_line = '[settled]\nsilos = ["uncleared_swaps"]'
    assert collateral.count(packaged_line) == 1
    (folder / "collateral.toml").write_text(
        collateral.replace(packaged_line, '[settled]\nsilos = ["uncleared_swaps", "futures"]'),
        encoding="utf-8",
    )
    [(name, quantity)] = case["positions"].items()
    rulebook = {k: v for k, v in case["rulebook"].items() if k not in {"rulebook_id", "version"}}
    book = {
        "accounts": [{"account_id": "A", "settlement_currency": "BTC"}],
        "instruments": [record | {"risk_factor": "CRYPTO:BTC"} for record in case["instruments"]],
        "rulebooks": [
            {
                "rulebook_id": "crypto-tiered", "version": "golden", "method": "crypto-tiered",
                "parameters": rulebook,
            }
        ],
        "prices": [
            {"instrument_id": each, "mark": 0.99 * mark, "source_time_ns": T0_NS, "sequence": 1}
            for each, mark in case["prices"].items()
        ],
        "positions": [
            {
                "account_id": "A", "business_date": "2026-09-18", "as_of_ns": T0_NS - 1,
                "positions": [
                    {"instrument_id": name, "quantity": quantity, "reference_price": case["entry_price"]}
                ],
                "cash": [{"silo": "futures", "currency": "BTC", "amount": case["wallet_coin"]}],
            }
        ],
    }  # fmt: skip
    arguments = ["margin", str(write_json(tmp_path, book)), "--parameters", str(folder)]
    result = CliRunner().invoke(main, [*arguments, "--rulebook", "crypto-tiered", "--json"])
    assert result.exit_code == 0, result.stderr
    [entry] = json.loads(result.stdout)["requirements"]
    facts = entry["tree"]["parts"][0]["facts"]
    assert facts["liquidation_price"] == pytest.approx(
        case["result"]["liquidation_price"], abs=case["tolerance"]["price"]
    )
