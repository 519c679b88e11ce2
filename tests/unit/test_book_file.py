"""A book file is read whole or refused in one line that names the place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from streams.replay.book_file import Book, read_book
from streams.replay.files import FileError
from tests.file_book import BOOK, book, write_json


def refusal(file: Path) -> str:
    with pytest.raises(FileError) as refused:
        read_book(file)
    line = str(refused.value)
    assert line.startswith(f"{file}: ")
    assert "\n" not in line
    return line.removeprefix(f"{file}: ")


def changed(path: list[str | int], value: Any) -> dict[str, Any]:
    """The book with one value replaced."""
    whole = book()
    target: Any = whole
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return whole


def test_a_book_is_read_as_the_contracts_say(tmp_path: Path) -> None:
    read, unknown = read_book(write_json(tmp_path, BOOK))
    assert unknown == []
    assert read == Book.model_validate_json(json.dumps(BOOK))
    assert [position.quantity for position in read.positions[0].positions] == [5000.0, -10.0]


def test_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "book.json"
    file.write_bytes(gzip.compress(json.dumps(BOOK).encode()))
    assert read_book(file) == read_book(write_json(tmp_path, BOOK, "plain.json"))


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (["instruments", 1, "multiplier"], 0, "instruments[1].multiplier: Input should be greater than 0, got 0"),
        (["instruments", 0, "strike"], "high", "instruments[0].strike: Input should be a valid number"),
        (["instruments", 0, "product"], "share", "instruments[0].product: Input should be 'equity'"),
        (["instruments", 1, "expiry"], "2026-02-30", "instruments[1].expiry: day is out of range"),
        (["accounts", 0, "approvals"], ["everything"], "accounts[0].approvals[0]: Input should be"),
        (["accounts"], [], "accounts: Tuple should have at least 1 item"),
        (["prices", 0, "bid"], 1e300, "prices[0].bid: Input should be less than or equal to 1000000000"),
        (["prices", 0, "sequence"], 1.5, "prices[0].sequence: Input should be a valid integer"),
        (["positions", 0, "positions", 1, "quantity"], None, "positions[0].positions[1].quantity: "),
        (["positions", 0, "business_date"], "2026-02-30", "positions[0].business_date: "),
        (["positions", 0, "cash", 0, "silo"], "elsewhere", "positions[0].cash[0].silo: "),
        (["positions"], {"A": []}, "positions: Input should be a valid array"),
        (["symbols"], {"SPX": "nothing"}, "symbols.SPX: instrument 'nothing' is not among the instruments"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_by_its_path(
    tmp_path: Path, path: list[str | int], value: Any, place: str
) -> None:
    assert refusal(write_json(tmp_path, changed(path, value))).startswith(place)


def test_a_missing_key_is_named_by_its_path(tmp_path: Path) -> None:
    whole = book()
    del whole["prices"][1]["source_time_ns"]
    assert refusal(write_json(tmp_path, whole)).startswith("prices[1].source_time_ns: is missing; add it")


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_no_number_is_not_finite(tmp_path: Path, literal: str) -> None:
    text = json.dumps(BOOK).replace("6010.0", literal)
    assert literal in text
    assert f"{literal} is not a number of JSON" in refusal(write_json(tmp_path, text))


def test_a_number_too_large_for_a_float_is_refused(tmp_path: Path) -> None:
    text = json.dumps(BOOK).replace("6010.0", "1e400")
    assert refusal(write_json(tmp_path, text)).startswith("prices[1].mark: ")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "is empty; write a JSON object"),
        ("  \n", "is empty; write a JSON object"),
        ('{"accounts": [', "line 1 column 15: is not JSON: Expecting value"),
        ('{\n "accounts": []\n "x": 1}', "line 3 column 2: is not JSON: Expecting ',' delimiter"),
        ("[]", "is not a JSON object"),
        ('{"accounts": [], "accounts": []}', "key 'accounts' stands twice"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_not_json_is_named_by_its_line(tmp_path: Path, text: str, place: str) -> None:
    assert refusal(write_json(tmp_path, text)).startswith(place)


@pytest.mark.parametrize(
    ("name", "index"), [("accounts", 0), ("instruments", 1), ("prices", 0), ("positions", 0)]
)
def test_what_stands_twice_is_named_with_both_places(tmp_path: Path, name: str, index: int) -> None:
    whole = book()
    whole[name].append(whole[name][index])
    last = len(whole[name]) - 1
    line = refusal(write_json(tmp_path, whole))
    assert line.startswith(f"{name}[{last}]: ")
    assert f"stands already in {name}[{index}]" in line


def test_a_higher_version_of_a_trade_does_not_stand_twice(tmp_path: Path) -> None:
    first = {
        "trade_id": "T", "version": 1, "account_id": "A", "instrument_id": "SPY", "quantity": 1, "price": 600,
        "business_date": "2026-09-21", "trade_time_ns": 1,
    }  # fmt: skip
    read, _ = read_book(write_json(tmp_path, book(trades=[first, first | {"version": 2}])))
    assert [trade.version for trade in read.trades] == [1, 2]
    line = refusal(write_json(tmp_path, book(trades=[first, first])))
    assert line.startswith("trades[1]: T, 1 stands already in trades[0]")


def test_unknown_keys_are_reported_by_their_paths_and_left_out(tmp_path: Path) -> None:
    whole = book(comment="mine")
    whole["instruments"][1]["color"] = "red"
    whole["positions"][0]["positions"][0]["note"] = 1
    read, unknown = read_book(write_json(tmp_path, whole))
    assert unknown == ["instruments[1].color", "positions[0].positions[0].note", "comment"]
    assert read == read_book(write_json(tmp_path, BOOK))[0]


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "absent.json") == "does not exist; check the path"
    assert refusal(tmp_path) == "is a directory; name a file in it"
    binary = tmp_path / "binary.json"
    binary.write_bytes(b'{"accounts": "\xff"}')
    assert refusal(binary).startswith("byte 14: is not UTF-8 text")
    packed = gzip.compress(json.dumps(BOOK).encode())
    short, damaged = tmp_path / "short.gz", tmp_path / "damaged.gz"
    short.write_bytes(packed[:-20])
    assert refusal(short).startswith("the gzip data end too early")
    damaged.write_bytes(packed[:30] + bytes(20) + packed[50:])
    assert "gzip" in refusal(damaged) or "cannot be read" in refusal(damaged)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "book.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(BOOK).encode())
    assert read_book(file)[0].accounts[0].account_id == "A"


def test_a_symbol_replaces_the_instruments_own_id(tmp_path: Path) -> None:
    read, _ = read_book(write_json(tmp_path, book(symbols={"ES_202612": "ES"})))
    assert read.instrument_of() == {"SPY": "SPY", "ES_202612": "ES"}
