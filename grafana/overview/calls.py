"""Row "Calls": how many, how old, how much, and what changes their state."""

from __future__ import annotations

from grafana.conventions import BINDING, about, increase, rising, series
from grafana.panels import Frame, Panel, Query, lines

HOUR_SECONDS = 3600
UNIFIED = 'scope="unified"'


def panels() -> list[Panel]:
    """States and ages, then money and movements."""
    return [_by_state(), _ageing(), _amount(), _transitions(), _shadow()]


def _by_state() -> Panel:
    text = about(
        "binding cases by state over time (a warning asks for no money yet).",
        "issued grows while nothing is met.",
        "work the oldest first; runbook MarginCallsOpen.",
    )
    query = Query(f"sum by (state) ({series('margin_calls_open', BINDING)})", "{{state}}")
    return lines(Frame("Binding calls by state", text, "short", span=8, height=8), query, stacked=True)


def _ageing() -> Panel:
    text = about(
        "age of the oldest issued call that is still open.",
        "above the dashed line (one hour) nobody seems to work it.",
        "find it on the web page, call the account; runbook MarginCallsOpen.",
    )
    query = Query(f"max({series('margin_call_age_seconds')})", "Oldest open call")
    return lines(
        Frame("Oldest open call", text, "s", span=8, height=8), query, levels=rising(warn=HOUR_SECONDS)
    )


def _amount() -> Panel:
    text = about(
        "money asked for by open calls: binding under silo rules, and what unified calls would ask (shadow).",
        "a binding amount that rises faster than deposits come in.",
        "compare with trapped excess; runbook MarginDeficitLarge.",
    )
    query = Query(f"sum by (scope) ({series('margin_call_open_amount_usd')})", "{{scope}}")
    return lines(Frame("Open call amount", text, "currencyUSD", span=8, height=8), query)


def _transitions() -> Panel:
    text = about(
        "state changes of binding calls by new state and reason, per point of the graph.",
        "calls that flap between two states: hysteresis or a price is wrong.",
        "read the events of one such call on the web page.",
    )
    query = Query(
        f"sum by (state, reason) ({increase('margin_calls_total', BINDING)})", "{{state}} ({{reason}})"
    )
    return lines(Frame("Binding call transitions", text, "short", span=12, height=8), query)


def _shadow() -> Panel:
    text = about(
        "the same life under the unified candidate: cases by state (never binding).",
        "more unified than binding cases: the candidate is the stricter rule for this book.",
        "compare with binding calls by state; nobody has to be called.",
    )
    query = Query(f"sum by (state) ({series('margin_calls_open', UNIFIED)})", "{{state}}")
    return lines(
        Frame("Unified calls by state (shadow)", text, "short", span=12, height=8), query, stacked=True
    )
