"""What limits collateral beyond its haircut: concentration, wrong-way risk, where it is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.base.parameter_table import ParameterTable
from engine.market.instruments import DERIVATIVES, REFERENCE_ONLY, SILOS, Product

ANY = ""  # any asset of a product
HOLDABLE: tuple[str, ...] = tuple(
    product.value for product in Product if product not in DERIVATIVES | REFERENCE_ONLY
)
Key = tuple[str, str, str]  # silo, product, asset or ANY
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class GroupLimit:
    """The most that a group of assets may count in one silo of one account.

    Attributes:
        largest_share: of the silo's equity before the limit. largest_usd: after haircut; infinite = none.
    """

    name: str
    silo: str
    largest_share: float
    largest_usd: float
    source: str


@dataclass(frozen=True, slots=True)
class WrongWay:
    """Haircuts on top where collateral falls together with what it secures.

    Attributes:
        own_issuer: issued by the account's owner or its group.
        same_name: of the name whose fall the account's positions in the silo lose from.
    """

    own_issuer: float
    same_name: float
    source: str


NO_WRONG_WAY = WrongWay(0.0, 0.0, "")


@dataclass(frozen=True, slots=True)
class CollateralLimits:
    """Limits by silo and asset.

    Attributes:
        groups: by number. group_of: number of the group; each asset is in one at most.
        volume_days: days of average volume of one asset that count at most; infinite = all.
        wrong_way: by silo.
        locations: where assets may be kept, and the silos whose customers' property is segregated there.
    """

    groups: tuple[GroupLimit, ...]
    group_of: Mapping[Key, int]
    volume_days: Mapping[Key, float]
    wrong_way: Mapping[str, WrongWay]
    locations: Mapping[str, frozenset[str]]

    def group(self, silo: str, product: str, asset: str) -> int:
        """Number of the group that an asset is in, -1 if none."""
        key = (silo, product, asset)
        return self.group_of.get(key, self.group_of.get((silo, product, ANY), -1))

    def days(self, silo: str, product: str, asset: str) -> float:
        """Days of average volume that count at most."""
        key = (silo, product, asset)
        return self.volume_days.get(key, self.volume_days.get((silo, product, ANY), math.inf))

    def of_silo(self, silo: str) -> WrongWay:
        """Haircuts for wrong-way risk in a silo."""
        return self.wrong_way.get(silo, NO_WRONG_WAY)

    def segregated(self, location: str, silo: str) -> bool:
        """Whether a location keeps a silo's collateral apart; one that is not stated is not looked at."""
        return not location or silo in self.locations.get(location, ())


def read_limits(header: ParameterTable) -> CollateralLimits:
    """The tables ``limits``, ``volume_limits``, ``wrong_way`` and ``locations`` of a schedule; each may be missing.

    Raises:
        MarginError: BAD_PARAMETER naming the entry and the offending value; also where two entries say something
            about the same silo and asset.
    """
    groups: list[GroupLimit] = []
    group_of: dict[Key, int] = {}
    volume_days: dict[Key, float] = {}
    wrong_way: dict[str, WrongWay] = {}
    locations: dict[str, frozenset[str]] = {}
    for table in _rows(header, "limits"):
        for silo, keys in _silos_and_keys(table, "name", "largest_share", "largest_usd").items():
            _put(table, group_of, keys, len(groups))
            groups.append(_group(table, silo))
    for table in _rows(header, "volume_limits"):
        days = table.number("largest_days", 0.0, 1000.0)
        for keys in _silos_and_keys(table, "largest_days").values():
            _put(table, volume_days, keys, days)
    for table in _rows(header, "wrong_way"):
        table.only("silos", "own_issuer", "same_name")
        own_issuer, same_name = table.number("own_issuer", 0.0, 1.0), table.number("same_name", 0.0, 1.0)
        entry = WrongWay(own_issuer, same_name, stated_source(table))
        _put(table, wrong_way, table.texts("silos", choices=SILOS), entry)
    for table in _rows(header, "locations"):
        table.only("name", "silos")
        _put(table, locations, [table.text("name")], frozenset(table.texts("silos", choices=SILOS)))
    return CollateralLimits(tuple(groups), group_of, volume_days, wrong_way, locations)


def stated_source(table: ParameterTable) -> str:
    """Source of an entry, said to be unverified where it is."""
    source = table.text("source") if table.has("source") else ""
    return f"{source} (unverified)" if source and table.has("unverified") else source


def _rows(header: ParameterTable, key: str) -> list[ParameterTable]:
    return header.rows(key) if header.has(key) else []


def _silos_and_keys(table: ParameterTable, *own: str) -> dict[str, list[Key]]:
    """Keys of the assets that an entry concerns, by silo."""
    table.only("silos", "products", "assets", *own)
    products = table.texts("products", choices=HOLDABLE)
    assets = table.texts("assets") if table.has("assets") else (ANY,)
    return {
        silo: [(silo, product, asset) for product in products for asset in assets]
        for silo in table.texts("silos", choices=SILOS)
    }


def _group(table: ParameterTable, silo: str) -> GroupLimit:
    if not table.has("largest_share") and not table.has("largest_usd"):
        raise table.bad("largest_share", "give largest_share, largest_usd or both")
    return GroupLimit(
        name=table.text("name"),
        silo=silo,
        largest_share=table.number("largest_share", 0.0, 1.0) if table.has("largest_share") else math.inf,
        largest_usd=table.number("largest_usd", 0.0, 1e15) if table.has("largest_usd") else math.inf,
        source=stated_source(table),
    )


def _put(table: ParameterTable, found: dict[K, V], keys: Sequence[K], value: V) -> None:
    for key in keys:
        if key in found:
            named = ", ".join(part or "any" for part in key) if isinstance(key, tuple) else key
            raise table.bad("silos", f"{named} is named twice")
        found[key] = value
