"""One account as JSON for people: its statement and the trees that explain it."""

from __future__ import annotations

import math
from typing import Any

from engine.base.units import cents_nearest
from engine.rules.requirement import Explained, Part
from engine.state.engine import Engine
from engine.state.explanation import AccountExplanation
from engine.state.transition import PositionLoss
from streams.outbound.requirements import requirement_statement


class NotLiveError(RuntimeError):
    """The account's partition is owned but not live yet."""


def account_view(engine: Engine, account_id: str, now_ns: int, served_by: str) -> dict[str, Any]:
    """``{"statement": ..., "explanation": ...}``; on the engine thread.

    Raises:
        MarginError: UNKNOWN_ACCOUNT if this worker does not hold the account.
        NotLiveError: its partition is being restored, so the figures would be those of half a day.
    """
    slot = engine.accounts.slot_of.get(account_id)
    partition = engine.partitions.get(int(engine.accounts.partition[slot])) if slot is not None else None
    if partition is not None and not partition.live:
        raise NotLiveError(f"account {account_id}: its partition is being restored; ask again in a moment")
    statement = requirement_statement(engine.statement(account_id, now_ns), 0, served_by)
    return {
        "statement": statement.model_dump(mode="json"),
        "explanation": _explanation(engine.explain(account_id)),
    }


def _explanation(explained: AccountExplanation) -> dict[str, Any]:
    return {
        "silos": [
            {"silo": silo, "rulebook_id": rulebook_id, **explained_view(tree)}
            for silo, rulebook_id, tree in explained.silos
        ],
        "equity": [{"silo": silo, "tree": _part(tree)} for silo, tree in explained.equity],
        "unified": explained_view(explained.unified),
        "contributions": [_loss(loss) for loss in explained.contributions],
        "scenario_losses": [
            {"scenario": name, "loss": _usd(loss)} for name, loss in explained.scenario_losses
        ],
    }


def explained_view(explained: Explained) -> dict[str, Any]:
    """A requirement and its tree."""
    return {
        "initial": _usd(explained.requirement.initial_usd),
        "maintenance": _usd(explained.requirement.maintenance_usd),
        "worst_scenario": explained.worst_scenario,
        "tree": _part(explained.tree),
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "amount": _usd(part.amount_usd),
        "facts": {name: _fact(value) for name, value in part.facts.items()},
        "parts": [_part(child) for child in part.parts],
    }


def _loss(loss: PositionLoss) -> dict[str, Any]:
    return {"instrument_id": loss.instrument_id, "quantity": loss.quantity, "loss": _usd(loss.loss_usd)}


def _usd(amount: float) -> str:
    return f"{cents_nearest(amount):.2f}"


def _fact(value: float | str) -> float | str | None:
    """JSON has no infinity and no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
