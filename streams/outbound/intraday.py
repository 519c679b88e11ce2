"""Events of intraday margin deficits as records of ``margin.intraday-deficits``, and the state read back from one."""

from __future__ import annotations

from typing import Final

from engine.base.business_days import day_of
from engine.shortfall.call_response import Response
from engine.shortfall.intraday_account import (
    Deficit,
    DeficitState,
    FreezeViolation,
    IntradayAccount,
    IntradayReason,
)
from engine.shortfall.intraday_parameters import RULE_ID
from engine.shortfall.intraday_standing import Seen, Standing, Worst
from engine.state.intraday_pass import IntradayMove
from engine.state.statement import IntradayFigures
from streams.contracts.intraday import FreezeViolation as FreezeViolationRecord
from streams.contracts.intraday import (
    IntradayDeficit,
    IntradayEventRecord,
    IntradayOpenDeficit,
    IntradayStatement,
    IntradayToday,
)
from streams.contracts.responses import ExceptionGranted
from streams.contracts.topics import TopicTable
from streams.outbound.calls import Headers, Outgoing, event_headers
from streams.outbound.money import business_date, exact_cents

# They carry the state on and tell nothing new.
SILENT: Final = frozenset({IntradayReason.OBSERVED, IntradayReason.DAY_CLOSED})


def intraday_event(move: IntradayMove) -> IntradayEventRecord:
    """The event's body. Amounts are whole cents already."""
    event, standing = move.event, move.standing
    account = standing.account
    return IntradayEventRecord(
        event_id=event.event_id,
        deficit_id=event.deficit_id,
        account_id=event.account_id,
        sequence=event.sequence,
        reason=event.reason.value,
        business_date=business_date(event.day),
        deficit_date=business_date(event.deficit_day),
        amount=exact_cents(event.amount_usd),
        freeze_due_date=business_date(event.freeze_due_day),
        expires_date=business_date(event.expires_day),
        frozen_until=_date(event.frozen_until_day),
        account_frozen_until=_date(account.frozen_until_day),
        rulebook_id=RULE_ID,
        rulebook_version=event.parameters_version,
        as_of_ns=move.as_of_ns,
        stale=move.stale,
        partition=move.partition,
        trades_offset=standing.seen.trades_offset,
        collateral_offset=standing.seen.collateral_offset,
        closed_date=_date(account.closed_day),
        account_sequence=account.sequence,
        today=_today(standing),
        deficits=tuple(_deficit(each) for each in account.deficits),
        violations=tuple(_violation(each) for each in event.violations),
        freeze_violations=standing.violations,
        response=_granted(move.response),
        response_offset=standing.response_offset,
    )


def _today(standing: Standing) -> IntradayToday:
    worst = standing.worst
    return IntradayToday(
        business_date=business_date(standing.day),
        shortfall=None if worst is None else exact_cents(worst.shortfall_usd),
        equity=exact_cents(0.0 if worst is None else worst.equity_usd),
        exact=worst is None or worst.exact,
        decided_by="" if worst is None else worst.decided_by,
        net_deposits=exact_cents(standing.net_deposits_usd),
        extraordinary=standing.extraordinary,
    )


def _deficit(deficit: Deficit) -> IntradayDeficit:
    return IntradayDeficit(
        business_date=business_date(deficit.day),
        amount=exact_cents(deficit.amount_usd),
        counts=deficit.counts,
        level_at_close=exact_cents(deficit.level_at_close_usd),
        net_deposits=exact_cents(deficit.net_deposits_usd),
        state=deficit.state.value,
        late=deficit.late,
        frozen_until=_date(deficit.frozen_until_day),
        extended_until=_date(deficit.extended_until_day),
    )


def _violation(found: FreezeViolation) -> FreezeViolationRecord:
    return FreezeViolationRecord(
        kind=found.kind,
        topic="trades" if found.is_trade else "collateral",
        offset=found.offset,
        time_ns=found.time_ns,
        instrument_id=found.instrument_id,
        quantity=found.quantity,
        short_increase=exact_cents(found.short_increase_usd),
        debit_increase=exact_cents(found.debit_increase_usd),
    )


def _granted(response: Response | None) -> ExceptionGranted | None:
    if response is None:
        return None
    return ExceptionGranted(
        response_id=response.response_id, kind=response.kind.value, operator=response.operator,
        time_ns=response.time_ns, text=response.text, until=_date(response.until_day),
    )  # fmt: skip


def _date(day: int) -> str | None:
    return None if day < 0 else business_date(day)


def standing_of(event: IntradayEventRecord) -> Standing:
    """The standing that an event leaves behind."""
    account = IntradayAccount(
        event.account_id,
        _day(event.closed_date),
        event.account_sequence,
        tuple(
            Deficit(
                day_of(each.business_date),
                float(each.amount),
                each.counts,
                float(each.level_at_close),
                float(each.net_deposits),
                DeficitState(each.state),
                each.late,
                _day(each.frozen_until),
                _day(each.extended_until),
            )
            for each in event.deficits
        ),
    )
    today = event.today
    worst = None
    if today.shortfall is not None:
        worst = Worst(float(today.shortfall), float(today.equity), today.exact, today.decided_by)
    seen = Seen(event.trades_offset, event.collateral_offset)
    return Standing(
        account, day_of(today.business_date), worst, float(today.net_deposits), seen, today.extraordinary,
        event.freeze_violations, event.response_offset,
    )  # fmt: skip


def _day(date: str | None) -> int:
    return -1 if date is None else day_of(date)


def intraday_statement(figures: IntradayFigures) -> IntradayStatement:
    """The engine's figures in cents."""
    return IntradayStatement(
        deficit_today=exact_cents(figures.deficit_today_usd),
        open_deficits=figures.open_deficits,
        outstanding=exact_cents(figures.outstanding_usd),
        freeze_due_date=_date(figures.freeze_due_day),
        expires_date=_date(figures.expires_day),
        frozen=figures.frozen,
        frozen_until=_date(figures.frozen_until_day),
        freeze_violations=figures.freeze_violations,
        deficits=tuple(
            IntradayOpenDeficit(
                deficit_id=each.deficit_id,
                business_date=business_date(each.day),
                amount=exact_cents(each.amount_usd),
                state=each.state,
                counts=each.counts,
                late=each.late,
                extended_until=_date(each.extended_until_day),
            )
            for each in figures.deficits
        ),
    )


def intraday_record(move: IntradayMove, topics: TopicTable, source: str) -> Outgoing:
    """The record to publish."""
    event = intraday_event(move)
    return Outgoing(
        topics["intraday-deficits"].name,
        move.partition,
        event.account_id.encode(),
        event.model_dump_json().encode(),
        intraday_headers(event, source),
    )


def intraday_headers(event: IntradayEventRecord, source: str) -> Headers:
    """CloudEvents 1.0, Kafka binary mode."""
    kind = f"marginmon.intraday_deficit.{event.reason.lower()}"
    return event_headers(event.event_id, kind, event.as_of_ns, event.account_id, source)
