"""Market files are read row by row, merged by time, and refused by row and column."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from streams.replay.book_file import Book
from streams.replay.files import FileError
from streams.replay.market_file import merged, read_market
from streams.replay.price_feed import PriceFeed
from tests.file_book import BOOK, HEADER, T0_MS, T0_NS, quote, trade, write_market


def refusal(file: Path) -> str:
    with pytest.raises(FileError) as refused:
        list(read_market(file))
    return str(refused.value).removeprefix(f"{file}: ")


@pytest.mark.parametrize("name", ["market.csv", "market.csv.gz"])
def test_rows_become_events(tmp_path: Path, name: str) -> None:
    rows = [quote(0, "SPY", 599.9, 600.1), trade(0, "SPY", 600.0), f"{T0_MS},ES,quote,,6001,,"]
    file = write_market(tmp_path, rows, name)
    assert [event[:6] for event in read_market(file)] == [
        (T0_NS, "SPY", "quote", 599.9, 600.1, None),
        (T0_NS, "SPY", "trade", None, None, 600.0),
        (T0_NS, "ES", "quote", None, 6001.0, None),
    ]


def test_columns_may_stand_in_any_order_and_be_left_out(tmp_path: Path) -> None:
    file = write_market(tmp_path, [f"600,trade,SPY,{T0_MS}"], header="price,kind,symbol,ts_utc_ms")
    assert [event[:6] for event in read_market(file)] == [(T0_NS, "SPY", "trade", None, None, 600.0)]


def test_files_merge_by_time_and_then_by_their_order(tmp_path: Path) -> None:
    first = write_market(tmp_path, [trade(0, "a", 1), trade(2, "b", 1), trade(2, "c", 1)], "one.csv")
    second = write_market(tmp_path, [trade(0, "d", 1), trade(1, "e", 1), trade(2, "f", 1)], "two.csv")
    assert [event.symbol for event in merged([first, second])] == list("adebcf")
    assert [event.symbol for event in merged([second, first])] == list("daefbc")


def test_no_row_behind_the_one_asked_for_is_judged(tmp_path: Path) -> None:
    file = write_market(tmp_path, [trade(0, "a", 1), trade(1, "b", 1), "nonsense"])
    assert [event.symbol for event in itertools.islice(read_market(file), 2)] == ["a", "b"]


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        (["x,SPY,quote,1,2,,"], "row 1, ts_utc_ms: 'x' is not a time"),
        (["-1,SPY,quote,1,2,,"], "row 1, ts_utc_ms: '-1' is not a time"),
        (["99999999999999999999,SPY,quote,1,2,,"], "row 1, ts_utc_ms: "),
        ([quote(0, "SPY", 1, 2), f"{T0_MS},SPY,bar,1,2,,"], "row 2, kind: 'bar' is neither quote nor trade"),
        ([f"{T0_MS},,quote,1,2,,"], "row 1, symbol: is empty"),
        ([f"{T0_MS},SPY,quote,1,high,,"], "row 1, ask: 'high' is not a finite number"),
        ([f"{T0_MS},SPY,quote,nan,2,,"], "row 1, bid: 'nan' is not a finite number"),
        ([f"{T0_MS},SPY,trade,,,inf,1"], "row 1, price: 'inf' is not a finite number"),
        ([f"{T0_MS},SPY,quote,1"], "row 1: has 4 cells, the header has 7"),
        ([quote(1, "SPY", 1, 2), quote(0, "SPY", 1, 2)], "row 2, ts_utc_ms: goes back in time; sort"),
        ([f'{T0_MS},"SPY'], "line 2: is not CSV: unexpected end of data"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_by_row_and_column(tmp_path: Path, rows: list[str], place: str) -> None:
    assert refusal(write_market(tmp_path, rows)).startswith(place)


@pytest.mark.parametrize(
    ("header", "place"),
    [
        ("symbol,kind,bid,ask", "header: has no column ts_utc_ms; it has symbol, kind, bid, ask"),
        ("ts_utc_ms,symbol,kind,size", "header: has none of bid, ask and price"),
        ("", "header: has no column ts_utc_ms; it has none"),
    ],
)
def test_a_header_without_a_needed_column_is_named(tmp_path: Path, header: str, place: str) -> None:
    assert refusal(write_market(tmp_path, [], header=header)).startswith(place)


def test_a_trade_is_a_mark_until_its_instrument_has_a_quote(tmp_path: Path) -> None:
    rows = [
        trade(0, "SPY", 600.0), trade(0, "ES", 6000.0), quote(1, "SPY", 599.0, 601.0), trade(2, "SPY", 650.0),
        trade(2, "ES", 6001.0), f"{T0_MS + 180_000},ES,quote,,,,", f"{T0_MS + 180_000},ES,trade,,,,",
        trade(4, "QQQ", 500.0),
    ]  # fmt: skip
    bare = Book.model_validate({**BOOK, "prices": ()})
    feed = PriceFeed(bare)
    messages = list(feed.messages(read_market(write_market(tmp_path, rows))))
    assert [(m.key, b'"mark":null' in m.value) for m in messages] == [
        (b"SPY", False), (b"ES", False), (b"SPY", True), (b"ES", False)
    ]  # fmt: skip
    assert feed.counts == {
        "trade_as_mark": 3, "quote": 1, "trade_behind_quote": 1, "empty": 2, "not_in_book": 1
    }  # fmt: skip


def test_a_quote_of_the_book_counts_and_its_sequences_come_first(tmp_path: Path) -> None:
    feed = PriceFeed(Book.model_validate(BOOK))  # SPY has a quote there, ES a mark
    file = write_market(tmp_path, [trade(1, "SPY", 601.0), trade(1, "ES", 6001.0)], header=HEADER)
    messages = list(feed.messages(read_market(file)))
    assert [(m.key, b'"sequence":2' in m.value) for m in messages] == [(b"ES", True)]
    assert feed.counts == {"trade_behind_quote": 1, "trade_as_mark": 1}
