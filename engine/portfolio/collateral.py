"""Collateral haircuts: what an asset is worth as collateral in a silo, by kind, asset and maturity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.base.parameter_table import ParameterTable
from engine.base.units import NANOSECONDS_PER_YEAR
from engine.market.instruments import DERIVATIVES, REFERENCE_ONLY, SILOS, Instrument, Product

NOT_ELIGIBLE: Final = 1.0  # counts nothing
ANY: Final = ""  # any asset of a kind, any foreign currency
HOME_CURRENCY: Final = "USD"
_HOLDABLE: Final = tuple(product.value for product in Product if product not in DERIVATIVES | REFERENCE_ONLY)


def asset_of(instrument: Instrument) -> str:
    """The asset an instrument is: a pair such as BTC-USD names it as its underlying, else it is itself."""
    return instrument.underlying or instrument.instrument_id


@dataclass(frozen=True, slots=True)
class MaturityBucket:
    """Haircut of assets that mature in less than so many years; infinite for the last one."""

    below_years: float
    haircut: float


@dataclass(frozen=True, slots=True)
class CurrencyHaircut:
    """What a foreign currency costs: on cash, and on top of another asset's own haircut."""

    cash: float
    other_assets: float


@dataclass(frozen=True, slots=True)
class CollateralSchedule:
    """Haircuts in [0, 1] by silo; 1 = not eligible. What no rule names is not eligible.

    Attributes:
        buckets: by (silo, product, asset), asset ``ANY`` for the rest of the product; shortest first.
        currencies: by (silo, currency), currency ``ANY`` for the rest.
    """

    schedule_id: str
    version: str
    buckets: Mapping[tuple[str, str, str], tuple[MaturityBucket, ...]]
    currencies: Mapping[tuple[str, str], CurrencyHaircut]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> CollateralSchedule:
        """Read and check a parsed schedule file.

        Raises:
            MarginError: BAD_PARAMETER naming the rule and the offending value; also where two rules
                say something about the same silo and asset.
        """
        header = ParameterTable(f"collateral {mapping.get('schedule_id', 'schedule')}", mapping)
        header.only("schedule_id", "version", "currency", "rules", "currencies")
        header.text("currency", choices=(HOME_CURRENCY,))
        return cls(
            schedule_id=header.text("schedule_id"),
            version=header.text("version"),
            buckets=_once(header, "rules", map(_rule, header.rows("rules"))),
            currencies=_once(header, "currencies", map(_currency, header.rows("currencies"))),
        )

    def haircut(self, instrument: Instrument, silo: str, valuation_time_ns: int) -> float:
        """Share of the market value that does not count in a silo.

        Time to maturity counts Act/365 from the valuation time; an asset past its maturity takes the shortest
        bucket, a Treasury without maturity the longest. A foreign asset bears its currency's addition too.
        """
        product = instrument.product.value
        named = self.buckets.get((silo, product, asset_of(instrument)))
        buckets = named or self.buckets.get((silo, product, ANY))
        if buckets is None:
            return NOT_ELIGIBLE
        years = math.inf
        if instrument.expiry_ns > 0:
            years = max(instrument.expiry_ns - valuation_time_ns, 0) / NANOSECONDS_PER_YEAR
        own = next((bucket.haircut for bucket in buckets if years < bucket.below_years), buckets[-1].haircut)
        if instrument.currency == HOME_CURRENCY:
            return own
        return min(NOT_ELIGIBLE, own + self._currency(instrument.currency, silo).other_assets)

    def fx_haircut(self, currency: str, silo: str) -> float:
        """Haircut on cash of a currency in a silo; 0 for USD."""
        return 0.0 if currency == HOME_CURRENCY else self._currency(currency, silo).cash

    def haircuts(
        self, instruments: Sequence[Instrument], silos: Sequence[str], valuation_time_ns: int
    ) -> NDArray[np.float64]:
        """float64[n]: :meth:`haircut` of each instrument in its silo; a loop, for reference data."""
        pairs = zip(instruments, silos, strict=True)
        values = [self.haircut(instrument, silo, valuation_time_ns) for instrument, silo in pairs]
        return np.array(values, np.float64)

    def _currency(self, currency: str, silo: str) -> CurrencyHaircut:
        none = CurrencyHaircut(NOT_ELIGIBLE, NOT_ELIGIBLE)
        return self.currencies.get((silo, currency)) or self.currencies.get((silo, ANY)) or none


_Entries = tuple[ParameterTable, list[tuple[str, ...]], Any]


def _once(header: ParameterTable, key: str, entries: Iterable[_Entries]) -> dict[Any, Any]:
    """All entries as one mapping; two entries for the same thing are a mistake in the file."""
    found: dict[Any, Any] = {}
    for table, keys, value in entries:
        for one in keys:
            if one in found:
                raise header.bad(key, f"{table.path} repeats {', '.join(part or 'any' for part in one)}")
            found[one] = value
    return found


def _rule(table: ParameterTable) -> _Entries:
    table.only("silos", "product", "assets", "haircut", "maturities")
    product = table.text("product", choices=_HOLDABLE)
    assets = table.texts("assets") if table.has("assets") else (ANY,)
    silos = table.texts("silos", choices=tuple(SILOS))
    keys: list[tuple[str, ...]] = [(silo, product, asset) for silo in silos for asset in assets]
    if table.has("haircut") == table.has("maturities"):
        raise table.bad("haircut", "give either haircut or maturities")
    if table.has("haircut"):
        return table, keys, (MaturityBucket(math.inf, table.number("haircut", 0.0, 1.0)),)
    if product != Product.TREASURY:
        raise table.bad("maturities", f"{product} has no maturity")
    return table, keys, _maturities(table)


def _maturities(table: ParameterTable) -> tuple[MaturityBucket, ...]:
    """Buckets in order; only the last one is open, and a longer maturity never costs less."""
    rows = table.rows("maturities")
    buckets: list[MaturityBucket] = []
    for row in rows:
        row.only("below_years", "haircut")
        last = row is rows[-1]
        if last and row.has("below_years"):
            raise row.bad("below_years", "the last maturity bucket is open")
        below_years = math.inf if last else row.number("below_years", 0.0, 100.0)
        haircut = row.number("haircut", 0.0, 1.0)
        if buckets and below_years <= buckets[-1].below_years:
            raise row.bad("below_years", f"{below_years:g} is not above the bucket before")
        if buckets and haircut < buckets[-1].haircut:
            raise row.bad("haircut", f"{haircut:g} is below that of a shorter maturity")
        buckets.append(MaturityBucket(below_years, haircut))
    return tuple(buckets)


def _currency(table: ParameterTable) -> _Entries:
    table.only("silos", "currencies", "cash", "other_assets")
    currencies = table.texts("currencies") if table.has("currencies") else (ANY,)
    if HOME_CURRENCY in currencies:
        raise table.bad("currencies", f"{HOME_CURRENCY} is the home currency and has no haircut")
    silos = table.texts("silos", choices=tuple(SILOS))
    value = CurrencyHaircut(table.number("cash", 0.0, 1.0), table.number("other_assets", 0.0, 1.0))
    return table, [(silo, currency) for silo in silos for currency in currencies], value
