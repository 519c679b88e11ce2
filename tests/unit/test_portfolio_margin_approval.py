"""Approval selects the rulebook of an account, live; equity below the minimum marks it and moves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from engine.market.instruments import SILO_INDEX
from engine.portfolio.accounts import Account
from engine.rules.requirement import Part
from engine.state.engine import Engine
from streams.parameters import load_policy
from tests.engine_book import (
    APPROVED,
    INSTRUMENTS,
    MARKS,
    NOW_NS,
    TODAY,
    movements,
    new_engine,
    prices,
    trades,
)
from tests.rulebook_cases import shipped

RULEBOOK = "finra-4210g"
SECURITIES = SILO_INDEX["securities"]
# Long 3,000,000 of a fund on a high-cap broad index, short 8 puts on the index.
POSITIONS = [("SPY", 5_000.0), ("SPX-P", -8.0), ("AAPL", 100.0)]


def held(engine: Engine, cash_usd: float = 0.0) -> Engine:
    engine.apply_prices(prices(engine, MARKS, 1))
    rows = [(name, 1, "A", name, quantity, MARKS[name], False, TODAY) for name, quantity in POSITIONS]
    engine.apply_trades(0, trades(engine, rows))
    deposit = ("D", 1, "A", "", "USD", cash_usd, False, TODAY, SECURITIES)
    engine.apply_collateral(0, movements(engine, [deposit]))
    engine.evaluate(NOW_NS)
    return engine


def figure(engine: Engine) -> float:
    """Requirement of account A under portfolio margin."""
    return float(engine.silo_books[RULEBOOK].requirement[engine.account_slots(["A"])[0], 1])


def tree(engine: Engine) -> Part | None:
    told = {rulebook_id: explained.tree for _, rulebook_id, explained in engine.explain("A").silos}
    return told.get(RULEBOOK)


def test_revoking_and_granting_approval_margins_the_account_anew_at_once() -> None:
    engine = held(new_engine(["A"]))
    approved = figure(engine)
    assert approved > 0.0
    engine.put_account(Account("A", approvals=APPROVED - {"portfolio_margin"}), 0)
    assert engine.evaluate(NOW_NS).accounts.tolist() == engine.account_slots(["A"]).tolist()
    assert figure(engine) == 0.0
    assert tree(engine) is None
    engine.put_account(Account("A", approvals=APPROVED), 0)
    engine.evaluate(NOW_NS)
    assert figure(engine) == approved
    assert engine.shadow_check(["A"]) < 0.01


def test_the_engine_offsets_within_product_groups_and_the_tree_says_so() -> None:
    engine = held(new_engine(["A"]))
    told = tree(engine)
    assert told is not None
    (group,) = (
        part for part in told.parts if "group high_cap_broad" in part.name or "broad_based" in part.name
    )
    members = {part.name for part in group.walk()}
    assert {"class group SPY", "class group SPX"} <= members
    assert engine.shadow_check(["A"]) < 0.01


def test_a_table_without_groups_takes_effect_live() -> None:
    engine = held(new_engine(["A"]))
    with_groups = figure(engine)
    mapping = shipped(RULEBOOK)
    del mapping["groups"]
    engine.put_rulebook(RULEBOOK, mapping)
    engine.evaluate(NOW_NS)
    assert figure(engine) >= with_groups
    assert engine.shadow_check(["A"]) < 0.01
    engine.put_rulebook(RULEBOOK, shipped(RULEBOOK))
    engine.evaluate(NOW_NS)
    assert figure(engine) == with_groups


@pytest.mark.parametrize(
    ("cash_usd", "mark"), [(100_000.0, "kept"), (99_000.0, "below: review the approval")]
)
def test_equity_below_the_minimum_is_a_fact_and_moves_nothing(cash_usd: float, mark: str) -> None:
    engine = held(new_engine(["A"]), cash_usd)
    facts: dict[str, Any] = tree(engine).facts  # type: ignore[union-attr]
    assert facts["equity_usd"] == pytest.approx(cash_usd)
    assert facts["minimum_equity_usd"] == 100_000.0
    assert facts["minimum_equity"] == mark
    (silo,) = engine.statement("A", NOW_NS).silos
    assert silo.below_minimum_equity == (mark != "kept")
    assert figure(engine) == figure(held(new_engine(["A"]), 1e6))


def test_the_order_of_reference_data_does_not_show() -> None:
    """Netting sets are numbered in the order in which instruments appear."""

    def figures(reverse: bool) -> tuple[float, float]:
        engine = Engine(load_policy())
        engine.put_account(Account("A", approvals=APPROVED), 0)
        for instrument in reversed(INSTRUMENTS) if reverse else INSTRUMENTS:
            engine.put_instrument(instrument)
        engine.take_partition(0)
        engine.go_live(0)
        return figure(held(engine)), engine.shadow_check(["A"])

    straight, reverse = figures(False), figures(True)
    assert straight[0] == pytest.approx(reverse[0], rel=1e-12)
    assert max(straight[1], reverse[1]) < 0.01


def test_without_approval_no_minimum_is_asked_for() -> None:
    engine = held(new_engine(["A"]), 1_000.0)
    assert engine.statement("A", NOW_NS).silos[0].below_minimum_equity
    engine.put_account(Account("A"), 0)
    engine.evaluate(NOW_NS)
    assert not engine.statement("A", NOW_NS).silos[0].below_minimum_equity
