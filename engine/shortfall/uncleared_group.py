"""Which counterparties exchange initial margin of uncleared swaps, and how much is left after threshold and minimum.

Threshold and minimum transfer amount stand for a whole group of counterparties, whatever the number of its netting
sets; whether it is in scope at all goes by the average aggregate notional amount (AANA) that it reported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from engine.base.parameter_table import ParameterTable

_THING = "uncleared margin"


@dataclass(frozen=True, slots=True)
class ScopeRule:
    """What the rule states.

    Attributes:
        aana_limits: by currency; a group above it exchanges initial margin.
        threshold_usd: of a group, up to which initial margin need not be exchanged.
        minimum_transfer_usd: of a group, up to which nothing is moved.
    """

    aana_limits: Mapping[str, float]
    threshold_usd: float
    minimum_transfer_usd: float

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> ScopeRule:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the parameter's path and the offending value.
        """
        table = ParameterTable(_THING, mapping)
        table.only("version", "aana_limits", "threshold_usd", "minimum_transfer_usd")
        limits = table.table("aana_limits")
        return cls(
            aana_limits={currency: limits.number(currency, 0.0, 1e15) for currency in limits.names()},
            threshold_usd=table.stated("threshold_usd").number("value", 0.0, 1e12),
            minimum_transfer_usd=table.stated("minimum_transfer_usd").number("value", 0.0, 1e12),
        )


@dataclass(frozen=True, slots=True)
class Aana:
    """An average aggregate notional amount and the day from which it decides."""

    in_force_from: date
    amount: float
    currency: str


@dataclass(frozen=True, slots=True)
class Group:
    """Counterparties under common control.

    Attributes:
        held_usd: initial margin that is held already, by portfolio (netting set); every portfolio of the group.
        aana: by date, ascending. threshold_usd: agreed with the group; None = the rule's.
    """

    name: str
    held_usd: Mapping[str, float]
    aana: tuple[Aana, ...]
    threshold_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """What is to be held and moved, USD.

    Attributes:
        reason: why the group is in scope or not. required_usd: of the whole group.
        hold_usd, transfer_usd: by portfolio; a transfer below zero is given back.
        below_minimum: the group's transfers together do not exceed the minimum: nothing moves.
    """

    group: str
    in_scope: bool
    reason: str
    required_usd: float
    threshold_usd: float
    hold_usd: Mapping[str, float]
    transfer_usd: Mapping[str, float]
    below_minimum: bool


def collect(rule: ScopeRule, group: Group, day: date, required_usd: Mapping[str, float]) -> Collection:
    """Threshold and minimum transfer over the group; what exceeds the threshold is shared out by requirement.

    Args:
        required_usd: of the group's portfolios; those that are not named require nothing.
    """
    in_scope, reason = scope(rule, group, day)
    required = {name: required_usd.get(name, 0.0) for name in group.held_usd}
    total = math.fsum(required.values())
    threshold = rule.threshold_usd if group.threshold_usd is None else group.threshold_usd
    over = max(total - threshold, 0.0) if in_scope else 0.0
    hold = {name: over * amount / total if total > 0.0 else 0.0 for name, amount in required.items()}
    moves = {name: amount - group.held_usd[name] for name, amount in hold.items()}
    below = abs(math.fsum(moves.values())) <= rule.minimum_transfer_usd
    return Collection(
        group=group.name,
        in_scope=in_scope,
        reason=reason,
        required_usd=total,
        threshold_usd=threshold,
        hold_usd=hold,
        transfer_usd=dict.fromkeys(moves, 0.0) if below else moves,
        below_minimum=below,
    )


def scope(rule: ScopeRule, group: Group, day: date) -> tuple[bool, str]:
    """Whether a group exchanges initial margin on a day, and why; without a figure in force it does."""
    in_force = [aana for aana in group.aana if aana.in_force_from <= day]
    if not in_force:
        return True, f"no AANA is in force on {day}: taken as in scope"
    aana = in_force[-1]
    limit = rule.aana_limits[aana.currency]
    above = aana.amount > limit
    compared = "is above" if above else "is not above"
    return above, (
        f"AANA {aana.amount:,.0f} {aana.currency}, in force from {aana.in_force_from}, {compared} {limit:,.0f}"
    )


def groups_of(mapping: Mapping[str, Any], rule: ScopeRule) -> dict[str, Group]:
    """The groups of a parsed file, by portfolio.

    Raises:
        MarginError: BAD_PARAMETER naming group, key and value; for a portfolio in two groups.
    """
    top = ParameterTable("groups", mapping)
    top.only("group")
    found: dict[str, Group] = {}
    for name, table in top.tables("group").items():
        table.only("held_usd", "aana", "threshold_usd")
        held = table.table("held_usd")
        own = table.number("threshold_usd", 0.0, rule.threshold_usd) if table.has("threshold_usd") else None
        aana = [_aana(each, rule) for each in table.rows("aana", fewest=0)] if table.has("aana") else []
        aana.sort(key=lambda each: each.in_force_from)
        amounts = {each: held.number(each, 0.0, 1e15) for each in held.names()}
        group = Group(name, amounts, tuple(aana), own)
        for portfolio in amounts:
            if found.setdefault(portfolio, group) is not group:
                raise held.bad(portfolio, f"stands in group {found[portfolio].name}, too")
    return found


def _aana(table: ParameterTable, rule: ScopeRule) -> Aana:
    table.only("in_force_from", "amount", "currency")
    return Aana(
        table.day("in_force_from"),
        table.number("amount", 0.0, 1e16),
        table.text("currency", choices=tuple(rule.aana_limits)),
    )
