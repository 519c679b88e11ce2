"""Golden cases of strategy-based margin: published figures, and cases worked out by hand from the rule's text."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.rules.strategy.book import Book, OptionPosition, Pairing
from engine.rules.strategy.futures_pairing import least_pairing_with_futures
from engine.rules.strategy.futures_plain import plain_published_usd
from engine.rules.strategy.risk_part import risk_part_usd
from engine.rules.strategy.securities import Stage
from tests.rulebook_cases import golden, load
from tests.strategy_book import book_of, short_value_usd, terms_at

GOLDEN = golden("reg-t")
every_case = pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
SHEET = [path for path in GOLDEN if path.stem.startswith("ibm-")]
TO_THE_CENT = 0.005


def solved(case: dict[str, Any]) -> tuple[Pairing, float]:
    """The pairing, and the requirement on the basis that the case states."""
    book = book_of(case["book"])
    pairing = least_pairing_with_futures(
        book, terms_at(case["price"], Stage(case["stage"]), broad=case["broad"])
    )
    if case["basis"] == "risk":
        return pairing, risk_part_usd(pairing.published_usd, short_value_usd(book, case["price"]))
    return pairing, pairing.published_usd


def test_no_case_is_lost() -> None:
    assert (len(GOLDEN), len(SHEET)) == (44, 9)


@every_case
def test_requirement_and_pairing(path: Path) -> None:
    case = load(path)
    pairing, requirement = solved(case)
    expected = case["result"]
    assert requirement == pytest.approx(expected["requirement_usd"], abs=case["tolerance_usd"] + TO_THE_CENT)
    assert pairing.lower_bound_usd == pytest.approx(pairing.published_usd, abs=TO_THE_CENT)
    if expected["pairing"] is not None:
        names = [
            f"{one.times} x {one.name}" if one.options or one.futures else one.name
            for one in pairing.strategies
        ]
        assert sorted(names) == sorted(expected["pairing"])


@every_case
def test_plain_twin(path: Path) -> None:
    """Every pairing tried: a book of a hundred alike by one of them."""
    case = load(path)
    book = book_of(case["book"])
    counts = [position.count for position in (*book.options, *book.futures)]
    alike = math.gcd(*counts) or 1
    one = Book(
        book.underlying,
        book.shares / alike,
        tuple(OptionPosition(position.contract, position.count // alike) for position in book.options),
        tuple(replace(future, count=future.count // alike) for future in book.futures),
    )
    terms = terms_at(case["price"], Stage(case["stage"]), broad=case["broad"])
    tried = alike * plain_published_usd(one, terms)
    least = least_pairing_with_futures(book, terms).published_usd
    assert least == pytest.approx(tried, abs=TO_THE_CENT)


@pytest.mark.reference
def test_figures_of_the_2007_sheet(reference_dir: Path) -> None:
    """Exact on eight of nine rows; the straddle within the rounding of the sheet's premiums."""
    with (reference_dir / "regt_portfolio_margin/sheet_2007_ibm.csv").open() as file:
        rows = {row["case"]: float(row["strategy_based_margin_usd"]) for row in csv.DictReader(file)}
    cases = {path.stem.replace("ibm-", "IBM ", 1).replace("-", " "): load(path) for path in SHEET}
    assert set(cases) == set(rows)
    for name, case in cases.items():
        tolerance = 100.0 if name == "IBM long straddle" else TO_THE_CENT
        assert case["result"]["requirement_usd"] == rows[name]
        assert solved(case)[1] == pytest.approx(rows[name], abs=tolerance)
