"""Which transitions a case may make and for which reasons, written out by hand from docs/desk.md and decision 14."""

from __future__ import annotations

from typing import Final

OPERATOR: Final = "OPERATOR"
REMINDER: Final = "REMINDER"
DEADLINE_PASSED: Final = "DEADLINE_PASSED"

ENDED: Final = frozenset({"clear", "met", "cancelled"})  # what comes next is another case
PAST_DUE: Final = frozenset({"overdue", "liquidation_eligible"})
OPEN: Final = PAST_DUE | {"issued", "acknowledged", "partly_met", "disputed"}
WITH_EVIDENCE: Final = frozenset({"FIRST", "LARGER", "SMALLER", "RULE_CHANGED", DEADLINE_PASSED})

_CURES = frozenset(
    {"CURED_BY_MARKET", "CURED_BY_DEPOSIT", "CURED_BY_TRADE", "CURED_BY_START_OF_DAY", "RULE_CHANGED"}
)
_FALLS = frozenset({"SMALLER", "RULE_CHANGED"})
_RISES = frozenset({"LARGER", "RULE_CHANGED"})
_MOVES = _RISES | _FALLS
_ANSWERED = frozenset({OPERATOR})
_OVERDUE = frozenset({DEADLINE_PASSED})
_FIRST = frozenset({"FIRST"})
_RECOVERED = frozenset({"RECOVERED"})
_STAYS = _FALLS | {REMINDER}

# (from, to) -> the reasons that may lead there. What is not here is illegal.
TRANSITIONS: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("clear", "warning"): frozenset({"NEAR_LIMIT", "BELOW_MINIMUM", "STALE_INPUT"}),
    ("clear", "issued"): _FIRST,
    ("warning", "issued"): _FIRST,
    ("warning", "clear"): _RECOVERED,
    ("met", "issued"): _FIRST,
    ("met", "warning"): frozenset({"STALE_INPUT"}),
    ("met", "clear"): _RECOVERED,
    ("cancelled", "issued"): _FIRST,
    ("cancelled", "clear"): _RECOVERED,
    # an open call
    ("issued", "issued"): _STAYS | _RISES,
    ("issued", "partly_met"): _FALLS,
    ("issued", "acknowledged"): _ANSWERED,
    ("issued", "disputed"): _ANSWERED,
    ("acknowledged", "acknowledged"): _STAYS,
    ("acknowledged", "issued"): _RISES,
    ("acknowledged", "partly_met"): _FALLS,
    ("acknowledged", "disputed"): _ANSWERED,
    ("partly_met", "partly_met"): _STAYS,
    ("partly_met", "issued"): _RISES,
    ("partly_met", "acknowledged"): _ANSWERED,
    ("partly_met", "disputed"): _ANSWERED,
    ("disputed", "disputed"): _STAYS,
    ("disputed", "issued"): _RISES,
    ("disputed", "partly_met"): _FALLS,
    ("disputed", "acknowledged"): _ANSWERED,
    # past its deadline
    ("overdue", "overdue"): _MOVES,
    ("overdue", "liquidation_eligible"): _OVERDUE,
    ("liquidation_eligible", "liquidation_eligible"): _MOVES,
    **{(state, "overdue"): _OVERDUE for state in ("issued", "acknowledged", "partly_met", "disputed")},
    **{(state, "met"): _CURES for state in OPEN},
    **{(state, "cancelled"): _ANSWERED for state in OPEN},
}


def illegal(before: str, after: str, reason: str) -> str:
    """Why a case may not go this way; empty if it may."""
    reasons = TRANSITIONS.get((before, after))
    if reasons is None:
        return f"a case that is {before} does not become {after}"
    if reason not in reasons:
        return f"{before} becomes {after} for {', '.join(sorted(reasons))}, not for {reason}"
    return ""
