"""Ten years of published par yields: from the level file through both commands to the requirement."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import QuantLib as ql  # noqa: N813 - the name its documentation uses
from click.testing import CliRunner

from streams.cli import main
from tests.rate_oracle import ql_date

COLUMNS = {"3M": "m3", "2Y": "y2", "5Y": "y5", "7Y": "y7", "10Y": "y10", "30Y": "y30"}
COUNT = 2_500
PRICE = 99.5
NOW_NS = 1_795_791_600_000_000_000  # 2026-11-27T15:00:00Z
BOOK: dict[str, Any] = {
    "accounts": [{"account_id": "A"}],
    "instruments": [
        {
            "instrument_id": "NOTE", "product": "treasury", "multiplier": 1000, "expiry": "2036-11-15",
            "coupon": 0.04,
        },
        *(
            {
                "instrument_id": f"SOFR-{tenor}", "product": "par_rate", "underlying": "USD-SOFR", "tenor": tenor,
                "negative_price_allowed": True,
            }
            for tenor in ("2Y", "5Y", "10Y")
        ),
        {
            "instrument_id": "SWAP", "product": "interest_rate_swap", "underlying": "USD-SOFR",
            "multiplier": 1_000_000, "start": "2026-12-01", "expiry": "2036-12-01", "coupon": 0.038,
            "negative_price_allowed": True,
        },
    ],
    "prices": [
        {"instrument_id": name, "mark": mark, "source_time_ns": NOW_NS, "sequence": 1}
        for name, mark in (("NOTE", PRICE), ("SOFR-2Y", 0.037), ("SOFR-5Y", 0.0365), ("SOFR-10Y", 0.0385))
    ],
    "positions": [
        {
            "account_id": "A", "business_date": "2026-11-26", "as_of_ns": NOW_NS - 1,
            "positions": [
                {"instrument_id": "NOTE", "quantity": 500, "silo": "treasury_clearing"},
                {"instrument_id": "SWAP", "quantity": -100},
            ],
        }
    ],
}  # fmt: skip


def yields(folder: Path) -> list[dict[str, float]]:
    """Days on which every tenor has a yield, oldest first; on the last ten years there is no other."""
    with (folder / "ust_par_yields.csv").open() as file:
        return [
            {tenor: float(row[column]) for tenor, column in COLUMNS.items()}
            for row in csv.DictReader(file)
            if all(row[column] for column in COLUMNS.values())
        ]


def build_set(folder: Path, prefix: str, horizon: int, out: Path) -> None:
    factors = [f"--factor={prefix}:{tenor}=ust_par_yields.csv:{column}" for tenor, column in COLUMNS.items()]
    absolute = [f"--absolute={prefix}:{tenor}" for tenor in COLUMNS]
    options = [f"--history={folder}", f"--count={COUNT}", f"--horizon={horizon}", f"--out={out}"]
    result = CliRunner().invoke(main, ["scenarios", "build", *factors, *absolute, *options])
    assert result.exit_code == 0, result.output


def bond_losses(days: list[dict[str, float]], horizon: int) -> list[float]:
    """What 50 m of the note lose over each move of the yields, by QuantLib; the worst first."""
    today, maturity = date(2026, 11, 27), date(2036, 11, 15)
    ql.Settings.instance().evaluationDate = ql_date(today)
    schedule = ql.Schedule(
        ql.Date(15, 11, 2026), ql_date(maturity), ql.Period(6, ql.Months), ql.NullCalendar(), ql.Unadjusted,
        ql.Unadjusted, ql.DateGeneration.Backward, False,
    )  # fmt: skip
    bond = ql.FixedRateBond(0, 100.0, schedule, [0.04], ql.ActualActual(ql.ActualActual.ISMA, schedule))
    terms = (bond.dayCounter(), ql.Compounded, ql.Semiannual)
    at = bond.bondYield(ql.BondPrice(PRICE, ql.BondPrice.Clean), *terms, ql_date(today), 1e-14)
    part = ((maturity - today).days / (365.25 / 12) - 84) / 36
    losses = []
    for end in range(len(days) - COUNT, len(days)):
        seven, ten = (days[end][tenor] - days[end - horizon][tenor] for tenor in ("7Y", "10Y"))
        moved = bond.cleanPrice(at + 0.01 * ((1 - part) * seven + part * ten), *terms, ql_date(today))
        losses.append(500 * 1000 * (PRICE - moved))
    return sorted(losses, reverse=True)


def test_ten_years_of_yields_margin_a_note_and_a_swap(reference_dir: Path, tmp_path: Path) -> None:
    folder = reference_dir / "market_daily"
    build_set(folder, "UST", 3, tmp_path / "scenarios-treasury-clearing.csv")
    build_set(folder, "IR:USD", 5, tmp_path / "scenarios-cleared-swaps.csv")
    book = tmp_path / "book.json"
    book.write_text(json.dumps(BOOK))
    options = [str(book), f"--parameters={tmp_path}", "--json", "--rulebook=cleared-swaps"]
    result = CliRunner().invoke(main, ["margin", *options, "--rulebook=treasury-clearing"])
    assert result.exit_code == 0, result.output
    trees = {one["rulebook_id"]: one["tree"] for one in json.loads(result.stdout)["requirements"]}
    loss = next(part for part in trees["treasury-clearing"]["parts"] if part["name"] == "historical loss")
    # 1 % of 2,500 may lose more: the 26th.
    assert float(loss["facts"]["weighted_usd"]) == pytest.approx(bond_losses(yields(folder), 3)[25], abs=0.01)
    swaps = float(trees["cleared-swaps"]["amount"])
    assert 0.02 * 100e6 < swaps < 0.05 * 100e6
