"""The reader of parameter files: what each method takes, and how it says what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from engine.base.errors import MarginError, Reason
from engine.base.parameter_table import ParameterTable
from engine.rules.header import rulebook_table

HEADER = {"rulebook_id": "book", "version": "1", "silo": "futures", "currency": "USD"}
Reading = Callable[[ParameterTable], Any]


def table(**entries: Any) -> ParameterTable:
    return ParameterTable("rulebook book", entries)


def refusal(reading: Reading, read: ParameterTable) -> str:
    with pytest.raises(MarginError) as refused:
        reading(read)
    assert refused.value.reason is Reason.BAD_PARAMETER
    assert str(refused.value).endswith(Reason.BAD_PARAMETER.action)
    return f"{refused.value.thing}: {refused.value.detail}"


@pytest.mark.parametrize(
    ("reading", "value", "expected"),
    [
        (lambda t: t.text("x"), "a", "a"),
        (lambda t: t.text("x", choices=("a", "b")), "b", "b"),
        (lambda t: t.texts("x"), ["b", "a"], ("b", "a")),
        (lambda t: t.texts("x", fewest=0), [], ()),
        (lambda t: t.flag("x"), False, False),
        (lambda t: t.number("x", 0.0, 2.0), 2, 2.0),
        (lambda t: t.number("y", 0.0, 2.0, default=1.0), None, 1.0),
        (lambda t: t.numbers("x", 2, 0.0, 2.0), [0, 1.5], [0.0, 1.5]),
        (lambda t: t.whole("x", 1, 3), 3, 3),
        (lambda t: t.wholes("x", 2, 1, 3), [3, 1], [3, 1]),
        (lambda t: t.rising("x", 1, 9), [1, 3, 9], (1, 3, 9)),
        (lambda t: t.rising("x", 1, 9), [], ()),
        (lambda t: t.table("x").number("y", 0.0, 1.0), {"y": 1}, 1.0),
        (lambda t: t.tables("x", fewest=0), {}, {}),
        (lambda t: [row.number("y", 0.0, 1.0) for row in t.rows("x")], [{"y": 0}, {"y": 1}], [0.0, 1.0]),
        (lambda t: t.stated("x").whole("value", 1, 3), {"value": 2, "source": "s", "unverified": True}, 2),
    ],
)
def test_what_is_in_bounds_is_read(reading: Reading, value: Any, expected: Any) -> None:
    assert reading(table(x=value)) == expected


@pytest.mark.parametrize(
    ("reading", "value", "complaint"),
    [
        (lambda t: t.text("x"), "", "x: '' is not a text"),
        (lambda t: t.text("x"), 3, "x: 3 is not a text"),
        (lambda t: t.text("x", choices=("a", "b")), "c", "x: 'c' is not a or b"),
        (lambda t: t.text("y"), "a", "y: is missing"),
        (lambda t: t.texts("x"), [], "x: [] is not a list of texts"),
        (lambda t: t.texts("x"), "a", "x: 'a' is not a list of texts"),
        (lambda t: t.texts("x", choices=("a",)), ["a", "b"], "x: 'b' is not a"),
        (lambda t: t.texts("x"), ["a", "a"], "x: ['a', 'a'] names one twice"),
        (lambda t: t.flag("x"), 1, "x: 1 is not true or false"),
        (lambda t: t.number("x", 0.0, 2.0), 2.1, "x: 2.1 is not in [0, 2]"),
        (lambda t: t.number("x", 0.0, 2.0, default=1.0), -1, "x: -1 is not in [0, 2]"),
        (lambda t: t.number("x", 0.0, 2.0), True, "x: True is not a finite number"),
        (lambda t: t.number("x", 0.0, math.inf), math.inf, "x: inf is not a finite number"),
        (lambda t: t.numbers("x", 2, 0.0, 2.0), [1], "x: [1] is not a list of 2 numbers"),
        (lambda t: t.numbers("x", 2, 0.0, 2.0), [1, "1"], "x: '1' is not a finite number"),
        (lambda t: t.whole("x", 1, 3), 4, "x: 4 is not a whole number in [1, 3]"),
        (lambda t: t.whole("x", 1, 3), 2.0, "x: 2.0 is not a whole number in [1, 3]"),
        (lambda t: t.wholes("x", 1, 1, 3), [True], "x: True is not a whole number in [1, 3]"),
        (lambda t: t.rising("x", 1, 9), 3, "x: 3 is not a list of whole numbers"),
        (lambda t: t.rising("x", 1, 9), [1, 10], "x: 10 is not a whole number in [1, 9]"),
        (lambda t: t.rising("x", 1, 9), [1, 3, 3], "x: [1, 3, 3] does not rise"),
        (lambda t: t.table("x"), 3, "x: 3 is not a table"),
        (lambda t: t.tables("x"), {}, "x: {} is not a table of tables"),
        (lambda t: t.tables("x"), {"a": 3}, "x.a: 3 is not a table"),
        (lambda t: t.tables("x")["a"].flag("y"), {"a": {}}, "x.a.y: is missing"),
        (lambda t: t.rows("x"), [], "x: [] is not a list of tables"),
        (lambda t: t.rows("x"), [{}, 3], "x[2]: 3 is not a table"),
        (lambda t: t.rows("x")[1].table("y").flag("z"), [{}, {"y": {}}], "x[2].y.z: is missing"),
        (lambda t: t.stated("x").flag("value"), {"source": "s"}, "x.value: is missing"),
        (lambda t: t.stated("x"), {"value": 1, "vlaue": 2}, "x.vlaue: is not a parameter; known are value"),
        (lambda t: t.stated("y"), 1, "y: is missing; give it as a table with value and source"),
        (lambda t: t.only("y", "z"), 1, "x: is not a parameter; known are y, z"),
    ],
)
def test_what_is_not_is_refused_by_owner_path_and_value(reading: Reading, value: Any, complaint: str) -> None:
    assert refusal(reading, table(x=value)) == f"rulebook book: {complaint}"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"rulebook_id": ""}, "rulebook name: rulebook_id: '' is not a text"),
        ({"version": 3}, "rulebook book: version: 3 is not a text"),
        ({"silo": "securities"}, "rulebook book: silo: 'securities' is not futures"),
        ({"currency": "EUR"}, "rulebook book: currency: 'EUR' is not USD"),
        ({"other": 1}, "rulebook book: other: is not a parameter; known are"),
    ],
)
def test_the_header_of_a_rulebook_is_checked(change: dict[str, Any], complaint: str) -> None:
    def read(mapping: dict[str, Any]) -> ParameterTable:
        return rulebook_table(mapping, "name", silos=("futures",), keys=("own",))

    assert read(HEADER | {"own": 2, "source": "s"}).whole("own", 1, 3) == 2
    assert refusal(lambda _: read(HEADER | change), table()).startswith(complaint)
