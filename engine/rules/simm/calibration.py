"""One dated calibration of ISDA SIMM: risk weights, correlations and thresholds, checked at load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.base.parameter_table import ParameterTable
from engine.rules.simm.vocabulary import NAMED_CLASSES, OTHER_CURRENCIES, RESIDUAL, RISK_CLASSES, TENORS

HORIZONS = (10, 1)
MILLION = 1e6
_WEIGHT = (0.0, 1e5)
_RATIO = (0.01, 10.0)
_CORRELATION = (-1.0, 1.0)
_THRESHOLD = (1e-3, 1e9)

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """Currencies in groups that count from 0; one group takes every currency that no other names."""

    of_currency: dict[str, int]
    others: int

    def __getitem__(self, currency: str) -> int:
        return self.of_currency.get(currency, self.others)


@dataclass(frozen=True, slots=True)
class RatesWeights:
    """Interest rates at one horizon. ``delta[volatility group][tenor]``."""

    delta: Rows
    vega: float
    historical_volatility_ratio: float
    inflation: float
    cross_currency_basis: float


@dataclass(frozen=True, slots=True)
class Rates:
    """Interest rates: groups by volatility; correlations; thresholds in USD by concentration group."""

    groups: Groups
    weights: dict[int, RatesWeights]
    tenors: Rows
    sub_curves: float
    inflation: float
    cross_currency_basis: float
    currencies: float
    concentration_groups: Groups
    delta_threshold_usd: tuple[float, ...]
    vega_threshold_usd: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class NamedWeights:
    """A risk class of named issuers or goods at one horizon, by bucket; the ratio is 1 where the rule has none."""

    delta: tuple[float, ...]
    vega: tuple[float, ...]
    historical_volatility_ratio: float
    base_correlation: float


@dataclass(frozen=True, slots=True)
class Named:
    """Credit, equity or commodity.

    Attributes:
        buckets: names in order; ``Residual``, where there is one, is last.
        same, different: correlation within a bucket, of one name and of two, by bucket.
        between: correlation of ordinary buckets.
        base_correlation: correlation of base correlations (credit qualifying).
    """

    buckets: tuple[str, ...]
    weights: dict[int, NamedWeights]
    same: tuple[float, ...]
    different: tuple[float, ...]
    between: Rows
    base_correlation: float
    delta_threshold_usd: tuple[float, ...]
    vega_threshold_usd: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FxWeights:
    """Foreign exchange at one horizon. ``delta[group][group]``."""

    delta: Rows
    vega: float
    historical_volatility_ratio: float


@dataclass(frozen=True, slots=True)
class Fx:
    """Foreign exchange: two groups by volatility.

    Attributes:
        correlation: ``[group of the calculation currency][group][group]``.
        pair_threshold_usd: of the unordered pairs of concentration groups: 1-1, 1-2, 1-3, 2-2, 2-3, 3-3.
    """

    groups: Groups
    weights: dict[int, FxWeights]
    correlation: tuple[Rows, ...]
    volatility_correlation: float
    concentration_groups: Groups
    delta_threshold_usd: tuple[float, ...]
    pair_threshold_usd: tuple[float, ...]

    def pair_threshold(self, first: str, second: str) -> float:
        """Vega threshold of a currency pair, USD."""
        low, high = sorted((self.concentration_groups[first], self.concentration_groups[second]))
        count = len(self.delta_threshold_usd)
        return self.pair_threshold_usd[low * count - low * (low - 1) // 2 + high - low]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A version of the model.

    Attributes:
        rulebook_id, version: stamped on each result; ``effective_from`` is the day it came into force.
        named: by the names of ``NAMED_CLASSES``.
        risk_class_correlation: in the order of ``RISK_CLASSES``.
    """

    rulebook_id: str
    version: str
    effective_from: str
    source: str
    rates: Rates
    named: dict[str, Named]
    fx: Fx
    risk_class_correlation: Rows

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Calibration:
        """From the parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the version, the path and the value.
        """
        table = ParameterTable(f"rulebook isda-simm {mapping.get('version', '?')}", mapping)
        table.only(
            "rulebook_id", "version", "currency", "interest_rate", "fx", "risk_classes", *NAMED_CLASSES
        )
        table.text("rulebook_id", ("isda-simm",))
        table.text("currency", ("USD",))
        classes = table.table("risk_classes")
        if classes.texts("names") != RISK_CLASSES:
            raise classes.bad("names", f"are not {', '.join(RISK_CLASSES)} in this order")
        return cls(
            rulebook_id="isda-simm",
            version=table.text("version"),
            effective_from=table.text("effective_from"),
            source=table.text("source"),
            rates=_rates(table.table("interest_rate")),
            named={name: _named(name, table.table(name)) for name in NAMED_CLASSES},
            fx=_fx(table.table("fx")),
            risk_class_correlation=_symmetric(classes, "correlation", len(RISK_CLASSES)),
        )


def _rates(table: ParameterTable) -> Rates:
    weights = {}
    groups = _groups(table)
    for days in HORIZONS:
        at = table.table(f"horizon_{days}d")
        at.only("delta", "vega", "historical_volatility_ratio", "inflation", "cross_currency_basis")
        weights[days] = RatesWeights(
            delta=_matrix(at, "delta", 3, len(TENORS), *_WEIGHT),
            vega=at.number("vega", *_WEIGHT),
            historical_volatility_ratio=at.number("historical_volatility_ratio", *_RATIO),
            inflation=at.number("inflation", *_WEIGHT),
            cross_currency_basis=at.number("cross_currency_basis", *_WEIGHT),
        )
    between, threshold = table.table("correlation"), table.table("threshold_musd")
    return Rates(
        groups=groups,
        weights=weights,
        tenors=_symmetric(between, "tenors", len(TENORS)),
        sub_curves=between.number("sub_curves", *_CORRELATION),
        inflation=between.number("inflation", *_CORRELATION),
        cross_currency_basis=between.number("cross_currency_basis", *_CORRELATION),
        currencies=between.number("currencies", *_CORRELATION),
        concentration_groups=_groups(threshold),
        delta_threshold_usd=_thresholds(threshold, "delta", 4),
        vega_threshold_usd=_thresholds(threshold, "vega", 4),
    )


def _named(name: str, table: ParameterTable) -> Named:
    buckets = table.texts("buckets")
    ordinary = [bucket for bucket in buckets if bucket != RESIDUAL]
    if RESIDUAL in buckets[:-1]:
        raise table.bad("buckets", f"{RESIDUAL} must be the last")
    weights = {}
    for days in HORIZONS:
        at = table.table(f"horizon_{days}d")
        at.only("delta", "vega", "historical_volatility_ratio", "base_correlation")
        weights[days] = NamedWeights(
            delta=_by_bucket(at, "delta", len(buckets), *_WEIGHT),
            vega=_by_bucket(at, "vega", len(buckets), *_WEIGHT),
            historical_volatility_ratio=at.number("historical_volatility_ratio", *_RATIO, default=1.0),
            base_correlation=at.number("base_correlation", *_WEIGHT, default=0.0),
        )
    within, threshold = table.table("correlation"), table.table("threshold_musd")
    if name.startswith("credit"):
        same, different = _credit_correlations(within, len(ordinary), len(buckets))
    else:
        same = (1.0,) * len(buckets)
        different = tuple(within.numbers("different", len(buckets), *_CORRELATION))
    return Named(
        buckets=buckets,
        weights=weights,
        same=same,
        different=different,
        between=_symmetric(within, "buckets", len(ordinary)),
        base_correlation=within.number("base_correlation", *_CORRELATION, default=0.0),
        delta_threshold_usd=_thresholds(threshold, "delta", len(buckets)),
        vega_threshold_usd=_thresholds(threshold, "vega", len(buckets)),
    )


def _credit_correlations(
    table: ParameterTable, ordinary: int, buckets: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    same, different = (
        (table.number(f"aggregate_{alike}", *_CORRELATION),) * ordinary
        + (table.number(f"residual_{alike}", *_CORRELATION),) * (buckets - ordinary)
        for alike in ("same", "different")
    )
    return same, different


def _fx(table: ParameterTable) -> Fx:
    weights = {}
    for days in HORIZONS:
        at = table.table(f"horizon_{days}d")
        at.only("delta", "vega", "historical_volatility_ratio")
        weights[days] = FxWeights(
            delta=_matrix(at, "delta", 2, 2, *_WEIGHT),
            vega=at.number("vega", *_WEIGHT),
            historical_volatility_ratio=at.number("historical_volatility_ratio", *_RATIO),
        )
    between, threshold = table.table("correlation"), table.table("threshold_musd")
    by_calculation_group = between.lists("delta", 2)
    return Fx(
        groups=_groups(table),
        weights=weights,
        correlation=tuple(
            _as_matrix(between, "delta", rows, 2, 2, *_CORRELATION) for rows in by_calculation_group
        ),
        volatility_correlation=between.number("vega", *_CORRELATION),
        concentration_groups=_groups(threshold),
        delta_threshold_usd=_thresholds(threshold, "delta", 3),
        pair_threshold_usd=_thresholds(threshold, "vega", 6),
    )


def _groups(table: ParameterTable) -> Groups:
    of_currency: dict[str, int] = {}
    others = -1
    for group, currencies in enumerate(table.lists("currencies")):
        for currency in currencies:
            if currency == OTHER_CURRENCIES:
                others = group
            elif not isinstance(currency, str) or currency in of_currency:
                raise table.bad("currencies", f"{currency!r} is no currency, or stands twice")
            else:
                of_currency[currency] = group
    if others < 0:
        raise table.bad("currencies", f"have no group with {OTHER_CURRENCIES!r} for all others")
    return Groups(of_currency, others)


def _by_bucket(table: ParameterTable, key: str, count: int, low: float, high: float) -> tuple[float, ...]:
    """One figure for each bucket, or one for all."""
    if len(table.lists(key, nested=False)) == 1:
        return tuple(table.numbers(key, 1, low, high)) * count
    return tuple(table.numbers(key, count, low, high))


def _thresholds(table: ParameterTable, key: str, count: int) -> tuple[float, ...]:
    return tuple(value * MILLION for value in _by_bucket(table, key, count, *_THRESHOLD))


def _matrix(table: ParameterTable, key: str, rows: int, columns: int, low: float, high: float) -> Rows:
    return _as_matrix(table, key, table.lists(key, rows), rows, columns, low, high)


def _as_matrix(
    table: ParameterTable, key: str, values: Sequence[Any], rows: int, columns: int, low: float, high: float
) -> Rows:
    if not isinstance(values, list) or len(values) != rows:
        raise table.bad(key, f"{values!r} is not a list of {rows} rows")
    whole = ParameterTable(table.owner, {f"{key}[{row}]": values[row] for row in range(rows)}, table.path)
    return tuple(tuple(whole.numbers(f"{key}[{row}]", columns, low, high)) for row in range(rows))


def _symmetric(table: ParameterTable, key: str, count: int) -> Rows:
    """A correlation matrix: symmetric, ones on the diagonal."""
    matrix = _matrix(table, key, count, count, *_CORRELATION)
    for row in range(count):
        for column in range(row + 1):
            if matrix[row][column] != (1.0 if row == column else matrix[column][row]):
                raise table.bad(
                    f"{key}[{row}]", f"is no correlation matrix: {matrix[row][column]} in place {column}"
                )
    return matrix
