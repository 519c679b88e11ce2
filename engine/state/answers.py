"""Answers to calls, taken one by one: the case that an answer names moves, or the answer is refused with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.base.errors import Reason
from engine.shortfall.call import Cause, next_case
from engine.shortfall.call_response import Refusal, Response, respond, taken
from engine.shortfall.case import call_id
from engine.shortfall.intraday_account import is_deficit_id
from engine.shortfall.intraday_exception import grant
from engine.state.cases import Move
from engine.state.core import EngineCore
from engine.state.intraday_pass import IntradayMove


@dataclass(slots=True)
class Answered:
    """What became of answers: the moves of cases and of intraday deficits, the refused ones, and how many had been
    taken before."""

    moves: list[Move] = field(default_factory=list)
    intraday: list[IntradayMove] = field(default_factory=list)
    refused: list[tuple[Response, Refusal]] = field(default_factory=list)
    repeated: int = 0


def answer(engine: EngineCore, responses: Sequence[Response], now_ns: int) -> Answered:
    """Take answers in order, on the figures of the last evaluation."""
    answered = Answered()
    for response in responses:
        slot = _slot_of(engine, response)
        if isinstance(slot, Refusal):
            answered.refused.append((response, slot))
        elif is_deficit_id(response.call_id):
            _except(engine, response, now_ns, answered)
        else:
            _answer_call(engine, response, slot, now_ns, answered)
    return answered


def _slot_of(engine: EngineCore, response: Response) -> int | Refusal:
    """Slot of the account that the answer names."""
    slot = int(engine.slots_to_book([response.account_id])[0])
    if slot < 0:
        return Refusal(Reason.UNKNOWN_ACCOUNT, f"account {response.account_id} is not known")
    owner = int(engine.accounts.partition[slot])
    if owner != response.partition:
        return Refusal(
            Reason.KEY_MISMATCH, f"in partition {response.partition}, but its account belongs to {owner}"
        )
    return slot


def _answer_call(engine: EngineCore, response: Response, slot: int, now_ns: int, answered: Answered) -> None:
    for case in engine.cases.of(slot):
        if call_id(case) == response.call_id:
            _take(engine, response, slot, engine.cases.scope_index[case.scope], now_ns, answered)
            return
    detail = f"call {response.call_id} of account {response.account_id} is none of its present ones"
    answered.refused.append((response, Refusal(Reason.UNKNOWN_CALL, detail)))


def _except(engine: EngineCore, response: Response, now_ns: int, answered: Answered) -> None:
    """An exception for an intraday deficit. What waits to be looked at goes on waiting."""
    book, partition = engine.intraday, response.partition
    standing = book.standing(partition, response.account_id)
    if standing is None or book.rule is None:
        detail = f"account {response.account_id} has no intraday deficit: no transaction under the rule yet"
        answered.refused.append((response, Refusal(Reason.UNKNOWN_CALL, detail)))
        return
    granted = grant(standing, response, book.rule)
    if granted is None:
        answered.repeated += 1
    elif isinstance(granted, Refusal):
        answered.refused.append((response, granted))
    else:
        after, events = granted
        book.put(partition, after)
        answered.intraday += [
            IntradayMove(each, after, partition, now_ns, stale=False, response=response) for each in events
        ]


def _take(
    engine: EngineCore, response: Response, slot: int, scope: int, now_ns: int, answered: Answered
) -> None:
    case = engine.cases.case(slot, scope, engine.accounts.records[slot])
    decision = respond(case, response)
    if decision is None:
        answered.repeated += 1
        return
    if isinstance(decision, Refusal):
        answered.refused.append((response, decision))
        return
    one = np.array([slot], np.int64)
    version = engine.scope_version(scope)
    figures = engine.scope_figures(scope, one).of(0, version, Cause.MARKET)
    rule = engine.policy.call_rule(case.scope, bool(engine.accounts.portfolio_margin[slot]))
    after = taken(next_case(case, decision, rule, case.rulebook_version, now_ns), response)
    engine.cases.keep(slot, scope, after, now_ns)
    answered.moves.append(Move(slot, scope, case, after, decision, figures, response))
