"""A call that moved, with everything that its event and its evidence record say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import SILOS, Instrument
from engine.portfolio.holdings import Held
from engine.shortfall.call import CallState, call_id, event_id
from engine.state.books import SiloBook
from engine.state.cases import Move
from engine.state.core import EngineCore
from engine.state.partitions import Inputs
from engine.state.statement import (
    Quality,
    held_by,
    quality_of,
    tail_weights_of,
    unified_units,
    worst_scenario,
)

_FIELDS = tuple(field.name for field in fields(Instrument))
_fields_of = attrgetter(*_FIELDS)

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

    @property
    def excess_usd(self) -> float:
        return self.equity_usd - self.requirement_usd


def transition(engine: EngineCore, move: Move, now_ns: int) -> Transition:
    """The event of a move, from the figures that it was decided on."""
    scope = engine.cases.scopes[move.scope]
    binding = move.scope < len(SILOS)
    silo = SILOS[move.scope].value if binding else ""
    rulebook = "+".join(engine.rulebooks_of(silo)) if binding else engine.unified.rulebook.rulebook_id
    worst, drivers = (
        _silo_drivers(engine, move.account, silo) if binding else _unified_drivers(engine, move.account)
    )
    evidence = _evidence(engine, move, now_ns) if move.after.state is CallState.ISSUED else None
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
        quality_of(engine, move.account, now_ns),
        engine.inputs_of(move.account),
        evidence,
    )


def _silo_drivers(engine: EngineCore, account: int, silo: str) -> tuple[str, tuple[PositionLoss, ...]]:
    """Worst scenario of the silo's largest netting set, and its positions by loss there.

    A rulebook without scenarios names no scenario; its positions are listed by the notional it charges.
    """
    largest: tuple[float, SiloBook | None, int, NDArray[np.float64]] = (0.0, None, -1, np.zeros(0))
    for book in engine.silo_books.values():
        if book.rulebook.silo != silo:
            continue
        exposures, sets, _ = book.netting_sets(
            np.array([account], np.int64), engine.holdings, engine.accounts.portfolio_margin
        )
        names = book.rulebook.scenario_names
        for values, netting_set in zip(exposures, sets.tolist(), strict=True):
            size = -float(values[: len(names)].min()) if names else float(np.abs(values).sum())
            if size > largest[0]:
                largest = (size, book, netting_set, values)
    _, decisive, netting_set, values = largest
    if decisive is None:
        return "", ()
    names = decisive.rulebook.scenario_names
    held = held_by(engine, account)
    members = held.only(
        decisive.members(held, engine.accounts) & (decisive.set_of_instrument[held.instrument] == netting_set)
    )
    rows = decisive.rows.values[members.instrument]
    if not names:
        return "", _named(engine, members, np.abs(members.quantity) * np.abs(rows).max(axis=1))
    column = int(np.argmin(values[: len(names)]))
    return names[column], _named(engine, members, -members.quantity * rows[:, column])


def _unified_drivers(engine: EngineCore, account: int) -> tuple[str, tuple[PositionLoss, ...]]:
    """Worst scenario of the account's tail, and its positions by weighted loss over the tail."""
    units = unified_units(engine, account)
    weights = tail_weights_of(engine, units)
    if len(weights) == 0:
        return "", ()
    held = held_by(engine, account)
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


def _evidence(engine: EngineCore, move: Move, now_ns: int) -> dict[str, Any]:
    """What the figure was computed from: positions, marks (equity), risk marks (requirement), cash, collateral."""
    holdings = held_by(engine, move.account)
    instruments = np.unique(holdings.instrument).tolist()
    underlyings = {int(engine.market.underlying[i]) for i in instruments} - {-1}
    priced = sorted({*instruments, *underlyings})
    silos, currencies = np.nonzero(engine.holdings.cash[move.account])
    codes = list(engine.holdings.currencies)
    held = [
        {
            "instrument_id": engine.market.instruments[instrument].instrument_id,
            "quantity": quantity,
            "silo": SILOS[silo].value,
        }
        for instrument, quantity, silo in zip(
            holdings.instrument.tolist(), holdings.quantity.tolist(), holdings.silo.tolist(), strict=True
        )
    ]
    collateral = holdings.collateral.tolist()
    return {
        "valuation_time_ns": engine.market.valuation_time_ns,
        "rate": engine.market.rate,
        "instruments": [_record(engine.market.instruments[i]) for i in priced],
        "prices": [
            {
                "instrument_id": engine.market.instruments[i].instrument_id,
                "mark": _number(engine.market.mark[i]),
                "volatility": _number(engine.market.volatility[i]),
                "risk_mark": _number(engine.market.risk.mark[i]),
                "risk_volatility": _number(engine.market.risk.volatility[i]),
                "source_time_ns": int(engine.market.source_time_ns[i]),
                "sequence": int(engine.market.sequence[i]),
            }
            for i in priced
        ],
        "positions": [row for row, pledged in zip(held, collateral, strict=True) if not pledged],
        "collateral": [row for row, pledged in zip(held, collateral, strict=True) if pledged],
        "cash": [
            {
                "silo": SILOS[silo].value,
                "currency": codes[currency],
                "amount": float(engine.holdings.cash[move.account, silo, currency]),
            }
            for silo, currency in zip(silos.tolist(), currencies.tolist(), strict=True)
        ],
    }


def _record(instrument: Instrument) -> dict[str, Any]:
    return dict(zip(_FIELDS, _fields_of(instrument), strict=True))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
