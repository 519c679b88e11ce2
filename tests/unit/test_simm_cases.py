"""ISDA SIMM 2.5: the 481 published benchmark cases at each horizon, by both ways, within 1 USD; and some kept here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.rules.simm.book import Book
from engine.rules.simm.margin import explain, margins_of
from engine.rules.simm.portfolio import COLLECT, UNSPECIFIED, AddOn, Item
from engine.rules.simm.weights import Weights
from tests.rulebook_cases import ROOT
from tests.simm_book import HORIZONS, Case, calibration, published_cases

GOLDEN = sorted((ROOT / "tests/golden/isda-simm").glob("*.json"))
PUBLISHED_TOLERANCE_USD = 1.0
every_horizon = pytest.mark.parametrize("days", HORIZONS)


def check(case: Case, days: int, book: Book) -> None:
    (margin,) = margins_of(case.items, COLLECT, book)
    tree = explain(case.items, COLLECT, UNSPECIFIED, book.weights)
    assert margin.total_usd == pytest.approx(case.expected_usd["total"], abs=PUBLISHED_TOLERANCE_USD), case
    assert tree.amount_usd == pytest.approx(case.expected_usd["total"], abs=PUBLISHED_TOLERANCE_USD), case
    assert tree.amount_usd == pytest.approx(margin.total_usd, rel=1e-9, abs=0.01)
    assert tree.largest_residual_usd() < 0.01
    added = sum(margin.add_ons_usd.values())
    assert added == pytest.approx(case.expected_usd["addon"], abs=PUBLISHED_TOLERANCE_USD)


@every_horizon
def test_published_cases(days: int, reference_dir: Path) -> None:
    book = Book(Weights(calibration("2.5"), days, "USD"))
    cases = list(published_cases(reference_dir, days))
    assert len(cases) == 481
    for case in cases:
        check(case, days, book)


@every_horizon
def test_margin_types_of_cases_with_one_risk_class(days: int, reference_dir: Path) -> None:
    """The published split adds up only where nothing offsets across risk classes."""
    book = Book(Weights(calibration("2.5"), days, "USD"))
    compared = 0
    for case in published_cases(reference_dir, days):
        (margin,) = margins_of(case.items, COLLECT, book)
        split = margin.split_usd()
        if len(split) != 1:
            continue
        (types,) = split.values()
        names = {"Delta": "delta", "Vega": "vega", "Curvature": "curvature", "BaseCorr": "basecorr"}
        for name, amount in types.items():
            expected = case.expected_usd[names[name]]
            assert amount == pytest.approx(expected, abs=PUBLISHED_TOLERANCE_USD), (case.name, name)
            compared += 1
    assert compared > 400


def test_no_kept_case_is_lost() -> None:
    assert len(GOLDEN) == 12


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_kept_cases(path: Path) -> None:
    content = json.loads(path.read_text())
    case = Case(
        name=path.stem,
        element=content["element"],
        rows=tuple(content["sensitivities"]),
        add_ons=tuple(AddOn(**add_on) for add_on in content["add_ons"]),
        expected_usd=content["expected_usd"],
    )
    assert all(isinstance(item, Item) for item in case.items)
    check(case, content["days"], Book(Weights(calibration(content["version"]), content["days"], "USD")))
