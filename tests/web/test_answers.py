"""Who may answer calls over HTTP, and what is refused before anything of it reaches Kafka."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from streams.contracts.intraday import IntradayOpenDeficit, IntradayStatement
from streams.web.answers import MOST_BYTES
from streams.web.app import create_app
from streams.web.operators import Operators, RateLimit, read_tokens
from streams.web.service import WebService
from streams.web.settings import WebSettings
from tests.web.live_book import LiveBook

TOKEN = "alice-token-0123456789-abcdef"
OWN = "http://127.0.0.1"
GOOD = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
ACKNOWLEDGE = json.dumps({"kind": "acknowledge", "text": "wire sent"})


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"# who may answer\nalice {TOKEN}\n\nbob bob-token-0123456789-abcdef\n")
    return WebSettings(bootstrap="127.0.0.1:1", tokens_file=tokens, answers_per_minute=3)


@pytest.fixture
def service(settings: WebSettings) -> WebService:
    return WebService(settings)


@pytest.fixture
def call_id(service: WebService) -> str:
    """A call of a real engine, as the board knows it."""
    [event, *_] = LiveBook(12).step()
    service.board.take_call(event, is_case=True)
    return event.call_id


@pytest.fixture
async def client(settings: WebSettings, service: WebService) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(settings, service))
    async with httpx.AsyncClient(transport=transport, base_url=OWN) as client:
        yield client


REFUSED: dict[str, tuple[int, dict[str, str], Any]] = {
    "no token": (401, {"content-type": "application/json"}, ACKNOWLEDGE),
    "a wrong token": (401, GOOD | {"authorization": "Bearer nobody"}, ACKNOWLEDGE),
    "a token of other characters": (401, GOOD | {"authorization": "Bearer \u00fc"}, ACKNOWLEDGE),
    "another scheme": (401, GOOD | {"authorization": f"Basic {TOKEN}"}, ACKNOWLEDGE),
    "another site": (403, GOOD | {"origin": "http://evil.example"}, ACKNOWLEDGE),
    "another port": (403, GOOD | {"origin": "http://127.0.0.1:81"}, ACKNOWLEDGE),
    "a hidden origin": (403, GOOD | {"origin": "null"}, ACKNOWLEDGE),
    "sent by a browser from elsewhere": (403, GOOD | {"sec-fetch-site": "cross-site"}, ACKNOWLEDGE),
    "a form": (415, GOOD | {"content-type": "text/plain"}, ACKNOWLEDGE),
    "too long": (413, GOOD, " " * (MOST_BYTES + 1)),
    "no JSON": (422, GOOD, "{"),
    "an unknown kind": (422, GOOD, '{"kind": "pay"}'),
    "an operator of its own": (422, GOOD, '{"kind": "dispute", "operator": "bob"}'),
    "too much text": (422, GOOD, json.dumps({"kind": "dispute", "text": "x" * 1001})),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused_with_a_reason_and_without_the_token(
    client: httpx.AsyncClient, call_id: str, name: str
) -> None:
    status, headers, body = REFUSED[name]
    raw = [(key.encode(), value.encode("utf-8")) for key, value in headers.items()]
    answer = await client.post(f"/api/calls/{call_id}/answers", headers=raw, content=body)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert TOKEN not in answer.text
    assert answer.headers["content-security-policy"]


EXTEND = json.dumps({"kind": "extend", "text": "wire delayed", "until": "2026-10-02"})


async def test_an_exception_goes_to_the_account_whose_statement_names_the_deficit(
    client: httpx.AsyncClient, service: WebService
) -> None:
    book = LiveBook(12)
    book.step()
    (statement,) = book.statements("http://127.0.0.1:1", ["ACC-0001"])
    deficit = IntradayOpenDeficit(
        deficit_id="im-1", business_date="2026-09-21", amount=Decimal("1250.00"), state="outstanding", counts=True,
        late=False, extended_until=None,
    )  # fmt: skip
    figures = IntradayStatement(
        deficit_today=Decimal(0), open_deficits=1, outstanding=Decimal("1250.00"), freeze_due_date="2026-09-28",
        expires_date="2026-10-12", frozen=False, frozen_until=None, deficits=(deficit,),
    )  # fmt: skip
    service.board.take_statement(statement.model_copy(update={"intraday": figures}), b"", 1)
    assert service.board.account_of_deficit("im-1") == "ACC-0001"
    answer = await client.post("/api/calls/im-1/answers", headers=GOOD, content=EXTEND)
    assert answer.status_code == 503  # it would have been sent: none listens there
    wrong = json.dumps({"kind": "extend", "text": "wire delayed", "until": "soon"})
    assert (await client.post("/api/calls/im-1/answers", headers=GOOD, content=wrong)).status_code == 422
    service.board.take_statement(statement, b"", 2)  # which names it no more
    answer = await client.post("/api/calls/im-1/answers", headers=GOOD, content=EXTEND)
    assert answer.status_code == 404


async def test_an_unknown_call_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/calls/mc-none/answers", headers=GOOD, content=ACKNOWLEDGE)
    assert answer.status_code == 404


async def test_what_passes_the_checks_goes_to_kafka(client: httpx.AsyncClient, call_id: str) -> None:
    headers = GOOD | {"origin": OWN, "sec-fetch-site": "same-origin"}
    answer = await client.post(f"/api/calls/{call_id}/answers", headers=headers, content=ACKNOWLEDGE)
    assert answer.status_code == 503  # none listens there
    assert "Kafka" in answer.json()["error"]


async def test_answers_and_wrong_tokens_are_limited(client: httpx.AsyncClient, call_id: str) -> None:
    path = f"/api/calls/{call_id}/answers"
    statuses = [(await client.post(path, headers=GOOD, content=ACKNOWLEDGE)).status_code for _ in range(4)]
    assert statuses == [503, 503, 503, 429]
    wrong = GOOD | {"authorization": "Bearer guess"}
    guesses = [(await client.post(path, headers=wrong, content=ACKNOWLEDGE)).status_code for _ in range(11)]
    assert guesses == [401] * 10 + [429]


async def test_without_tokens_nobody_answers(call_id: str) -> None:
    bare = WebSettings(bootstrap="127.0.0.1:1")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(bare, WebService(bare))), base_url=OWN
    ) as client:
        answer = await client.post(f"/api/calls/{call_id}/answers", headers=GOOD, content=ACKNOWLEDGE)
        assert answer.status_code == 403
        assert "answer-panel" not in (await client.get("/accounts/ACC-0001")).text


async def test_nothing_else_writes(client: httpx.AsyncClient) -> None:
    for path in ("/", "/api/overview", "/api/accounts", "/api/calls", "/events", "/healthz"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (await client.request(method, path, headers=GOOD)).status_code == 405


BAD_TOKENS = {
    "too short": "alice short\n",
    "three words": f"alice {TOKEN} more\n",
    "no operator": f"{TOKEN}\n",
    "not ASCII": "alice " + "ü" * 30 + "\n",
    "an operator twice": f"alice {TOKEN}\nalice {TOKEN}x\n",
    "a token twice": f"alice {TOKEN}\nbob {TOKEN}\n",
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_bad_token_files_are_refused_without_showing_them(tmp_path: Path, name: str) -> None:
    path = tmp_path / "tokens"
    path.write_text(BAD_TOKENS[name])
    with pytest.raises(ValidationError, match=r"tokens line \d") as caught:
        WebSettings(bootstrap="127.0.0.1:1", tokens_file=path)
    assert TOKEN not in str(caught.value)


def test_each_operator_has_a_token(settings: WebSettings) -> None:
    operators = Operators(read_tokens(settings.tokens_file or Path()))
    assert operators.of(f"bearer {TOKEN}") == "alice"
    assert operators.of("Bearer bob-token-0123456789-abcdef") == "bob"
    assert operators.of("Bearer ") is None
    assert operators.of("") is None


def test_the_rate_is_by_minute_and_quiet_names_are_forgotten() -> None:
    now_s = [0.0]
    limit = RateLimit(2, lambda: now_s[0])
    for _ in range(2):
        assert not limit.full("a")
        limit.count("a")
    assert limit.full("a")
    assert not limit.full("b")
    now_s[0] = 61.0
    assert not limit.full("a")
    assert limit._seen == {}
