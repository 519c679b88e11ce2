"""One account: its last statement, its steps from silos to unified, its calls."""

from __future__ import annotations

from typing import Any

import msgspec

from streams.web.board import Board
from streams.web.calls import CallRow
from streams.web.settings import WebSettings
from streams.web.views import Feed, Freshness, freshness
from streams.web.waterfall import Step, statement_waterfall

CALLS_SHOWN = 50


class AccountView(msgspec.Struct, frozen=True):
    """``statement`` is the contract's JSON; null while the account is unknown."""

    now_ms: int
    feed: Feed
    freshness: Freshness
    account_id: str
    statement: dict[str, Any] | None
    published_ms: int
    standing: str
    waterfall: list[Step]
    cases: list[CallRow]
    calls: list[CallRow]
    candidate: str
    synthetic: bool


def account_view(
    board: Board, settings: WebSettings, feed: Feed, account_id: str, now_ms: int
) -> AccountView:
    """All that is known of an account without asking its worker."""
    kept = board.kept(account_id)
    statement = kept.statement if kept else None
    return AccountView(
        now_ms=now_ms,
        feed=feed,
        freshness=freshness(board, settings, now_ms),
        account_id=account_id,
        statement=statement.model_dump(mode="json") if statement else None,
        published_ms=kept.published_ms if kept else 0,
        standing=board.calls.standing(account_id),
        waterfall=statement_waterfall(statement) if statement else [],
        cases=board.calls.cases_of(account_id),
        calls=board.calls.newest(CALLS_SHOWN, account_id),
        candidate=board.candidate,
        synthetic=board.synthetic,
    )
