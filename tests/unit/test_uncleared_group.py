"""Scope, threshold and minimum transfer of groups of counterparties."""

from __future__ import annotations

import tomllib
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.base.errors import MarginError
from engine.shortfall.uncleared_group import Aana, Group, ScopeRule, collect, groups_of, scope
from tests.rulebook_cases import shipped

RULE = ScopeRule.from_mapping(shipped("uncleared-scope"))
DAY = date(2026, 11, 27)
ABOVE = (Aana(date(2026, 1, 1), 9e9, "USD"),)


def group(held_usd: dict[str, float], threshold_usd: float | None = None) -> Group:
    return Group("G", held_usd, ABOVE, threshold_usd)


@pytest.mark.parametrize(
    ("aana", "in_scope"),
    [
        ((), True),
        ((Aana(date(2026, 1, 1), 8e9, "USD"),), False),
        ((Aana(date(2026, 1, 1), 8e9 + 1.0, "USD"),), True),
        ((Aana(date(2026, 1, 1), 8e9 + 1.0, "EUR"),), True),
        ((Aana(date(2025, 1, 1), 9e9, "USD"), Aana(date(2026, 1, 1), 7e9, "USD")), False),
        ((Aana(date(2026, 1, 1), 9e9, "USD"), Aana(DAY, 7e9, "USD")), False),
        ((Aana(date(2026, 11, 28), 7e9, "USD"),), True),
    ],
)
def test_the_latest_figure_in_force_decides(aana: tuple[Aana, ...], in_scope: bool) -> None:
    assert scope(RULE, Group("G", {}, aana), DAY)[0] is in_scope


def test_without_a_figure_the_group_is_in_scope_and_it_is_said() -> None:
    assert scope(RULE, Group("G", {}, ()), DAY) == (
        True,
        "no AANA is in force on 2026-11-27: taken as in scope",
    )


@pytest.mark.parametrize(
    ("required", "held", "moved"),
    [
        (49e6, 0.0, 0.0),
        (50.5e6, 0.0, 0.0),
        (50.6e6, 0.0, 0.6e6),
        (60e6, 9.4e6, 0.6e6),
        (60e6, 9.5e6, 0.0),
        (60e6, 10.6e6, -0.6e6),
        (0.0, 1e6, -1e6),
    ],
)
def test_threshold_and_minimum_transfer(required: float, held: float, moved: float) -> None:
    found = collect(RULE, group({"P": held}), DAY, {"P": required})
    assert found.transfer_usd == {"P": pytest.approx(moved)}
    assert found.hold_usd == {"P": pytest.approx(max(required - 50e6, 0.0))}


def test_the_minimum_is_that_of_all_netting_sets_together() -> None:
    """Two moves of 300,000 each together exceed 500,000; one of them is not below it by itself."""
    both = collect(RULE, group({"P": 0.0, "Q": 0.0}), DAY, {"P": 25.3e6, "Q": 25.3e6})
    assert both.transfer_usd == {"P": pytest.approx(0.3e6), "Q": pytest.approx(0.3e6)}
    one = collect(RULE, group({"P": 0.0, "Q": 0.3e6}), DAY, {"P": 25.3e6, "Q": 25.3e6})
    assert (one.below_minimum, one.transfer_usd) == (True, {"P": 0.0, "Q": 0.0})


def test_a_lower_threshold_may_be_agreed() -> None:
    found = collect(RULE, group({"P": 0.0}, 10e6), DAY, {"P": 60e6})
    assert (found.threshold_usd, found.hold_usd) == (10e6, {"P": pytest.approx(50e6)})


@given(
    st.dictionaries(st.sampled_from("PQRS"), st.floats(0.0, 1e8), min_size=1),
    st.dictionaries(st.sampled_from("PQRS"), st.floats(0.0, 1e8), min_size=1),
)
def test_what_is_held_comes_to_what_exceeds_the_threshold(
    held: dict[str, float], required: dict[str, float]
) -> None:
    found = collect(RULE, group(held), DAY, required)
    mine = sum(amount for name, amount in required.items() if name in held)
    assert found.required_usd == pytest.approx(mine)
    assert sum(found.hold_usd.values()) == pytest.approx(max(mine - 50e6, 0.0), abs=0.01)
    if not found.below_minimum:
        after = {name: held[name] + found.transfer_usd[name] for name in held}
        assert after == {name: pytest.approx(found.hold_usd[name], abs=0.01) for name in held}


ONE = "[group.A]\nheld_usd = { P = 1.0 }\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[group.A]\nheld_usd = { P = -1.0 }", r"groups: group\.A\.held_usd\.P: -1\.0 is not in"),
        (f"{ONE}threshold_usd = 6e7", r"group\.A\.threshold_usd"),
        (f"{ONE}[group.B]\nheld_usd = {{ P = 1.0 }}", r"group\.B\.held_usd\.P: stands in group A"),
        (
            f"{ONE}aana = [{{ in_force_from = 2026-01-01, amount = 1.0, currency = 'JPY' }}]",
            r"currency: 'JPY'",
        ),
        ("[groups.A]\nheld_usd = {}", r"groups: groups: is not a parameter"),
    ],
)
def test_a_bad_file_is_refused_by_its_path(text: str, complaint: str) -> None:
    with pytest.raises(MarginError, match=complaint):
        groups_of(tomllib.loads(text), RULE)


def test_a_bad_rule_is_refused_by_its_path() -> None:
    mapping: dict[str, Any] = shipped("uncleared-scope")
    mapping["threshold_usd"]["value"] = -1.0
    with pytest.raises(MarginError, match=r"uncleared margin: threshold_usd\.value: -1\.0"):
        ScopeRule.from_mapping(mapping)
