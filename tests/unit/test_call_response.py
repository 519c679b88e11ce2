"""What becomes of answers to calls, as a table over every state and kind."""

from __future__ import annotations

import pytest

from engine.base.errors import Reason
from engine.shortfall.call import Decision
from engine.shortfall.call_response import Refusal, Response, ResponseKind, respond, taken
from engine.shortfall.case import OPEN, CallCase, CallReason, CallState

ACKNOWLEDGED, DISPUTED, CANCELLED = "acknowledged", "disputed", "cancelled"
ANSWERS = {
    ("issued", "acknowledge"): ACKNOWLEDGED,
    ("issued", "promise"): ACKNOWLEDGED,
    ("issued", "dispute"): DISPUTED,
    ("partly_met", "acknowledge"): ACKNOWLEDGED,
    ("partly_met", "promise"): ACKNOWLEDGED,
    ("partly_met", "dispute"): DISPUTED,
    ("disputed", "acknowledge"): ACKNOWLEDGED,
    ("disputed", "promise"): ACKNOWLEDGED,
    ("acknowledged", "dispute"): DISPUTED,
    **{(state.value, "cancel"): CANCELLED for state in OPEN},
}


def response(kind: str, offset: int = 7) -> Response:
    return Response("r", "A", "mc-1", ResponseKind(kind), "ops", 1, "", 0, offset)


@pytest.mark.parametrize("state", CallState)
@pytest.mark.parametrize("kind", ResponseKind)
def test_every_answer_in_every_state(state: CallState, kind: ResponseKind) -> None:
    result = respond(CallCase("A", "silo:futures", state, 1, 1, 200.0), response(kind))
    expected = ANSWERS.get((state.value, kind.value))
    if expected is None:
        assert isinstance(result, Refusal)
        assert result.reason is Reason.WRONG_CALL_STATE
        assert state.value in result.detail
    else:
        assert result == Decision(CallState(expected), 200.0, CallReason.OPERATOR)


def test_an_answer_that_comes_again_is_passed_over() -> None:
    case = CallCase("A", "silo:futures", CallState.ISSUED, 1, 1, 200.0)
    after = taken(case, response("acknowledge", 7))
    assert respond(after, response("dispute", 7)) is None
    assert respond(after, response("dispute", 6)) is None
    assert isinstance(respond(after, response("dispute", 8)), Decision)
