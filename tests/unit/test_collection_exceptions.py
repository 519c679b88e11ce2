"""Counterparties from whom less margin is collected: calls, statement, explanation, and the table as data."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from engine.base.errors import MarginError
from engine.market.instruments import SILO_INDEX
from engine.portfolio.accounts import COUNTERPARTIES, Account
from engine.shortfall.call_rule import CallRule
from engine.state.engine import Engine
from engine.state.transition import Transition
from streams.outbound.requirements import requirement_statement
from streams.parameters import read_toml, take_policy
from tests.engine_book import APPROVED, MARKS, NOW_NS, TODAY, new_engine, prices, trades
from tests.policy_book import RULEBOOKS

SCOPE = "silo:security_based_swaps"
SILO = SILO_INDEX["security_based_swaps"]
SHIPPED = read_toml("policy.toml")["call"][SCOPE]
# 1,000 contracts sold for nothing and worth 82.5 million less: exposure beside 150 million of initial margin.
SOLD, EXPOSURE, INITIAL = -1000.0, 82.5e6, 150e6
NOT_COLLECTED = {kind for kind, table in SHIPPED["exceptions"].items() if table["collected"] == "nothing"}


def holding(counterparty: str, price: float = 0.0) -> Engine:
    engine = new_engine(("A",))
    assert not engine.apply_prices(prices(engine, MARKS, 1)).any()
    engine.put_account(Account("A", approvals=APPROVED, counterparty=counterparty), 0)
    row = ("T", 1, "A", "ACME-5Y", SOLD, price, False, TODAY)
    assert not engine.apply_trades(0, trades(engine, [row])).any()
    return engine


def issued(engine: Engine) -> list[Transition]:
    return [one for one in engine.evaluate(NOW_NS).transitions if one.binding and one.state == "issued"]


def test_every_kind_but_the_ordinary_one_has_an_entry_with_its_place_in_the_rule() -> None:
    assert set(SHIPPED["exceptions"]) == set(COUNTERPARTIES) - {""}
    assert {"commercial_end_user", "legacy", "multilateral"} == NOT_COLLECTED
    for table in SHIPPED["exceptions"].values():
        assert table["source"].startswith("17 CFR 240.18a-3(c)(1)(iii)(")
        assert table["unverified"]


@pytest.mark.parametrize("counterparty", COUNTERPARTIES)
def test_what_is_called(counterparty: str) -> None:
    engine = holding(counterparty)
    calls = issued(engine)
    assert engine.equity[0, SILO] == pytest.approx(-EXPOSURE)
    assert engine.maintenance[0, SILO] == pytest.approx(INITIAL), "the requirement is shown in full"
    if counterparty in NOT_COLLECTED:
        assert calls == []
        return
    [call] = calls
    above_threshold = INITIAL - 50e6 if counterparty == "" else 0.0
    assert call.amount_usd == pytest.approx(EXPOSURE + above_threshold)


def test_without_exposure_an_affiliate_is_not_warned() -> None:
    engine = holding("affiliate", price=MARKS["ACME-5Y"])
    assert [one for one in engine.evaluate(NOW_NS).transitions if one.binding] == []
    assert engine.maintenance[0, SILO] == pytest.approx(INITIAL)


def test_a_record_that_names_an_exception_meets_the_open_call() -> None:
    engine = holding("")
    assert len(issued(engine)) == 1
    engine.put_account(Account("A", approvals=APPROVED, counterparty="commercial_end_user"), 0)
    [met] = [one for one in engine.evaluate(NOW_NS).transitions if one.binding]
    assert (met.scope, met.state, met.reason) == (SCOPE, "met", "RULE_CHANGED")


def test_a_restart_is_no_change_of_rule() -> None:
    """A call of an earlier life that the market met meanwhile is not said to be met by a record that is read again."""
    engine = holding("")
    [call] = issued(engine)
    [case] = [case for case in engine.cases.of(0) if case.scope == SCOPE]
    again = new_engine(("A",))
    again.drop_partition(0)
    again.take_partition(0)
    again.put_account(Account("A", approvals=APPROVED), 0)
    take_policy(again, read_toml("policy.toml"), RULEBOOKS)
    again.restore_case(case, NOW_NS)
    again.go_live(0)
    [met] = [one for one in again.evaluate(NOW_NS).transitions if one.binding]
    assert (met.call_id, met.state, met.reason) == (call.call_id, "met", "CURED_BY_MARKET")


def test_several_kinds_are_decided_in_the_order_of_their_accounts() -> None:
    engine = new_engine(("A", "B", "C"))
    assert not engine.apply_prices(prices(engine, MARKS, 1)).any()
    for account, kind in zip("ABC", ("affiliate", "", "sovereign"), strict=True):
        engine.put_account(Account(account, approvals=APPROVED, counterparty=kind), 0)
        row = (f"T{account}", 1, account, "ACME-5Y", SOLD, 0.0, False, TODAY)
        assert not engine.apply_trades(0, trades(engine, [row])).any()
    calls = issued(engine)
    assert [one.account_id for one in calls] == ["A", "B", "C"]
    assert [one.amount_usd for one in calls] == pytest.approx([EXPOSURE, EXPOSURE + INITIAL - 50e6, EXPOSURE])


def test_statement_and_explanation_say_so() -> None:
    engine = holding("affiliate")
    engine.evaluate(NOW_NS)
    [silo] = [
        one
        for one in requirement_statement(engine.statement("A", NOW_NS), 0, "").silos
        if one.silo == "security_based_swaps"
    ]
    assert silo.exception == "affiliate: initial margin is not collected"
    assert float(silo.maintenance) == pytest.approx(INITIAL)
    [(_, _, explained)] = engine.explain("A").silos
    assert explained.tree.facts["uncollected_usd"] == 50e6
    assert explained.tree.facts["exception"] == silo.exception
    assert explained.tree.facts["exception_source"] == (
        "17 CFR 240.18a-3(c)(1)(iii)(G), from memory of the rule (unverified)"
    )


def test_the_table_can_be_published_anew_live() -> None:
    engine = holding("affiliate", price=MARKS["ACME-5Y"])
    assert issued(engine) == []
    policy = copy.deepcopy(read_toml("policy.toml"))
    del policy["call"][SCOPE]["exceptions"]["affiliate"]
    take_policy(engine, policy, RULEBOOKS)
    [call] = issued(engine)
    assert call.amount_usd == pytest.approx(INITIAL - 50e6)


@pytest.mark.parametrize(
    ("exceptions", "named"),
    [
        ({"friend": {"collected": "nothing", "source": "x"}}, "'friend' is not one of"),
        ({"affiliate": {"collected": "half", "source": "x"}}, "'half' is not exposure or nothing"),
        ({"affiliate": {"collected": "nothing"}}, "is missing"),
        ({"affiliate": {"collected": "nothing", "source": "x", "amount": 1}}, "is not a parameter"),
        ({"affiliate": 1}, "is not a table"),
    ],
)
def test_a_bad_exception_is_refused(exceptions: dict[str, Any], named: str) -> None:
    with pytest.raises(MarginError) as caught:
        CallRule.from_mapping(SCOPE, SHIPPED | {"exceptions": exceptions})
    assert named in caught.value.detail
    assert caught.value.thing.startswith(f"call rule {SCOPE}")
