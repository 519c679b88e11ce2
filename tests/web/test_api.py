"""Routes and headers: every answer carries the policy, bad input is named, nothing is inline."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import httpx
import msgspec
import pytest
from aiohttp import web as aiohttp_web

from streams.contracts.connection import is_loopback
from streams.contracts.results import RequirementStatement
from streams.web.app import STATIC, create_app
from streams.web.board import pack
from streams.web.drill_down import DrillDown, DrillDownError
from streams.web.hub import FullError, Hub
from streams.web.security import CONTENT_SECURITY_POLICY, HEADERS
from streams.web.service import WebService, now_ms
from streams.web.settings import WebSettings
from tests.web.live_book import LiveBook, worker_pages

SETTINGS = WebSettings(bootstrap="127.0.0.1:1", worker_timeout_s=0.5, max_clients=2, allowed_hosts=("page",))
TEMPLATES = STATIC.parent / "templates"


@pytest.fixture(scope="module")
def book() -> LiveBook:
    book = LiveBook(12)
    book.events = book.step()  # type: ignore[attr-defined]
    return book


def give(service: WebService, statement: RequirementStatement) -> None:
    service.board.take_statement(statement, pack(statement.model_dump_json().encode()), now_ms())


@pytest.fixture
async def service(book: LiveBook) -> AsyncIterator[WebService]:
    service = WebService(SETTINGS)
    async with service.running(), worker_pages(book) as pages:
        for statement in book.statements(pages.address):
            give(service, statement)
        for event in book.events:  # type: ignore[attr-defined]
            service.board.take_call(event, is_case=False)
        yield service


@pytest.fixture
async def client(service: WebService) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(SETTINGS, service), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


ROUTES = [
    ("/", 200),
    ("/accounts/ACC-0001", 200),
    ("/api/overview", 200),
    ("/api/accounts", 200),
    ("/api/accounts/ACC-0001", 200),
    ("/api/accounts/NOBODY", 404),
    ("/api/accounts?sort=owner", 400),
    ("/api/calls", 200),
    ("/healthz", 200),
    ("/static/js/overview.js", 200),
    ("/static/js/nothing.js", 404),
    ("/static/../settings.py", 404),
    ("/nothing", 404),
]


@pytest.mark.parametrize(("path", "status"), ROUTES)
async def test_every_answer_carries_the_security_headers(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await client.get(path)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "server" not in answer.headers


def test_the_policy_allows_only_the_page_itself() -> None:
    policy = dict(part.split(" ", 1) for part in CONTENT_SECURITY_POLICY.split("; "))
    assert policy.pop("img-src") == "'self' data:"
    assert {name for name, value in policy.items() if value == "'none'"} == {
        *("default-src", "frame-ancestors", "base-uri", "form-action"),
    }
    assert {name for name, value in policy.items() if value == "'self'"} == {
        *("script-src", "style-src", "connect-src", "font-src"),
    }


async def test_the_event_stream_carries_the_headers_and_the_newest_state(
    service: WebService, client: httpx.AsyncClient
) -> None:
    service.hub.close()  # the transport gathers the whole answer: a closed hub ends it
    answer = await client.get("/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


async def test_a_foreign_host_name_is_refused(client: httpx.AsyncClient) -> None:
    for host, status in [("evil.example", 400), ("page", 200), ("localhost:8080", 200), ("[::1]:8080", 200)]:
        answer = await client.get("/api/overview", headers={"host": host})
        assert answer.status_code == status, host
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


def test_pages_have_nothing_inline_and_nothing_foreign() -> None:
    files = [*TEMPLATES.glob("*.html"), *STATIC.rglob("*.*")]
    assert len(files) > 15
    for path in files:
        text = path.read_text()
        addresses = re.sub(r"http://www\.w3\.org/2000/svg", "", text)
        assert not re.search(r"https?://|//cdn", addresses), path
        if path.suffix == ".html":
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), path
            assert all("src=" in script for script in re.findall("<script[^>]*>", text)), path
        if path.suffix == ".js":
            assert not re.search(
                r"innerHTML|insertAdjacentHTML|eval\(|new Function|\.style\b|document\.write", text
            ), path


async def test_an_account_name_cannot_break_out_of_the_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/accounts/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    answer = answer if answer.status_code == 200 else await client.get("/accounts/%3Cscript%3Ealert(1)")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text


async def test_the_overview_and_the_table_agree(client: httpx.AsyncClient, book: LiveBook) -> None:
    seen = (await client.get("/api/overview")).json()
    table = (await client.get("/api/accounts", params={"sort": "gap", "limit": 500})).json()
    assert seen["totals"]["accounts"] == table["matching"] == len(book.ids)
    cents = sum(round(float(row["gap"]) * 100) for row in table["rows"])
    assert cents == round(float(seen["totals"]["gap"]) * 100)
    found = (await client.get("/api/accounts", params={"q": "acc-0003"})).json()
    assert [row["account_id"] for row in found["rows"]] == ["ACC-0003"]


async def test_calls_come_newest_first_and_by_account(client: httpx.AsyncClient) -> None:
    rows = (await client.get("/api/calls", params={"limit": 5})).json()
    assert len(rows) == 5
    times = [row["as_of_ns"] for row in rows]
    assert times == sorted(times, reverse=True)
    own = (await client.get("/api/calls", params={"account": rows[0]["account_id"]})).json()
    assert {row["account_id"] for row in own} == {rows[0]["account_id"]}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/accounts?sort=owner", "deficit, utilisation, gap"),
        ("/api/accounts?limit=0", "limit='0' is no whole number from 1 to 500"),
        ("/api/accounts?limit=9999999999999999999999", "from 1 to 500"),
        ("/api/accounts?limit=%C2%B2", "from 1 to 500"),
        ("/api/accounts?q=" + "x" * 65, "at most 64"),
        ("/api/calls?limit=-1", "from 1 to 5000"),
        ("/events?sort=x", "is none of"),
    ],
)
async def test_a_bad_parameter_is_named_with_what_it_may_be(
    client: httpx.AsyncClient, path: str, said: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


async def test_an_account_comes_with_the_workers_explanation(client: httpx.AsyncClient) -> None:
    seen = (await client.get("/api/accounts/ACC-0005")).json()
    assert seen["explanation_error"] is None
    explained = seen["explained"]["explanation"]
    assert {tree["silo"] for tree in explained["silos"]} == {"securities", "futures", "digital_assets"}
    assert explained["contributions"]
    assert explained["scenario_losses"]
    told, explained_as = seen["statement"]["unified"]["requirement"], explained["unified"]["maintenance"]
    assert 0 <= Decimal(told) - Decimal(explained_as) <= Decimal("0.01")  # up against nearest
    assert seen["waterfall"][-1]["amount"] == seen["statement"]["unified"]["requirement"]


async def test_a_worker_that_is_gone_leaves_the_statement_and_says_so(
    service: WebService, client: httpx.AsyncClient, book: LiveBook
) -> None:
    async with worker_pages(book) as gone:
        address = gone.address
    service.board.remove("ACC-0002")
    give(service, book.statements(address, ["ACC-0002"])[0])
    seen = (await client.get("/api/accounts/ACC-0002")).json()
    assert seen["statement"]["account_id"] == "ACC-0002"
    assert seen["explained"] is None
    assert f"Worker {address} is gone" in seen["explanation_error"]


@pytest.mark.parametrize(
    ("served_by", "said"),
    [
        ("http://10.1.2.3:80", "add it to MARGINMON_WEB_WORKERS"),
        ("http://worker.example:80", "add it to MARGINMON_WEB_WORKERS"),
        ("https://127.0.0.1:80", "no usable worker address"),
        ("file:///etc/passwd", "no usable worker address"),
        ("http://user@127.0.0.1:80", "no usable worker address"),
        ("http://127.0.0.1:99999", "no usable worker address"),
        ("", "no usable worker address"),
    ],
)
async def test_only_allowed_addresses_are_asked(served_by: str, said: str) -> None:
    drill_down = DrillDown(SETTINGS)
    try:
        with pytest.raises(DrillDownError, match=re.escape(said)):
            await drill_down.explain(served_by, "A")
    finally:
        await drill_down.close()


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 200, "no JSON object"),
        (b"[1]", 200, "no JSON object"),
        (b"{}", 200, "without an explanation"),
        (b"{}", 302, "status 302"),
        (b"{}", 500, "status 500"),
        (b"{}", 503, "still taking its partitions over"),
        (b"{}", 404, "does not hold account A/../B any more"),
        (None, 200, "did not answer within 0.5 s"),
    ],
)
async def test_a_wrong_answer_of_a_worker_is_named(body: bytes | None, status: int, said: str) -> None:
    asked = []
    never = asyncio.Event()

    async def answer(request: aiohttp_web.Request) -> aiohttp_web.Response:
        asked.append(request.match_info["account_id"])
        if body is None:
            await never.wait()
        return aiohttp_web.Response(body=body, status=status, headers={"location": "http://127.0.0.1:1/"})

    application = aiohttp_web.Application()
    application.add_routes([aiohttp_web.get("/accounts/{account_id}", answer)])
    runner = aiohttp_web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await aiohttp_web.TCPSite(runner, "127.0.0.1", 0).start()
    drill_down = DrillDown(SETTINGS)
    try:
        with pytest.raises(DrillDownError, match=re.escape(said)):
            await drill_down.explain(f"http://127.0.0.1:{runner.addresses[0][1]}", "A/../B")
        assert asked == ["A/../B"]
    finally:
        never.set()
        await drill_down.close()
        await runner.cleanup()


async def test_clients_are_limited_and_a_slow_one_skips_to_the_newest_state() -> None:
    hub = Hub(max_clients=1, interval_s=0.01)
    state = 0
    stream = hub.stream(lambda: state, lambda: iter([("state", str(state))]))
    first = await anext(stream)
    with pytest.raises(FullError, match="MARGINMON_WEB_MAX_CLIENTS"):
        hub.admit()
    state = 50  # many changes while the client does not read
    second = await anext(stream)
    assert (first.data, second.data) == ("0", "50")
    hub.close()
    assert [event async for event in stream] == []
    hub.admit()
    assert hub.clients == 0


async def test_a_view_is_rendered_once_for_all_who_look_at_it() -> None:
    hub, made = Hub(max_clients=9, interval_s=60), []

    def make() -> list[int]:
        made.append(1)
        return made

    assert hub.render("key", 1, make) == hub.render("key", 1, make) == "[1]"
    assert msgspec.json.decode(hub.render("key", 2, make)) == [1, 1]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *[("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True)],
        *[("10.0.0.1", False), ("localhost.example", False), ("0.0.0.0", False), ("", False)],
    ],
)
def test_what_counts_as_this_machine(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_settings_come_from_the_environment_and_options_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("MARGINMON_WEB_WORKERS", "w1, w2")
    monkeypatch.setenv("MARGINMON_WEB_PORT", "0")
    settings = WebSettings.from_options(bootstrap=None, host=None, port=None)
    assert (settings.bootstrap, settings.workers, settings.port, settings.host) == (
        "127.0.0.1:1", ("w1", "w2"), 0, "127.0.0.1",
    )  # fmt: skip
    assert settings.may_ask("w2")
    monkeypatch.setenv("MARGINMON_BOOTSTRAP", "localhost:2")
    assert WebSettings().bootstrap == "localhost:2"
    assert WebSettings.from_options(bootstrap="[::1]:3").bootstrap == "[::1]:3"


def pairs_of_tokens() -> list[tuple[str, str]]:
    """Text on its ground, as the style sheets combine them."""
    grounds = ("ground", "panel", "raised")
    texts = ("text", "muted", "silo", "unified", "freed", "danger", "warning", "good", "added")
    tags = [(name, f"{name}-ground") for name in ("danger", "warning", "good", "silo", "unified")]
    return [(text, ground) for text in texts for ground in grounds] + tags


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), pairs_of_tokens())
def test_every_text_has_the_contrast_of_wcag_aa(theme: int, text: str, ground: str) -> None:
    sheet = Path(STATIC / "css" / "base.css").read_text()
    found = dict(re.findall(r"--([a-z-]+): light-dark\(([^)]+)\)", sheet))
    first, second = (luminance(found[name].split(", ")[theme]) for name in (text, ground))
    assert (max(first, second) + 0.05) / (min(first, second) + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, WCAG 2.2."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
