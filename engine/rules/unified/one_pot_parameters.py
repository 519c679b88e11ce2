"""Parameters of the one-pot unified rulebook, checked against their bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from engine.base.errors import MarginError, Reason
from engine.market.instruments import REFERENCE_ONLY, Product

_HOLDABLE = frozenset(Product) - REFERENCE_ONLY
_ACCOUNT_TYPES = frozenset({"customer", "proprietary", "market_maker"})
_APPROVALS = frozenset({"portfolio_margin", "eligible_contract_participant", "cross_margin"})


@dataclass(frozen=True, slots=True)
class Proxy:
    """How a factor without history moves: ``beta`` times another one, and a residual that nets with nothing.

    Attributes:
        residual_shock: size of the residual move, a fraction for relative factors, else in price units.
    """

    factor: str
    beta: float
    residual_shock: float


@dataclass(frozen=True, slots=True)
class LiquidityTier:
    """``rate`` on the part of a notional between this and the next tier, in days of volume."""

    from_days: float
    rate: float


@dataclass(frozen=True, slots=True)
class LiquidityParameters:
    """Add-on for positions that are large against average daily volume.

    Attributes:
        tiers: ascending from 0 days, rates not falling.
        unknown_volume_usd_per_day: taken for instruments whose average daily volume is unknown.
    """

    tiers: tuple[LiquidityTier, ...]
    unknown_volume_usd_per_day: float


@dataclass(frozen=True, slots=True)
class OnePotParameters:
    """Every number of the one-pot rulebook.

    Attributes:
        measure: ``es`` or ``var`` over the historical scenarios, at ``confidence``.
        stress_weight: share of the worst stress loss that binds.
        offset_cap: the unified base is at least ``1 - offset_cap`` of the sum of stand-alone bases.
        floor_share_of_silos: the unified requirement is at least this share of the silo total.
        option_minimum_usd_per_unit: per contract of a securities option and unit of its multiplier.
        futures_minimum_share: per contract of all other derivatives, share of the underlying's notional.
        eligible_products, eligible_account_types, required_approvals: who and what may enter the pot.
        proxies: factor -> proxy, for factors that the scenario set does not have.
    """

    rulebook_id: str
    version: str
    measure: str
    confidence: float
    stress_weight: float
    offset_cap: float
    floor_share_of_silos: float
    option_minimum_usd_per_unit: float
    futures_minimum_share: float
    eligible_products: frozenset[Product]
    eligible_account_types: frozenset[str]
    required_approvals: frozenset[str]
    liquidity: LiquidityParameters
    proxies: Mapping[str, Proxy]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> OnePotParameters:
        """Read the parsed parameter file (``engine/rules/data/one-pot.toml`` shows every key).

        Raises:
            MarginError: BAD_PARAMETER naming the parameter, its value and its bounds.
        """
        read = _Reader(mapping)
        return cls(
            rulebook_id=read.text("rulebook_id"),
            version=read.text("version"),
            measure=read.choice("measure", frozenset({"es", "var"})),
            confidence=read.number("confidence", 0.5, 0.9999),
            stress_weight=read.number("stress_weight", 0.0, 1.0),
            offset_cap=read.number("offset_cap", 0.0, 1.0),
            floor_share_of_silos=read.number("floor_share_of_silos", 0.0, 1.0),
            option_minimum_usd_per_unit=read.number("option_minimum_usd_per_unit", 0.0, 10.0),
            futures_minimum_share=read.number("futures_minimum_share", 0.0, 0.1),
            eligible_products=frozenset(
                Product(name) for name in read.choices("eligible_products", frozenset(map(str, _HOLDABLE)))
            ),
            eligible_account_types=read.choices("eligible_account_types", _ACCOUNT_TYPES),
            required_approvals=read.choices("required_approvals", _APPROVALS),
            liquidity=_liquidity(read),
            proxies=_proxies(read),
        )


class _Reader:
    """Takes values out of the parsed file; every refusal names the parameter and its bounds."""

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        self._mapping = mapping
        self._thing = f"rulebook {mapping.get('rulebook_id', '(no rulebook_id)')}"

    def refuse(self, path: str, detail: str) -> MarginError:
        return MarginError(Reason.BAD_PARAMETER, f"{self._thing}: {path}", detail)

    def text(self, name: str) -> str:
        found = self._mapping.get(name)
        if not isinstance(found, str) or not found:
            raise self.refuse(name, f"{found!r} is not a text")
        return found

    def value(self, name: str) -> Any:
        entry = self._mapping.get(name)
        if not isinstance(entry, Mapping) or "value" not in entry:
            raise self.refuse(name, "missing; give it as a table with value and source")
        return entry["value"]

    def number(self, name: str, low: float, high: float) -> float:
        return self.bounded(name, self.value(name), low, high)

    def bounded(self, path: str, found: Any, low: float, high: float) -> float:
        number = isinstance(found, int | float) and not isinstance(found, bool)
        if not number or not math.isfinite(found) or not low <= found <= high:
            raise self.refuse(path, f"{found!r} is not a number in [{low:g}, {high:g}]")
        return float(found)

    def choice(self, name: str, allowed: frozenset[str]) -> str:
        found = self.value(name)
        if not isinstance(found, str) or found not in allowed:
            raise self.refuse(name, f"{found!r} is not one of {', '.join(sorted(allowed))}")
        return str(found)

    def choices(self, name: str, allowed: frozenset[str]) -> frozenset[str]:
        found = self.value(name)
        if not isinstance(found, list):
            raise self.refuse(name, f"{found!r} is not a list")
        for entry in found:
            if not isinstance(entry, str) or entry not in allowed:
                raise self.refuse(name, f"{entry!r} is not one of {', '.join(sorted(allowed))}")
        return frozenset(found)

    def tables(self, name: str) -> Mapping[str, Any]:
        found = self._mapping.get(name, {})
        if not isinstance(found, Mapping) or not all(isinstance(entry, Mapping) for entry in found.values()):
            raise self.refuse(name, "is not a table of tables")
        return found


def _liquidity(read: _Reader) -> LiquidityParameters:
    found = read.value("liquidity_tiers")
    if not isinstance(found, list) or not found or not all(isinstance(tier, Mapping) for tier in found):
        raise read.refuse("liquidity_tiers", "is not a list of {from_days, rate}")
    tiers = tuple(
        LiquidityTier(
            read.bounded(f"liquidity_tiers[{index}].from_days", tier.get("from_days"), 0.0, 1e6),
            read.bounded(f"liquidity_tiers[{index}].rate", tier.get("rate"), 0.0, 1.0),
        )
        for index, tier in enumerate(found)
    )
    if tiers[0].from_days != 0.0:
        raise read.refuse("liquidity_tiers[0].from_days", f"{tiers[0].from_days} is not 0")
    for index, (lower, upper) in enumerate(pairwise(tiers), 1):
        if upper.from_days <= lower.from_days or upper.rate < lower.rate:
            raise read.refuse(f"liquidity_tiers[{index}]", "from_days must rise and rates must not fall")
    return LiquidityParameters(tiers, read.number("unknown_volume_usd_per_day", 1.0, 1e15))


def _proxies(read: _Reader) -> dict[str, Proxy]:
    return {
        factor: Proxy(
            factor=str(entry.get("factor", "")),
            beta=read.bounded(f"proxies.{factor}.beta", entry.get("beta"), -20.0, 20.0),
            residual_shock=read.bounded(
                f"proxies.{factor}.residual_shock", entry.get("residual_shock"), 0.0, 1e6
            ),
        )
        for factor, entry in read.tables("proxies").items()
    }
