"""ISDA SIMM against the Open Source Risk Engine, run beside it on the same portfolios: every version and horizon."""

from __future__ import annotations

import copy
import math
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.rules.interface import Float64s
from engine.rules.simm.book import Book, NettingSet
from engine.rules.simm.calibration import Calibration
from engine.rules.simm.margin import Margin, deciding, margins_of
from engine.rules.simm.portfolio import SIDES, Item, by_regulation
from engine.rules.simm.sensitivity import Sensitivity
from engine.rules.simm.tables import Tables, tables_of
from engine.rules.simm.vocabulary import MARGIN_TYPES, RISK_CLASSES
from engine.rules.simm.weights import Weights
from tests.rulebook_cases import DATA
from tests.simm_book import (
    HORIZONS,
    VERSIONS,
    Row,
    calibration,
    made_up_rows,
    published_cases,
    random_rows,
    sensitivity_of,
)
from tests.simm_oracle import Figures, figures

RELATIVE = 1e-9
every_version = pytest.mark.parametrize("version", VERSIONS)
every_horizon = pytest.mark.parametrize("days", HORIZONS)


def own_figures(margin: Margin, between: Sequence[Sequence[float]]) -> dict[str, float]:
    """In the oracle's places; it puts one margin type of a product class together as it does whole risk classes."""
    amounts: dict[str, float] = {}

    def add(place: str, amount: float) -> None:
        amounts[place] = amounts.get(place, 0.0) + amount

    for line in margin.lines:
        for product in (line.product_class, "All"):
            add(f"{product}|{line.risk_class}|{line.margin_type}", line.amount_usd)
            add(f"{product}|{line.risk_class}|All", line.amount_usd)
    for name, amount in margin.simm_usd.items():
        amounts[f"{name}|All|All"] = amount
    for product in margin.simm_usd:
        for kind in MARGIN_TYPES:
            classes = [amounts.get(f"{product}|{name}|{kind}", 0.0) for name in RISK_CLASSES]
            add(f"{product}|All|{kind}", math.sqrt(max(np.array(classes) @ np.array(between) @ classes, 0.0)))
            add(f"All|All|{kind}", amounts[f"{product}|All|{kind}"])
    amounts["All|All|All"] = margin.total_usd
    return amounts


def check(
    found: Figures, portfolios: dict[str, list[Item]], version: str, days: int, currency: str = "USD"
) -> int:
    """Compare every figure of the oracle's; how many there were."""
    book = Book(Weights(calibration(version), days, currency))
    compared = 0
    for portfolio, sides in found.items():
        for side, expected in sides.items():
            margin = deciding(margins_of(portfolios[portfolio], side, book))
            assert margin is not None
            own = own_figures(margin, calibration(version).risk_class_correlation)
            for place, amount in expected.items():
                # Where offsetting leaves nothing, the oracle has noise of 1e-9 USD.
                assert own.get(place, 0.0) == pytest.approx(amount, rel=RELATIVE, abs=1e-6), (
                    portfolio,
                    side,
                    place,
                )
                compared += 1
    return compared


def items_of(rows: list[Row]) -> dict[str, list[Item]]:
    portfolios: dict[str, list[Item]] = {}
    for row in rows:
        regulations = {
            side: frozenset(name for name in row.get(f"{side}_regulations", "").split(",") if name)
            for side in ("collect", "post")
        }
        portfolios.setdefault(row["PortfolioID"], []).append(Item(sensitivity_of(row), regulations))
    return portfolios


@every_horizon
@pytest.mark.parametrize("version", VERSIONS[1:])
def test_published_portfolios(version: str, days: int, reference_dir: Path) -> None:
    rows = [
        {**row, "PortfolioID": case.name, "TradeID": f"t{number}"}
        for case in published_cases(reference_dir, days)
        for number, row in enumerate(case.rows)
    ]
    portfolios = items_of(rows)
    found = figures(version, days, rows)
    assert found.keys() == portfolios.keys()
    assert check(found, portfolios, version, days) > 10 * len(portfolios)


@every_horizon
@every_version
def test_made_up_portfolios(version: str, days: int) -> None:
    rows = made_up_rows()
    portfolios = items_of(rows)
    found = figures(version, days, rows)
    assert found.keys() == portfolios.keys()
    assert check(found, portfolios, version, days) > 100 * len(portfolios)


@pytest.mark.parametrize(("version", "currency"), [("2.5", "BRL"), ("2.8+2506", "EUR"), ("2.8+2506", "ARS")])
def test_other_calculation_currencies(version: str, currency: str) -> None:
    """BRL and ARS are of the volatile group then."""
    rows = [row for row in made_up_rows() if "FX" in row["RiskType"]]
    portfolios = items_of(rows)
    found = figures(version, 10, rows, currency)
    assert check(found, portfolios, version, 10, currency) > 10 * len(portfolios)


@every_horizon
def test_made_up_portfolios_reach_every_figure_of_the_calibration(days: int) -> None:
    """So the test above would see any one of them wrong; but for what only a volatile calculation currency shows."""
    mapping = tomllib.loads((DATA / "simm" / "2.8+2512.toml").read_text())
    weights = Weights(Calibration.from_mapping(mapping), days, "USD")
    book = Book(weights)
    sets = [
        book.charged([item.content for item in items if isinstance(item.content, Sensitivity)])
        for items in items_of(made_up_rows()).values()
    ]
    held = [(netting_set, netting_set.sheets.copy(), netting_set.margins.copy()) for netting_set in sets]
    other, unreached = f"horizon_{11 - days}d", []
    for path, wrong in with_one_figure_changed(mapping):
        if (
            other in path
            or path[:4] == ("fx", "correlation", "delta", 0)
            or (days == 1 and "threshold_musd" in path)
        ):
            continue
        tables = tables_of(Weights(Calibration.from_mapping(wrong), days, "USD"), book.keys)
        if not any(shows(netting_set, *figures_before, tables) for netting_set, *figures_before in held):
            unreached.append(path)
    assert unreached == []


def shows(netting_set: NettingSet, sheets: Float64s, margins: Float64s, tables: Tables) -> bool:
    """Whether a figure moves under these tables."""
    netting_set.charge(tables)
    pairs = ((netting_set.sheets, sheets), (netting_set.margins, margins))
    return not all(np.allclose(now, before, rtol=RELATIVE, atol=1e-6) for now, before in pairs)


def with_one_figure_changed(
    mapping: dict[str, Any],
) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """The path of every figure, and the file with this one off by a tenth (0.01 for 0), symmetric ones twice."""
    for path in figure_paths(mapping, ()):
        wrong = copy.deepcopy(mapping)
        *above, row, column = path
        if (
            above
            and path[-3] in ("tenors", "buckets", "correlation")
            and isinstance(row, int)
            and path[0] != "fx"
        ):
            if column <= row:  # type: ignore[operator]
                continue
            change(wrong, (*above, column, row))
        change(wrong, path)
        yield path, wrong


def figure_paths(content: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(content, dict | list):
        for key, inside in content.items() if isinstance(content, dict) else enumerate(content):
            yield from figure_paths(inside, (*path, key))
    elif isinstance(content, int | float):
        yield path


def change(mapping: dict[str, Any], path: tuple[str | int, ...]) -> None:
    table: Any = mapping
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = 0.9 * table[path[-1]] or 0.01


# The oracle refuses rows of SEC without CFTC; and of rows of CFTC alone it adds to SEC only those whose risk factor SEC
# does not have yet, not their amounts (see test_simm_margin.py for ours).
REGULATED = (
    ("ESA,USPR", "SEC,CFTC"), ("ESA", "SEC,CFTC"), ("USPR", "UK"), ("", "APRA"), ("ESA", ""), ("", ""),
    ("Excluded", "APRA"),
)  # fmt: skip


@pytest.mark.parametrize("version", ["2.5", "2.8+2506"])
def test_sides_and_regulations(version: str) -> None:
    rows = []
    for seed in range(42):
        some = [REGULATED[place] for place in sorted({seed % 7, (seed + 1 + seed // 7) % 7, 3 * seed % 7})]
        for number, row in enumerate(random_rows(1000 + seed, 30 + seed, f"P{seed}")):
            collect, post = some[number % len(some)]
            rows.append({**row, "collect_regulations": collect, "post_regulations": post})
    portfolios = items_of(rows)
    found = figures(version, 10, rows)
    for portfolio, items in portfolios.items():
        margined = {side for side in SIDES if by_regulation(items, side)}
        assert margined == set(found.get(portfolio, {})), portfolio
    assert check(found, portfolios, version, 10) > 50 * len(portfolios)
