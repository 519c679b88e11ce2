"""Row "Requirement and gap": where the requirement sits and what the gap consists of."""

from __future__ import annotations

from grafana.conventions import EACH_SILO, SILO_VIEW, UNIFIED_VIEW, WHOLE_ACCOUNT, about, series
from grafana.panels import Frame, Panel, Query, lines

USD = "currencyUSD"


def panels() -> list[Panel]:
    """Requirement, equity, gap."""
    return [_requirement(), _gap(), _equity(), _deficit()]


def _requirement() -> Panel:
    text = about(
        "today's requirement by silo, stacked, with the unified requirement as a line over it.",
        "one silo jumps without a market move; or the line lies above the stack.",
        "open the explanation of a large account on the web page and look for the part that moved.",
    )
    silos = Query(f"sum by (silo) ({series('margin_requirement_usd', SILO_VIEW, EACH_SILO)})", "{{silo}}")
    unified = Query(f"sum({series('margin_requirement_usd', UNIFIED_VIEW, WHOLE_ACCOUNT)})", "Unified")
    frame = Frame("Requirement by silo", text, USD, span=12, height=9)
    return lines(frame, silos, unified, stacked=True, total="Unified")


def _gap() -> Panel:
    text = about(
        "the gap and the terms that add up to it: rulebook effect, netting effect, add-ons.",
        "a negative netting effect (impossible by construction), or terms that do not add up to the line.",
        "if so treat as engine drift: runbook MarginEngineDrift.",
    )
    terms = Query(f"sum by (term) ({series('gap_term_usd')})", "{{term}}")
    gap = Query(f"sum({series('gap_usd')})", "Gap")
    frame = Frame("Gap and its terms", text, USD, span=12, height=9)
    return lines(frame, terms, gap, stacked=True, signed=True, total="Gap")


def _equity() -> Panel:
    text = about(
        "equity by silo; it may not cover a deficit in another silo.",
        "one silo falls towards its requirement while others rise: collateral sits on the wrong side.",
        "compare with requirement by silo and with trapped excess.",
    )
    query = Query(f"sum by (silo) ({series('equity_usd', EACH_SILO)})", "{{silo}}")
    return lines(Frame("Equity by silo", text, USD, span=12, height=8), query, signed=True)


def _deficit() -> Panel:
    text = about(
        "deficit under silos and unified, and the excess trapped in other silos of accounts in deficit.",
        "a silo deficit that grows; trapped excess above it says that the wall, not the risk, causes it.",
        "runbooks MarginDeficitLarge and MarginAccountsInBreach.",
    )
    deficit = Query(f"sum by (view) ({series('deficit_usd')})", "Deficit {{view}}")
    trapped = Query(f"sum({series('trapped_excess_usd')})", "Trapped excess")
    return lines(Frame("Deficit and trapped excess", text, USD, span=12, height=8), deficit, trapped)
