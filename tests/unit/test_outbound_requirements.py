"""Statements: exact cents, bounded rate, newest wins."""

from __future__ import annotations

import time
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.portfolio.accounts import Account
from engine.state.engine import Engine
from streams.inbound.intake import Intake
from streams.outbound.money import named_amounts
from streams.outbound.requirements import ConflationRule, Conflator, make_statements
from streams.worker.account_view import account_view
from tests.unit.test_intake import NOW_NS, PARTITION, intake, opening, position, price  # noqa: F401

S_NS = 1_000_000_000


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=8),
    st.decimals(-(10**9), 10**9, places=2),
)
def test_terms_add_up_to_the_cent(amounts: list[float], total: Decimal) -> None:
    terms = named_amounts([(str(i), amount) for i, amount in enumerate(amounts)], total)
    assert sum(term.amount for term in terms) == total


@pytest.fixture
def live(intake: Intake) -> Engine:  # noqa: F811
    """Two SPY long at 10, 100 in cash, on a live partition."""
    cash = [{"silo": "securities", "amount": 100.0}]
    intake.take_activity(
        "positions", PARTITION, [opening(0, 1, 1, positions=position("SPY", 2.0), cash=cash)]
    )
    intake.take_prices([price()], NOW_NS)
    intake.engine.go_live(PARTITION)
    intake.engine.evaluate(NOW_NS)
    return intake.engine


def test_a_statement_adds_up_and_says_what_it_rests_on(live: Engine) -> None:
    (statement,) = make_statements(live, conflator_of(live), [0], NOW_NS, "http://x")
    assert statement.silos[0].equity == Decimal("120.00")
    assert statement.silos[0].excess == statement.silos[0].equity - statement.silos[0].maintenance
    assert sum(part.amount for part in statement.unified.parts) == statement.unified.requirement
    assert sum(term.amount for term in statement.gap.terms) == statement.gap.gap
    assert statement.gap.gap == statement.gap.silo_sum - statement.gap.unified
    assert statement.inputs.positions_offset == 0
    assert statement.business_date == "2026-11-20"
    assert statement.served_by == "http://x"


def test_the_account_view_explains_the_statement(live: Engine) -> None:
    view = account_view(live, "A1", NOW_NS, "http://x")
    (silo,) = view["explanation"]["silos"]
    assert silo["silo"] == "securities"
    assert silo["maintenance"] == view["statement"]["silos"][0]["maintenance"]
    assert silo["tree"]["amount"] == silo["maintenance"]


def conflator_of(engine: Engine, per_pass: int = 10) -> Conflator:
    conflator = Conflator(ConflationRule(threshold_usd=50.0, interval_s=10.0, per_pass=per_pass))
    conflator.note(engine, np.array([0]))
    return conflator


def put_accounts(engine: Engine, count: int) -> None:
    """So many accounts in all, evaluated."""
    for number in range(2, count + 1):
        engine.put_account(Account(f"A{number}"), PARTITION)
    engine.evaluate(NOW_NS)


def due(conflator: Conflator, engine: Engine, now_ns: int) -> list[int]:
    return [int(slot) for slot in conflator.due(engine, [PARTITION], now_ns)]


def test_a_first_statement_is_due_at_once_and_an_unchanged_account_never_again(live: Engine) -> None:
    conflator = conflator_of(live)
    assert due(conflator, live, NOW_NS) == [0]
    conflator.published(live, np.array([0]), NOW_NS)
    assert due(conflator, live, NOW_NS + 3600 * S_NS) == []


def test_a_small_change_waits_for_the_interval_and_a_large_one_does_not(live: Engine) -> None:
    conflator = conflator_of(live)
    conflator.published(live, np.array([0]), NOW_NS)
    live.equity[0, 0] += 49.0
    conflator.note(live, np.array([0]))
    assert due(conflator, live, NOW_NS + 9 * S_NS) == []
    assert due(conflator, live, NOW_NS + 10 * S_NS) == [0]
    live.equity[0, 0] += 2.0
    assert due(conflator, live, NOW_NS + S_NS) == [0]


def test_a_small_change_with_a_call_does_not_wait(live: Engine) -> None:
    conflator = conflator_of(live)
    conflator.published(live, np.array([0]), NOW_NS)
    conflator.note(live, np.array([0]))
    assert conflator.due(live, [PARTITION], NOW_NS + 1).tolist() == []
    conflator.hurry(np.array([0]))
    assert conflator.due(live, [PARTITION], NOW_NS + 1).tolist() == [0]


def test_accounts_with_calls_take_half_of_the_places_and_the_longest_unpublished_the_rest(
    live: Engine,
) -> None:
    put_accounts(live, 6)
    conflator = conflator_of(live, per_pass=4)
    everyone = np.arange(6)
    conflator.note(live, everyone)
    conflator.published(live, everyone, NOW_NS - 20 * S_NS)
    conflator.published(live, np.array([0, 1, 2]), NOW_NS)
    conflator.note(live, everyone)
    conflator.hurry(np.array([0, 1, 2]))
    assert due(conflator, live, NOW_NS) == [0, 1, 3, 4]
    assert due(conflator, live, NOW_NS - 15 * S_NS) == [0, 1, 2], "places that nobody needs are theirs too"


def test_calls_that_come_faster_than_statements_keep_nobody_waiting_for_ever(live: Engine) -> None:
    put_accounts(live, 8)
    conflator = conflator_of(live, per_pass=2)
    conflator.note(live, np.arange(8))
    told: set[int] = set()
    for second in range(12):
        now_ns = NOW_NS + second * S_NS
        conflator.note(live, np.arange(4))
        conflator.hurry(np.arange(4))
        made = conflator.due(live, [PARTITION], now_ns)
        conflator.published(live, made, now_ns)
        told.update(made.tolist())
    assert told == set(range(8))


def test_an_account_of_a_partition_that_is_not_live_is_not_due(live: Engine) -> None:
    assert [int(s) for s in conflator_of(live).due(live, [PARTITION + 1], NOW_NS)] == []


def test_the_longest_unpublished_go_first_within_the_bound(live: Engine) -> None:
    put_accounts(live, 4)
    conflator = conflator_of(live, per_pass=2)
    conflator.note(live, np.arange(4))
    conflator.published(live, np.array([3]), NOW_NS - 40 * S_NS)
    conflator.published(live, np.array([1]), NOW_NS - 30 * S_NS)
    conflator.published(live, np.array([0, 2]), NOW_NS - 20 * S_NS)
    conflator.note(live, np.arange(4))
    assert due(conflator, live, NOW_NS) == [3, 1]


def test_who_waited_an_interval_goes_before_who_moved(live: Engine) -> None:
    put_accounts(live, 5)
    conflator = conflator_of(live, per_pass=3)
    conflator.note(live, np.arange(5))
    conflator.published(live, np.array([4, 1]), NOW_NS - 10 * S_NS)
    conflator.published(live, np.array([2]), NOW_NS - 2 * S_NS)
    conflator.published(live, np.array([0, 3]), NOW_NS - S_NS)
    conflator.note(live, np.arange(5))
    assert due(conflator, live, NOW_NS) == [1, 4]
    live.equity[[0, 2, 3], 0] += 51.0
    assert due(conflator, live, NOW_NS) == [1, 4, 2]


def test_sequences_count_up(live: Engine) -> None:
    conflator = conflator_of(live)
    seen = []
    for _ in range(3):
        (statement,) = make_statements(live, conflator, [0], time.time_ns(), "")
        conflator.published(live, np.array([0]), NOW_NS)
        seen.append(statement.sequence)
    assert seen == [0, 1, 2]
