"""ISDA SIMM against the report that the Open Source Risk Engine ships with its example: every line of both sides."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path

import pytest

from engine.rules.simm.book import Book
from engine.rules.simm.calibration import Calibration
from engine.rules.simm.kernels import CURVATURE, MARGIN
from engine.rules.simm.margin import deciding, margins_of
from engine.rules.simm.portfolio import SIDES, Item, by_regulation
from engine.rules.simm.vocabulary import VOLATILITY_SHEETS, margin_type
from engine.rules.simm.weights import Weights
from streams.replay.crif_file import read_crif
from streams.replay.simm_calibration_xml import CalibrationXml
from tests.simm_book import calibration

PORTFOLIO = "CRIF_20201228"
CALIBRATIONS = "ore_simm_calibrations"
Place = tuple[str, ...]
RUNS = {
    "SIMM2.6_10D": ("2.6", 10), "SIMM2.6_1D": ("2.6", 1),
    "SIMM2.5A_10D_calibration": ("2.5A", 10), "SIMM2.5A_1D_calibration": ("2.5A", 1),
}  # fmt: skip


def weights_of(version: str, days: int, reference: Path) -> Weights:
    """2.5A is not packaged: it comes straight from its XML."""
    if version != "2.5A":
        return Weights(calibration(version), days, "USD")
    xml = CalibrationXml(reference / CALIBRATIONS / f"simmcalibration_{version}.xml")
    return Weights(Calibration.from_mapping(tomllib.loads(xml.toml("test"))), days, "USD")


def own_lines(items: list[Item], side: str, book: Book) -> dict[Place, float]:
    """Amount by product class, risk class, margin type and bucket. The example has one product class, RatesFX."""
    margin = deciding(margins_of(items, side, book))
    assert margin is not None
    lines: dict[Place, float] = {}

    def add(*place: str, amount: float) -> None:
        lines[place] = lines.get(place, 0.0) + amount

    for line in margin.lines:
        for product in (line.product_class, "All"):
            add(product, line.risk_class, line.margin_type, "All", amount=line.amount_usd)
            add(product, line.risk_class, "All", "All", amount=line.amount_usd)
            add(product, "All", line.margin_type, "All", amount=line.amount_usd)
    for product in ("RatesFX", "All"):
        add(product, "All", "All", "All", amount=margin.total_usd)
    rows = [item.content for item in by_regulation(items, side)[margin.regulation]]
    for sheet in {row.sheet for row in rows if row.qualifier == "USD"}:
        members = [row for row in rows if row.sheet is sheet]
        (bucket,) = book.charged(members).buckets
        add("RatesFX", "InterestRate", margin_type(sheet), "USD", amount=float(bucket[MARGIN]))
        if sheet in VOLATILITY_SHEETS:
            add("RatesFX", "InterestRate", "Curvature", "USD", amount=float(bucket[CURVATURE]))
    return lines


@pytest.mark.parametrize("run", RUNS)
def test_every_line(run: str, reference_dir: Path) -> None:
    version, days = RUNS[run]
    folder = reference_dir / "ore_simm_examples"
    weights = weights_of(version, days, reference_dir)
    crif = read_crif(folder / "crif.csv", weights.calibration, {})
    assert (crif.refused, crif.passed_over, crif.unknown) == ([], [], [])
    ((agreement, items),) = crif.agreements.items()
    assert agreement[0] == PORTFOLIO
    book = Book(weights)
    lines = {side: own_lines(items, side, book) for side in SIDES}
    deciding_regulation = {side: deciding(margins_of(items, side, book)) for side in SIDES}
    compared = 0
    for name in ("simm.csv", "regulation_breakdown_simm.csv"):
        with (folder / "expected" / run / name).open(newline="") as file:
            for row in csv.DictReader(line.removeprefix("#") for line in file):
                side = {"Call": "collect", "Post": "post"}[row["SimmSide"]]
                place = tuple(row[key] for key in ("ProductClass", "RiskClass", "MarginType", "Bucket"))
                expected = float(row["InitialMargin"])
                assert lines[side][place] == pytest.approx(expected, rel=1e-9), (side, place)
                margin = deciding_regulation[side]
                assert margin is not None
                assert margin.regulation in row["Regulation"].split(",")
                compared += 1
    assert compared > 65
    under = {side: [margin.regulation for margin in margins_of(items, side, book)] for side in SIDES}
    assert under == {"collect": ["ESA", "USPR"], "post": ["CFTC", "SEC"]}
