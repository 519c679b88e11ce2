"""Equity of one silo from evidence, line by line: cash, market value, collateral after haircut and limits."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.instruments import FUTURES_STYLE, Instrument, Product
from engine.portfolio.collateral import CollateralSchedule
from streams.verify.marks import contract_value

_USD: Final = "USD"
_NAMES_THEMSELVES: Final = frozenset({"equity", "etf", "crypto_spot", "stablecoin"})
_STEPS: Final = 3  # from a token to its security, from an option to a future to a coin

Record = Mapping[str, Any]


def instrument_of(record: Record) -> Instrument:
    """The instrument that an evidence record describes; a fixing that is not known stands there as null."""
    components = tuple((share, weight) for share, weight in record.get("components", ()))
    fixing = math.nan if record.get("fixing") is None else record["fixing"]
    changed = {"product": Product(record["product"]), "components": components, "fixing": fixing}
    return Instrument(**{**record, **changed})


class SiloEquity:
    """One silo of one evidence record."""

    def __init__(self, schedule: CollateralSchedule, silo: str, evidence: Record) -> None:
        self._schedule, self._silo = schedule, silo
        self._records: dict[str, Record] = {
            record["instrument_id"]: record for record in evidence["instruments"]
        }
        self._marks = {price["instrument_id"]: price["mark"] for price in evidence["prices"]}
        self._cash = [row for row in evidence["cash"] if row["silo"] == silo]
        self._held = [row for row in evidence["positions"] if row["silo"] == silo]
        self._pledged = [row for row in evidence["collateral"] if row["silo"] == silo]
        self._issuer = evidence["parameters"].get("issuer", "")
        self._settlement = evidence["parameters"].get("settlement_currency", _USD)
        now_ns = evidence["valuation_time_ns"]
        self._day_ns = now_ns - now_ns % NANOSECONDS_PER_DAY

    def usd(self) -> float:
        """Its sum."""
        balances: dict[str, float] = defaultdict(float)
        for row in self._cash:
            balances[row["currency"]] += row["amount"] * max(self._rate(row["currency"]), 0.0)
        terms: list[float] = []
        for row in self._held:
            record = self._records[row["instrument_id"]]
            usd = row["quantity"] * self._unit_usd(row["instrument_id"])
            if record["currency"] != _USD and record["product"] in FUTURES_STYLE:
                balances[record["currency"]] += usd
            else:
                terms.append(usd)
        terms += [self._balance_usd(currency, usd) for currency, usd in balances.items()]
        counted = [self._pledged_usd(row) for row in self._pledged]
        before = math.fsum([*terms, *counted])
        return before - self._over_limits_usd(counted, before)

    def _rate(self, currency: str) -> float:
        """USD a unit; nothing where it is not known."""
        return 1.0 if currency == _USD else self._marks.get(f"{currency}USD") or 0.0

    def _unit_usd(self, name: str) -> float:
        record, mark = self._records[name], self._marks[name] or 0.0
        value = contract_value(record["settlement"], record["multiplier"], mark)
        return float(value * self._rate(record["currency"]))

    def _balance_usd(self, currency: str, worth: float) -> float:
        """What is owed counts in full; what is owned bears the currency's haircut, none in that of settlement.
        Contracts that settle in a currency day by day are part of its balance: their entry stands in it."""
        haircut = self._schedule.fx_haircut(currency, self._silo, self._settlement)
        return worth * (1.0 - haircut) if worth > 0.0 else worth

    def _pledged_usd(self, row: Record) -> float:
        """Of units up to the days of volume that count, after all haircuts; what is owed counts in full."""
        quantity, unit = row["quantity"], self._unit_usd(row["instrument_id"])
        if quantity <= 0.0:
            return float(quantity * unit)
        instrument = instrument_of(self._records[row["instrument_id"]])
        terms = self._schedule.terms(instrument, self._silo, self._day_ns, self._settlement)
        haircut = terms.total + self._wrong_way(row)
        units = min(quantity, self._schedule.most_units(instrument, self._silo))
        return float(units * unit * (1.0 - min(haircut, 1.0)))

    def _over_limits_usd(self, counted: list[float], before: float) -> float:
        """What groups of assets make beyond the most that they may."""
        groups: dict[int, list[float]] = defaultdict(list)
        for row, usd in zip(self._pledged, counted, strict=True):
            group = self._schedule.group(instrument_of(self._records[row["instrument_id"]]), self._silo)
            if group >= 0 and row["quantity"] > 0.0:
                groups[group].append(usd)
        over = 0.0
        for group, amounts in groups.items():
            limit = self._schedule.limits.groups[group]
            share = limit.largest_share * max(before, 0.0) if math.isfinite(limit.largest_share) else math.inf
            over += max(math.fsum(amounts) - min(limit.largest_usd, share), 0.0)
        return over

    def _wrong_way(self, row: Record) -> float:
        rates, name = self._schedule.limits.of_silo(self._silo), self._name(row["instrument_id"])
        if not name:
            return 0.0
        on_the_same = any(
            self._name(held["instrument_id"]) == name and held["quantity"] * self._side(held) > 0.0
            for held in self._held
        )
        own = rates.own_issuer if name == self._issuer else 0.0
        return own + (rates.same_name if on_the_same else 0.0)

    def _name(self, instrument_id: str, steps: int = _STEPS) -> str:
        """Issuer or reference entity, else that of what it rests on, else a share, fund or coin itself."""
        record = self._records.get(instrument_id)
        if record is None:
            return instrument_id
        named = record["issuer"] or record["reference_entity"]
        underlying = record["underlying"]
        if named:
            return str(named)
        if underlying and underlying != instrument_id:
            return self._name(underlying, steps - 1) if steps else str(underlying)
        return instrument_id if record["product"] in _NAMES_THEMSELVES else ""

    def _side(self, held: Record) -> int:
        """1 where being long loses when the name falls."""
        record = self._records[held["instrument_id"]]
        gains = record["product"] == "credit_default_swap" or record["right"] == "put"
        return -1 if gains != (record["leverage"] < 0.0) else 1
