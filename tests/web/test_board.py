"""Statements and events in, the page's figures out: exact to the cent, whatever order and repetition."""

from __future__ import annotations

import random
from decimal import Decimal

import msgspec
import pytest

from streams.contracts.results import CallEvent, NamedAmount, RequirementStatement
from streams.web.board import Board, pack
from streams.web.calls import IN_CALL, WARNING, CallBook, call_row
from streams.web.history import History
from streams.web.settings import WebSettings
from streams.web.views import AccountTable, Feed, Selection, account_table, freshness, overview, totals
from streams.web.waterfall import Step, statement_waterfall, waterfall
from tests.web.live_book import LiveBook, shaken

SETTINGS = WebSettings()
PUBLISHED_MS = 1_790_000_000_000


@pytest.fixture(scope="module")
def book() -> LiveBook:
    """30 accounts after a shock."""
    book = LiveBook(30)
    book.step(shaken(random.Random(5), 0.03))
    return book


@pytest.fixture
def statements(book: LiveBook) -> list[RequirementStatement]:
    return book.statements("http://127.0.0.1:1")


def take(board: Board, statement: RequirementStatement, published_ms: int = PUBLISHED_MS) -> bool:
    return board.take_statement(statement, pack(statement.model_dump_json().encode()), published_ms)


def board_of(statements: list[RequirementStatement]) -> Board:
    board = Board(100)
    for statement in statements:
        take(board, statement)
    return board


def later(statement: RequirementStatement, **changes: object) -> RequirementStatement:
    return statement.model_copy(update={"as_of_ns": statement.as_of_ns + 1, **changes})


def table(board: Board, **selection: object) -> AccountTable:
    return account_table(board, Selection(**selection))  # type: ignore[arg-type]


def total(statements: list[RequirementStatement], name: str) -> Decimal:
    return sum((getattr(statement.gap, name) for statement in statements), Decimal(0))


AMOUNTS = ("silo_sum", "unified", "gap", "silo_deficit", "unified_deficit", "trapped_excess")


def test_totals_are_the_statements_sums_to_the_cent(statements: list[RequirementStatement]) -> None:
    shown = totals(board_of(statements))
    assert [Decimal(getattr(shown, name)) for name in AMOUNTS] == [
        total(statements, name) for name in AMOUNTS
    ]
    assert total(statements, "silo_deficit") > 0
    assert shown.in_silo_deficit == sum(statement.gap.silo_deficit > 0 for statement in statements)
    assert shown.accounts == len(statements)


def test_a_new_statement_replaces_the_old_one_in_all_sums(book: LiveBook) -> None:
    board = board_of(book.statements(""))
    newer = LiveBook(30, start_ns=book.now_ns)
    newer.step(shaken(random.Random(8), 0.05))
    replaced = newer.statements("")[:20]
    for statement in replaced:
        assert take(board, later(statement, as_of_ns=book.now_ns + 1))
    in_force = replaced + book.statements("")[20:]
    assert [Decimal(getattr(totals(board), name)) for name in AMOUNTS] == [
        total(in_force, name) for name in AMOUNTS
    ]


def test_a_removed_account_leaves_every_sum_and_its_slot_is_used_again(
    statements: list[RequirementStatement],
) -> None:
    board = board_of(statements)
    board.remove(statements[3].account_id)
    board.remove("never seen")
    left = statements[:3] + statements[4:]
    assert Decimal(totals(board).silo_sum) == total(left, "silo_sum")
    assert table(board, limit=500).matching == len(left)
    take(board, statements[3])
    assert board.columns.count == len(statements)
    assert Decimal(totals(board).silo_sum) == total(statements, "silo_sum")


def test_the_columns_grow_beyond_their_first_capacity(statements: list[RequirementStatement]) -> None:
    many = [statements[0].model_copy(update={"account_id": f"M-{number}"}) for number in range(700)]
    board = board_of(many)
    assert Decimal(totals(board).gap) == 700 * statements[0].gap.gap
    assert table(board, limit=500).matching == 700


def test_a_statement_from_behind_is_ignored_and_a_replay_is_not(
    statements: list[RequirementStatement],
) -> None:
    board, statement = board_of(statements), statements[0]
    behind = statement.model_copy(update={"as_of_ns": statement.as_of_ns - 1})
    assert not take(board, behind)
    further = behind.inputs.model_copy(update={"trades_offset": statement.inputs.trades_offset + 1})
    assert take(board, behind.model_copy(update={"inputs": further}))


def steps_end_to_end(steps: list[Step]) -> None:
    """Each step begins where the one before ends and is as long as its amount."""
    level = Decimal(0)
    for step in steps:
        start, end = Decimal(step.start), Decimal(step.end)
        assert end - start == Decimal(step.amount)
        assert start == (Decimal(0) if step.kind == "total" else level)
        if step.kind == "total":
            assert end == level
        level = end


def test_the_waterfall_adds_up_to_the_cent_for_each_account_and_in_total(
    statements: list[RequirementStatement],
) -> None:
    for statement in statements:
        steps = statement_waterfall(statement)
        steps_end_to_end(steps)
        assert Decimal(steps[-1].amount) == statement.unified.requirement
        assert "rest" not in {step.kind for step in steps}
    steps = waterfall(board_of(statements).columns.totals)
    steps_end_to_end(steps)
    assert Decimal(steps[-1].amount) == total(statements, "unified")
    by_silo = {step.silo: Decimal(step.amount) for step in steps if step.kind == "netting"}
    assert len(by_silo) == 3
    assert sum(by_silo.values()) == -sum(
        term.amount
        for statement in statements
        for term in statement.gap.terms
        if term.name.startswith("netting:")
    )


def test_a_term_of_an_unknown_name_stands_as_a_rest(statements: list[RequirementStatement]) -> None:
    gap = statements[0].gap
    renamed = NamedAmount(name="made_up", amount=gap.terms[0].amount)
    changed = gap.model_copy(update={"terms": (renamed, *gap.terms[1:])})
    steps = statement_waterfall(statements[0].model_copy(update={"gap": changed}))
    steps_end_to_end(steps)
    assert [Decimal(step.amount) for step in steps if step.kind == "rest"] == [-renamed.amount]


@pytest.mark.parametrize("sort", ["deficit", "utilisation", "gap"])
def test_accounts_are_ranked_worst_first(statements: list[RequirementStatement], sort: str) -> None:
    rows = table(board_of(statements), sort=sort, limit=500).rows

    def key(row: object) -> float:
        if sort == "deficit":
            return float(row.silo_deficit)  # type: ignore[attr-defined]
        if sort == "gap":
            return abs(float(row.gap))  # type: ignore[attr-defined]
        use = row.utilisation  # type: ignore[attr-defined]
        return float("inf") if use is None else use

    keys = [key(row) for row in rows]
    assert keys == sorted(keys, reverse=True)
    assert len(set(keys)) > 5
    assert len(table(board_of(statements), sort=sort, limit=4).rows) == 4


def test_a_requirement_without_equity_ranks_above_any_utilisation(
    statements: list[RequirementStatement],
) -> None:
    solvent = [statement for statement in statements if statement.utilisation is not None]
    board = board_of(solvent)
    silo = solvent[7].silos[0].model_copy(update={"equity": Decimal("-1.00")})
    take(board, later(solvent[7], utilisation=None, silos=(silo,)))
    first = table(board, sort="utilisation").rows[0]
    assert (first.account_id, first.utilisation) == (solvent[7].account_id, None)


def test_the_filter_looks_at_id_owner_and_desk(statements: list[RequirementStatement]) -> None:
    board = board_of(statements)
    assert [row.account_id for row in table(board, query="acc-0007").rows] == ["ACC-0007"]
    assert table(board, query="CORMORANT").matching == 6
    assert table(board, query="digital ASSETS").matching == 10
    assert table(board, query="nobody").rows == []


def test_stale_and_incomplete_statements_are_counted_and_marked(
    statements: list[RequirementStatement],
) -> None:
    board = board_of(statements)
    quality = statements[2].quality.model_copy(
        update={"stale": True, "incomplete": ("NO_PRICE: instrument X",), "oldest_price_age_ms": 90_000}
    )
    take(board, later(statements[2], quality=quality))
    shown = totals(board)
    assert (shown.stale, shown.incomplete) == (1, 1)
    row = table(board, query=statements[2].account_id).rows[0]
    assert (row.stale, row.incomplete, row.price_age_ms) == (True, True, 90_000)
    assert freshness(board, SETTINGS, PUBLISHED_MS).oldest_price_age_ms == 90_000


@pytest.mark.parametrize(
    ("age_s", "level"), [(0, "fresh"), (14.9, "fresh"), (15, "ageing"), (44.9, "ageing"), (45, "stale")]
)
def test_freshness_follows_the_age_of_the_newest_statement(
    statements: list[RequirementStatement], age_s: float, level: str
) -> None:
    board = board_of(statements)
    assert freshness(board, SETTINGS, PUBLISHED_MS + round(age_s * 1000)).level == level
    assert freshness(Board(1), SETTINGS, PUBLISHED_MS).level == "none"


@pytest.fixture(scope="module")
def events() -> list[CallEvent]:
    """The calls of ten wild minutes: so wild that unified requirements are short too."""
    book, generator = LiveBook(30), random.Random(2)
    return [event for _ in range(10) for event in book.step(shaken(generator, 0.05))]


def test_calls_count_once_in_any_order(events: list[CallEvent]) -> None:
    rows = [call_row(event) for event in events]
    assert {row.binding for row in rows} == {True, False}
    straight, shuffled = CallBook(1000), CallBook(1000)
    for row in rows:
        straight.take_event(row)
    mixed = rows * 2
    random.Random(1).shuffle(mixed)
    for number, row in enumerate(mixed):
        (shuffled.take_case if number % 3 == 0 else shuffled.take_event)(row)
    for row in rows:
        shuffled.take_event(row)
    assert shuffled.newest(1000) == straight.newest(1000)
    assert shuffled.by_state() == straight.by_state()
    last = {(row.account_id, row.scope): row for row in rows}
    counted = {"binding": dict[str, int](), "shadow": dict[str, int]()}
    for row in last.values():
        kind = counted["binding" if row.binding else "shadow"]
        if row.state != "clear":
            kind[row.state] = kind.get(row.state, 0) + 1
    assert straight.by_state() == counted
    in_call = {row.account_id for row in last.values() if row.binding and row.state == "issued"}
    warned = {row.account_id for row in last.values() if row.binding and row.state == "warning"} - in_call
    assert (straight.number(IN_CALL), straight.number(WARNING)) == (len(in_call), len(warned))
    assert in_call
    assert warned


def test_only_the_newest_calls_are_kept_but_every_case_is(events: list[CallEvent]) -> None:
    book = CallBook(5)
    for event in events:
        book.take_event(call_row(event))
    newest = sorted(events, key=lambda event: (event.as_of_ns, event.event_id), reverse=True)
    assert [row.event_id for row in book.newest(99)] == [event.event_id for event in newest[:5]]
    scopes = {(event.account_id, event.scope) for event in events}
    assert sum(len(book.cases_of(account_id)) for account_id in {account for account, _ in scopes}) == len(
        scopes
    )


def test_history_keeps_a_sample_per_interval_and_a_bounded_number() -> None:
    history = History(interval_s=5, kept_s=20)
    for second in range(60):
        history.offer(second * 1000, second * 100, 50)
    assert history.samples() == [
        (40_000, 40.0, 0.5),
        (45_000, 45.0, 0.5),
        (50_000, 50.0, 0.5),
        (55_000, 55.0, 0.5),
    ]


def test_the_overview_is_json_and_says_that_scenarios_are_synthetic(
    statements: list[RequirementStatement], events: list[CallEvent]
) -> None:
    board = board_of(statements)
    for event in events:
        board.take_call(event, is_case=False)
    made = overview(board, SETTINGS, Feed("live"), Selection(limit=3, calls=2), PUBLISHED_MS)
    decoded = msgspec.json.decode(msgspec.json.encode(made))
    assert decoded["synthetic"] is True
    assert [silo["silo"] for silo in decoded["silos"]] == ["securities", "futures", "digital_assets"]
    assert (len(decoded["accounts"]["rows"]), len(decoded["newest_calls"])) == (3, 2)
    assert decoded["totals"]["gap_share"] == pytest.approx(
        float(total(statements, "gap") / total(statements, "silo_sum"))
    )
    assert decoded["candidate"] == "one-pot 2026-11"
