"""Reference data: instruments, accounts, rulebooks."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from engine.market.instruments import Instrument, Product
from engine.portfolio.accounts import ThresholdAllocation
from streams.contracts.base import Currency, Identifier, Message, SiloName, TimeNs

# A date without a time means the close of US trading; contracts that end at another hour say so.
_CLOSE_UTC = time(21, 0, tzinfo=UTC)


def _expiry(value: Any) -> Any:
    """Accept ``YYYY-MM-DD`` (21:00 UTC) beside a full ISO 8601 timestamp; without an offset it is UTC."""
    if isinstance(value, str):
        day_only = len(value) == 10
        value = (
            datetime.combine(date.fromisoformat(value), _CLOSE_UTC)
            if day_only
            else datetime.fromisoformat(value)
        )
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


Expiry = Annotated[datetime, BeforeValidator(_expiry)]


class BasketComponent(Message):
    """One share of a basket and its part of the basket's value."""

    share: Identifier
    weight: float = Field(gt=0, le=1)


class InstrumentRecord(Message):
    """``margin.instruments``: reference data of one instrument."""

    instrument_id: Identifier
    product: Literal[
        "equity", "etf", "index", "fx_rate", "equity_option", "index_option", "future", "future_option",
        "perpetual", "crypto_future", "crypto_spot", "stablecoin", "treasury", "equity_swap", "credit_default_swap",
        "par_rate", "interest_rate_swap", "credit_index_swap", "repo",
        "corporate_bond", "municipal_bond", "security_future", "event_contract",
        "crypto_option", "gold", "money_market_fund", "tokenised",
    ]  # fmt: skip
    underlying: str = ""
    multiplier: float = Field(1.0, gt=0, le=1e9)
    currency: str = Field("USD", pattern="^[A-Z]{3}$")
    expiry: Expiry | None = Field(None, description="timestamp, or YYYY-MM-DD for 21:00 UTC of that day")
    strike: float = Field(0.0, ge=-1e9, le=1e9)
    right: Literal["", "call", "put"] = ""
    exercise: Literal["", "american", "european"] = ""
    settlement: Literal["", "physical", "cash", "inverse"] = Field(
        "",
        description="inverse: coin-margined; quoted in USD per coin, multiplier USD a contract, currency its coin",
    )
    price_model: Literal["lognormal", "normal"] = "lognormal"
    dividend_yield: float = Field(0.0, ge=-1, le=1)
    index_class: Literal["", "high_cap_broad", "broad", "narrow"] = ""
    leverage: float = Field(1.0, ge=-10, le=10)
    combined_commodity: str = ""
    contract_month: str = Field("", pattern=r"^(\d{4}-\d{2})?$")
    venue: str = ""
    margin_schedule: str = ""
    risk_factor: str = ""
    beta: float = Field(1.0, ge=-20, le=20)
    volatility_factor: str = ""
    basis_factor: str = ""
    average_daily_volume: float = Field(0.0, ge=0, le=1e15)
    negative_price_allowed: bool = False
    deliverable: Literal["", "unknown"] = Field(
        "", description="unknown: adjusted by a corporate action to terms that are not known yet"
    )
    reference_entity: str = ""
    coupon: float = Field(
        0.0,
        ge=-0.5,
        le=0.5,
        description="running premium, fixed rate or interest a year, a fraction of notional or principal",
    )
    recovery_rate: float = Field(0.0, ge=0, le=0.95)
    event: str = Field("", description="what an event contract is about")
    outcomes: tuple[str, ...] = Field(
        (), description="all outcomes of the event: exactly one of them will come"
    )
    pays_on: tuple[str, ...] = Field((), description="the outcomes on which the contract pays")
    payoff: float = Field(0.0, ge=0, le=1e9, description="what it pays then, in the unit of its price")
    components: tuple[BasketComponent, ...] = Field(
        (),
        description="of an equity swap on a basket, of a credit index its names; weights add up to 1, publish it anew "
        "as they drift",
    )
    grade: Literal["", "investment", "other"] = Field("", description="of a corporate bond")
    tenor: str = Field("", pattern=r"^([1-9]\d{0,2}[MY])?$", description="of a par rate: 3M, 10Y")
    start: Expiry | None = Field(None, description="first day of an interest rate swap, as expiry")
    fixing: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="rate of the floating period that runs, known so far, a fraction a year",
    )
    issuer: str = Field("", description="of a security, named as in reference_entity")
    tokenised_product: Literal[
        "", "treasury", "corporate_bond", "municipal_bond", "equity", "etf", "money_market_fund", "gold"
    ] = Field("", description="product of the security that a token stands for")
    funding_rate: float = Field(
        0.0, ge=-1, le=1, description="of a perpetual, for one interval; positive: longs pay shorts"
    )
    funding_interval_h: float = Field(8.0, gt=0, le=24)
    open_interest: float = Field(
        0.0,
        ge=0,
        le=1e15,
        description="contracts that are open at the venue of a crypto derivative; 0: not known",
    )
    amount_outstanding: float = Field(
        0.0, ge=0, le=1e15, description="units of a security that are outstanding; 0: not known"
    )

    def to_engine(self) -> Instrument:
        """The engine's record of the same facts."""
        fields = self.model_dump(exclude={"expiry", "start", "product", "fixing", "components"})
        return Instrument(
            product=Product(self.product),
            expiry_ns=_nanoseconds(self.expiry),
            start_ns=_nanoseconds(self.start),
            fixing=math.nan if self.fixing is None else self.fixing,
            components=tuple((one.share, one.weight) for one in self.components),
            **fields,
        )


def _nanoseconds(time_of: datetime | None) -> int:
    return 0 if time_of is None else int(time_of.timestamp()) * 1_000_000_000


class AllocatedThreshold(Message):
    """What of its counterparty group's threshold and minimum transfer amount stands for an account in a silo."""

    silo: SiloName
    threshold_usd: float = Field(ge=0, le=1e12)
    minimum_transfer_usd: float = Field(0.0, ge=0, le=1e12)

    def to_engine(self) -> ThresholdAllocation:
        """The engine's record of the same facts."""
        return ThresholdAllocation(self.silo, self.threshold_usd, self.minimum_transfer_usd)


class AccountSilos(Message):
    """Where an account holds what may be held in either of two accounts, unless a booking says otherwise."""

    security_future: Literal["", "securities", "futures"] = Field(
        "", description="silo of security futures whose booking names none; empty: by classification"
    )


class AccountRecord(Message):
    """``margin.accounts``: one customer's relation with the firm.

    A closed account stays until it holds nothing and no entry since its start of day could be corrected; whatever is
    booked on it afterwards brings it back until it is empty again.
    """

    account_id: Identifier
    owner: str = ""
    type: Literal["customer", "proprietary", "market_maker"] = "customer"
    status: Literal["open", "closed"] = "open"
    desk: str = ""
    approvals: tuple[
        Literal["portfolio_margin", "eligible_contract_participant", "cross_margin", "hedger"], ...
    ] = ()
    issuer: str = Field("", description="the owner's group as an issuer, named as in instruments")
    counterparty: Literal[
        "", "commercial_end_user", "financial_market_intermediary", "third_party_custodian", "legacy", "multilateral",
        "sovereign", "affiliate",
    ] = Field("", description="kinds that rules on collecting margin tell apart; empty: any other")  # fmt: skip
    settlement_currency: Currency = Field(
        "USD",
        description="of requirements, in silos where the schedule of collateral lets the account choose",
    )
    past_charges_usd: tuple[Annotated[float, Field(ge=0, le=1e15)], ...] = Field(
        (), max_length=1_000,
        description="of Treasury clearing at past collections, oldest first, for the portfolio differential charge",
    )  # fmt: skip
    counterparty_group: str = Field(
        "",
        max_length=128,
        description="the counterparty and its affiliates, whose accounts share the threshold and the minimum transfer "
        "amount of uncleared margin; empty: the account is a group of its own",
    )
    threshold_allocations: tuple[AllocatedThreshold, ...] = Field(
        (),
        description="the account's part of both, one entry a silo at most; in a group, nothing without an entry",
    )
    silos: AccountSilos = Field(
        AccountSilos(), description="takes effect live: what was booked without a silo of its own follows"
    )
    time_zone: str = "America/New_York"
    call_contact: str = ""

    @model_validator(mode="after")
    def _one_allocation_a_silo(self) -> AccountRecord:
        silos = [allocation.silo for allocation in self.threshold_allocations]
        if len(set(silos)) < len(silos):
            raise ValueError("threshold_allocations name a silo twice")
        return self


class RulebookRecord(Message):
    """``margin.rulebooks``: one rulebook's versioned parameters, or the policy (``rulebook_id`` and ``method``
    ``policy``); a new version takes effect live."""

    rulebook_id: Identifier
    version: Identifier
    method: Identifier
    published_ns: TimeNs = 0
    parameters: dict[str, Any]
