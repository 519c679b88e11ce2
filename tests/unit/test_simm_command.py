"""`marginmon margin --crif`: figures, what is refused and how it is said, exit codes."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from tests.simm_book import random_rows, sensitivity_of

HEAD = (
    "TradeID,PortfolioID,ProductClass,RiskType,Qualifier,Bucket,Label1,Label2,AmountCurrency,Amount,AmountUSD,"
    "IMModel"
)
RATES = "t1,P1,RatesFX,Risk_IRCurve,USD,1,5y,OIS,USD,1000,1000,SIMM"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["margin", *map(str, arguments)])


def crif(folder: Path, *lines: str, head: str = HEAD) -> Path:
    file = folder / "crif.csv"
    file.write_text("\n".join((head, *lines)) + "\n")
    return file


def documents(result: Result) -> list[dict[str, Any]]:
    return list(json.loads(result.stdout))


def test_every_portfolio_has_its_total_and_split(tmp_path: Path) -> None:
    file = crif(
        tmp_path,
        RATES,
        "t2,P2,Equity,Risk_Equity,ISIN:X,5,,,USD,2000,2000,",
        "t3,P1,RatesFX,Risk_IRVol,USD,,1y,,USD,5000,5000,SIMM",
    )
    result = run(
        "--crif", file, "--rulebook", "isda-simm", "--version", "2.8+2512", "--horizon", "10d", "--json"
    )
    assert (result.exit_code, result.stderr) == (0, "")
    first, second = documents(result)
    assert (first["portfolio_id"], first["currency"], first["version"]) == ("P1", "USD", "2.8+2512")
    assert first["risk_classes"]["InterestRate"]["Delta"] == pytest.approx(61_000.0)
    assert first["risk_classes"]["InterestRate"]["Vega"] == pytest.approx(1_000.0)
    parts = [part["amount"] for part in first["parts"]]
    assert first["total"] == pytest.approx(sum(parts))
    assert first["total"] > first["post_total"] > 0.0
    assert second["total"] == second["post_total"] == pytest.approx(46_000.0)
    assert [entry["side"] for entry in second["regulations"]] == ["collect", "post"]
    assert first["complete"]


def test_the_other_side_and_the_shorter_horizon(tmp_path: Path) -> None:
    file = crif(tmp_path, RATES, "t3,P1,RatesFX,Risk_IRVol,USD,,1y,,USD,5000,5000,SIMM")
    collect, post = (
        documents(run("--crif", file, "--json", "--side", side))[0] for side in ("collect", "post")
    )
    assert (collect["total"], collect["post_total"]) == (post["collect_total"], post["total"])
    (short,) = documents(run("--crif", file, "--json", "--horizon", "1d"))
    assert short["risk_classes"]["InterestRate"]["Delta"] == pytest.approx(21_000.0)


def test_a_table_for_people(tmp_path: Path) -> None:
    result = run("--crif", crif(tmp_path, RATES), "--explain")
    assert result.exit_code == 0
    for text in ("Portfolio P1", "InterestRate", "61,000.00", "bucket USD"):
        assert text in result.stdout


def test_the_explanation_adds_up(tmp_path: Path) -> None:
    (document,) = documents(run("--crif", crif(tmp_path, RATES), "--json", "--explain"))
    tree = document["explanation"]
    assert tree["amount"] == pytest.approx(document["total"])
    assert sum(part["amount"] for part in tree["parts"]) == pytest.approx(tree["amount"])


def test_result_currency(tmp_path: Path) -> None:
    file = crif(tmp_path, RATES)
    (document,) = documents(run("--crif", file, "--json", "--currency", "EUR", "--fx", "EUR=1.25"))
    assert (document["currency"], document["total"]) == ("EUR", pytest.approx(48_800.0))
    result = run("--crif", file, "--json", "--currency", "EUR")
    assert result.exit_code == 2
    assert "give --fx EUR=" in result.stderr


@pytest.mark.parametrize("delimiter", ["\t", ";", "|"])
def test_other_delimiters_columns_in_any_order_and_gzip(tmp_path: Path, delimiter: str) -> None:
    file = tmp_path / "crif.gz"
    lines = [
        delimiter.join(
            ["#AmountUSD", "risk_type", "portfolio id", "Product Class", "QUALIFIER", "label1", "Label2", "Desk"]
        ),
        delimiter.join(["1000", "risk_ircurve", "P1", "ratesfx", "USD", "5Y", "ois", "x"]),
    ]  # fmt: skip
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    result = run("--crif", file, "--json")
    assert result.exit_code == 0
    assert "left out: column Desk: unknown" in result.stderr
    assert documents(result)[0]["total"] == pytest.approx(61_000.0)


def test_json_is_read_like_csv(tmp_path: Path) -> None:
    rows = random_rows(5, 60, "P1", 1e4)
    table, records = tmp_path / "a.csv", tmp_path / "a.json"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    records.write_text(json.dumps([row | {"AmountUSD": float(row["AmountUSD"])} for row in rows]))
    from_table, from_records = (documents(run("--crif", file, "--json")) for file in (table, records))
    assert from_table == from_records
    assert from_table[0]["total"] > 0.0
    assert all(sensitivity_of(row) for row in rows)


BAD_ROWS = {
    "Label1 '7y' is not allowed; it may be one of 2w, 1m": "t,P1,RatesFX,Risk_IRCurve,USD,1,7y,OIS,USD,1,1,SIMM",
    "Label2 'SOFR' is not allowed; it may be one of OIS, Libor1m": "t,P1,RatesFX,Risk_IRCurve,USD,1,5y,SOFR,USD,1,1,",
    "Bucket '99' is not allowed; it may be one of 1, 2": "t,P1,Equity,Risk_Equity,ISIN:X,99,,,USD,1,1,SIMM",
    "Bucket '' is not allowed; it may be one of 1, 2": "t,P1,Equity,Risk_Equity,ISIN:X,,,,USD,1,1,SIMM",
    "Bucket 'Residual' is not allowed": "t,P1,Commodity,Risk_Commodity,Oil,Residual,,,USD,1,1,SIMM",
    "RiskType 'Risk_Foo' is not allowed; it may be one of Risk_IRCurve": "t,P1,Equity,Risk_Foo,X,1,,,USD,1,1,SIMM",
    "ProductClass 'Bonds' is not allowed; it may be one of RatesFX": "t,P1,Bonds,Risk_Equity,X,1,,,USD,1,1,SIMM",
    "Qualifier 'usd' is not allowed; it may be a currency": "t,P1,RatesFX,Risk_FX,usd,,,,USD,1,1,SIMM",
    "Qualifier 'USDUSD' is not allowed; it may be two currencies": "t,P1,RatesFX,Risk_FXVol,USDUSD,,1y,,USD,1,1,SIMM",
    "Qualifier '' is not allowed; it may be the name": "t,P1,Equity,Risk_Equity,,1,,,USD,1,1,SIMM",
    "AmountUSD 'x' is not allowed; it may be a finite number": "t,P1,RatesFX,Risk_FX,EUR,,,,USD,1,x,SIMM",
    "AmountUSD 'nan' is not allowed; it may be a finite number": "t,P1,RatesFX,Risk_FX,EUR,,,,USD,1,nan,SIMM",
    "AmountCurrency 'EUR' is not allowed; it may be USD": "t,P1,RatesFX,Risk_FX,EUR,,,,EUR,1,,SIMM",
    "IMModel 'VaR' is not allowed; it may be empty or one of SIMM": "t,P1,RatesFX,Risk_FX,EUR,,,,USD,1,1,VaR",
    "PortfolioID '' is not allowed; it may be the name of the portfolio": "t,,RatesFX,Risk_FX,EUR,,,,USD,1,1,SIMM",
    "Amount '0.9' is not allowed; it may be a finite number of at least 1": (
        "t,P1,,Param_ProductClassMultiplier,RatesFX,,,,,0.9,,"
    ),
    "columns '13' is not allowed; it may be at most 12": "t,P1,RatesFX,Risk_FX,EUR,,,,USD,1,1,SIMM,more",
}


@pytest.mark.parametrize(("complaint", "row"), BAD_ROWS.items(), ids=[text[:32] for text in BAD_ROWS])
def test_a_bad_row_is_refused_by_line_field_and_allowed_values(
    tmp_path: Path, complaint: str, row: str
) -> None:
    result = run("--crif", crif(tmp_path, RATES, row), "--json")
    assert result.exit_code == 1
    assert f"refused: line 3: {complaint}" in result.stderr
    (document,) = documents(result)
    assert document["total"] == pytest.approx(61_000.0)  # the rest of the file is margined
    assert not document["complete"]
    assert complaint in document["refused_rows"][0]


def test_a_portfolio_of_bad_rows_only_is_listed(tmp_path: Path) -> None:
    file = crif(tmp_path, RATES, "t,P2,Equity,Risk_Equity,ISIN:X,99,,,USD,1,1,SIMM")
    first, second = documents(run("--crif", file, "--json"))
    assert first["complete"]
    assert (second["portfolio_id"], second["complete"], second["total"]) == ("P2", False, 0.0)


def test_rows_of_the_schedule_and_contradicting_parameters_are_said(tmp_path: Path) -> None:
    file = crif(
        tmp_path, RATES,
        "t,P1,RatesFX,PV,X,,,,USD,5,5,SIMM",
        "t,P1,RatesFX,Risk_FX,EUR,,,,USD,5,5,Schedule",
        "t,P1,,Param_ProductClassMultiplier,RatesFX,,,,,1.5,,",
        "t,P1,,Param_ProductClassMultiplier,RatesFX,,,,,1.6,,",
        "t,P1,,Notional,Alpha,,,,USD,1000,,",
    )  # fmt: skip
    result = run("--crif", file, "--json")
    assert "passed over: line 3: portfolio P1: RiskType PV" in result.stderr
    assert "passed over: line 4: portfolio P1: IMModel Schedule" in result.stderr
    assert "line 6: Amount '1.6' is not allowed; it may be 1.5, as an earlier row states" in result.stderr
    assert "not charged: portfolio P1: notional of Alpha has no factor" in result.stderr
    assert documents(result)[0]["total"] == pytest.approx(61_000.0 * 1.5)


def test_agreements_of_one_portfolio_stay_apart(tmp_path: Path) -> None:
    file = crif(tmp_path, RATES + ",CSA", RATES + ",CTA", head=HEAD + ",AgreementType")
    first, second = documents(run("--crif", file, "--json"))
    assert (first["AgreementType"], second["AgreementType"]) == ("CSA", "CTA")
    assert first["total"] == second["total"] == pytest.approx(61_000.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "has no column PortfolioID, RiskType, Amount or AmountUSD"),
        ("PortfolioID,RiskType\n", "has no column Amount or AmountUSD"),
        (HEAD + "\n", "has no rows"),
        ("[{]", "line 1: is not JSON"),
        ('{"rows": []}', "is no list of rows"),
    ],
)
def test_what_is_no_crif_ends_in_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text(text)
    result = run("--crif", file)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert complaint in result.stderr


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    file = crif(tmp_path, RATES)
    unknown = run("--crif", file, "--version", "9.9")
    assert (unknown.exit_code, "versions are 2.5, 2.6" in unknown.stderr) == (2, True)
    other = run("--crif", file, "--rulebook", "reg-t")
    assert (other.exit_code, "give --rulebook isda-simm" in other.stderr) == (2, True)
    assert run("--crif", file, "book.json").exit_code == 2
    assert run().exit_code == 2
    assert run("--crif", file, "--fx", "EUR").exit_code == 2
    assert run("--crif", file, "--currency", "euro").exit_code == 2


def test_a_folder_may_bring_a_version(tmp_path: Path) -> None:
    shipped = Path("engine/rules/data/simm/2.8+2512.toml").read_text()
    folder = tmp_path / "parameters" / "simm"
    folder.mkdir(parents=True)
    (folder / "own.toml").write_text(shipped.replace('version = "2.8+2512"', 'version = "own"'))
    result = run("--crif", crif(tmp_path, RATES), "--version", "own", "--parameters", folder.parent, "--json")
    assert documents(result)[0]["version"] == "own"
