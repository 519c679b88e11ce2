"""SPAN risk parameter files: both formats say the same, and margin by them is the one worked out by hand."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from engine.rules.span_parameters import Parameters
from streams.cli import main
from streams.replay.files import FileError
from streams.span.risk_parameters import RiskParameters, converted
from streams.span.risk_text import read_text
from streams.span.risk_xml import read_xml
from tests.rulebook_cases import shipped
from tests.span_files import pa2_text, record, write, xml_text

NOW_NS = 1_795_208_400_000_000_000  # 2026-11-20T21:00:00Z


def both(tmp_path: Path) -> dict[str, RiskParameters]:
    return {
        "xml": read_xml(write(tmp_path, xml_text(), "cme.spn")),
        "text": read_text(write(tmp_path, pa2_text(), "cme.pa2")),
    }


def mapping_of(risk: RiskParameters) -> dict[str, Any]:
    made = converted(risk, shipped("span-futures"))
    assert made.left_out == []
    return made.mapping


def without_sources(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: without_sources(each)
            for key, each in value.items()
            if key not in {"source", "version", "unverified"}
        }
    return [without_sources(each) for each in value] if isinstance(value, list) else value


def test_both_formats_give_the_same_parameters(tmp_path: Path) -> None:
    found = {name: without_sources(mapping_of(risk)) for name, risk in both(tmp_path).items()}
    assert found["xml"] == found["text"]


@pytest.mark.parametrize("form", ["xml", "text"])
def test_every_fact_of_the_file_is_in_the_parameters(tmp_path: Path, form: str) -> None:
    parameters = Parameters.from_mapping(mapping_of(both(tmp_path)[form]))
    es, nq = parameters.commodities["ES"], parameters.commodities["NQ"]
    assert (es.contract_multiplier, es.price_scan_usd, es.month_scans["2027-03"].price_scan_usd) == (
        50.0,
        10_800.0,
        10_500.0,
    )
    assert es.volatility_scan == pytest.approx(0.25)  # 0.04 on 0.16
    assert (es.short_option_minimum_usd, es.short_options_counted) == (50.0, "greater")
    factors = [(each.risk, each.initial) for each in es.factors]  # speculator, hedger, member
    assert factors == [(1.0, pytest.approx(1.1)), (1.0, 1.0), (0.9, 1.0)]
    assert es.tier_last_months == ("2026-12",)
    assert [spread.charge_usd for spread in es.inter_month] == [200.0, 540.0]  # by priority
    named = es.inter_month[0].legs
    assert [(leg.month, leg.sign, leg.delta_per_spread) for leg in named] == [
        ("2026-12", 1.0, 1.0),
        ("2027-06", -1.0, 2.0),
    ]
    assert [(each.month, each.spread_usd, each.outright_usd) for each in es.delivery] == [
        ("2026-12", 100.0, 400.0)
    ]
    assert (nq.price_scan_usd, nq.contract_multiplier) == (15_000.0, 20.0)
    (above,), (after,) = parameters.super_inter_commodity, parameters.inter_commodity
    assert [leg.credit_rate for leg in above.legs] == [0.6, 0.6]
    assert [(leg.commodity, leg.delta_per_spread, leg.credit_rate) for leg in after.legs] == [
        ("ES", 2.0, 0.5),
        ("NQ", 1.0, 0.5),
    ]
    assert parameters.scan.extreme_move_multiple == 2.0
    assert parameters.scan.extreme_cover_fraction == 0.35


def es_future(name: str, month: str, multiplier: float = 50.0) -> dict[str, Any]:
    return {"instrument_id": name, "product": "future", "combined_commodity": "ES", "contract_month": month,
            "multiplier": multiplier, "risk_factor": "EQ:SPX"}  # fmt: skip


def book_file(tmp_path: Path, positions: dict[str, float]) -> Path:
    option = es_future("ESZ6", "2026-12") | {
        "product": "future_option", "underlying": "ESZ6", "expiry": "2026-12-18T14:30:00+00:00", "strike": 6000.0,
        "exercise": "american",
    }  # fmt: skip
    instruments = [
        es_future("ESZ6", "2026-12"), es_future("ESH7", "2027-03"), es_future("MESZ6", "2026-12", 5.0),
        option | {"instrument_id": "ES-C", "right": "call"}, option | {"instrument_id": "ES-P", "right": "put"},
        option | {"instrument_id": "ES-C-JAN", "right": "call", "expiry": "2027-01-15"},
        es_future("NQZ6", "2026-12", 20.0) | {"combined_commodity": "NQ", "risk_factor": "EQ:NDX"},
    ]  # fmt: skip
    marks = {"ESZ6": 6000.0, "ESH7": 6050.0, "MESZ6": 6000.0, "ES-C": 120.0, "ES-P": 110.0, "NQZ6": 21_000.0,
             "ES-C-JAN": 150.0}  # fmt: skip
    held = [{"instrument_id": name, "quantity": each, "reference_price": marks[name] if "-" not in name else 0}
            for name, each in positions.items()]  # fmt: skip
    book = {
        "accounts": [{"account_id": "A"}],
        "instruments": instruments,
        "prices": [{"instrument_id": name, "mark": mark, "implied_vol": 0.16 if "-" in name else None,
                    "source_time_ns": NOW_NS, "sequence": 1} for name, mark in marks.items()],
        "positions": [{"account_id": "A", "business_date": "2026-11-19", "as_of_ns": NOW_NS - 1, "positions": held}],
    }  # fmt: skip
    return write(tmp_path, json.dumps(book), "book.json")


def read_command(source: Path, tmp_path: Path, *more: str) -> tuple[Result, Path]:
    out = tmp_path / "parameters"
    return CliRunner().invoke(main, ["span", "read", str(source), "--out", str(out), *more]), out


def margin(tmp_path: Path, positions: dict[str, float], text: str, name: str) -> dict[str, Any]:
    """The book's requirement under what `marginmon span read` makes of a file."""
    book = book_file(tmp_path, positions)
    result, out = read_command(write(tmp_path, text, name), tmp_path, "--instruments", str(book))
    assert (result.exit_code, result.stderr) == (0, "left out: risk array of ES-C-JAN\n")
    assert result.stdout.endswith("2 commodities, 6 risk arrays\n")
    found = CliRunner().invoke(
        main, ["margin", str(book), "--parameters", str(out), "--rulebook", "span-futures", "--json"]
    )
    assert (found.exit_code, found.stderr) == (0, "")
    [entry] = json.loads(found.stdout)["requirements"]
    return dict(entry)


@pytest.mark.parametrize(
    ("positions", "maintenance"),
    [
        ({"ESZ6": 2.0}, "22400.00"),  # 2 x 10,800 + 2 x 400 in delivery
        ({"MESZ6": -10.0}, "11200.00"),  # a tenth each: 10,800 + 400
        # Scenario 13: 10,800 - 10,500; tiers 540; the December delta in a spread 100.
        ({"ESZ6": 1.0, "ESH7": -1.0}, "940.00"),
        ({"ES-C": -3.0}, "24840.00"),  # 3 x 8,060 in scenario 11; December 3 x 0.55 x 400 = 660
        # Super 1:1 at 60 %: 15,000 and 10,800 less 60 %, December 1 x 100.
        ({"ESZ6": 1.0, "NQZ6": -1.0}, "10420.00"),
    ],
)
@pytest.mark.parametrize(
    ("text", "name"), [(xml_text(), "a.spn"), (pa2_text(), "a.pa2")], ids=["xml", "text"]
)
def test_margin_by_the_file_is_that_by_hand(
    tmp_path: Path, text: str, name: str, positions: dict[str, float], maintenance: str
) -> None:
    assert margin(tmp_path, positions, text, name)["maintenance"] == maintenance


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"months": "<dSpread><spread>3</spread><chargeMeth>P</chargeMeth></dSpread>"}, "charge method P"),
        (
            {
                "months": "<dSpread><spread>3</spread><tLeg><cc>ES</cc><tn>9</tn><rs>A</rs></tLeg>"
                "<tLeg><cc>ES</cc><tn>1</tn><rs>B</rs></tLeg></dSpread>"
            },
            "inter-month spread 3: ES: tier 9 is not defined",
        ),
        (
            {
                "inter": "<dSpread><spread>4</spread><rate><val>0.5</val></rate><tLeg><cc>ES</cc><tn>1</tn><rs>A</rs>"
                "</tLeg><tLeg><cc>NQ</cc><tn>0</tn><rs>B</rs></tLeg></dSpread>"
            },
            "inter-commodity spread 4: ES:NQ: its legs are bound to tiers or months",
        ),
        (
            {
                "inter": "<dSpread><spread>4</spread><tLeg><cc>ES</cc><rs>A</rs></tLeg><tLeg><cc>ZZ</cc><rs>B</rs>"
                "</tLeg></dSpread>"
            },
            "inter-commodity spread 4: ES:ZZ: commodity ZZ is not used",
        ),
        ({"inter": "<sSpread><spread>5</spread></sSpread>"}, "is scanning-based"),
        ({"currency": "EUR"}, "commodity NQ: its figures are in EUR, not USD"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, changed: dict[str, str], line: str) -> None:
    result, out = read_command(write(tmp_path, xml_text(**changed), "a.spn"), tmp_path)
    assert result.exit_code == 0
    assert line in result.stderr
    text = (out / "span-futures.toml").read_text()
    assert line in text
    Parameters.from_mapping(tomllib.loads(text))


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("<spanFile>", "a.spn", "is not XML"),
        ("<spanFile/>", "a.spn", "has no date or no ccDef"),
        (
            xml_text(minimum="<somTiers><tier><rate><val>x</val></rate></tier></somTiers>"),
            "a.spn",
            "'x' is not a number",
        ),
        ("hello\n", "a.pa2", "has no header record"),
        (pa2_text(header=record("0 ", {9: "20261120", 36: "UP"})), "a.pa2", "line 1: has format 'UP'"),
        (pa2_text(months=record("C ", {3: "ES", 15: "00x0540"})), "a.pa2", "line 9, bytes 15-21: '00x0540'"),
        (pa2_text(arrays=record("82", {6: "ES", 26: "FUT"})), "a.pa2", "continues no risk array"),
    ],
)
def test_a_file_that_cannot_be_read_ends_in_one_line(
    tmp_path: Path, text: str, name: str, message: str
) -> None:
    result, out = read_command(write(tmp_path, text, name), tmp_path)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not out.exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        read_xml(tmp_path / "none.spn")
