"""What comes out: statements and margin call events."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from streams.contracts.base import BusinessDate, Identifier, Message, Money, SiloName, TimeNs
from streams.contracts.intraday import IntradayStatement
from streams.contracts.responses import ResponseTaken


class DataQuality(Message):
    """How far the figures can be trusted."""

    oldest_price_age_ms: int = Field(ge=0)
    stale: bool
    incomplete: tuple[str, ...] = Field((), description="what is missing, e.g. NO_PRICE: instrument X")


class InputOffsets(Message):
    """What the figures were computed from, so that an older statement is recognisable."""

    partition: int
    trades_offset: int = Field(description="last trade applied; -1 for none")
    collateral_offset: int
    positions_offset: int
    price_time_ns: TimeNs = Field(description="latest source time of any price applied")


class SiloStatement(Message):
    """Requirement and equity of one silo under today's rulebook."""

    silo: SiloName
    rulebook_id: str
    rulebook_version: str
    initial: Money
    maintenance: Money
    equity: Money
    excess: Money
    below_minimum_equity: bool = Field(
        False, description="a rulebook that the account is approved for asks for more equity in this silo"
    )
    exception: str = Field(
        "",
        description="why less than is required is collected, e.g. affiliate: initial margin is not collected",
    )
    threshold: Money = Field(
        Decimal("0.00"), description="requirement up to this is not collected from the account"
    )
    minimum_transfer: Money = Field(Decimal("0.00"), description="a smaller deficit is not called")
    allocation: str = Field(
        "",
        description="where threshold and minimum come from if not from the rule alone, e.g. allocated in group Alder; "
        "OVER_ALLOCATED: its group's records allocate more than the rule gives",
    )


class NamedAmount(Message):
    """One term of a sum."""

    name: str
    amount: Money


class UnifiedStatement(Message):
    """The same account under one unified candidate (a shadow figure)."""

    rulebook_id: str
    rulebook_version: str
    eligible: bool
    requirement: Money
    equity: Money
    excess: Money
    parts: tuple[NamedAmount, ...] = Field(description="adds up to the requirement")
    worst_scenario: str = ""


class GapStatement(Message):
    """Silo sum minus unified, and where it comes from; terms add up to the gap."""

    silo_sum: Money
    unified: Money
    gap: Money
    terms: tuple[NamedAmount, ...]
    silo_deficit: Money = Field(description="sum of the silos' deficits")
    unified_deficit: Money
    trapped_excess: Money


class RequirementStatement(Message):
    """``margin.requirements``: the latest figures of an account, conflated."""

    account_id: Identifier
    owner: str
    desk: str
    business_date: BusinessDate
    as_of_ns: TimeNs
    sequence: int = Field(ge=0)
    policy_version: str = Field(
        "", description="of the policy that says which silo and rulebook a product has"
    )
    silos: tuple[SiloStatement, ...]
    unified: UnifiedStatement
    gap: GapStatement
    utilisation: float | None = Field(description="maintenance over equity of the worst silo; null: none")
    quality: DataQuality
    inputs: InputOffsets
    served_by: str = Field(description="base address of the worker that holds the account")
    intraday: IntradayStatement | None = Field(
        None, description="under FINRA 4210(d)(2); null: no transaction under the rule yet"
    )


CallState = Literal[
    "clear", "warning", "issued", "acknowledged", "partly_met", "met", "disputed", "overdue",
    "liquidation_eligible", "cancelled",
]  # fmt: skip


class Driver(Message):
    """A position that contributes to the worst case."""

    instrument_id: str
    quantity: float
    loss: Money


class CallEvent(Message):
    """``margin.calls`` and ``margin.call-cases``: one transition of a margin call case.

    FIX names where FIX has them: ``margin_call_amount`` is MarginAmtType 13, ``margin_excess`` tag 899,
    ``collateral_assignment_reason`` tag 895.
    """

    event_id: Identifier
    call_id: Identifier
    account_id: Identifier
    scope: Annotated[str, Field(pattern="^(silo|unified):")]
    binding: bool
    case_number: int = Field(ge=0)
    sequence: int = Field(ge=1)
    previous_state: CallState
    state: CallState
    reason: str
    currency: Literal["USD"] = "USD"
    margin_call_amount: Money
    requirement: Money
    equity: Money
    margin_excess: Money
    threshold: Money = Field(
        Decimal("0.00"), description="requirement up to this is not collected, so not in the amount"
    )
    minimum_transfer: Money = Field(Decimal("0.00"), description="a smaller deficit is not called")
    collateral_assignment_reason: str
    rulebook_id: str
    rulebook_version: str
    as_of_ns: TimeNs
    reminder_ns: TimeNs | None = Field(None, description="when a reminder is sent; null: none is due")
    deadline_ns: TimeNs | None = Field(None, description="by when the call must be met; null: no deadline")
    liquidation_ns: TimeNs | None = Field(
        None, description="from when positions may be closed out; null: only somebody decides that"
    )
    frozen: bool = Field(
        False, description="past due: only what reduces risk may be traded; binding calls only"
    )
    liquidation_eligible: bool = Field(False, description="positions may be closed out; binding calls only")
    response: ResponseTaken | None = Field(None, description="the answer that this event is about")
    response_offset: int = Field(-1, description="in margin.call-responses, last answer taken; -1 for none")
    inputs: InputOffsets
    quality: DataQuality
    worst_scenario: str = ""
    drivers: tuple[Driver, ...] = ()


class CallEvidence(Message):
    """``margin.call-evidence``: all that is needed to recompute the figure of an issued or changed call."""

    event_id: Identifier
    account_id: Identifier
    scope: str
    rulebook_id: str
    rulebook_version: str
    parameters: dict[str, object]
    valuation_time_ns: TimeNs
    instruments: tuple[dict[str, object], ...]
    prices: tuple[dict[str, object], ...]
    positions: tuple[dict[str, object], ...]
    cash: tuple[dict[str, object], ...]
    collateral: tuple[dict[str, object], ...]
    requirement: Money
    equity: Money
