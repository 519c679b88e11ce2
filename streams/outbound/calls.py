"""Call transitions as records of ``margin.calls``, ``margin.call-cases`` and ``margin.call-evidence``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from engine.base.units import NANOSECONDS_PER_SECOND, cents_down, cents_up
from engine.shortfall.call_response import Response
from engine.shortfall.case import PAST_DUE, CallCase, CallState
from engine.state.transition import Transition
from streams.contracts.responses import ResponseTaken
from streams.contracts.results import CallEvent, CallEvidence, Driver
from streams.contracts.topics import TopicTable, case_key
from streams.outbound.money import data_quality, input_offsets

Headers = tuple[tuple[str, bytes], ...]

# FIX CollAsgnReason (895): 0 initial, 2 time warning, 3 margin deficiency, 4 margin excess.
_ASSIGNMENT_REASON: Final = {
    CallState.WARNING: "2",
    CallState.MET: "4",
    CallState.CLEAR: "4",
    CallState.CANCELLED: "4",
}
_DEFICIENCY: Final = "3"


class Outgoing(NamedTuple):
    """One record to publish."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: Headers = ()


def call_event(transition: Transition) -> CallEvent:
    """The event's body; amounts to call and requirements round up, equity and excess down."""
    requirement, equity = cents_up(transition.requirement_usd), cents_down(transition.equity_usd)
    state = CallState(transition.state)
    return CallEvent(
        event_id=transition.event_id,
        call_id=transition.call_id,
        account_id=transition.account_id,
        scope=transition.scope,
        binding=transition.binding,
        case_number=transition.case_number,
        sequence=transition.sequence,
        previous_state=transition.previous_state,
        state=transition.state,
        reason=transition.reason,
        margin_call_amount=cents_up(transition.amount_usd),
        requirement=requirement,
        equity=equity,
        margin_excess=equity - requirement,
        threshold=cents_down(transition.threshold_usd),
        minimum_transfer=cents_down(transition.minimum_transfer_usd),
        collateral_assignment_reason=_ASSIGNMENT_REASON.get(state, _DEFICIENCY),
        rulebook_id=transition.rulebook,
        rulebook_version=transition.rulebook_version,
        as_of_ns=transition.as_of_ns,
        reminder_ns=transition.reminder_ns or None,
        deadline_ns=transition.deadline_ns or None,
        liquidation_ns=transition.liquidation_ns or None,
        frozen=transition.binding and state in PAST_DUE,
        liquidation_eligible=transition.binding and state is CallState.LIQUIDATION_ELIGIBLE,
        response=_response(transition.response),
        response_offset=transition.response_offset,
        inputs=input_offsets(transition.inputs),
        quality=data_quality(transition.quality),
        worst_scenario=transition.worst_scenario,
        drivers=tuple(
            Driver(instrument_id=d.instrument_id, quantity=d.quantity, loss=cents_up(d.loss_usd))
            for d in transition.drivers
        ),
    )


def _response(response: Response | None) -> ResponseTaken | None:
    if response is None:
        return None
    return ResponseTaken(
        response_id=response.response_id, kind=response.kind.value, operator=response.operator,
        time_ns=response.time_ns, text=response.text,
    )  # fmt: skip


# Of evidence: what the account's figures rest on beside rulebooks and prices.
OF_ACCOUNT_AND_FIRM: Final = (
    "rate", "collateral_schedule", "issuer", "settlement_currency", "type", "approvals", "past_charges_usd",
)  # fmt: skip


def call_evidence(
    transition: Transition, evidence: Mapping[str, Any], parameters: Mapping[str, Any]
) -> CallEvidence:
    """The evidence record of an issued or changed call."""
    return CallEvidence(
        event_id=transition.event_id,
        account_id=transition.account_id,
        scope=transition.scope,
        rulebook_id=transition.rulebook,
        rulebook_version=transition.rulebook_version,
        parameters={**parameters} | {name: evidence[name] for name in OF_ACCOUNT_AND_FIRM},
        valuation_time_ns=evidence["valuation_time_ns"],
        instruments=tuple(evidence["instruments"]),
        prices=tuple(evidence["prices"]),
        positions=tuple(evidence["positions"]),
        cash=tuple(evidence["cash"]),
        collateral=tuple(evidence["collateral"]),
        requirement=cents_up(transition.requirement_usd),
        equity=cents_down(transition.equity_usd),
    )


def cloudevents_headers(event: CallEvent, source: str) -> Headers:
    """CloudEvents 1.0, Kafka binary mode."""
    kind = f"marginmon.call.{event.state}"
    return event_headers(event.event_id, kind, event.as_of_ns, event.account_id, source)


def event_headers(event_id: str, kind: str, as_of_ns: int, subject: str, source: str) -> Headers:
    """CloudEvents 1.0, Kafka binary mode, of any event."""
    time = datetime.fromtimestamp(as_of_ns / NANOSECONDS_PER_SECOND, UTC)
    fields = {
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_source": source,
        "ce_type": kind,
        "ce_time": time.isoformat().replace("+00:00", "Z"),
        "ce_subject": subject,
        "content-type": "application/json",
    }
    return tuple((name, value.encode()) for name, value in fields.items())


def records_of(
    transition: Transition, topics: TopicTable, source: str, parameters: Mapping[str, Any]
) -> list[Outgoing]:
    """What one transition publishes in one transaction: event, case, and evidence if it has any."""
    event = call_event(transition)
    body = event.model_dump_json().encode()
    partition = transition.inputs.partition
    account = event.account_id.encode()
    records = [
        Outgoing(topics["calls"].name, partition, account, body, cloudevents_headers(event, source)),
        Outgoing(topics["call-cases"].name, partition, case_key(event.account_id, event.scope), body),
    ]
    if transition.evidence is not None:
        evidence = call_evidence(transition, transition.evidence, parameters).model_dump_json().encode()
        records.append(Outgoing(topics["call-evidence"].name, partition, event.event_id.encode(), evidence))
    return records


def case_of(event: CallEvent) -> CallCase:
    """The case that an event leaves behind.

    The amount comes back in cents, rounded up: a later rise is measured from what was said.
    """
    return CallCase(
        event.account_id,
        event.scope,
        CallState(event.state),
        event.case_number,
        event.sequence,
        float(event.margin_call_amount),
        event.rulebook_version,
        event.reminder_ns or 0,
        event.deadline_ns or 0,
        event.liquidation_ns or 0,
        event.response_offset,
    )
