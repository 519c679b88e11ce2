"""Which margin is collected from an account in a silo, where the rule lets the firm collect less than is required."""

from __future__ import annotations

from engine.portfolio.accounts import Account
from engine.shortfall.call_rule import CallRule
from engine.state.core import EngineCore
from engine.state.group_thresholds import TOLERANCE_USD

Facts = dict[str, float | str]


def exception_text(engine: EngineCore, account: int, silo: str) -> str:
    """E.g. ``affiliate: initial margin is not collected``; empty where no exception holds."""
    record = engine.accounts.records[account]
    exception = engine.policy.call_rule(f"silo:{silo}").exceptions.get(record.counterparty)
    if exception is None:
        return ""
    left = (
        "initial margin is not"
        if exception.collected == "exposure"
        else "neither exposure nor initial margin is"
    )
    return f"{record.counterparty}: {left} collected"


def threshold_and_minimum_usd(engine: EngineCore, account: int, scope: str) -> tuple[float, float]:
    """Threshold up to which requirement is not collected, and minimum transfer amount, as they hold for the account.

    Args:
        scope: of a call, ``silo:futures``; only a silo's may be shared by a group.
    """
    rule = _rule(engine, account, scope)
    record = engine.accounts.records[account]
    if rule.per_counterparty_group and record.shares_threshold:
        return engine.group_thresholds.of(record, scope.removeprefix("silo:"))
    return rule.uncollected_usd, rule.minimum_transfer_usd


def allocation_text(engine: EngineCore, account: int, silo: str) -> str:
    """Where threshold and minimum come from if not from the rule alone, e.g. ``allocated in group Alder``, and
    whether the group's allocations exceed what the rule gives it; empty for an account that shares nothing."""
    rule = _rule(engine, account, f"silo:{silo}")
    record = engine.accounts.records[account]
    if not rule.per_counterparty_group or not record.shares_threshold:
        return ""
    stated = engine.group_thresholds.stated(record, silo)
    whose = f"group {record.counterparty_group}" if record.counterparty_group else "the account"
    over = [
        f"{name} of {amount:,.2f} exceed the rule's {limit:,.2f}"
        for name, amount, limit in zip(
            ("thresholds", "minimum transfer amounts"),
            stated,
            (rule.uncollected_usd, rule.minimum_transfer_usd),
            strict=True,
        )
        if amount > limit + TOLERANCE_USD
    ]
    if over:
        return f"OVER_ALLOCATED: {whose}: allocated {' and '.join(over)}: cut in proportion"
    if _allocates(record, silo):
        return f"allocated in {whose}"
    return f"nothing is allocated in {whose}" if record.counterparty_group else ""


def _allocates(record: Account, silo: str) -> bool:
    return any(allocation.silo == silo for allocation in record.threshold_allocations)


def _rule(engine: EngineCore, account: int, scope: str) -> CallRule:
    return engine.policy.call_rule(scope, bool(engine.accounts.portfolio_margin[account]))


def collection_facts(engine: EngineCore, account: int, silo: str) -> Facts:
    """Facts for the explanation: threshold, exception and where it stands; none where all is collected."""
    record = engine.accounts.records[account]
    rule = engine.policy.call_rule(f"silo:{silo}")
    threshold_usd, minimum_usd = threshold_and_minimum_usd(engine, account, f"silo:{silo}")
    facts: Facts = {"uncollected_usd": threshold_usd} if rule.uncollected_usd else {}
    allocation = allocation_text(engine, account, silo)
    if allocation:
        facts |= {"minimum_transfer_usd": minimum_usd, "allocation": allocation}
    exception = rule.exceptions.get(record.counterparty)
    if exception is not None:
        mark = " (unverified)" if exception.unverified else ""
        facts |= {
            "exception": exception_text(engine, account, silo),
            "exception_source": f"{exception.source}{mark}",
        }
    return facts
