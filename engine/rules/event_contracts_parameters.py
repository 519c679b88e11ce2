"""Parameters of event contracts: how much of the largest loss, and how many outcomes there is room for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.market.instruments import Silo
from engine.rules.header import rulebook_table


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file; ``loss_share`` of the largest loss is required."""

    rulebook_id: str
    version: str
    silo: str
    outcome_columns: int
    loss_share: float

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the parameter's path and the offending value.
        """
        silos = (Silo.EVENT_CONTRACTS.value, Silo.FUTURES.value)
        header = rulebook_table(
            mapping, "event-contracts", silos=silos, keys=("outcome_columns", "loss_share")
        )
        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            silo=header.text("silo"),
            outcome_columns=header.whole("outcome_columns", 2, 512),
            loss_share=header.stated("loss_share").number("value", 0.0, 1.0),
        )
