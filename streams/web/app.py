"""Routes of the live page: two pages, a small JSON API, one event stream."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from streams.web.drill_down import DrillDownError
from streams.web.hub import FullError
from streams.web.openapi import document
from streams.web.security import SecurityHeaders
from streams.web.service import WebService
from streams.web.settings import WebSettings
from streams.web.views import SORTS, Selection

STATIC: Final = Path(__file__).with_name("static")
_MAX_QUERY: Final = 64
_MAX_ROWS: Final = 500
_SEND_TIMEOUT_S: Final = 15.0

_templates = Environment(
    loader=PackageLoader("streams.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def create_app(settings: WebSettings, service: WebService | None = None) -> Starlette:
    """The application; it follows Kafka while its lifespan runs."""
    served = service or WebService(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with served.running():
            yield

    app = Starlette(
        routes=[
            Route("/", overview_page),
            Route("/accounts/{account_id}", account_page),
            Route("/api/overview", api_overview),
            Route("/api/accounts", api_accounts),
            Route("/api/accounts/{account_id}", api_account),
            Route("/api/calls", api_calls),
            Route("/api/calls/{call_id}/answers", api_answer, methods=["POST"]),
            Route("/api/openapi.json", api_document),
            Route("/events", events),
            Route("/healthz", healthz),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=settings.served_names(), www_redirect=False),
            Middleware(GZipMiddleware, minimum_size=2048),
        ],
        exception_handlers={HTTPException: say_error, DrillDownError: say_drill_down_error},
        lifespan=lifespan,
    )
    app.state.service = served
    return app


def service_of(request: Request) -> WebService:
    """The service behind the routes."""
    service: WebService = request.app.state.service
    return service


def as_json(content: Any, status: int = 200) -> Response:
    """JSON of structures, dicts and lists."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


async def overview_page(request: Request) -> Response:
    """All accounts at a glance."""
    return HTMLResponse(_templates.get_template("overview.html").render())


async def account_page(request: Request) -> Response:
    """One account and its explanation."""
    template = _templates.get_template("account.html")
    page = template.render(
        account_id=request.path_params["account_id"], may_answer=service_of(request).answers.open
    )
    return HTMLResponse(page)


async def api_overview(request: Request) -> Response:
    """Totals, waterfall, worst accounts, newest calls."""
    return as_json(service_of(request).overview(selection_of(request)))


async def api_accounts(request: Request) -> Response:
    """The accounts table: ``sort`` (deficit, utilisation, gap), ``q`` (part of id, owner or desk), ``limit``."""
    return as_json(service_of(request).accounts(selection_of(request)))


async def api_account(request: Request) -> Response:
    """One account with its explanation; ``explanation_error`` says why there is none."""
    service, account_id = service_of(request), request.path_params["account_id"]
    view = service.account(account_id)
    if view.statement is None and not view.calls and not view.cases:
        raise HTTPException(404, f"No statement of account {account_id} has been seen.")
    answer = msgspec.structs.asdict(view) | {"explained": None, "explanation_error": None}
    try:
        answer["explained"] = await service.explanation(account_id)
    except DrillDownError as error:
        answer["explanation_error"] = str(error)
    return as_json(answer)


async def api_calls(request: Request) -> Response:
    """The newest call events, newest first; ``limit``, ``account``."""
    limit = number_of(request, "limit", 100, 5_000)
    return as_json(service_of(request).board.calls.newest(limit, request.query_params.get("account")))


async def api_answer(request: Request) -> Response:
    """Answer a call; docs/security.md says who may."""
    return await service_of(request).answers.answer(request, request.path_params["call_id"])


async def api_document(request: Request) -> Response:
    """The OpenAPI document of this API."""
    return as_json(document())


async def events(request: Request) -> Response:
    """Server-sent events of the overview, or with ``account`` of one account."""
    service = service_of(request)
    try:
        service.hub.admit()
    except FullError as error:
        raise HTTPException(503, str(error), {"retry-after": "10"}) from None
    account_id = request.query_params.get("account")
    stream = (
        service.follow_overview(selection_of(request))
        if account_id is None
        else service.follow_account(account_id)
    )
    return EventSourceResponse(stream, send_timeout=_SEND_TIMEOUT_S)


async def healthz(request: Request) -> Response:
    """Alive; where the feed stands and how many accounts and clients there are."""
    service = service_of(request)
    return as_json(
        {
            "status": "ok",
            "feed": service.feed.state,
            "accounts": service.board.count,
            "clients": service.hub.clients,
            "refused_messages": service.feed.refused,
        }
    )


def selection_of(request: Request) -> Selection:
    """Which accounts are asked for.

    Raises:
        HTTPException: 400 naming the parameter and what it may be.
    """
    query = request.query_params
    sort, text = query.get("sort", SORTS[0]), query.get("q", "")
    if sort not in SORTS:
        raise HTTPException(400, f"sort={sort!r} is none of {', '.join(SORTS)}")
    if len(text) > _MAX_QUERY:
        raise HTTPException(400, f"q has {len(text)} characters; at most {_MAX_QUERY} are searched for")
    limit = number_of(request, "limit", Selection().limit, _MAX_ROWS)
    return Selection(sort, text.strip(), limit, number_of(request, "calls", Selection().calls, _MAX_ROWS))


def number_of(request: Request, name: str, default: int, most: int) -> int:
    """A whole number from 1 to ``most``.

    Raises:
        HTTPException: 400 naming the parameter and its bounds.
    """
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise HTTPException(400, f"{name}={text[:20]!r} is no whole number from 1 to {most}")
    return int(text)


def say_error(request: Request, error: Exception) -> Response:
    """Errors as JSON under /api, as a page elsewhere."""
    assert isinstance(error, HTTPException)
    if request.url.path.startswith(("/api/", "/events")):
        answer = as_json({"error": error.detail}, error.status_code)
    else:
        page = _templates.get_template("error.html").render(status=error.status_code, detail=error.detail)
        answer = HTMLResponse(page, error.status_code)
    answer.headers.update(error.headers or {})
    return answer


def say_drill_down_error(request: Request, error: Exception) -> Response:
    """An account whose worker cannot be asked."""
    assert isinstance(error, DrillDownError)
    return as_json({"error": str(error)}, error.status)
