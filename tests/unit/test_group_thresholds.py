"""Threshold and minimum transfer amount over counterparty groups, live: calls, statement, records that change."""

from __future__ import annotations

import copy
import json
from decimal import Decimal

import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import SILO_INDEX
from engine.portfolio.accounts import Account, ThresholdAllocation
from engine.shortfall.call_rule import CallRule
from engine.state.engine import Engine
from engine.state.transition import Transition
from streams.contracts.codec import Fault, decode_model
from streams.contracts.reference import AccountRecord
from streams.contracts.results import RequirementStatement
from streams.outbound.calls import call_event
from streams.outbound.requirements import requirement_statement
from streams.parameters import read_toml, take_policy
from tests.engine_book import APPROVED, MARKS, NOW_NS, TODAY, movements, new_engine, prices, trades
from tests.policy_book import RULEBOOKS, SECURITY_BASED, UNCLEARED

SCOPE = f"silo:{SECURITY_BASED}"
SILO = SILO_INDEX[SECURITY_BASED]
# 400 contracts sold at their mark: 60 million of initial margin, no exposure.
SOLD, INITIAL = -400.0, 60e6
MILLION = 1e6


def record(
    account: str,
    group: str = "",
    threshold: float | None = None,
    minimum: float = 0.0,
    counterparty: str = "",
) -> Account:
    allocations = () if threshold is None else (ThresholdAllocation(SECURITY_BASED, threshold, minimum),)
    return Account(
        account, approvals=APPROVED, counterparty=counterparty, counterparty_group=group,
        threshold_allocations=allocations,
    )  # fmt: skip


def book(*records: Account, cash: float = 0.0) -> Engine:
    """Accounts of the records, each with the swaps sold and so much cash behind them."""
    engine = new_engine(())
    assert not engine.apply_prices(prices(engine, MARKS, 1)).any()
    for one in records:
        engine.put_account(one, 0)
        row = (f"T{one.account_id}", 1, one.account_id, "ACME-5Y", SOLD, MARKS["ACME-5Y"], False, TODAY)
        assert not engine.apply_trades(0, trades(engine, [row])).any()
        if cash:
            deposit(engine, one.account_id, cash)
    return engine


def deposit(engine: Engine, account: str, amount: float) -> None:
    row = (f"D{account}{amount}", 1, account, "", "USD", amount, False, TODAY, SILO)
    assert not engine.apply_collateral(0, movements(engine, [row])).any()


def binding(engine: Engine) -> list[Transition]:
    return [one for one in engine.evaluate(NOW_NS).transitions if one.binding]


def called(engine: Engine) -> dict[str, float]:
    """Amounts of the calls that the next pass issues."""
    return {one.account_id: one.amount_usd for one in binding(engine) if one.state == "issued"}


def figures(engine: Engine, account: str) -> tuple[str, str, str]:
    statement = requirement_statement(engine.statement(account, NOW_NS), 0, "")
    [silo] = [one for one in statement.silos if one.silo == SECURITY_BASED]
    return f"{silo.threshold:.0f}", f"{silo.minimum_transfer:.0f}", silo.allocation


def test_an_account_without_a_group_has_the_threshold_for_itself() -> None:
    engine = book(record("A"), record("B"))
    assert called(engine) == {"A": pytest.approx(10e6), "B": pytest.approx(10e6)}
    assert figures(engine, "A") == ("50000000", "500000", "")


def test_the_event_names_what_its_amount_leaves_out() -> None:
    engine = book(record("A", "Alder", 40e6, 0.3e6), record("B"))
    events = {one.account_id: call_event(one) for one in binding(engine)}
    assert {name: (one.threshold, one.minimum_transfer) for name, one in events.items()} == {
        "A": (Decimal("40000000.00"), Decimal("300000.00")), "B": (Decimal("50000000.00"), Decimal("500000.00")),
    }  # fmt: skip
    for one in events.values():
        assert one.margin_call_amount == one.requirement - one.threshold - one.equity


def test_a_group_has_one_threshold_and_each_account_what_is_allocated_to_it() -> None:
    engine = book(record("A", "Alder", 30e6), record("B", "Alder", 20e6), record("C", "Alder"))
    assert called(engine) == {"A": pytest.approx(30e6), "B": pytest.approx(40e6), "C": pytest.approx(INITIAL)}
    assert figures(engine, "A") == ("30000000", "0", "allocated in group Alder")
    assert figures(engine, "C") == ("0", "0", "nothing is allocated in group Alder")
    assert engine.totals().groups_over_allocated == 0


def test_an_account_of_its_own_may_agree_to_less_never_to_more() -> None:
    engine = book(record("A", threshold=10e6), record("B", threshold=60e6))
    assert called(engine) == {"A": pytest.approx(50e6), "B": pytest.approx(10e6)}
    assert figures(engine, "A") == ("10000000", "0", "allocated in the account")
    assert engine.group_thresholds.of(record("A", threshold=10e6), UNCLEARED) == (50e6, 0.5e6), (
        "no entry: the rule's"
    )
    assert figures(engine, "B")[2].startswith(
        "OVER_ALLOCATED: the account: allocated thresholds of 60,000,000.00"
    )


def test_allocations_beyond_the_rule_are_cut_in_proportion_and_named() -> None:
    engine = book(
        record("A", "Alder", 60e6, MILLION), record("B", "Alder", 40e6, MILLION), record("C", "Birch", 50e6)
    )
    assert called(engine) == {"A": pytest.approx(30e6), "B": pytest.approx(40e6), "C": pytest.approx(10e6)}
    assert figures(engine, "B") == (
        "20000000",
        "250000",
        "OVER_ALLOCATED: group Alder: allocated thresholds of 100,000,000.00 exceed the rule's 50,000,000.00 and "
        "minimum transfer amounts of 2,000,000.00 exceed the rule's 500,000.00: cut in proportion",
    )
    assert engine.totals().groups_over_allocated == 1
    engine.put_account(record("A", "Alder", 10e6), 0)
    engine.put_account(record("B", "Alder", 40e6), 0)
    engine.evaluate(NOW_NS)
    assert engine.totals().groups_over_allocated == 0


def test_the_minimum_transfer_amount_is_allocated_too() -> None:
    """Each is short by 300,000: below what A has, above what B has."""
    short = 0.3e6
    engine = book(
        record("A", "Alder", 25e6, 0.4e6), record("B", "Alder", 25e6, 0.1e6), cash=INITIAL - 25e6 - short
    )  # fmt: skip
    moves = {one.account_id: one for one in binding(engine)}
    assert (moves["A"].state, moves["A"].reason) == ("warning", "BELOW_MINIMUM")
    assert moves["B"].state == "issued"
    assert moves["B"].amount_usd == pytest.approx(short)


def test_another_accounts_record_moves_what_is_allocated_here() -> None:
    engine = book(record("A", "Alder", 50e6), record("B", "Alder"))
    assert called(engine) == {"A": pytest.approx(10e6), "B": pytest.approx(INITIAL)}
    engine.put_account(record("B", "Alder", 50e6), 0)
    moves = {one.account_id: one for one in binding(engine)}
    assert {name: one.amount_usd for name, one in moves.items()} == {
        "A": pytest.approx(35e6),
        "B": pytest.approx(35e6),
    }
    # B leaves the group: A has all of its 50 million again, B those of an account by itself.
    engine.put_account(record("B"), 0)
    deposit(engine, "B", 10e6)
    moves = {one.account_id: one for one in binding(engine)}
    assert moves["A"].amount_usd == pytest.approx(10e6)
    assert (moves["B"].state, moves["B"].reason) == ("met", "CURED_BY_DEPOSIT")


def test_a_call_that_falls_away_with_another_record_says_so() -> None:
    engine = book(record("A", "Alder", 50e6), record("B", "Alder", 50e6), cash=10e6)
    assert called(engine) == {"A": pytest.approx(25e6), "B": pytest.approx(25e6)}
    engine.put_account(record("B", "Alder"), 0)
    moves = {one.account_id: one for one in binding(engine)}
    assert (moves["A"].state, moves["A"].reason) == ("met", "RULE_CHANGED")
    assert moves["B"].amount_usd == pytest.approx(50e6)


def test_a_closed_account_keeps_its_part_until_its_record_gives_it_up() -> None:
    engine = book(record("A", "Alder", 50e6), record("B", "Alder", 50e6))
    idle = record("C", "Alder", 100e6)
    engine.put_account(idle, 0)
    engine.close_account(idle, 0)
    assert called(engine) == {"A": pytest.approx(47.5e6), "B": pytest.approx(47.5e6)}
    engine.evaluate(NOW_NS)
    assert engine.account_slots(["C"])[0] == -1, "it has left, as on a worker that never saw it open"
    assert figures(engine, "A")[0] == "12500000"
    engine.close_account(record("C", "Alder"), 0)
    engine.evaluate(NOW_NS)
    assert figures(engine, "A")[0] == "25000000"


def test_a_record_taken_back_allocates_nothing_also_to_the_account_itself() -> None:
    engine = book(record("A", "Alder", 50e6), record("B", "Alder", 50e6), cash=35e6)
    assert called(engine) == {}
    engine.withdraw_account("B")
    assert called(engine) == {"B": pytest.approx(25e6)}
    assert figures(engine, "A")[0] == "50000000"


def test_an_exception_collects_nothing_whatever_is_allocated() -> None:
    engine = book(record("A", "Alder", 10e6, counterparty="affiliate"), record("B", "Alder"))
    assert called(engine) == {"B": pytest.approx(INITIAL)}


def test_a_restart_is_no_change_of_rule() -> None:
    """A call that the market met meanwhile is not said to be met by records that are read again."""
    engine = book(record("A", "Alder", 50e6), record("B", "Alder", 50e6))
    engine.evaluate(NOW_NS)
    [case] = [case for case in engine.cases.of(0) if case.scope == SCOPE]
    again = new_engine(())
    again.drop_partition(0)
    for account in ("B", "A"):
        again.put_account(record(account, "Alder", 50e6), 0)
    again.take_partition(0)
    again.restore_case(case, NOW_NS)
    again.go_live(0)
    [met] = binding(again)
    assert (met.account_id, met.state, met.reason) == ("A", "met", "CURED_BY_MARKET")


def test_a_policy_may_give_each_account_its_own_threshold() -> None:
    engine = book(record("A", "Alder", 20e6), record("B", "Alder"), cash=10e6)
    assert called(engine) == {"A": pytest.approx(30e6), "B": pytest.approx(50e6)}
    policy = copy.deepcopy(read_toml("policy.toml"))
    del policy["call"][SCOPE]["per_counterparty_group"]
    take_policy(engine, policy, RULEBOOKS)
    assert [(one.account_id, one.state) for one in binding(engine)] == [("A", "met"), ("B", "met")]
    assert figures(engine, "A") == ("50000000", "500000", "")
    take_policy(engine, read_toml("policy.toml"), RULEBOOKS)
    assert called(engine) == {"A": pytest.approx(30e6), "B": pytest.approx(50e6)}


def test_the_explanation_names_threshold_and_group() -> None:
    engine = book(record("A", "Alder", 30e6, 0.2e6))
    engine.evaluate(NOW_NS)
    [(_, _, explained)] = engine.explain("A").silos
    facts = explained.tree.facts
    assert (facts["uncollected_usd"], facts["minimum_transfer_usd"]) == (30e6, 0.2e6)
    assert facts["allocation"] == "allocated in group Alder"


@pytest.mark.parametrize("scope", ["default", "unified:one-pot", f"{SCOPE} strategy_based"])
def test_only_a_silo_may_be_collected_over_groups(scope: str) -> None:
    with pytest.raises(
        MarginError, match=f"call rule {scope}.*per_counterparty_group stands in the rule of a silo"
    ):
        CallRule.from_mapping(scope, {"per_counterparty_group": True})


def test_whether_over_groups_is_true_or_false() -> None:
    with pytest.raises(MarginError, match="per_counterparty_group = 1 is not true or false"):
        CallRule.from_mapping(SCOPE, {"per_counterparty_group": 1})


def test_a_record_names_a_silo_once() -> None:
    part = {"silo": SECURITY_BASED, "threshold_usd": 1.0}
    decoded = decode_model(
        AccountRecord, json.dumps({"account_id": "A", "threshold_allocations": [part, part]}).encode()
    )
    assert isinstance(decoded, Fault)
    assert decoded.reason is Reason.WRONG_TYPE
    assert "threshold_allocations name a silo twice" in decoded.detail


def test_records_and_statements_of_before_are_read_as_they_were() -> None:
    """A record without the fields shares nothing; a statement without them is of a silo that collects all."""
    decoded = decode_model(AccountRecord, b'{"account_id": "A", "counterparty": "affiliate"}')
    assert not isinstance(decoded, Fault)
    message, unknown_fields = decoded
    assert (message.counterparty_group, message.threshold_allocations, unknown_fields) == ("", (), False)
    engine = book(record("A", "Alder", 30e6))
    engine.evaluate(NOW_NS)
    statement = requirement_statement(engine.statement("A", NOW_NS), 0, "").model_dump(mode="json")
    for silo in statement["silos"]:
        for field in ("threshold", "minimum_transfer", "allocation"):
            del silo[field]
    [silo] = RequirementStatement.model_validate(statement).silos
    assert (str(silo.threshold), str(silo.minimum_transfer), silo.allocation) == ("0.00", "0.00", "")
