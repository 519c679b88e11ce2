"""Parameters of security futures in a futures account: two rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.market.instruments import Silo
from engine.rules.header import rulebook_table


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file; rates are shares of a contract's value."""

    rulebook_id: str
    version: str
    silo: str
    rate: float
    calendar_rate: float

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the parameter's path and the offending value; a calendar
                dearer than its contracts apart is one.
        """
        header = rulebook_table(
            mapping, "security-futures", silos=(Silo.FUTURES,), keys=("rate", "calendar_rate")
        )
        rate = header.stated("rate").number("value", 0.0, 1.0)
        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            silo=header.text("silo"),
            rate=rate,
            calendar_rate=header.stated("calendar_rate").number("value", 0.0, rate),
        )
