"""Readers of files: what they hold, or one named error with its place; every row is read, refused or passed over."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.base.errors import MarginError
from engine.rules.span_parameters import Parameters
from streams.parameters import packaged, read_scenarios, read_toml_file
from streams.replay.book_file import read_book
from streams.replay.crif_file import Crif, read_crif
from streams.replay.files import FileError
from streams.replay.level_file import FactorSource, read_levels
from streams.replay.market_file import read_market
from streams.replay.scenario_build import read_stress
from streams.replay.simm import LATEST, load_calibration
from streams.replay.simm_calibration_xml import CalibrationXml
from streams.span.rate_history import read_history
from streams.span.risk_parameters import RiskParameters, converted
from streams.span.risk_text import read_text
from streams.span.risk_xml import read_xml
from streams.web.operators import read_tokens
from streams.worker.settings import SettingsError, load_settings
from tests.conftest import reference_directory
from tests.file_book import BOOK, HEADER, quote, trade
from tests.fuzz.target import OneFile, Target
from tests.rulebook_cases import ROOT, shipped
from tests.span_files import pa2_text, xml_text

CALIBRATIONS = "ore_simm_calibrations"
RATES = {"EUR": 1.1}
CRIF_ROWS = (
    "portfolioId,tradeId,productClass,riskType,qualifier,bucket,label1,label2,amount,amountCurrency,amountUsd,"
    "collect_regulations,post_regulations,im_model\n"
    'P,t1,RatesFX,Risk_IRCurve,USD,1,5y,OIS,100,USD,100,"[SEC,CFTC]",USPR,SIMM\n'
    "P,t2,Equity,Risk_Equity,ISIN:X,8,,,-20,EUR,,,,SIMM\n"
    "P,t3,Credit,Risk_CreditQ,A,1,5y,,7,USD,7,,,\n"
    "P,,,PV,,,,,5,USD,5,,,Schedule\n"
    "P,,,Param_ProductClassMultiplier,RatesFX,,,,1.5,,,,,\n"
    'P,,,Param_AddOnFixedAmount,,,,,"1000",EUR,,,,\n'
)
LEVELS = "date,open,value\n2026-01-02,1,10.5\n2026-01-05,1,\n2026-01-06,1,11\n"
HISTORY = "# source\ndate,initial,maintenance\n20100104,5625,4500\n\n20110301,6000,5000\n# end\n"
SCENARIOS = (
    "# label: L\n# source: S\n# synthetic: true\n# absolute: RATE\nscenario,kind,EQ:SPX,RATE\n"
    "2008,historical,-0.1,0.01\n"
    '"up, down",historical,0.1,0\ncrash,stress,-0.4,-0.02\n'
)
TOKENS = b"# who\nalice alice-token-0123456789-abcdef\n\nbob bob-token-0123456789-abcdef-x\n"
SETTINGS = (
    b'bootstrap = "127.0.0.1:1"\npartitions = 3\ngroup = "g"\nsession_timeout_s = 10.0\nlog_level = "info"\n'
)


def targets(folder: Path) -> Iterator[Target]:
    book = (ROOT / "examples/2013-10-07/book.json").read_bytes()
    small = json.dumps(BOOK).encode()
    market = "\n".join([HEADER, quote(1, "SPY", 1.0, 2.0), trade(2, "SPY", 3.0), ""]).encode()
    crif = CrifReader(OneFile(folder, "crif"))
    yield Target("read CRIF, CSV", (CRIF_ROWS.encode(), CRIF_ROWS.replace(",", ";").encode()), crif)
    yield Target("read CRIF, JSON", (as_json(CRIF_ROWS),), crif, is_json=True)
    yield Target("read SPAN file, text", (pa2_text().encode(),), span(read_text, OneFile(folder, "a.pa2")))
    yield Target("read SPAN file, XML", (xml_text().encode(),), span(read_xml, OneFile(folder, "a.spn")))
    yield Target("read futures rates", (HISTORY.encode(),), rates(OneFile(folder, "X_ES.csv")))
    yield Target("read market file", (market,), events(OneFile(folder, "market.csv")))
    yield Target("read levels", (LEVELS.encode(),), levels(OneFile(folder, "levels.csv")))
    yield Target("read scenarios", (SCENARIOS.encode(),), scenarios(OneFile(folder, "scenarios.csv")))
    yield Target("read book", (book, small), named(read_book, OneFile(folder, "book.json")), is_json=True)
    yield Target("read parameter file", tuple(toml_files()), named(read_toml_file, OneFile(folder, "p.toml")))
    calibrations = tuple(
        each.read_bytes() for each in (reference_directory() / CALIBRATIONS).glob("*2.7.xml")
    )
    if calibrations:  # published, not ours to ship
        read = named(convert_calibration, OneFile(folder, "c.xml"))
        yield Target("read SIMM calibration, XML", calibrations, read)
    yield Target("read tokens", (TOKENS,), tokens(OneFile(folder, "tokens")))
    yield Target("read worker settings", (SETTINGS,), settings(OneFile(folder, "worker.toml")))


def toml_files() -> Iterator[bytes]:
    for name in ("reg-t", "event-contracts", "schedule-im", "curves"):
        yield (packaged() / f"{name}.toml").read_bytes()


def named(read: Callable[[Path], object], file: OneFile) -> Callable[[bytes], bool]:
    """A reader that takes the whole file or refuses it in one line that names it."""

    def check(content: bytes) -> bool:
        try:
            read(file(content))
        except (FileError, MarginError) as error:
            one_line(error, file.path)
            return False
        return True

    return check


def one_line(error: Exception, path: Path) -> None:
    """Commands print it after joining lines."""
    assert path.name in str(error) or not isinstance(error, FileError), f"{error} does not name the file"
    assert str(error).strip()


def begins(error: Exception, start: str) -> None:
    """Errors about settings name theirs first, and no secret."""
    assert str(error).startswith(start)
    assert "alice-token" not in str(error)


class CrifReader:
    """Counts the rows by a reader of its own."""

    def __init__(self, file: OneFile) -> None:
        self._file = file
        self._calibration = load_calibration(LATEST)

    def __call__(self, content: bytes) -> bool:
        path = self._file(content)
        try:
            crif = read_crif(path, self._calibration, RATES)
        except FileError as error:
            one_line(error, path)
            return False
        told = sum(map(len, crif.agreements.values())) + len(crif.refused) + len(crif.passed_over)
        assert told == rows_in(content), f"{rows_in(content)} rows, {told} accounted for"
        assert all(refused.faults and refused.place for refused in crif.refused)
        assert all(math.isfinite(amount) for amount in amounts(crif)), "an amount that is not finite"
        return not crif.refused


def rows_in(content: bytes) -> int:
    text = content.decode("utf-8-sig")
    if text.lstrip()[:1] in ("[", "{"):
        rows = json.loads(text)
        return len(rows["crif"] if isinstance(rows, dict) else rows)
    lines = io.StringIO(text, newline="")
    head = lines.readline()
    delimiter = max(",\t;|", key=head.count)
    return sum(any(cell.strip() for cell in row) for row in csv.reader(lines, delimiter=delimiter))


def amounts(crif: Crif) -> Iterator[float]:
    for items in crif.agreements.values():
        for item in items:
            yield getattr(item.content, "amount_usd", getattr(item.content, "value", 0.0))


def as_json(rows: str) -> bytes:
    return json.dumps(list(csv.DictReader(io.StringIO(rows)))).encode()


def span(read: Callable[[Path], RiskParameters], file: OneFile) -> Callable[[bytes], bool]:
    """Read and converted: every commodity and spread is in the parameters or named as left out."""
    base = shipped("span-futures")

    def check(content: bytes) -> bool:
        try:
            risk = read(file(content))
            made = converted(risk, base)
            Parameters.from_mapping(made.mapping)
        except (FileError, MarginError) as error:
            one_line(error, file.path)
            return False
        mapping = made.mapping
        told = len(mapping["commodities"]) + sum(line.startswith("commodity ") for line in made.left_out)
        assert told == len(risk.commodities), "a commodity is neither taken nor named"
        told = len(mapping["super_inter_commodity"]) + len(mapping["inter_commodity"])
        told += sum(line.startswith("inter-commodity ") for line in made.left_out)
        assert told == len(risk.inter_commodity) + len(risk.super_inter_commodity), "a spread is lost"
        return not made.left_out

    return check


def rates(file: OneFile) -> Callable[[bytes], bool]:
    def check(content: bytes) -> bool:
        try:
            history = read_history(file(content), "ES")
        except (FileError, MarginError) as error:
            one_line(error, file.path)
            return False
        with file.path.open(encoding="utf-8-sig", newline="") as text:
            rows = [row for row in csv.reader(line for line in text if not line.startswith("#")) if row]
        dates = {row[0].strip() for row in rows[1:]}
        assert len(history.rates) == len(dates), f"{len(dates)} dates, {len(history.rates)} rates"
        assert all(math.isfinite(rate.initial) for rate in history.rates)
        return True

    return check


def events(file: OneFile) -> Callable[[bytes], bool]:
    def check(content: bytes) -> bool:
        path = file(content)
        try:
            found = list(read_market(path))
        except FileError as error:
            one_line(error, path)
            return False
        with path.open(encoding="utf-8-sig", newline="") as text:
            rows = [row for row in csv.reader(text) if row]
        assert len(found) == len(rows) - 1, f"{len(rows) - 1} rows, {len(found)} events"
        return True

    return check


def levels(file: OneFile) -> Callable[[bytes], bool]:
    source = FactorSource("F", file.path.name, "value")

    def check(content: bytes) -> bool:
        path = file(content)
        try:
            dates, values = read_levels(path.parent, source)
        except FileError as error:
            one_line(error, path)
            return False
        with path.open(encoding="utf-8-sig", newline="") as text:
            rows = [row for row in csv.reader(text) if row]
        column = len(rows[0]) - 1 - rows[0][::-1].index("value")
        assert len(dates) == len(values) == sum(bool(row[column]) for row in rows[1:])
        return True

    return check


def scenarios(file: OneFile) -> Callable[[bytes], bool]:
    """As a set of its own, and as one that gives its stress scenarios to another."""

    def check(content: bytes) -> bool:
        path = file(content)
        taken = True
        for read in (read_scenarios, read_stress):
            try:
                read(path)
            except (FileError, MarginError) as error:
                one_line(error, path)
                taken = False
        return taken

    return check


def convert_calibration(path: Path) -> None:
    CalibrationXml(path).toml("source")


def tokens(file: OneFile) -> Callable[[bytes], bool]:
    def check(content: bytes) -> bool:
        path = file(content)
        try:
            found = read_tokens(path)
        except ValueError as error:
            begins(error, "tokens_file: ")
            return False
        return bool(found)

    return check


def settings(file: OneFile) -> Callable[[bytes], bool]:
    def check(content: bytes) -> bool:
        try:
            load_settings(file(content), {})
        except SettingsError as error:
            begins(error, "setting")
            return False
        return True

    return check
