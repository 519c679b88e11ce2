"""Portfolios of sensitivities for tests: the published cases, and made-up ones that reach every table."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from engine.rules.simm.calibration import Calibration
from engine.rules.simm.portfolio import FIXED_AMOUNT, MULTIPLIER, NOTIONAL, NOTIONAL_FACTOR, AddOn, Item
from engine.rules.simm.sensitivity import Sensitivity, checked
from engine.rules.simm.vocabulary import CREDIT_TENORS, SUB_CURVES, TENORS
from tests.rulebook_cases import DATA

VERSIONS = ("2.5", "2.6", "2.7", "2.7+2412", "2.8+2506", "2.8+2512")
HORIZONS = (10, 1)
CURRENCIES = ("USD", "EUR", "JPY", "GBP", "BRL", "TRY", "ARS", "CNY", "ZAR", "ISK", "KRW", "QAR")
Row = dict[str, str]


@cache
def calibration(version: str) -> Calibration:
    """The shipped one."""
    return Calibration.from_mapping(tomllib.loads((DATA / "simm" / f"{version}.toml").read_text()))


def sensitivity_of(row: Row, version: str = "2.5") -> Sensitivity:
    record = Sensitivity(
        row["ProductClass"], row["RiskType"], row["Qualifier"], row["Bucket"], row["Label1"], row["Label2"],
        float(row["AmountUSD"]),
    )  # fmt: skip
    outcome = checked(record, calibration(version))
    assert isinstance(outcome, Sensitivity), outcome
    return outcome


@dataclass(frozen=True, slots=True)
class Case:
    """One published case: rows, and whole USD by part (delta, vega, curvature, basecorr, addon, total)."""

    name: str
    element: str
    rows: tuple[Row, ...]
    add_ons: tuple[AddOn, ...]
    expected_usd: dict[str, float]

    @property
    def items(self) -> list[Item]:
        return [*(Item(sensitivity_of(row)) for row in self.rows), *(Item(add_on) for add_on in self.add_ons)]


def published_cases(reference: Path, days: int) -> Iterator[Case]:
    """The benchmark cases of 2.5 at one horizon."""
    folder = reference / "simm_lib_2_5"
    sensitivities = {row["id"]: row for row in _table(folder / "sensitivities.csv")}
    add_ons = {row["id"]: _add_on(row) for row in _table(folder / "addons.csv")}
    for row in _table(folder / f"cases_{days}d.csv"):
        extras = " ".join(row[name] for name in ("multipliers", "notional_factors", "notionals", "fixed"))
        parts = ("delta", "vega", "curvature", "basecorr", "addon", "total")
        yield Case(
            name=row["case"],
            element=row["element"],
            rows=tuple(sensitivities[name] for name in row["sensitivities"].split()),
            add_ons=tuple(add_ons[name] for name in extras.split()),
            expected_usd={part: float(row[f"exp_{part}"].replace("-", "") or 0.0) for part in parts},
        )


def _table(file: Path) -> list[Row]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def _add_on(row: Row) -> AddOn:
    fields = row["fields"].split("|")
    if row["type"] == "FixedAmount":
        return AddOn(FIXED_AMOUNT, "", float(fields[2]))
    if row["type"] == "Notional":
        return AddOn(NOTIONAL, fields[0], float(fields[3]))
    kind = MULTIPLIER if row["type"] == "ProductMultiplier" else NOTIONAL_FACTOR
    return AddOn(kind, fields[0], float(fields[1]))


def random_rows(seed: int, count: int, portfolio: str = "P", scale_usd: float = 1e6) -> list[Row]:
    """Sensitivities of every risk type, some far beyond their thresholds; a qualifier has one bucket."""
    random = np.random.default_rng(seed)
    return [
        {"TradeID": f"t{number}", "PortfolioID": portfolio, "AmountCurrency": "USD"}
        | _random_row(random, scale_usd)
        for number in range(count)
    ]


def made_up_rows() -> list[Row]:
    """Portfolios of all sizes and of amounts from thousands to hundreds of billions, and one with every tenor."""
    rows = [
        row
        for seed in range(24)
        for row in random_rows(seed, 25 + 15 * seed, f"P{seed}", 10.0 ** (3 + seed % 8))
    ]
    for place, currency in enumerate(CURRENCIES):
        for tenor, label in enumerate(TENORS):
            amount = repr(1e5 * (1.0 + tenor) * (-1.0) ** (place * tenor))
            rows.append(
                {
                    "TradeID": label, "PortfolioID": "tenors", "ProductClass": "RatesFX", "RiskType": "Risk_IRCurve",
                    "Qualifier": currency, "Bucket": "", "Label1": label, "Label2": "OIS",
                    "AmountCurrency": "USD", "Amount": amount, "AmountUSD": amount,
                }
            )  # fmt: skip
    return rows


def _random_row(random: np.random.Generator, scale_usd: float) -> Row:
    def pick(choices: tuple[str, ...]) -> str:
        return choices[random.integers(len(choices))]

    kind = pick(tuple(_SHAPES))
    product, bucket_count, residual, tenors, labels = _SHAPES[kind]
    bucket = ""
    if bucket_count:
        number = int(random.integers(bucket_count + residual))
        bucket = "Residual" if number == bucket_count else str(number + 1)
    if kind == "Risk_FXVol":
        places = random.choice(len(CURRENCIES), 2, replace=False)
        qualifier = CURRENCIES[places[0]] + CURRENCIES[places[1]]
    elif not bucket and kind != "Risk_BaseCorr":
        qualifier = pick(CURRENCIES)
    else:
        qualifier = f"N{bucket}-{random.integers(4)}"
    amount = repr(round(float(random.normal() * scale_usd * 10.0 ** random.uniform(-2, 2)), 2))
    return {
        "ProductClass": product if random.random() < 0.9 else pick(("RatesFX", "Credit", "Equity", "Commodity")),
        "RiskType": kind, "Qualifier": qualifier, "Bucket": bucket,
        "Label1": pick(tenors) if tenors else "", "Label2": pick(labels) if labels else "",
        "Amount": amount, "AmountUSD": amount,
    }  # fmt: skip


_MONEY = ("USD", "EUR")
_GROUPS = ("CMBX", "ABX")
_PLAIN_CURVES = SUB_CURVES[:5]
# Risk type -> product class, ordinary buckets, residual ones, labels 1, labels 2.
_SHAPES: dict[str, tuple[str, int, int, tuple[str, ...], tuple[str, ...]]] = {
    "Risk_IRCurve": ("RatesFX", 0, 0, TENORS, _PLAIN_CURVES),
    "Risk_Inflation": ("RatesFX", 0, 0, (), ()),
    "Risk_XCcyBasis": ("RatesFX", 0, 0, (), ()),
    "Risk_IRVol": ("RatesFX", 0, 0, TENORS, ()),
    "Risk_InflationVol": ("RatesFX", 0, 0, TENORS, ()),
    "Risk_CreditQ": ("Credit", 12, 1, CREDIT_TENORS, _MONEY),
    "Risk_CreditVol": ("Credit", 12, 1, CREDIT_TENORS, _MONEY),
    "Risk_BaseCorr": ("Credit", 0, 0, (), ()),
    "Risk_CreditNonQ": ("Credit", 2, 1, CREDIT_TENORS, _GROUPS),
    "Risk_CreditVolNonQ": ("Credit", 2, 1, CREDIT_TENORS, _GROUPS),
    "Risk_Equity": ("Equity", 12, 1, (), ()),
    "Risk_EquityVol": ("Equity", 12, 1, TENORS, ()),
    "Risk_Commodity": ("Commodity", 17, 0, (), ()),
    "Risk_CommodityVol": ("Commodity", 17, 0, TENORS, ()),
    "Risk_FX": ("RatesFX", 0, 0, (), ()),
    "Risk_FXVol": ("RatesFX", 0, 0, TENORS, ()),
}
