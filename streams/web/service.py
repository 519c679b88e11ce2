"""The live page's parts put together: board, feed, hub, drill-down; started and ended as one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from sse_starlette import ServerSentEvent

from streams.web.account_view import AccountView, account_view
from streams.web.answers import AnswerDesk
from streams.web.board import Board
from streams.web.drill_down import DrillDown, DrillDownError
from streams.web.feed import FeedReader
from streams.web.hub import Hub
from streams.web.settings import WebSettings
from streams.web.views import AccountTable, Overview, Selection, account_table, overview

_SAMPLE_S: Final = 1.0


def now_ms() -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


class WebService:
    """What the routes talk to."""

    def __init__(self, settings: WebSettings) -> None:
        self.settings = settings
        self.board = Board(settings.newest_calls)
        self.feed = FeedReader(self.board, settings)
        self.answers = AnswerDesk(settings, self.board)
        self.hub = Hub(settings.max_clients, settings.push_interval_s)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow Kafka and take samples until the end of the block."""
        self.drill_down = DrillDown(self.settings)
        tasks = [asyncio.create_task(self.feed.run()), asyncio.create_task(self._sample())]
        try:
            yield
        finally:
            self.hub.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.drill_down.close()

    async def _sample(self) -> None:
        """Samples while the number of accounts stands still: accounts that come in are no move of the totals."""
        counted = 0
        while True:
            columns, count = self.board.columns, self.board.count
            if self.feed.state.phase == "live" and 0 < count == counted:
                self.board.history.offer(now_ms(), columns.total("silo_sum"), columns.total("unified"))
            counted = count
            await asyncio.sleep(_SAMPLE_S)

    def overview(self, selection: Selection) -> Overview:
        """The first page."""
        return overview(self.board, self.settings, self.feed.state, selection, now_ms())

    def accounts(self, selection: Selection) -> AccountTable:
        """The accounts table."""
        return account_table(self.board, selection)

    def account(self, account_id: str) -> AccountView:
        """One account without its explanation."""
        return account_view(self.board, self.settings, self.feed.state, account_id, now_ms())

    async def explanation(self, account_id: str) -> dict[str, Any]:
        """The account's explanation, from its worker.

        Raises:
            DrillDownError: why there is none.
        """
        kept = self.board.kept(account_id)
        if kept is None:
            raise DrillDownError(404, f"No statement of account {account_id} has been seen.")
        return await self.drill_down.explain(kept.statement.served_by, account_id)

    def follow_overview(self, selection: Selection) -> AsyncIterator[ServerSentEvent]:
        """Events ``overview`` and ``history``."""
        sampled_ms = 0

        def events() -> Iterator[tuple[str, str]]:
            nonlocal sampled_ms
            version = self.board.version
            yield "overview", self.hub.render(selection, version, lambda: self.overview(selection))
            samples = self.board.history.samples()
            if samples and samples[-1][0] != sampled_ms:
                sampled_ms = samples[-1][0]
                yield "history", self.hub.render("history", sampled_ms, lambda: samples)

        return self.hub.stream(lambda: self.board.version, events)

    def follow_account(self, account_id: str) -> AsyncIterator[ServerSentEvent]:
        """Events ``account``: when its statement, a call or the feed's state changed."""

        def mark() -> int:
            kept = self.board.kept(account_id)
            calls = self.board.calls.cases_of(account_id)
            newest = sum(row.sequence for row in calls)
            return hash((kept.as_of_ns if kept else 0, newest, self.feed.state.phase))

        def events() -> Iterator[tuple[str, str]]:
            yield (
                "account",
                self.hub.render(("account", account_id), mark(), lambda: self.account(account_id)),
            )

        return self.hub.stream(mark, events)
