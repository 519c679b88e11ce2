"""Allocated thresholds: the latest records decide, never more than the rule gives; held against ``--groups``."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.instruments import SILO_INDEX
from engine.portfolio.accounts import Account, ThresholdAllocation
from engine.shortfall.call import Figures, decide
from engine.shortfall.case import CallCase, CallState
from engine.shortfall.uncleared_group import Group, ScopeRule, collect
from engine.state.group_thresholds import GroupThresholds
from streams.contracts.reference import AccountRecord, AllocatedThreshold
from streams.parameters import load_policy, read_toml
from streams.verify.thresholds import Thresholds
from tests.rulebook_cases import shipped

POLICY = load_policy()
SILO = "uncleared_swaps"
RULE = POLICY.call_rule(f"silo:{SILO}")
ACCOUNTS = "ABCD"
amounts = st.floats(0.0, 6e7) | st.sampled_from([0.0, 0.1, 2.5e7, 5e7])
records = st.builds(
    lambda account, group, stated: Account(
        account,
        counterparty_group=group,
        threshold_allocations=() if stated is None else (ThresholdAllocation(SILO, *stated),),
    ),
    st.sampled_from(ACCOUNTS),
    st.sampled_from(["", "G", "H"]),
    st.none() | st.tuples(amounts, amounts),
)
# A record, or the account whose record is taken back; True: a pass comes in between.
steps = st.lists(st.tuples(records | st.sampled_from(ACCOUNTS), st.booleans()), max_size=12)


def terms(thresholds: GroupThresholds, latest: dict[str, Account]) -> dict[str, tuple[float, float]]:
    """Threshold and minimum transfer amount of each account that has a record."""
    rows = np.array([thresholds.row(record) for record in latest.values()], np.int32)
    _, uncollected, minimum = thresholds.terms(rows, SILO_INDEX[SILO], RULE)
    return dict(zip(latest, zip(uncollected.tolist(), minimum.tolist(), strict=True), strict=True))


@given(steps, st.randoms(use_true_random=False))
def test_what_holds_follows_from_the_latest_records_alone(
    steps: list[tuple[Account | str, bool]], random: object
) -> None:
    live, latest = GroupThresholds(POLICY), dict[str, Account]()
    for step, passes in steps:
        if isinstance(step, Account):
            live.put(step)
            latest[step.account_id] = step
        else:
            live.withdraw(step)
            latest.pop(step, None)
        if passes:
            live.renew()
    before = terms(live, latest)
    moved = live.renew()
    after = terms(live, latest)
    assert {name for name, mine in after.items() if mine != before[name]} <= set(moved), (
        "whoever moved is named"
    )
    afresh = GroupThresholds(POLICY)
    shuffled = list(latest.values())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for record in shuffled:
        afresh.put(record)
    afresh.renew()
    assert terms(afresh, latest) == after
    assert afresh.over_allocated == live.over_allocated


@given(st.lists(records, unique_by=lambda record: record.account_id))
def test_a_group_never_has_more_than_the_rule_gives_and_nobody_more_than_is_allocated(
    present: list[Account],
) -> None:
    thresholds = GroupThresholds(POLICY)
    for record in present:
        thresholds.put(record)
    thresholds.renew()
    found = terms(thresholds, {record.account_id: record for record in present})
    for group in {record.counterparty_group or record.account_id for record in present}:
        mine = [record for record in present if (record.counterparty_group or record.account_id) == group]
        had = np.array([found[record.account_id] for record in mine])
        assert (had.sum(axis=0) <= np.array([RULE.uncollected_usd, RULE.minimum_transfer_usd]) + 0.01).all()
        stated = [a for record in mine for a in record.threshold_allocations]
        if math.fsum(a.threshold_usd for a in stated) <= RULE.uncollected_usd:
            assert [found[r.account_id][0] for r in mine if r.threshold_allocations] == [
                a.threshold_usd for a in stated
            ]


@given(
    st.lists(st.tuples(st.floats(0.0, 1e8), st.floats(0.01, 1.0)), min_size=1, max_size=4),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_live_leaves_no_more_to_the_group_than_one_minimum_transfer_amount(
    books: list[tuple[float, float]], handed_out: float
) -> None:
    """``books``: requirement and weight of the allocation of each account, nothing held yet."""
    scope_rule = ScopeRule.from_mapping(shipped("uncleared-scope"))
    weights = np.array([weight for _, weight in books])
    share = handed_out * weights / weights.sum()
    thresholds, owed = GroupThresholds(POLICY), dict[str, float]()
    for number, (required, part) in enumerate(zip([r for r, _ in books], share.tolist(), strict=True)):
        name = ACCOUNTS[number]
        part_usd = ThresholdAllocation(SILO, part * RULE.uncollected_usd, part * RULE.minimum_transfer_usd)
        thresholds.put(Account(name, counterparty_group="G", threshold_allocations=(part_usd,)))
        owed[name] = required
    thresholds.renew()
    rows = np.arange(len(owed), dtype=np.int32)
    live = thresholds.terms(rows, SILO_INDEX[SILO], RULE)
    called = 0.0
    for place, (name, required) in enumerate(owed.items()):
        decision = decide(
            CallCase(name, f"silo:{SILO}"), Figures(required, required, 0.0, "1"), live.of(place), 0
        )
        called += decision.amount_usd if decision.state is CallState.ISSUED else 0.0
    group = Group("G", dict.fromkeys(owed, 0.0), ())
    whole = collect(scope_rule, group, date(2026, 11, 27), owed)
    uncalled = 0.0 if whole.below_minimum else RULE.minimum_transfer_usd
    assert called >= sum(whole.transfer_usd.values()) - uncalled - 0.01
    parts = live.uncollected_usd.tolist()
    if sum(parts) >= RULE.uncollected_usd - 0.01 and all(
        required - part >= RULE.minimum_transfer_usd
        for required, part in zip(owed.values(), parts, strict=True)
    ):
        assert abs(called - sum(whole.transfer_usd.values())) < 0.05


@given(st.lists(records, max_size=6, unique_by=lambda record: record.account_id))
def test_the_verifier_comes_to_the_same(held: list[Account]) -> None:
    live = GroupThresholds(POLICY)
    for record in held:
        live.put(record)
    live.renew()
    told = {record.account_id: _record_of(record) for record in held}
    verified = Thresholds(told, read_toml("policy.toml")["call"])
    for account_id, (uncollected, minimum) in terms(live, {one.account_id: one for one in held}).items():
        assert verified.of(account_id, SILO) == pytest.approx((uncollected, minimum), rel=1e-12, abs=1e-6)


def test_a_member_without_a_part_is_called_from_the_first_dollar_and_a_stranger_from_the_rules() -> None:
    record = AccountRecord(account_id="A", approvals=(), counterparty_group="G")
    rules = {"default": {}, f"silo:{SILO}": {"uncollected_usd": 5e7, "minimum_transfer_usd": 5e5}}
    alone = Thresholds({"A": record}, rules)
    shared = Thresholds(
        {"A": record}, {**rules, f"silo:{SILO}": rules[f"silo:{SILO}"] | {"per_counterparty_group": True}}
    )
    assert alone.least_deficit_usd("A", SILO) == 50_500_000.0
    assert shared.least_deficit_usd("A", SILO) == 0.0
    assert shared.least_deficit_usd("B", SILO) == 50_500_000.0
    assert shared.least_deficit_usd("A", "futures") == 0.0


def _record_of(account: Account) -> AccountRecord:
    return AccountRecord(
        account_id=account.account_id,
        approvals=(),
        counterparty_group=account.counterparty_group,
        threshold_allocations=tuple(
            AllocatedThreshold(
                silo=part.silo,
                threshold_usd=part.threshold_usd,
                minimum_transfer_usd=part.minimum_transfer_usd,
            )
            for part in account.threshold_allocations
        ),
    )
