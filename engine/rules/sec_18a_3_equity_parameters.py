"""Parameters of SEC Rule 18a-3 standardized margin of equity swaps: one rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.rules.header import SWAP_SILOS, rulebook_table


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file; ``rate`` is a share of the value of the shares."""

    rulebook_id: str
    version: str
    silo: str
    rate: float

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the parameter's path and the offending value.
        """
        header = rulebook_table(mapping, "sec-18a-3-equity", silos=SWAP_SILOS, keys=("rate",))
        return cls(
            rulebook_id=header.text("rulebook_id"),
            version=header.text("version"),
            silo=header.text("silo"),
            rate=header.stated("rate").number("value", 0.0, 1.0),
        )
