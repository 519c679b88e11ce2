"""msgspec structs of the topics with many messages a second.

Same contract as the pydantic models of ``activity.py`` (a test compares schemas and verdicts), decoded
several times faster. Patterns stand here for the schema only: ``codec.py`` checks them once per distinct value.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from streams.contracts.base import CURRENCY_PATTERN, DATE_PATTERN, SILO_PATTERN

_Identifier = Annotated[str, Meta(min_length=1, max_length=128)]
_Version = Annotated[int, Meta(ge=0, lt=2**31)]
_Quantity = Annotated[float, Meta(ge=-1e12, le=1e12)]
_Price = Annotated[float, Meta(ge=-1e9, le=1e9)]
_Volatility = Annotated[float, Meta(gt=0, le=1e6)]
_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Part = Annotated[int, Meta(ge=1, le=10_000)]
_Date = Annotated[str, Meta(extra_json_schema={"pattern": DATE_PATTERN})]
_Silo = Annotated[str, Meta(extra_json_schema={"pattern": SILO_PATTERN})]
_Currency = Annotated[str, Meta(extra_json_schema={"pattern": CURRENCY_PATTERN})]
_Status = Literal["new", "cancelled"]
_Location = Annotated[str, Meta(max_length=128)]
_Released = Annotated[float, Meta(gt=0, le=1e12)]


class HotTrade(Struct, gc=False, frozen=True):
    """:class:`streams.contracts.activity.TradeRecord`."""

    trade_id: _Identifier
    version: _Version
    account_id: _Identifier
    instrument_id: _Identifier
    quantity: _Quantity
    price: _Price
    business_date: _Date
    trade_time_ns: _Count
    status: _Status = "new"
    silo: _Silo | None = None


class HotCollateral(Struct, gc=False, frozen=True):
    """:class:`streams.contracts.activity.CollateralRecord`."""

    collateral_id: _Identifier
    version: _Version
    account_id: _Identifier
    silo: _Silo
    quantity: _Quantity
    business_date: _Date
    time_ns: _Count
    instrument_id: _Identifier | None = None
    currency: _Currency | None = None
    status: _Status = "new"
    location: _Location = ""
    released_instrument_id: _Identifier | None = None
    released_currency: _Currency | None = None
    released_quantity: _Released | None = None


class HotPrice(Struct, gc=False, frozen=True):
    """:class:`streams.contracts.activity.PriceRecord`."""

    instrument_id: _Identifier
    source_time_ns: _Count
    sequence: _Count
    bid: _Price | None = None
    ask: _Price | None = None
    mark: _Price | None = None
    implied_vol: _Volatility | None = None


class HotOpeningPosition(Struct, gc=False, frozen=True):
    """:class:`streams.contracts.activity.OpeningPosition`."""

    instrument_id: _Identifier
    quantity: _Quantity
    reference_price: _Price = 0.0
    silo: _Silo | None = None


class HotOpeningCash(Struct, gc=False, frozen=True):
    """:class:`streams.contracts.activity.OpeningCash`."""

    silo: _Silo
    amount: _Quantity
    currency: _Currency = "USD"


class HotOpeningCollateral(Struct, gc=False, frozen=True):
    """:class:`streams.contracts.activity.OpeningCollateral`."""

    silo: _Silo
    instrument_id: _Identifier
    quantity: _Quantity
    location: _Location = ""


class HotPositions(Struct, gc=False, frozen=True):
    """:class:`streams.contracts.activity.PositionsRecord`."""

    account_id: _Identifier
    business_date: _Date
    as_of_ns: _Count
    part: _Part = 1
    parts: _Part = 1
    positions: tuple[HotOpeningPosition, ...] = ()
    cash: tuple[HotOpeningCash, ...] = ()
    collateral: tuple[HotOpeningCollateral, ...] = ()
