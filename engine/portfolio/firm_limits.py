"""What a firm takes at most of one asset or one issuer as collateral, over all its customers.

These limits are watched, not applied: whose collateral would count less is the firm's choice, and each worker sees only
its own accounts. How much of a limit is used adds up over workers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.base.parameter_table import ParameterTable
from engine.market.instruments import Instrument
from engine.portfolio.collateral_limits import HOLDABLE, stated_source

_MEASURES = {"largest_days": 1000.0, "largest_share_of_issue": 1.0, "largest_issuer_usd": 1e15}


@dataclass(frozen=True, slots=True)
class FirmLimit:
    """One limit; of the three amounts one is finite.

    Attributes:
        products: that it goes for; of a token that of the security that it stands for. assets: of these; empty = all.
        largest_days: of an asset's average daily volume. largest_share_of_issue: of what is outstanding of an asset.
        largest_issuer_usd: market value of all assets of one issuer.
    """

    name: str
    products: frozenset[str]
    assets: frozenset[str]
    largest_days: float
    largest_share_of_issue: float
    largest_issuer_usd: float
    source: str

    @property
    def of_issuers(self) -> bool:
        """Whether it bounds issuers, not assets."""
        return math.isfinite(self.largest_issuer_usd)

    def covers(self, product: str, asset: str) -> bool:
        """Whether an asset counts against it."""
        return product in self.products and (not self.assets or asset in self.assets)

    def most_units(self, instrument: Instrument) -> float:
        """Units of an asset that reach the limit; 0 where reference data do not say."""
        if math.isfinite(self.largest_days):
            return self.largest_days * instrument.average_daily_volume
        return self.largest_share_of_issue * instrument.amount_outstanding


def read_firm_limits(header: ParameterTable) -> tuple[FirmLimit, ...]:
    """The tables ``firm_limits`` of a schedule; none where there are none.

    Raises:
        MarginError: BAD_PARAMETER naming the entry and the offending value; also for two entries of one name.
    """
    limits: dict[str, FirmLimit] = {}
    for table in header.rows("firm_limits") if header.has("firm_limits") else ():
        limit = _limit(table)
        if limit.name in limits:
            raise table.bad("name", f"{limit.name!r} is named twice")
        limits[limit.name] = limit
    return tuple(limits.values())


def _limit(table: ParameterTable) -> FirmLimit:
    table.only("name", "products", "assets", *_MEASURES)
    stated = [measure for measure in _MEASURES if table.has(measure)]
    if len(stated) != 1:
        raise table.bad("name", f"give one of {', '.join(_MEASURES)}")
    [measure] = stated
    amount = table.number(measure, 0.0, _MEASURES[measure])
    if amount == 0.0:
        raise table.bad(measure, "is 0: what must not be taken at all has a haircut of 1")
    amounts = dict.fromkeys(_MEASURES, math.inf) | {measure: amount}
    return FirmLimit(
        name=table.text("name"),
        products=frozenset(table.texts("products", choices=HOLDABLE)),
        assets=frozenset(table.texts("assets")) if table.has("assets") else frozenset(),
        source=stated_source(table),
        **amounts,
    )
