"""Which margin is collected from an account in a silo, where the rule lets the firm collect less than is required."""

from __future__ import annotations

from engine.state.core import EngineCore

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


def collection_facts(engine: EngineCore, account: int, silo: str) -> Facts:
    """Facts for the explanation: threshold, exception and where it stands; none where all is collected."""
    record = engine.accounts.records[account]
    rule = engine.policy.call_rule(f"silo:{silo}")
    facts: Facts = {"uncollected_usd": rule.uncollected_usd} if rule.uncollected_usd else {}
    exception = rule.exceptions.get(record.counterparty)
    if exception is not None:
        mark = " (unverified)" if exception.unverified else ""
        facts |= {
            "exception": exception_text(engine, account, silo),
            "exception_source": f"{exception.source}{mark}",
        }
    return facts
