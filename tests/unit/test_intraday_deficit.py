"""The deficit of one day: what counts as an IML-reducing transaction, and both methods on the rule's own cases."""

from __future__ import annotations

import pytest

from engine.base.errors import MarginError
from engine.shortfall.intraday_activity import (
    ActivityKind,
    Level,
    allowed_while_frozen,
    is_reducing,
    trade_kind,
)
from engine.shortfall.intraday_deficit import DayReason, Observed, deficit_as_observed
from engine.shortfall.intraday_order import OpeningBook, deficit_of_worst_order
from engine.shortfall.intraday_reach import Activity
from tests.intraday_oracle import margin_of, parameters

RULE = parameters()


@pytest.mark.parametrize(
    ("held", "quantity", "is_option", "kind"),
    [
        (0, 100, False, "purchase"),
        (50, 100, False, "purchase"),
        (-100, 50, False, "cover"),
        (-100, 100, False, "cover"),
        (-100, 101, False, "purchase"),  # more than is short
        (100, -100, False, "sale"),
        (100, -101, False, "short_sale"),
        (0, -1, False, "short_sale"),
        (0, -1, True, "option_written"),
        (-5, -1, True, "option_written"),
        (5, -5, True, "sale"),
        (-5, 5, True, "cover"),
    ],
)
def test_trades_are_named_by_what_is_held(held: float, quantity: float, is_option: bool, kind: str) -> None:
    assert trade_kind(held, quantity, is_option=is_option) == kind


@pytest.mark.parametrize("kind", list(ActivityKind))
def test_only_transactions_that_lower_the_level_reduce_it(kind: ActivityKind) -> None:
    never = {ActivityKind.COVER, ActivityKind.DEPOSIT, ActivityKind.PRICE, ActivityKind.OTHER}
    assert is_reducing(kind, -100.0, RULE.reducing) is (kind not in never)
    assert not is_reducing(kind, 0.0, RULE.reducing)
    assert not is_reducing(kind, 100.0, RULE.reducing)


def seen(kind: str, before: tuple[float, float], after: tuple[float, float]) -> Observed:
    return Observed(ActivityKind(kind), Level(*before), Level(*after))


START = (10_000.0, 0.0)
BOUGHT = (10_000.0, 11_250.0)  # 45,000 at 25 %


@pytest.mark.parametrize(
    ("day", "amount", "reason"),
    [
        pytest.param([], 0.0, "NO_REDUCING_TRANSACTION", id="nothing happened"),
        pytest.param([seen("purchase", START, (10_000, 7_500))], 0.0, "COVERED", id="a: 30,000 bought"),
        pytest.param([seen("purchase", START, BOUGHT)], 1_250.0, "DEFICIT", id="b: 45,000 bought"),
        pytest.param([seen("purchase", START, (10_000, 10_000))], 0.0, "COVERED", id="just covered"),
        pytest.param([seen("purchase", START, (10_000, 10_000.01))], 0.01, "DEFICIT", id="a cent short"),
        pytest.param(
            [seen("purchase", START, BOUGHT), seen("price", BOUGHT, (5_000, 10_000))],
            1_250.0, "DEFICIT", id="d: the price falls after the purchase",
        ),
        pytest.param(
            [seen("price", (10_000, 9_000), (5_000, 8_000))],
            0.0, "NO_REDUCING_TRANSACTION", id="d: the price falls alone",
        ),
        pytest.param(
            [seen("price", (10_000, 9_000), (5_000, 8_000)), seen("purchase", (5_000, 8_000), (5_000, 8_250))],
            3_250.0, "DEFICIT", id="a purchase after a fall finds the whole shortfall",
        ),
        pytest.param(
            [seen("price", (10_000, 9_000), (5_000, 8_000)), seen("cover", (5_000, 8_000), (4_990, 8_000))],
            0.0, "NO_REDUCING_TRANSACTION", id="covering at a loss",
        ),
        pytest.param(
            [seen("purchase", START, BOUGHT), seen("sale", BOUGHT, START)],
            1_250.0, "DEFICIT", id="e: bought and sold",
        ),
        pytest.param(
            [seen("purchase", START, BOUGHT), seen("deposit", BOUGHT, (11_250, 11_250))],
            1_250.0, "DEFICIT", id="a deposit of the same day comes after it",
        ),
        pytest.param(
            [seen("withdrawal", (10_000, 9_000), (8_500, 9_000))], 500.0, "DEFICIT", id="money withdrawn"
        ),
        pytest.param([seen("short_sale", START, (10_000, 12_000))], 2_000.0, "DEFICIT", id="sold short"),
        pytest.param(
            [seen("option_written", START, (10_000, 10_800))], 800.0, "DEFICIT", id="a new short option"
        ),
        pytest.param(
            [seen("sale", (10_000, 2_000), (10_000, 12_000))],
            2_000.0, "DEFICIT", id="the long leg of a spread sold",
        ),
        pytest.param(
            [seen("sale", (8_000, 9_500), (8_000, 9_000))],
            0.0, "NO_REDUCING_TRANSACTION", id="a sale that raises the level",
        ),
        pytest.param(
            [seen("purchase", START, BOUGHT), seen("purchase", (12_000, 11_250), (12_000, 13_000))],
            1_250.0, "DEFICIT", id="the highest, not the last",
        ),
    ],
)  # fmt: skip
def test_as_observed(day: list[Observed], amount: float, reason: str) -> None:
    found = deficit_as_observed(day, RULE)
    assert (found.amount_usd, found.reason, found.exact) == (amount, DayReason(reason), True)


def test_the_order_in_which_levels_are_told_does_not_matter() -> None:
    day = [seen("purchase", START, BOUGHT), seen("sale", BOUGHT, START)]
    assert deficit_as_observed(day[::-1], RULE) == deficit_as_observed(day, RULE)


# Prices of the oracle: B 100, AA 50, AB 20; 25 % long, 30 % short; AA against AB is a pair.
BUY = Activity(0.0, "B", "B", 450.0)
SELL = Activity(0.0, "B", "B", -450.0)
EMPTY = OpeningBook(10_000.0, {})


def order_unknown(
    *day: Activity, opening: OpeningBook = EMPTY, most: int = 20_000
) -> tuple[float, str, bool]:
    found = deficit_of_worst_order(opening, [day], margin_of, RULE, most)
    return found.amount_usd, found.reason.value, found.exact


@pytest.mark.parametrize(
    ("opening", "day", "amount", "reason"),
    [
        pytest.param(EMPTY, [], 0.0, "NO_REDUCING_TRANSACTION", id="nothing happened"),
        pytest.param(EMPTY, [BUY], 1_250.0, "DEFICIT", id="one purchase"),
        pytest.param(EMPTY, [BUY, SELL], 3_500.0, "DEFICIT", id="sold first it was a short sale: 30 %"),
        pytest.param(
            OpeningBook(10_000.0, {"B": {"B": 450.0}}), [SELL], 0.0, "NO_REDUCING_TRANSACTION",
            id="a deficit that was there before, and a sale",
        ),
        pytest.param(
            OpeningBook(10_000.0, {"B": {"B": 450.0}}), [SELL, BUY], 12_500.0, "DEFICIT",
            id="with a purchase it counts whole",
        ),
        pytest.param(
            EMPTY, [BUY, Activity(5_000.0, kind=ActivityKind.DEPOSIT)], 1_250.0, "DEFICIT",
            id="the deposit came last",
        ),
        pytest.param(
            EMPTY, [BUY, Activity(-3_000.0, kind=ActivityKind.WITHDRAWAL)], 4_250.0, "DEFICIT",
            id="the withdrawal came first or last, the same",
        ),
        pytest.param(
            EMPTY, [BUY, Activity(-30.0, kind=ActivityKind.OTHER)], 1_280.0, "DEFICIT",
            id="a fee came before the purchase",
        ),
        pytest.param(
            EMPTY, [Activity(-30_000.0, kind=ActivityKind.OTHER)], 0.0, "NO_REDUCING_TRANSACTION",
            id="a fee alone is no transaction",
        ),
        pytest.param(
            OpeningBook(0.0, {"A": {"AA": 100.0}}),
            [Activity(0.0, "A", "AB", -250.0), Activity(0.0, "A", "AA", -100.0)], 1_500.0, "DEFICIT",
            id="a pair made and broken, or never made",
        ),
    ],
)  # fmt: skip
def test_order_unknown(opening: OpeningBook, day: list[Activity], amount: float, reason: str) -> None:
    assert order_unknown(*day, opening=opening) == (amount, reason, True)


def test_equity_of_the_deciding_moment_is_told() -> None:
    gone = Activity(-3_000.0, kind=ActivityKind.WITHDRAWAL)
    found = deficit_of_worst_order(EMPTY, [[BUY, gone]], margin_of, RULE)
    assert found.equity_usd == 7_000.0


def test_the_tree_says_what_decided_and_adds_up() -> None:
    gone = Activity(-3_000.0, kind=ActivityKind.WITHDRAWAL)
    found = deficit_of_worst_order(EMPTY, [[BUY, SELL, gone]], margin_of, RULE)
    assert found.tree is not None
    assert (found.amount_usd, found.tree.amount_usd) == (6_500.0, 6_500.0)
    assert {part.name: part.amount_usd for part in found.tree.parts} == {
        "equity at the opening": -10_000.0, "margin of netting set B": 13_500.0, "equity spent: withdrawal": 3_000.0,
    }  # fmt: skip
    held = next(part.facts for part in found.tree.parts if part.name == "margin of netting set B")
    assert held == {"B": -450.0}
    assert found.tree.facts["decided_by"] in {"short_sale", "withdrawal"}
    observed = deficit_as_observed([seen("purchase", START, BOUGHT)], RULE)
    assert observed.tree is not None
    assert [part.amount_usd for part in observed.tree.parts] == [11_250.0, -10_000.0]
    assert observed.tree.facts == {"decided_by": "purchase"}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(MarginError, match="NOT_FINITE: intraday margin level: equity"):
        Level(10_000.0, bad)
    with pytest.raises(MarginError, match="NOT_FINITE: netting set B: margin of"):
        deficit_of_worst_order(EMPTY, [[BUY]], lambda name, held: bad, RULE)


def test_a_day_of_many_trades_is_exact() -> None:
    """Sixty round trips: 120! orders, 121 holdings."""
    day = [Activity(0.0, "B", "B", quantity) for quantity in (100.0, -100.0) for _ in range(60)]
    assert order_unknown(*day) == (0.30 * 60 * 10_000 - 10_000, "DEFICIT", True)


def test_beyond_the_limit_it_is_a_bound_and_says_so() -> None:
    assert order_unknown(BUY, SELL, most=2) == (11_250.0 + 13_500.0 - 10_000.0, "DEFICIT", False)


def test_an_activity_without_kind_must_be_a_trade() -> None:
    with pytest.raises(MarginError, match=r"OUT_OF_RANGE: activity of 5\.0 USD: has neither a kind nor"):
        Activity(5.0)


@pytest.mark.parametrize(
    ("kind", "short", "debit", "allowed"),
    [
        ("purchase", 0.0, 0.01, False),
        ("purchase", 0.0, 0.0, True),  # paid in full
        ("short_sale", 0.01, -5.0, False),
        ("option_written", 500.0, 0.0, False),
        ("sale", 0.0, -100.0, True),
        ("cover", -100.0, 100.0, True),
        ("withdrawal", 0.0, 100.0, False),
        ("deposit", 0.0, -100.0, True),
    ],
)
def test_what_a_freeze_forbids(kind: str, short: float, debit: float, allowed: bool) -> None:
    assert allowed_while_frozen(ActivityKind(kind), short_change_usd=short, debit_change_usd=debit) is allowed
