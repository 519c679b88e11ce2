"""Parameters of standardized initial margin of uncleared swaps: shares of notional by asset class and duration."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from engine.base.parameter_table import ParameterTable
from engine.market.instruments import Product
from engine.rules.header import SWAP_SILOS, rulebook_table

FACE = "face"  # notional is the multiplier, in the instrument's currency
VALUE = "value"  # notional is multiplier x mark


@dataclass(frozen=True, slots=True)
class AssetClass:
    """One asset class of the table.

    Attributes:
        months_at_most: started months, the upper bound of each category but the last; empty: one category.
        rates: fraction of notional by category.
    """

    months_at_most: tuple[int, ...]
    rates: tuple[float, ...]

    def rate(self, months: int) -> float:
        """Fraction of notional with so many started months left to maturity."""
        return self.rates[bisect_left(self.months_at_most, months)]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the table needs to know of a product: its asset class, and what its notional is (`FACE`, `VALUE`)."""

    asset_class: str
    notional: str


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file.

    Attributes:
        products: terms of what is covered.
        crif_classes: asset class by the product class that a CRIF names.
        gross_share: share of gross initial margin that no netting takes.
    """

    rulebook_id: str
    version: str
    silo: str
    products: Mapping[Product, Terms]
    asset_classes: Mapping[str, AssetClass]
    crif_classes: Mapping[str, str]
    gross_share: float

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the parameter's path and the offending value.
        """
        keys = ("products", "asset_classes", "crif_product_classes", "gross_share")
        header = rulebook_table(mapping, "schedule-im", silos=SWAP_SILOS, keys=keys)
        classes = {name: _asset_class(table) for name, table in header.tables("asset_classes").items()}
        products = header.table("products")
        products.only(*Product)
        crif = header.table("crif_product_classes")
        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            silo=header.text("silo"),
            products={
                product: _terms(products.table(product), classes)
                for product in Product
                if products.has(product)
            },
            asset_classes=classes,
            crif_classes={name: crif.text(name, choices=tuple(classes)) for name in crif.names()},
            gross_share=header.stated("gross_share").number("value", 0.0, 1.0),
        )


def _asset_class(table: ParameterTable) -> AssetClass:
    table.only("months_at_most", "rates")
    months = table.rising("months_at_most", 1, 1_200)
    rates = tuple(table.numbers("rates", len(months) + 1, 0.0, 1.0))
    if any(longer < shorter for shorter, longer in pairwise(rates)):
        raise table.bad("rates", f"{list(rates)} falls with the duration")
    return AssetClass(months, rates)


def _terms(table: ParameterTable, classes: Mapping[str, AssetClass]) -> Terms:
    table.only("asset_class", "notional")
    return Terms(
        table.text("asset_class", choices=tuple(classes)), table.text("notional", choices=(FACE, VALUE))
    )
