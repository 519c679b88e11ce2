"""What fuzzing found: each input is refused with its place, and the fuzzer finds what a decoder does wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.base.errors import MarginError, Reason
from engine.base.parameter_table import ParameterTable
from engine.shortfall.call_rule import CallRule
from streams.call_rules import call_rules
from streams.parameters import read_scenarios, read_toml_file
from streams.replay.crif_file import read_crif
from streams.replay.files import FileError
from streams.replay.level_file import FactorSource, read_levels
from streams.replay.market_file import read_market
from streams.replay.simm import LATEST, load_calibration
from streams.span.rate_history import read_history
from streams.span.risk_text import read_text
from streams.span.risk_xml import read_xml
from tests.file_book import HEADER, quote
from tests.fuzz.campaign import Fuzzer, all_targets
from tests.fuzz.records import fresh, take
from tests.fuzz.target import Target
from tests.rulebook_cases import shipped
from tests.span_files import pa2_text, record, xml_text
from tests.unit.test_parking import Raw

READERS = {
    "crif": lambda path: read_crif(path, load_calibration(LATEST), {"EUR": 10.0}),
    "span text": read_text,
    "span xml": read_xml,
    "rates": lambda path: read_history(path, "ES"),
    "market": lambda path: list(read_market(path)),
    "levels": lambda path: read_levels(path.parent, FactorSource("F", path.name, "value")),
    "scenarios": read_scenarios,
    "toml": read_toml_file,
}
CRIF = "PortfolioID,ProductClass,RiskType,Qualifier,Amount,AmountCurrency"
ARRAY = record("81", {3: "CME", 6: "ES", 16: "ES", 26: "FUT", 30: "202612", 55: "00000+" * 9})
SET = "scenario,kind,EQ:SPX\n"
REFUSED: dict[str, tuple[str, bytes, str]] = {
    "a digit of another kind": ("span text", (pa2_text() + record(
        "C ", {3: "ES", 11: "01", 15: "00000²0", 28: "A"})).encode(), "bytes 15-21: '00000²0' is not a number"),
    "a power of ten beyond numbers": ("span text", (pa2_text() + record(
        "P ", {6: "ES", 16: "FUT", 37: "999", 42: "00000050000000"})).encode(), "is not a number of decimals"),
    "half a risk array at the end": ("span text", (pa2_text() + ARRAY).encode(), "half a risk array of ES FUT"),
    "a denominator of zero": ("span xml", xml_text().replace(
        "<denominator>1<", "<denominator>0<").encode(), "priceScanDef/denominator: is zero"),
    "a factor of zero": ("span xml", xml_text(
        adjustments="<adjRate><r>1</r><baseR>1</baseR><val>0</val></adjRate>").encode(), "adjRate 1: is zero"),
    "a risk array without its last value": ("span xml", xml_text().replace(
        "<a>7560.00</a>", "", 1).encode(), "fut 1/ra: has 15 values, not 16"),
    "a risk array with NaN": ("span xml", xml_text().replace(
        "<a>7560.00<", "<a>nan<", 1).encode(), "fut 1/ra: has a value that is not a number"),
    "an encoding that nobody knows": ("span xml", b"<?xml version='1.0' encoding='x-none'?><a/>", "is not XML"),
    "rates over two lines": ("rates", b'date,initial,maintenance\n"2010\n0104",2,1\n', "line 2"),
    "a market header with an open quote": ("market", b'ts_utc_ms,"symbol\n', "is not CSV"),
    "a market column twice": (
        "market", f"{HEADER},bid\n{quote(1, 'SPY', 1.0, 2.0)},3\n".encode(), "names a column twice"),
    "a short row of levels": ("levels", b"date,x,value\n2026-01-02,1\n", "row 1: has not the cells of the header"),
    "a column of levels twice": ("levels", b"date,value,value\n2026-01-02,1,2\n", "names the column value twice"),
    "levels with an open quote": ("levels", b'date,"value\n', "is not CSV"),
    "scenarios that are no text": ("scenarios", b"\xff", "cannot be read"),
    "scenarios with a field beyond the limit": ("scenarios", SET.encode() + b"a" * 140_000, "is not CSV"),
    "a number of five thousand digits": ("toml", b"a = " + b"1" * 5000, "is not TOML"),
    "a file of brackets": ("toml", b"a = " + b"[" * 100_000, "nested too deeply"),
    "a CRIF field beyond the limit": ("crif", f"{CRIF}\n{'a' * 140_000}".encode(), "is not CSV"),
    "a CRIF column twice": ("crif", f"{CRIF},amount\n".encode(), "has two columns for Amount"),
    "a CRIF of brackets": ("crif", b"[" * 100_000, "nested too deeply"),
    "a CRIF key twice": ("crif", b'[{"RiskType": "PV", "RiskType": "FX"}]', "key 'RiskType' stands twice"),
    "a CRIF number of five thousand digits": ("crif", b'[{"Amount": ' + b"1" * 5000 + b"}]", "digits"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_its_place(name: str, tmp_path: Path) -> None:
    reader, content, told = REFUSED[name]
    file = tmp_path / "input"
    file.write_bytes(content)
    with pytest.raises((FileError, MarginError)) as caught:
        READERS[reader](file)
    assert told in str(caught.value)


def test_a_crif_row_is_refused_alone(tmp_path: Path) -> None:
    good = {
        "PortfolioID": "P",
        "RiskType": "Risk_FX",
        "ProductClass": "RatesFX",
        "Qualifier": "EUR",
        "AmountUSD": 1,
    }
    beyond = good | {"AmountUSD": "", "Amount": 1e308, "AmountCurrency": "EUR"}
    file = tmp_path / "crif.json"
    file.write_text(json.dumps([good, beyond, good | {"portfolio": "Q"}]))
    crif = read_crif(file, load_calibration(LATEST), {"EUR": 10.0})
    assert [refused.place for refused in crif.refused] == ["record 2", "record 3"]
    assert "Amount '1e+308' is not allowed" in str(crif.refused[0])
    assert "one key for each field" in str(crif.refused[1])
    assert sum(map(len, crif.agreements.values())) == 1


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_a_parameter_beyond_numbers_is_refused(number: int) -> None:
    with pytest.raises(MarginError, match="not a finite number"):
        ParameterTable("rulebook x", {"a": number}).number("a", 0.0, 1.0)


@pytest.mark.parametrize(
    ("key", "value"), [("minimum_transfer_usd", 10**400), ("restore_to", []), ("restore_to", {})]
)
def test_a_call_rule_names_what_it_cannot_take(key: str, value: object) -> None:
    with pytest.raises(MarginError, match=key):
        CallRule.from_mapping("silo:futures", {key: value})


@pytest.mark.parametrize("market", [[], {}, 1])
def test_a_deadline_names_a_market_that_is_none(market: object) -> None:
    deadline = {"business_days": 1, "market": market, "zone": "America/New_York", "at": "17:00"}
    with pytest.raises(MarginError, match="market"):
        call_rules({"call": {"default": {"deadline": deadline}}})


def test_where_nothing_may_be_named_nothing_is() -> None:
    """Spreads between commodities of a file that has none."""
    with pytest.raises(MarginError, match="nothing may be named"):
        ParameterTable("rulebook x", {"a": "ES"}).text("a", choices=())


@pytest.mark.parametrize(
    "parameters",
    [
        shipped("reg-t") | {"minimum_equity": {"value": 10**400, "source": ""}},
        shipped("span-futures") | {"commodities": {}},
    ],
)
def test_a_published_rulebook_stops_no_worker(parameters: dict[str, object]) -> None:
    name = str(parameters["rulebook_id"])
    fields = {"rulebook_id": name, "version": "2", "method": name, "parameters": parameters}
    taken = take(
        fresh(),
        "rulebooks",
        [Raw("rulebooks", 0, 1, json.dumps(fields, default=str).encode(), name.encode())],
    )
    assert taken is not None
    assert [refusal.reason for refusal in taken.refusals] == [Reason.BAD_PARAMETER]


def test_every_decoder_holds_for_a_while(tmp_path: Path) -> None:
    """A short run of `make fuzz`; every decoder takes some of what it is given and refuses some."""
    for target in all_targets(tmp_path):
        fuzzer = Fuzzer(target, seed=1)
        fuzzer.run(60, seconds=60.0)
        assert fuzzer.tally.findings == {}, target.name
        assert any(map(target.check, target.seeds)), f"{target.name} takes none of its good inputs"


def test_what_a_decoder_does_wrong_is_found() -> None:
    def check(content: bytes) -> bool:
        return bool(1 / (len(content) - 3))

    fuzzer = Fuzzer(Target("wrong", (b"abcdef",), check), seed=1)
    fuzzer.run(2_000, seconds=60.0)
    [(what, content)] = fuzzer.tally.findings.items()
    assert what.startswith("ZeroDivisionError")
    assert len(content) == 3
