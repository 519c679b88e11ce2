"""Margin call events: the newest ones in order, and where every case stands."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from typing import Final

import msgspec

from engine.base.units import NANOSECONDS_PER_MILLISECOND
from engine.shortfall.case import OPEN, CallState
from streams.contracts.results import CallEvent

OPEN_STATES: Final = frozenset(state.value for state in OPEN)
IN_CALL, WARNING, CLEAR = "in_call", "warning", "clear"


class CallRow(msgspec.Struct, frozen=True):
    """One transition as the page shows it; amounts are decimal strings in USD, ``due_ms`` is None where none is due."""

    as_of_ns: int
    event_id: str
    call_id: str
    account_id: str
    scope: str
    binding: bool
    case_number: int
    sequence: int
    previous_state: str
    state: str
    reason: str
    amount: str
    requirement: str
    equity: str
    rulebook: str
    worst_scenario: str
    stale: bool
    time_ms: int
    due_ms: int | None


def call_row(event: CallEvent) -> CallRow:
    """What is kept of an event."""
    return CallRow(
        as_of_ns=event.as_of_ns,
        event_id=event.event_id,
        call_id=event.call_id,
        account_id=event.account_id,
        scope=event.scope,
        binding=event.binding,
        case_number=event.case_number,
        sequence=event.sequence,
        previous_state=event.previous_state,
        state=event.state,
        reason=event.reason,
        amount=str(event.margin_call_amount),
        requirement=str(event.requirement),
        equity=str(event.equity),
        rulebook=f"{event.rulebook_id} {event.rulebook_version}",
        worst_scenario=event.worst_scenario,
        stale=event.quality.stale,
        time_ms=event.as_of_ns // NANOSECONDS_PER_MILLISECOND,
        due_ms=None if event.deadline_ns is None else event.deadline_ns // NANOSECONDS_PER_MILLISECOND,
    )


class CallBook:
    """Takes events in any order, any number of times; an event counts once, by its id.

    ``limit`` bounds the list of events; cases are as many as accounts and scopes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ordered: list[tuple[int, str]] = []
        self._events: dict[str, CallRow] = {}
        self._cases: dict[str, dict[str, CallRow]] = {}
        self._accounts: dict[str, str] = {}  # of the call that each case has now
        self._standings: Counter[str] = Counter()
        self._by_state: dict[str, Counter[str]] = {"binding": Counter(), "shadow": Counter()}

    def take_event(self, row: CallRow) -> None:
        """An event of the call topic."""
        self.take_case(row)
        if row.event_id in self._events:
            return
        insort(self._ordered, (row.as_of_ns, row.event_id))
        self._events[row.event_id] = row
        if len(self._ordered) > self._limit:
            _, oldest = self._ordered.pop(0)
            del self._events[oldest]

    def take_case(self, row: CallRow) -> None:
        """The last event of a case; an older one than known changes nothing."""
        cases = self._cases.setdefault(row.account_id, {})
        known = cases.get(row.scope)
        if known is not None and row.sequence <= known.sequence:
            return
        before = self.standing(row.account_id)
        cases[row.scope] = row
        if known is not None:
            self._accounts.pop(known.call_id, None)
        self._accounts[row.call_id] = row.account_id
        if known is not None:
            self._by_state[_kind(known)][known.state] -= 1
        self._by_state[_kind(row)][row.state] += 1
        self._standings[before] -= 1
        self._standings[self.standing(row.account_id)] += 1

    def newest(self, number: int, account_id: str | None = None) -> list[CallRow]:
        """Newest first; of one account if named."""
        chosen: list[CallRow] = []
        for _, event_id in reversed(self._ordered):
            row = self._events[event_id]
            if account_id is None or row.account_id == account_id:
                chosen.append(row)
                if len(chosen) >= number:
                    break
        return chosen

    def cases_of(self, account_id: str) -> list[CallRow]:
        """Last event of each case of an account, binding ones first."""
        cases = self._cases.get(account_id, {}).values()
        return sorted(cases, key=lambda row: (not row.binding, row.scope))

    def account_of(self, call_id: str) -> str | None:
        """The account whose case has this call now."""
        return self._accounts.get(call_id)

    def standing(self, account_id: str) -> str:
        """``in_call``, ``warning`` or ``clear`` by the account's binding cases."""
        states = {row.state for row in self._cases.get(account_id, {}).values() if row.binding}
        if states & OPEN_STATES:
            return IN_CALL
        return WARNING if CallState.WARNING in states else CLEAR

    def number(self, standing: str) -> int:
        """Number of accounts in call or in warning."""
        return self._standings[standing]

    def by_state(self) -> dict[str, dict[str, int]]:
        """Number of cases by state other than clear; ``binding`` and ``shadow`` apart."""
        return {
            kind: {state: number for state, number in counter.items() if number and state != CallState.CLEAR}
            for kind, counter in self._by_state.items()
        }


def _kind(row: CallRow) -> str:
    return "binding" if row.binding else "shadow"
