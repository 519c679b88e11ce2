"""What happens during the day: trades, collateral, prices, start-of-day positions."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from streams.contracts.base import (
    BusinessDate,
    Currency,
    Identifier,
    Message,
    Price,
    Quantity,
    SiloName,
    TimeNs,
)

Version = Annotated[int, Field(ge=0, lt=2**31)]
Status = Literal["new", "cancelled"]
Location = Annotated[str, Field(max_length=128)]


class TradeRecord(Message):
    """``margin.trades``: an upsert by trade_id; the higher version wins, ``cancelled`` takes it out."""

    trade_id: Identifier
    version: Version
    account_id: Identifier
    instrument_id: Identifier
    quantity: Quantity = Field(description="signed: buys positive")
    price: Price
    status: Status = "new"
    business_date: BusinessDate
    trade_time_ns: TimeNs
    silo: SiloName | None = Field(None, description="overrides the classification of the instrument")


class CollateralRecord(Message):
    """``margin.collateral``: deposits, withdrawals and substitutions, same upsert rule as trades.

    Exactly one of ``instrument_id`` (an asset) and ``currency`` (cash) is set. A substitution is a deposit that names
    what it releases (``released_quantity`` of ``released_instrument_id`` or ``released_currency``) in the same silo:
    both halves count, are corrected and are cancelled together, so that nothing is missing in between.
    """

    collateral_id: Identifier
    version: Version
    account_id: Identifier
    silo: SiloName
    instrument_id: Identifier | None = None
    currency: Currency | None = None
    quantity: Quantity = Field(description="units of the asset or of the currency; withdrawals negative")
    status: Status = "new"
    business_date: BusinessDate
    time_ns: TimeNs
    location: Location = Field(
        "",
        description="where the asset is kept; one that the schedule lists for the silo, empty = not stated",
    )
    released_instrument_id: Identifier | None = Field(None, description="asset that a substitution releases")
    released_currency: Currency | None = Field(None, description="cash that a substitution releases")
    released_quantity: Annotated[float, Field(gt=0, le=1e12)] | None = Field(
        None, description="units that a substitution releases, positive; null: no substitution"
    )

    @model_validator(mode="after")
    def _one_of_asset_and_cash(self) -> Self:
        if (self.instrument_id is None) == (self.currency is None):
            raise ValueError("exactly one of instrument_id and currency must be set")
        released = (self.released_instrument_id is not None) + (self.released_currency is not None)
        if released != (self.released_quantity is not None):
            raise ValueError(
                "a substitution sets released_quantity and exactly one of released_instrument_id and released_currency"
            )
        return self


class PriceRecord(Message):
    """``margin.prices``: the latest quote or mark; the higher sequence wins."""

    instrument_id: Identifier
    bid: Price | None = None
    ask: Price | None = None
    mark: Price | None = None
    implied_vol: Annotated[float, Field(gt=0, le=1e6)] | None = None
    source_time_ns: TimeNs
    sequence: Annotated[int, Field(ge=0, lt=2**63)]


class OpeningPosition(Message):
    """A position of the start-of-day record."""

    instrument_id: Identifier
    quantity: Quantity
    reference_price: Price = Field(0.0, description="settlement price for products with daily settlement")
    silo: SiloName | None = None


class OpeningCash(Message):
    """A cash balance of the start-of-day record."""

    silo: SiloName
    currency: Currency = "USD"
    amount: Quantity


class OpeningCollateral(Message):
    """A collateral holding of the start-of-day record."""

    silo: SiloName
    instrument_id: Identifier
    quantity: Quantity
    location: Location = ""


class PositionsRecord(Message):
    """``margin.positions``: the start-of-day record of an account, in one or more parts.

    A later business_date replaces the account's holdings once all parts of the same ``as_of_ns`` are there.
    """

    account_id: Identifier
    business_date: BusinessDate
    as_of_ns: TimeNs
    part: Annotated[int, Field(ge=1, le=10_000)] = 1
    parts: Annotated[int, Field(ge=1, le=10_000)] = 1
    positions: tuple[OpeningPosition, ...] = ()
    cash: tuple[OpeningCash, ...] = ()
    collateral: tuple[OpeningCollateral, ...] = ()

    @model_validator(mode="after")
    def _part_within_parts(self) -> Self:
        if self.part > self.parts:
            raise ValueError(f"part {self.part} is beyond parts {self.parts}")
        return self
