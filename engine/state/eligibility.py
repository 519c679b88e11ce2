"""Whether an account keeps the equity that the rulebook it is approved for asks for.

Nothing follows by itself: an account below the minimum is marked, and keeps its rulebook until its approval is
published anew.
"""

from __future__ import annotations

from engine.market.instruments import SILO_INDEX, Silo
from engine.rules.interface import MinimumEquity, SiloRulebook
from engine.state.core import EngineCore


def below_minimum_equity(engine: EngineCore, account: int, silo: Silo) -> bool:
    """Whether a rulebook of the silo that the account is approved for asks for more than its equity there."""
    if not engine.accounts.portfolio_margin[account]:
        return False
    equity_usd = max(float(engine.equity[account, SILO_INDEX[silo]]), 0.0)
    approved = {each.rulebook_id for each in engine.policy.assignments if each.silo is silo and each.approval}
    return any(equity_usd < _minimum_usd(engine.silo_books[name].rulebook) for name in approved)


def minimum_equity_facts(engine: EngineCore, account: int, rulebook: SiloRulebook) -> dict[str, float | str]:
    """Facts for the explanation of an account under a rulebook; none where it asks for no equity."""
    minimum_usd = _minimum_usd(rulebook)
    if minimum_usd == 0.0:
        return {}
    equity_usd = float(engine.equity[account, SILO_INDEX[rulebook.silo]])
    return {
        "equity_usd": equity_usd,
        "minimum_equity_usd": minimum_usd,
        "minimum_equity": "kept" if equity_usd >= minimum_usd else "below: review the approval",
    }


def _minimum_usd(rulebook: SiloRulebook) -> float:
    return rulebook.minimum_equity_usd if isinstance(rulebook, MinimumEquity) else 0.0
