"""Dated futures rates: the histories of nineteen products, and margin by the valuation day."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engine.base.errors import MarginError
from engine.portfolio.accounts import Account
from engine.rules.span_parameters import Parameters
from streams.cli import main
from streams.contracts.topics import DEFAULT_PARTITIONS, partition_of
from streams.parameters import read_rulebooks, read_toml, take_policy
from streams.replay.book_file import read_book
from streams.replay.files import FileError
from streams.replay.margin import MarginedBook
from streams.span.parameter_file import write_parameters
from streams.span.rate_history import Histories, read_histories, read_history, with_histories
from tests.rulebook_cases import ROOT, shipped

FOLDER = "lean_cme_futures_margin_history"
MICROS = {"MES": "ES", "MNQ": "NQ"}


@pytest.fixture
def histories(reference_dir: Path) -> Histories:
    return read_histories(reference_dir / FOLDER)


def rows_of(file: Path) -> list[tuple[date, float, float]]:
    """The file by a reader of its own."""
    lines = [line for line in file.read_text().splitlines() if line[:1].isdigit()]
    cells = [line.split(",") for line in lines]
    return [(date.fromisoformat(day), float(initial), float(kept)) for day, initial, kept in cells]


def test_nineteen_products_load_with_every_row(histories: Histories, reference_dir: Path) -> None:
    assert len(histories.rates) == 19
    for file in (reference_dir / FOLDER).glob("*.csv"):
        found = histories.rates[file.stem.split("_")[1]].rates
        rows = {day: (initial, kept) for day, initial, kept in rows_of(file)}
        assert {each.effective_from: (each.initial, each.maintenance) for each in found} == rows


def test_seventeen_are_commodities_and_the_others_their_tenth(histories: Histories) -> None:
    dated = with_histories(shipped("span-futures"), histories)
    assert len(dated.taken) == 17
    assert set(dated.left_out) == set(MICROS)
    for micro, whole in MICROS.items():
        for rate in histories.rates[micro].rates:
            of_whole = histories.rates[whole].on(rate.effective_from)
            assert 10 * rate.maintenance == pytest.approx(of_whole.maintenance)


def test_every_rate_is_in_force_from_its_day_until_the_next(histories: Histories) -> None:
    parameters = Parameters.from_mapping(with_histories(shipped("span-futures"), histories).mapping)
    checked = 0
    for name in parameters.commodities:
        for rate in histories.rates[name].rates if name in histories.rates else ():
            commodity = parameters.on(rate.effective_from).commodities[name]
            assert commodity.price_scan_usd == rate.maintenance
            assert commodity.factors[0].initial == pytest.approx(rate.initial / rate.maintenance)
            before = parameters.on(rate.effective_from - timedelta(days=1)).commodities[name]
            first = rate is histories.rates[name].rates[0]
            expected = parameters.commodities[name] if first else None
            assert before.price_scan_usd == (
                expected.price_scan_usd
                if expected
                else histories.rates[name].on(rate.effective_from - timedelta(days=1)).maintenance
            )
            checked += 1
    assert checked == 1141


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("day,initial,maintenance\n", "header: is day,initial,maintenance"),
        ("date,initial,maintenance\n2013-10-03,2,1\n", "line 2: '2013-10-03,2,1' is not a date"),
        ("# history\ndate,initial,maintenance\n20131003,2\n", "line 3: '20131003,2' is not a date"),
        ("date,initial,maintenance\n20131003,2,x\n", "line 2: '20131003,2,x' is not a date"),
    ],
)
def test_a_bad_history_names_its_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "ES.csv"
    file.write_text(text)
    with pytest.raises(FileError, match=message):
        read_history(file, "ES")


def test_initial_below_maintenance_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ES.csv"
    file.write_text("date,initial,maintenance\n20131003,900,1000\n")
    with pytest.raises(MarginError, match="rates of ES on 2013-10-03"):
        read_history(file, "ES")


def test_two_files_of_a_symbol_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no CSV file"):
        read_histories(tmp_path)
    for name in ("cme_ES.csv", "ES.csv"):
        (tmp_path / name).write_text("date,initial,maintenance\n")
    with pytest.raises(FileError, match="is a second history of ES"):
        read_histories(tmp_path)


# From here on: two rates of ES, USD 3,500 until 2012-09-23 and 3,000 from 2012-09-24 (initial 4,375 and 3,600).
def history_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "history"
    folder.mkdir()
    rows = ["date,initial,maintenance", "20120326,4375,3500", "20120924,3600,3000"]
    (folder / "cme_ES.csv").write_text("\n".join(rows) + "\n")
    return folder


def parameters_of(tmp_path: Path) -> Path:
    out = tmp_path / "parameters"
    result = CliRunner().invoke(main, ["span", "rates", str(history_folder(tmp_path)), "--out", str(out)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.endswith("span-futures.toml: 2 rates of 1 commodities\n")
    return out


def nanoseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def book_file(tmp_path: Path, account_type: str = "customer", approvals: tuple[str, ...] = ()) -> Path:
    now = nanoseconds("2012-09-20T20:00:00")
    book = {
        "accounts": [{"account_id": "A", "type": account_type, "approvals": list(approvals)}],
        "instruments": [
            {"instrument_id": "ESZ2", "product": "future", "multiplier": 50, "combined_commodity": "ES",
             "contract_month": "2012-12", "risk_factor": "EQ:SPX", "expiry": "2012-12-21"},
        ],
        "prices": [{"instrument_id": "ESZ2", "mark": 1450.0, "source_time_ns": now, "sequence": 1}],
        "positions": [{"account_id": "A", "business_date": "2012-09-19", "as_of_ns": now - 1,
                       "positions": [{"instrument_id": "ESZ2", "quantity": 2, "reference_price": 1450.0}]}],
    }  # fmt: skip
    file = tmp_path / "book.json"
    file.write_text(json.dumps(book))
    return file


def silo_of(margined: MarginedBook) -> dict[str, Any]:
    silos = margined.views[0]["statement"]["silos"]
    found: dict[str, Any] = next(silo for silo in silos if silo["silo"] == "futures")
    return found


@pytest.mark.parametrize(
    ("as_of", "maintenance", "initial"),
    [
        ("2012-09-20T20:00:00", "7000.00", "8750.00"),
        ("2012-09-23T23:59:00", "7000.00", "8750.00"),
        ("2012-09-24T00:00:00", "6000.00", "7200.00"),
    ],
)
def test_the_valuation_day_decides(tmp_path: Path, as_of: str, maintenance: str, initial: str) -> None:
    book, _ = read_book(book_file(tmp_path))
    margined = MarginedBook(book, parameters_of(tmp_path), None, nanoseconds(as_of))
    silo = silo_of(margined)
    assert (silo["maintenance"], silo["initial"]) == (maintenance, initial)
    tree = margined.under({"span-futures"})[0]
    assert tree["maintenance"] == maintenance


def test_the_rate_changes_with_the_day_while_the_engine_runs(tmp_path: Path) -> None:
    book, _ = read_book(book_file(tmp_path))
    margined = MarginedBook(book, parameters_of(tmp_path), None, nanoseconds("2012-09-23T23:59:00"))
    engine = margined.files.engine
    changed = engine.evaluate(nanoseconds("2012-09-24T00:00:00"))
    assert len(changed.accounts) == 1
    statement = margined.files.statement("A", nanoseconds("2012-09-24T00:00:00"))
    silo = next(each for each in statement.silos if each.silo == "futures")
    assert (str(silo.maintenance), str(silo.initial)) == ("6000.00", "7200.00")
    assert engine.silo_books["span-futures"].rulebook.version.endswith("rates of 2012-09-24")
    assert engine.shadow_check(["A"]) < 0.01


def test_a_policy_published_live_keeps_the_rate_of_the_day(tmp_path: Path) -> None:
    book, _ = read_book(book_file(tmp_path, "market_maker"))
    folder = parameters_of(tmp_path)
    margined = MarginedBook(book, folder, None, nanoseconds("2012-09-24T12:00:00"))
    engine = margined.files.engine
    assert engine.maintenance.sum() == pytest.approx(6000.0)
    take_policy(engine, read_toml("policy.toml") | {"version": "later"}, read_rulebooks(folder))
    engine.evaluate(nanoseconds("2012-09-24T12:00:00"))
    assert engine.maintenance.sum() == engine.initial.sum() == pytest.approx(6000.0)
    assert engine.silo_books["span-futures"].rulebook.version.endswith("rates of 2012-09-24")


def test_parameters_published_live_take_the_rate_of_the_day(tmp_path: Path) -> None:
    book, _ = read_book(book_file(tmp_path))
    margined = MarginedBook(book, None, None, nanoseconds("2012-09-24T12:00:00"))
    assert silo_of(margined)["maintenance"] == "21600.00"
    engine = margined.files.engine
    engine.put_rulebook("span-futures", read_toml("span-futures.toml", parameters_of(tmp_path)))
    engine.evaluate(nanoseconds("2012-09-24T12:00:00"))
    assert engine.maintenance.sum() == pytest.approx(6000.0)


@pytest.mark.parametrize(
    ("account_type", "approvals", "initial"),
    [
        ("customer", (), "23760.00"),
        ("customer", ("hedger",), "21600.00"),
        ("proprietary", (), "21600.00"),
        ("market_maker", (), "21600.00"),
    ],
)
def test_initial_by_account_class(
    tmp_path: Path, account_type: str, approvals: tuple[str, ...], initial: str
) -> None:
    book, _ = read_book(book_file(tmp_path, account_type, approvals))
    margined = MarginedBook(book, None, None, None)
    silo = silo_of(margined)
    assert (silo["maintenance"], silo["initial"]) == ("21600.00", initial)
    assert margined.under({"span-futures"})[0]["initial"] == initial


@pytest.mark.parametrize(
    ("as_of", "required"), [("2020-12-23T12:00:00", "4000.00"), ("2020-12-24T12:00:00", "3000.00")]
)
def test_a_security_future_in_a_futures_account(tmp_path: Path, as_of: str, required: str) -> None:
    """One commodity as the packaged file describes it: 20 % of 2 x 100 x 100, 15 % from 2020-12-24 on."""
    text = (ROOT / "engine/rules/data/span-futures.toml").read_text()
    first, last = (
        text.index('# [commodities."AAPL1D"]'),
        text.index("# Spreads in the order they form: A legs"),
    )
    example = "".join(f"{line[2:]}\n" for line in text[first:last].splitlines())
    mapping = shipped("span-futures")
    mapping["commodities"] |= tomllib.loads(example)["commodities"]
    write_parameters(tmp_path / "own", mapping, [])
    now_ns = nanoseconds(as_of)
    book = {
        "accounts": [{"account_id": "A"}],
        "instruments": [{"instrument_id": "AAPL1DH1", "product": "future", "multiplier": 100, "risk_factor": "EQ:AAPL",
                         "combined_commodity": "AAPL1D", "contract_month": "2021-03"}],
        "prices": [{"instrument_id": "AAPL1DH1", "mark": 100.0, "source_time_ns": now_ns, "sequence": 1}],
        "positions": [{"account_id": "A", "business_date": "2020-12-22", "as_of_ns": now_ns - 1,
                       "positions": [{"instrument_id": "AAPL1DH1", "quantity": -2, "reference_price": 100.0}]}],
    }  # fmt: skip
    file = tmp_path / "book.json"
    file.write_text(json.dumps(book))
    silo = silo_of(MarginedBook(read_book(file)[0], tmp_path / "own", None, None))
    assert (silo["maintenance"], silo["initial"]) == (required, required)


def test_a_change_of_class_takes_effect_at_the_next_pass(tmp_path: Path) -> None:
    book, _ = read_book(book_file(tmp_path))
    margined = MarginedBook(book, None, None, None)
    engine, now_ns = margined.files.engine, margined.as_of_ns
    for account_type, initial in (("proprietary", 21_600.0), ("customer", 23_760.0)):
        engine.put_account(Account("A", type=account_type), partition_of("A", DEFAULT_PARTITIONS))
        engine.evaluate(now_ns)
        assert engine.initial.sum() == pytest.approx(initial)
        assert engine.maintenance.sum() == pytest.approx(21_600.0)


def test_the_command_names_what_it_leaves_out(tmp_path: Path) -> None:
    folder = history_folder(tmp_path)
    (folder / "ZZ.csv").write_text("date,initial,maintenance\n20120326,2,1\n")
    result = CliRunner().invoke(main, ["span", "rates", str(folder), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0
    assert "ZZ is no commodity of span-futures.toml" in result.stderr
    assert (tmp_path / "out/span-futures.toml").read_text().count("Not used: ZZ") == 1
