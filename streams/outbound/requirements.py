"""Statements to ``margin.requirements``: conflated, newest wins, at a bounded rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.base.units import NANOSECONDS_PER_SECOND, cents_down, cents_up
from engine.state.engine import Engine
from engine.state.statement import AccountStatement, SiloFigures, UnifiedFigures
from streams.contracts.results import (
    GapStatement,
    NamedAmount,
    RequirementStatement,
    SiloStatement,
    UnifiedStatement,
)
from streams.outbound.intraday import intraday_statement
from streams.outbound.money import business_date, data_quality, input_offsets, named_amounts

_NEVER_NS: Final = -(2**62)


def requirement_statement(statement: AccountStatement, sequence: int, served_by: str) -> RequirementStatement:
    """The engine's statement in cents; parts and terms add up exactly."""
    silos = tuple(_silo(figures) for figures in statement.silos)
    unified = _unified(statement.unified)
    silo_sum = sum((silo.maintenance for silo in silos), Decimal(0))
    return RequirementStatement(
        account_id=statement.account_id,
        owner=statement.owner,
        desk=statement.desk,
        business_date=business_date(statement.business_day),
        as_of_ns=statement.as_of_ns,
        sequence=sequence,
        policy_version=statement.policy_version,
        silos=silos,
        unified=unified,
        gap=_gap(statement, silo_sum, unified),
        utilisation=statement.utilisation if math.isfinite(statement.utilisation) else None,
        quality=data_quality(statement.quality),
        inputs=input_offsets(statement.inputs),
        served_by=served_by,
        intraday=None if statement.intraday is None else intraday_statement(statement.intraday),
    )


def _silo(figures: SiloFigures) -> SiloStatement:
    maintenance, equity = cents_up(figures.maintenance_usd), cents_down(figures.equity_usd)
    return SiloStatement(
        silo=figures.silo,
        rulebook_id=figures.rulebook,
        rulebook_version=figures.rulebook_version,
        initial=cents_up(figures.initial_usd),
        maintenance=maintenance,
        equity=equity,
        excess=equity - maintenance,
        below_minimum_equity=figures.below_minimum_equity,
        exception=figures.exception,
        threshold=cents_down(figures.threshold_usd),
        minimum_transfer=cents_down(figures.minimum_transfer_usd),
        allocation=figures.allocation,
    )


def _unified(figures: UnifiedFigures) -> UnifiedStatement:
    requirement, equity = cents_up(figures.requirement_usd), cents_down(figures.equity_usd)
    return UnifiedStatement(
        rulebook_id=figures.rulebook_id,
        rulebook_version=figures.rulebook_version,
        eligible=figures.eligible,
        requirement=requirement,
        equity=equity,
        excess=equity - requirement,
        parts=named_amounts(figures.parts, requirement),
        worst_scenario=figures.worst_scenario,
    )


def _gap(statement: AccountStatement, silo_sum: Decimal, unified: UnifiedStatement) -> GapStatement:
    gap = silo_sum - unified.requirement
    terms = [
        (f"{term.name}:{term.silo}" if term.silo else term.name, term.amount_usd)
        for term in statement.gap.terms
    ]
    liquidity = statement.liquidity
    return GapStatement(
        silo_sum=silo_sum,
        unified=unified.requirement,
        gap=gap,
        terms=named_amounts(terms, gap) or _only_rounding(gap),
        silo_deficit=cents_up(liquidity.silo_deficit_usd),
        unified_deficit=cents_up(liquidity.unified_deficit_usd),
        trapped_excess=cents_down(liquidity.trapped_usd),
    )


def _only_rounding(gap: Decimal) -> tuple[NamedAmount, ...]:
    """An account that the unified candidate does not take has no gap but for the rounding of its silos."""
    return (NamedAmount(name="rounding", amount=gap),) if gap else ()


@dataclass(frozen=True, slots=True)
class ConflationRule:
    """When a statement is worth publishing again.

    Attributes:
        threshold_usd: change of any requirement or equity that is published at once ...
        interval_s: ... and any smaller one at the latest after this.
        per_pass: most statements made in one pass; the others wait.
    """

    threshold_usd: float
    interval_s: float
    per_pass: int


class Conflator:
    """Which accounts' statements are due. Columns by account slot; only the newest figures are ever made."""

    def __init__(self, rule: ConflationRule) -> None:
        self._rule = rule
        self._changed: NDArray[np.bool_] = np.zeros(64, np.bool_)
        self._hurried: NDArray[np.bool_] = np.zeros(64, np.bool_)
        self._published_ns: NDArray[np.int64] = np.full(64, _NEVER_NS, np.int64)
        self._published: NDArray[np.float64] = np.zeros((64, 3))
        self._sequence: NDArray[np.int64] = np.zeros(64, np.int64)

    def note(self, engine: Engine, accounts: NDArray[np.int64]) -> None:
        """These accounts have been evaluated anew."""
        self._reserve(engine.accounts.count)
        self._changed[accounts] = True

    def hurry(self, accounts: NDArray[np.int64]) -> None:
        """A call of these accounts has moved: their statements need not wait."""
        self._hurried[accounts] = True

    def forget(self, accounts: NDArray[np.int64]) -> None:
        """The accounts of these slots have left: the next ones there begin anew."""
        accounts = accounts[accounts < len(self._changed)]
        self._changed[accounts] = self._hurried[accounts] = False
        self._published_ns[accounts] = _NEVER_NS
        self._published[accounts] = 0.0
        self._sequence[accounts] = 0

    def still_due(self, accounts: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[m]: those whose figures have not been published since they were due, and that have not left."""
        return accounts[self._changed[accounts]]

    def due(self, engine: Engine, live: Sequence[int], now_ns: int) -> NDArray[np.int64]:
        """int64[m] slots of live partitions whose statement should go out now: the hurried, then the others, each
        longest unpublished first. While both wait, each has half of the places: where calls move faster than
        statements can be made, the others still have their turn."""
        changed = np.flatnonzero(self._changed)
        changed = changed[np.isin(engine.accounts.partition[changed], live)]
        hurried = self._hurried[changed]
        others = self._oldest(self._due_unhurried(engine, changed[~hurried], now_ns))
        most = self._rule.per_pass
        places = max((most + 1) // 2, most - len(others))
        return np.concatenate([self._oldest(changed[hurried])[:places], others])[:most]

    def _due_unhurried(self, engine: Engine, changed: NDArray[np.int64], now_ns: int) -> NDArray[np.int64]:
        """int64[m]: those of the changed that waited for an interval or have moved."""
        interval_ns = int(self._rule.interval_s * NANOSECONDS_PER_SECOND)
        waited = now_ns - self._published_ns[changed] >= interval_ns
        due = changed[waited]
        # Whoever waited an interval is older than all others, so their figures matter only if there is room for more.
        if len(due) < self._rule.per_pass:
            due = np.sort(np.concatenate([due, self._moved(engine, changed[~waited])]))
        return due

    def _moved(self, engine: Engine, accounts: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[m]: those of the accounts whose figures have left what was published by the threshold."""
        change = np.abs(_figures(engine, accounts) - self._published[accounts])
        return accounts[(change > self._rule.threshold_usd).any(axis=1)]

    def _oldest(self, due: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[m]: as many as one pass may make, longest unpublished first, then by slot."""
        published_ns, most = self._published_ns[due], self._rule.per_pass
        if len(due) > most:
            old_enough = published_ns <= np.partition(published_ns, most - 1)[most - 1]
            due, published_ns = due[old_enough], published_ns[old_enough]
        return due[np.argsort(published_ns, kind="stable")[:most]]

    def published(self, engine: Engine, accounts: NDArray[np.int64], now_ns: int) -> None:
        """These statements have been made from the engine's present figures."""
        self._changed[accounts] = self._hurried[accounts] = False
        self._published_ns[accounts] = now_ns
        self._published[accounts] = _figures(engine, accounts)
        self._sequence[accounts] += 1

    def sequence(self, account: int) -> int:
        """Number of the account's next statement from this worker; as_of tells workers' statements apart."""
        return int(self._sequence[account])

    def _reserve(self, count: int) -> None:
        if count <= len(self._changed):
            return
        more = max(count, 2 * len(self._changed)) - len(self._changed)
        self._changed = np.concatenate([self._changed, np.zeros(more, np.bool_)])
        self._hurried = np.concatenate([self._hurried, np.zeros(more, np.bool_)])
        self._published_ns = np.concatenate([self._published_ns, np.full(more, _NEVER_NS, np.int64)])
        self._published = np.concatenate([self._published, np.zeros((more, 3))])
        self._sequence = np.concatenate([self._sequence, np.zeros(more, np.int64)])


def _figures(engine: Engine, accounts: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64[m, 3]: silo sum, unified requirement and equity, whose change makes a statement due."""
    silo_sum = engine.maintenance[accounts].sum(axis=1)
    unified = engine.unified_requirement(accounts)
    return np.stack([silo_sum, unified, engine.equity[accounts].sum(axis=1)], axis=1)


def make_statements(
    engine: Engine, conflator: Conflator, accounts: Iterable[int], now_ns: int, served_by: str
) -> list[RequirementStatement]:
    """Statements of account slots, on the engine thread."""
    return [
        requirement_statement(
            engine.statement(engine.accounts.records[account].account_id, now_ns),
            conflator.sequence(account),
            served_by,
        )
        for account in accounts
    ]
