"""A call that moved, with everything that its event and its evidence record say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import SILOS
from engine.portfolio.holdings import Held
from engine.shortfall.call_response import Response
from engine.shortfall.case import CHANGES_AMOUNT, OPEN, call_id, event_id
from engine.state.books import SiloBook
from engine.state.cases import Move
from engine.state.collection import threshold_and_minimum_usd
from engine.state.core import EngineCore
from engine.state.evidence import evidence_of
from engine.state.partitions import Inputs
from engine.state.statement import (
    Quality,
    held_by,
    quality_of,
    tail_weights_of,
    unified_units,
    worst_scenario,
)

_DRIVERS = 3  # positions named in an event; the evidence record has all


@dataclass(frozen=True, slots=True)
class PositionLoss:
    """A position and what it loses in the scenario that decides."""

    instrument_id: str
    quantity: float
    loss_usd: float


@dataclass(frozen=True, slots=True)
class Transition:
    """One transition of a case; amounts in USD, not rounded."""

    event_id: str
    call_id: str
    account_id: str
    scope: str
    binding: bool
    case_number: int
    sequence: int
    previous_state: str
    state: str
    reason: str
    amount_usd: float
    initial_usd: float
    requirement_usd: float
    equity_usd: float
    rulebook: str
    rulebook_version: str
    as_of_ns: int
    worst_scenario: str
    drivers: tuple[PositionLoss, ...]
    quality: Quality
    inputs: Inputs
    evidence: Mapping[str, Any] | None
    reminder_ns: int = 0
    deadline_ns: int = 0
    liquidation_ns: int = 0
    response_offset: int = -1
    response: Response | None = None
    threshold_usd: float = 0.0
    minimum_transfer_usd: float = 0.0

    @property
    def excess_usd(self) -> float:
        return self.equity_usd - self.requirement_usd


def transitions(engine: EngineCore, moves: Sequence[Move], now_ns: int) -> list[Transition]:
    """The events of moves, in their order, from the figures that they were decided on."""
    moved = {move.account: _Moved(engine, move.account, now_ns) for move in moves}
    largest = _largest_sets(engine, moves)
    return [
        _transition(engine, move, moved[move.account], largest.get((move.account, move.scope)), now_ns)
        for move in moves
    ]


class _Moved:
    """What the moves of one account have in common, made when it is first asked for: mostly a silo and the unified
    candidate cross their lines together."""

    def __init__(self, engine: EngineCore, account: int, now_ns: int) -> None:
        self._engine, self._account, self._now_ns = engine, account, now_ns

    @cached_property
    def held(self) -> Held:
        return held_by(self._engine, self._account)

    @cached_property
    def quality(self) -> Quality:
        return quality_of(self._engine, self._account, self.held, self._now_ns)

    @cached_property
    def inputs(self) -> Inputs:
        return self._engine.inputs_of(self._account)

    @cached_property
    def evidence(self) -> dict[str, Any]:
        return evidence_of(self._engine, self._account, self.held)


def _transition(
    engine: EngineCore, move: Move, moved: _Moved, largest: _LargestSet | None, now_ns: int
) -> Transition:
    scope = engine.cases.scopes[move.scope]
    binding = move.scope < len(SILOS)
    silo = SILOS[move.scope].value if binding else ""
    rulebook = "+".join(engine.rulebooks_of(silo)) if binding else engine.unified.rulebook.rulebook_id
    worst, drivers = (
        _silo_drivers(engine, moved.held, largest)
        if binding
        else _unified_drivers(engine, move.account, moved.held)
    )
    return Transition(
        event_id(move.after),
        call_id(move.after),
        move.after.account_id,
        scope,
        binding,
        move.after.case_number,
        move.after.sequence,
        move.before.state.value,
        move.after.state.value,
        move.decision.reason.value,
        move.decision.amount_usd,
        move.figures.initial_usd,
        move.figures.maintenance_usd,
        move.figures.equity_usd,
        rulebook,
        move.figures.rulebook_version,
        now_ns,
        worst,
        drivers,
        moved.quality,
        moved.inputs,
        moved.evidence if move.after.state in OPEN and move.decision.reason in CHANGES_AMOUNT else None,
        move.after.reminder_ns,
        move.after.deadline_ns,
        move.after.liquidation_ns,
        move.after.response_offset,
        move.response,
        *threshold_and_minimum_usd(engine, move.account, scope),
    )


class _LargestSet(NamedTuple):
    """The largest netting set of an account under a silo's rulebooks, and its exposures float64[k]."""

    size: float
    book: SiloBook
    netting_set: int
    exposures: NDArray[np.float64]


def _largest_sets(engine: EngineCore, moves: Sequence[Move]) -> dict[tuple[int, int], _LargestSet]:
    """By account and scope, of silo scopes. One call a book: each call lets go of the interpreter lock, and having it
    back takes longer than the sums."""
    accounts_of: dict[int, list[int]] = {}
    for move in moves:
        if move.scope < len(SILOS):
            accounts_of.setdefault(move.scope, []).append(move.account)
    largest: dict[tuple[int, int], _LargestSet] = {}
    for scope, accounts in accounts_of.items():
        for book in engine.silo_books.values():
            if book.rulebook.silo == SILOS[scope]:
                _keep_largest(engine, book, scope, accounts, largest)
    return largest


def _keep_largest(
    engine: EngineCore,
    book: SiloBook,
    scope: int,
    accounts: list[int],
    largest: dict[tuple[int, int], _LargestSet],
) -> None:
    exposures, sets, offsets = book.netting_sets(
        np.array(accounts, np.int64), engine.holdings, engine.accounts.portfolio_margin
    )
    scenarios = len(book.rulebook.scenario_names)
    sizes = -exposures[:, :scenarios].min(axis=1) if scenarios else np.abs(exposures).sum(axis=1)
    for account, first, last in zip(accounts, offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        for unit in range(first, last):
            known = largest.get((account, scope))
            if sizes[unit] > (known.size if known else 0.0):
                found = _LargestSet(float(sizes[unit]), book, int(sets[unit]), exposures[unit])
                largest[account, scope] = found


def _silo_drivers(
    engine: EngineCore, held: Held, largest: _LargestSet | None
) -> tuple[str, tuple[PositionLoss, ...]]:
    """Worst scenario of the silo's largest netting set, and its positions by loss there.

    A rulebook without scenarios names no scenario; its positions are listed by the notional it charges.
    """
    if largest is None:
        return "", ()
    book, names = largest.book, largest.book.rulebook.scenario_names
    in_set = book.set_of_instrument[held.instrument] == largest.netting_set
    members = held.only(book.members(held, engine.accounts) & in_set)
    rows = book.rows.values[members.instrument]
    if not names:
        return "", _named(engine, members, np.abs(members.quantity) * np.abs(rows).max(axis=1))
    column = int(np.argmin(largest.exposures[: len(names)]))
    return names[column], _named(engine, members, -members.quantity * rows[:, column])


def _unified_drivers(engine: EngineCore, account: int, held: Held) -> tuple[str, tuple[PositionLoss, ...]]:
    """Worst scenario of the account's tail, and its positions by weighted loss over the tail."""
    units = unified_units(engine, account)
    weights = tail_weights_of(engine, units)
    if len(weights) == 0:
        return "", ()
    members = held.only(engine.unified.covered[held.instrument] & ~held.collateral)
    rows = engine.unified.rows.values[members.instrument, : len(weights)]
    loss = -(rows @ weights) * members.quantity
    return worst_scenario(engine, units, weights), _named(engine, members, loss)


def _named(engine: EngineCore, held: Held, losses: NDArray[np.float64]) -> tuple[PositionLoss, ...]:
    order = np.argsort(-losses, kind="stable")[:_DRIVERS]
    return tuple(
        PositionLoss(
            engine.market.instruments[int(held.instrument[i])].instrument_id,
            float(held.quantity[i]),
            float(losses[i]),
        )
        for i in order.tolist()
        if losses[i] > 0
    )
