"""``POST /api/calls/{call_id}/answers``: an operator's answer to a call, sent, waited for and said."""

from __future__ import annotations

import asyncio
import logging
from datetime import date
from typing import Final

import msgspec
from aiokafka.errors import KafkaError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from streams.contracts.cluster import TopicError
from streams.contracts.responses import AnswerKind, ExceptionKind
from streams.contracts.topics import TopicTable
from streams.desk.calls import Answer, response_to, send
from streams.web.board import Board
from streams.web.operators import Operators, RateLimit
from streams.web.settings import WebSettings

MOST_BYTES: Final = 8 * 1024
MOST_TEXT: Final = 1_000
_AT_ONCE: Final = 4
_FAILURES_A_MINUTE: Final = 10
_SAME_SITE: Final = frozenset({"", "same-origin", "none"})

log = logging.getLogger(__name__)


class AnswerRequest(BaseModel):
    """What is said to a call, or to an intraday deficit; who says it is known by the token."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: AnswerKind | ExceptionKind = Field(
        description="extraordinary and extend are said to an intraday deficit by its deficit_id, the reason as text"
    )
    text: str = Field("", max_length=MOST_TEXT, description="stands in the event")
    until: date | None = Field(None, description="of extend: the business day to whose close there is time")


class AnswerDesk:
    """Checks an answer and its sender before anything of it reaches Kafka."""

    def __init__(self, settings: WebSettings, board: Board) -> None:
        self._settings = settings
        self._board = board
        self._operators = Operators(settings.operator_tokens)
        self._answers = RateLimit(settings.answers_per_minute)
        self._failures = RateLimit(_FAILURES_A_MINUTE)
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    @property
    def open(self) -> bool:
        """Whether anybody may answer here."""
        return bool(self._operators)

    async def answer(self, request: Request, call_id: str) -> Response:
        """Check, send and wait; the event with 200, a refusal with 409, 202 if nobody said in time.

        Raises:
            HTTPException: 401, 403, 404, 413, 415, 422, 429, 503 with the reason.
        """
        _check_origin(request)
        operator = self._operator(request)
        said = await _body(request)
        account_id = self._board.calls.account_of(call_id) or self._board.account_of_deficit(call_id)
        if account_id is None:
            raise HTTPException(404, "No case has this call, no account this deficit now.")
        until = None if said.until is None else said.until.isoformat()
        self._answers.count(operator)
        response = response_to(account_id, call_id, said.kind, operator, said.text, until)
        try:
            async with self._at_once:
                topics = TopicTable(self._settings.topic_prefix)
                answer = await send(self._settings, topics, response, self._settings.answer_timeout_s)
        except (KafkaError, TopicError, OSError) as error:
            log.warning("answer %s was not sent: %s", response.response_id, type(error).__name__)
            raise HTTPException(
                503,
                "Kafka does not take the answer; look at the calls before sending it again.",
                {"retry-after": "5"},
            ) from None
        return _said(answer, response.response_id)

    def _operator(self, request: Request) -> str:
        """Who sends it, if he may and has not sent too much."""
        if not self.open:
            raise HTTPException(403, "Calls cannot be answered here: no MARGINMON_WEB_TOKENS_FILE is set.")
        sender = request.client.host if request.client else ""
        if self._failures.full(sender):
            raise HTTPException(429, "Too many wrong tokens.", {"retry-after": "60"})
        operator = self._operators.of(request.headers.get("authorization", ""))
        if operator is None:
            self._failures.count(sender)
            log.warning("an answer with a wrong token came from %s", sender)
            raise HTTPException(401, "No operator has this token.", {"www-authenticate": "Bearer"})
        if self._answers.full(operator):
            raise HTTPException(429, "Too many answers within a minute.", {"retry-after": "60"})
        return operator


def _check_origin(request: Request) -> None:
    """A page of another site must not answer calls, whatever it knows."""
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    site = request.headers.get("sec-fetch-site", "")
    if (origin is not None and origin != own) or site not in _SAME_SITE:
        raise HTTPException(403, "Answers are taken from this page and from programs, not from other sites.")


async def _body(request: Request) -> AnswerRequest:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "The answer must be application/json.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"The answer has more than {MOST_BYTES} bytes.")
    try:
        return AnswerRequest.model_validate_json(bytes(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise HTTPException(422, f"{where or 'body'}: {first['msg']}") from None


def _said(answer: Answer, response_id: str) -> Response:
    if answer.event is not None:
        return _json(200, {"event": answer.event.model_dump(mode="json")})
    if answer.refusal:
        return _json(409, {"error": answer.refusal, "response_id": response_id})
    why = "Sent, but no worker has said in time what became of it; follow the call."
    return _json(202, {"error": why, "response_id": response_id})


def _json(status: int, content: object) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
