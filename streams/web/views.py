"""What the pages and the API get: plain structures, money as decimal strings, times in UTC milliseconds."""

from __future__ import annotations

from typing import Final

import msgspec

from engine.base.units import NANOSECONDS_PER_MILLISECOND
from engine.market.instruments import SILOS
from streams.web.board import Board, Kept
from streams.web.calls import IN_CALL, WARNING, CallRow
from streams.web.columns import COLUMN
from streams.web.money import usd
from streams.web.settings import WebSettings
from streams.web.waterfall import Step, waterfall

SORTS: Final = ("deficit", "utilisation", "gap")


class Selection(msgspec.Struct, frozen=True):
    """Which accounts a table shows."""

    sort: str = "deficit"
    query: str = ""
    limit: int = 25
    calls: int = 25


class Feed(msgspec.Struct, frozen=True):
    """Where the process stands with Kafka: ``waiting``, ``loading``, ``live`` or ``broken``, and why."""

    phase: str
    message: str = ""


class Freshness(msgspec.Struct, frozen=True):
    """``level``: ``none``, ``fresh``, ``ageing`` or ``stale``, by the age of the newest statement."""

    level: str
    newest_statement_ms: int
    newest_as_of_ms: int
    oldest_price_age_ms: int


class Totals(msgspec.Struct, frozen=True):
    """Sums over all accounts; ``gap_share`` is the gap over the silo sum, null where that is zero."""

    accounts: int
    silo_sum: str
    unified: str
    gap: str
    gap_share: float | None
    silo_deficit: str
    unified_deficit: str
    trapped_excess: str
    in_silo_deficit: int
    in_unified_deficit: int
    in_call: int
    warning: int
    stale: int
    incomplete: int


class SiloTotal(msgspec.Struct, frozen=True):
    """One silo over all accounts."""

    silo: str
    rulebook: str
    maintenance: str
    equity: str


class AccountRow(msgspec.Struct, frozen=True):
    """One line of the accounts table; ``utilisation`` is null where a requirement stands on no equity."""

    account_id: str
    owner: str
    desk: str
    standing: str
    silo_sum: str
    unified: str
    gap: str
    silo_deficit: str
    unified_deficit: str
    trapped_excess: str
    utilisation: float | None
    stale: bool
    incomplete: bool
    frozen: bool
    intraday_deficit: bool
    price_age_ms: int
    published_ms: int


class AccountTable(msgspec.Struct, frozen=True):
    """The worst accounts of those that match, and how many match."""

    sort: str
    query: str
    matching: int
    rows: list[AccountRow]


class Overview(msgspec.Struct, frozen=True):
    """The first page."""

    now_ms: int
    feed: Feed
    freshness: Freshness
    totals: Totals
    silos: list[SiloTotal]
    waterfall: list[Step]
    calls_by_state: dict[str, dict[str, int]]
    newest_calls: list[CallRow]
    accounts: AccountTable
    candidate: str
    synthetic: bool


def overview(board: Board, settings: WebSettings, feed: Feed, selection: Selection, now_ms: int) -> Overview:
    """All that the first page shows at one moment."""
    return Overview(
        now_ms=now_ms,
        feed=feed,
        freshness=freshness(board, settings, now_ms),
        totals=totals(board),
        silos=silo_totals(board),
        waterfall=waterfall(board.columns.totals),
        calls_by_state=board.calls.by_state(),
        newest_calls=board.calls.newest(selection.calls),
        accounts=account_table(board, selection),
        candidate=board.candidate,
        synthetic=board.synthetic,
    )


def freshness(board: Board, settings: WebSettings, now_ms: int) -> Freshness:
    """How old the newest statement is; price ages are those that the statements were computed with."""
    age_s = (now_ms - board.newest_published_ms) / 1000
    if not board.count:
        level = "none"
    elif age_s >= settings.stale_after_s:
        level = "stale"
    else:
        level = "ageing" if age_s >= settings.ageing_after_s else "fresh"
    return Freshness(
        level,
        board.newest_published_ms,
        board.newest_as_of_ns // NANOSECONDS_PER_MILLISECOND,
        board.columns.largest("price_age_ms"),
    )


def totals(board: Board) -> Totals:
    """Sums over all accounts."""
    columns, calls = board.columns, board.calls
    silo_sum, gap = columns.total("silo_sum"), columns.total("gap")
    return Totals(
        accounts=board.count,
        silo_sum=usd(silo_sum),
        unified=usd(columns.total("unified")),
        gap=usd(gap),
        gap_share=gap / silo_sum if silo_sum else None,
        silo_deficit=usd(columns.total("silo_deficit")),
        unified_deficit=usd(columns.total("unified_deficit")),
        trapped_excess=usd(columns.total("trapped_excess")),
        in_silo_deficit=columns.total("in_silo_deficit"),
        in_unified_deficit=columns.total("in_unified_deficit"),
        in_call=calls.number(IN_CALL),
        warning=calls.number(WARNING),
        stale=columns.total("stale"),
        incomplete=columns.total("incomplete"),
    )


def silo_totals(board: Board) -> list[SiloTotal]:
    """Silos that any account has figures in, in the fixed order."""
    return [
        SiloTotal(
            silo.value,
            board.rulebooks[silo.value],
            usd(board.columns.total(f"maintenance:{silo.value}")),
            usd(board.columns.total(f"equity:{silo.value}")),
        )
        for silo in SILOS
        if silo.value in board.rulebooks
    ]


def account_table(board: Board, selection: Selection) -> AccountTable:
    """The accounts table for a selection."""
    chosen, matching = board.ranked(selection.sort, selection.query, selection.limit)
    return AccountTable(
        selection.sort, selection.query, matching, [account_row(board, kept) for kept in chosen]
    )


def account_row(board: Board, kept: Kept) -> AccountRow:
    """One line of the accounts table."""
    row = board.columns.values[kept.slot]
    utilisation = float(board.columns.utilisation[kept.slot])
    money = {
        name: usd(int(row[COLUMN[name]]))
        for name in ("silo_sum", "unified", "gap", "silo_deficit", "unified_deficit", "trapped_excess")
    }
    return AccountRow(
        account_id=kept.account_id,
        owner=kept.owner,
        desk=kept.desk,
        standing=board.calls.standing(kept.account_id),
        utilisation=None if utilisation == float("inf") else utilisation,
        stale=bool(row[COLUMN["stale"]]),
        incomplete=bool(row[COLUMN["incomplete"]]),
        frozen=bool(row[COLUMN["frozen"]]),
        intraday_deficit=bool(row[COLUMN["intraday_deficit"]]),
        price_age_ms=int(row[COLUMN["price_age_ms"]]),
        published_ms=kept.published_ms,
        **money,
    )
