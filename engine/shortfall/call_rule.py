"""When a scope warns, calls, reminds, and what follows when nothing comes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Final

from engine.base.errors import MarginError, Reason
from engine.base.parameter_table import ParameterTable, is_finite
from engine.market.instruments import SILOS
from engine.portfolio.accounts import COUNTERPARTIES
from engine.shortfall.deadline import Deadline

_PER_GROUP: Final = "per_counterparty_group"


@dataclass(frozen=True, slots=True)
class CollectionException:
    """What is collected from a kind of counterparty all the same: ``exposure`` (equity below zero) or ``nothing``."""

    collected: str
    source: str
    unverified: bool

    @classmethod
    def from_table(cls, table: ParameterTable) -> CollectionException:
        """Checked exception."""
        table.only("collected")
        return cls(
            table.text("collected", choices=("exposure", "nothing")),
            table.text("source"),
            table.flag("unverified") if table.has("unverified") else False,
        )


@dataclass(frozen=True, slots=True)
class CallRule:
    """When a scope warns, calls and clears. Ratios are maintenance over equity; amounts are USD.

    Attributes:
        uncollected_usd: requirement up to this amount need not be collected (the threshold of uncleared swaps); equity
            below zero is called all the same.
        minimum_share: a deficit below this share of the maintenance requirement is not called, as one below
            minimum_transfer_usd (the intraday mark rule of Treasury clearing asks for both).
        per_counterparty_group: uncollected_usd and minimum_transfer_usd stand for all accounts of a counterparty group
            together; each has of them what is allocated to it.
        exceptions: by kind of counterparty, where less is collected; see :meth:`towards`.
        exposure_collected: False: equity below zero is not called either.
        restore_to: level the called amount restores, ``maintenance`` or ``initial``.
        recall_step_usd, recall_step_share: an open call is changed only when the deficit moved by more than
            both the absolute step and this share of the open amount.
        deadline: by when a call must be met; None = it is never overdue.
        liquidation: how long after the deadline positions may be closed out; None = only somebody decides that.
        reminder_minutes: before the deadline; 0 = no reminder.
    """

    warning_at: float = 0.90
    clear_below: float = 0.85
    uncollected_usd: float = 0.0
    threshold_usd: float = 0.0
    minimum_transfer_usd: float = 0.0
    minimum_share: float = 0.0
    recall_step_usd: float = 0.0
    recall_step_share: float = 0.0
    restore_to: str = "maintenance"
    deadline: Deadline | None = None
    liquidation: Deadline | None = None
    reminder_minutes: int = 0
    exceptions: Mapping[str, CollectionException] = field(default_factory=dict)
    exposure_collected: bool = True
    per_counterparty_group: bool = False

    def towards(self, counterparty: str) -> CallRule:
        """The rule for one kind of counterparty."""
        exception = self.exceptions.get(counterparty)
        if exception is None:
            return self
        return replace(self, uncollected_usd=math.inf, exposure_collected=exception.collected == "exposure")

    @classmethod
    def from_mapping(
        cls, scope: str, mapping: Mapping[str, object], times: Mapping[str, Deadline] | None = None
    ) -> CallRule:
        """Checked rule.

        Args:
            times: ``deadline`` and ``liquidation``, which stand in the file beside the mapping.

        Raises:
            MarginError: BAD_PARAMETER naming scope and key.
        """
        times = times or {}
        known = {f.name for f in fields(cls)} - {"exposure_collected"}
        amounts = dict(mapping)
        exceptions = _exceptions(scope, mapping) if amounts.pop("exceptions", None) is not None else {}
        for key, value in amounts.items():
            if key not in known:
                raise _bad(scope, f"unknown key {key!r}; known are {sorted(known)}")
            if key == _PER_GROUP:
                _check_per_group(scope, value)
            elif key != "restore_to" and not _is_amount(value):
                raise _bad(scope, f"{key} = {value!r} is not a finite number >= 0")
        rule = cls(**amounts, **times, exceptions=exceptions)  # type: ignore[arg-type]
        if rule.restore_to not in ("maintenance", "initial"):
            raise _bad(scope, f"restore_to = {rule.restore_to!r} is not maintenance or initial")
        if not 0 < rule.clear_below <= rule.warning_at <= 1:
            raise _bad(scope, "0 < clear_below <= warning_at <= 1 does not hold")
        if rule.deadline is None and (rule.liquidation is not None or rule.reminder_minutes):
            raise _bad(scope, "liquidation and reminder_minutes need a deadline")
        return rule


def _check_per_group(scope: str, value: object) -> None:
    if not isinstance(value, bool):
        raise _bad(scope, f"{_PER_GROUP} = {value!r} is not true or false")
    if value and scope not in {f"silo:{silo}" for silo in SILOS}:
        raise _bad(scope, f"{_PER_GROUP} stands in the rule of a silo alone: silo:<name>")


def _exceptions(scope: str, mapping: Mapping[str, object]) -> dict[str, CollectionException]:
    tables = ParameterTable(f"call rule {scope}", mapping).tables("exceptions")
    for kind in tables:
        if kind not in COUNTERPARTIES[1:]:
            raise _bad(scope, f"exceptions: {kind!r} is not one of {', '.join(COUNTERPARTIES[1:])}")
    return {kind: CollectionException.from_table(table) for kind, table in tables.items()}


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and is_finite(value) and value >= 0


def _bad(scope: str, detail: str) -> MarginError:
    return MarginError(Reason.BAD_PARAMETER, f"call rule {scope}", detail)
