"""Parameters of the one-pot unified rulebook, checked against their bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from engine.base.parameter_table import ParameterTable
from engine.market.instruments import CLEARED_SWAPS, REFERENCE_ONLY, Product
from engine.rules.header import rulebook_table

SILO = "unified"  # the pot is no segregation bucket; its file says so
# A swap's value is near 0 whatever its risk: moved like a price it would need next to nothing.
_NOT_ELIGIBLE = REFERENCE_ONLY | CLEARED_SWAPS | {Product.CREDIT_DEFAULT_SWAP, Product.REPO}
_HOLDABLE = tuple(product.value for product in Product if product not in _NOT_ELIGIBLE)
_ACCOUNT_TYPES = ("customer", "proprietary", "market_maker")
_APPROVALS = ("portfolio_margin", "eligible_contract_participant", "cross_margin")
_KEYS = (
    "measure", "confidence", "stress_weight", "offset_cap", "floor_share_of_silos",
    "option_minimum_usd_per_unit", "futures_minimum_share", "eligible_products", "eligible_account_types",
    "required_approvals", "liquidity_tiers", "unknown_volume_usd_per_day", "proxies",
)  # fmt: skip


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
        header = rulebook_table(mapping, "one-pot", silos=(SILO,), keys=_KEYS)

        def number(name: str, low: float, high: float) -> float:
            return header.stated(name).number("value", low, high)

        def texts(name: str, choices: tuple[str, ...]) -> tuple[str, ...]:
            return header.stated(name).texts("value", choices, fewest=0)

        proxies = header.tables("proxies", fewest=0) if header.has("proxies") else {}
        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            measure=header.stated("measure").text("value", choices=("es", "var")),
            confidence=number("confidence", 0.5, 0.9999),
            stress_weight=number("stress_weight", 0.0, 1.0),
            offset_cap=number("offset_cap", 0.0, 1.0),
            floor_share_of_silos=number("floor_share_of_silos", 0.0, 1.0),
            option_minimum_usd_per_unit=number("option_minimum_usd_per_unit", 0.0, 10.0),
            futures_minimum_share=number("futures_minimum_share", 0.0, 0.1),
            eligible_products=frozenset(map(Product, texts("eligible_products", _HOLDABLE))),
            eligible_account_types=frozenset(texts("eligible_account_types", _ACCOUNT_TYPES)),
            required_approvals=frozenset(texts("required_approvals", _APPROVALS)),
            liquidity=_liquidity(header),
            proxies={factor: _proxy(table) for factor, table in proxies.items()},
        )


def _liquidity(header: ParameterTable) -> LiquidityParameters:
    rows = header.stated("liquidity_tiers").rows("value")
    tiers = tuple(_tier(row) for row in rows)
    if tiers[0].from_days != 0.0:
        raise rows[0].bad("from_days", f"{tiers[0].from_days} is not 0")
    for row, (lower, upper) in zip(rows[1:], pairwise(tiers), strict=True):
        if upper.from_days <= lower.from_days:
            raise row.bad("from_days", f"{upper.from_days:g} is not above the tier before")
        if upper.rate < lower.rate:
            raise row.bad("rate", f"{upper.rate:g} is below that of the tier before")
    volume = header.stated("unknown_volume_usd_per_day").number("value", 1.0, 1e15)
    return LiquidityParameters(tiers, volume)


def _tier(table: ParameterTable) -> LiquidityTier:
    table.only("from_days", "rate")
    return LiquidityTier(table.number("from_days", 0.0, 1e6), table.number("rate", 0.0, 1.0))


def _proxy(table: ParameterTable) -> Proxy:
    table.only("factor", "beta", "residual_shock")
    return Proxy(
        factor=table.text("factor"),
        beta=table.number("beta", -20.0, 20.0),
        residual_shock=table.number("residual_shock", 0.0, 1e6),
    )
