"""What the engine keeps per partition: the day's ledgers, whether it is live, the offsets applied."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.portfolio.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a figure was computed from; offsets are the last applied, -1 for none."""

    partition: int
    trades_offset: int = -1
    collateral_offset: int = -1
    positions_offset: int = -1
    price_time_ns: int = 0


@dataclass(slots=True)
class Partition:
    """One owned partition. It is evaluated only once ``live``.

    ``substitutions``: ids of collateral movements that release something, or did in an earlier version.
    """

    number: int
    trades: Ledger = field(default_factory=Ledger)
    collateral: Ledger = field(default_factory=Ledger)
    substitutions: set[str] = field(default_factory=set)
    live: bool = False
    trades_offset: int = -1
    collateral_offset: int = -1
    positions_offset: int = -1

    def inputs(self, price_time_ns: int) -> Inputs:
        """The offsets as they stand."""
        return Inputs(
            self.number, self.trades_offset, self.collateral_offset, self.positions_offset, price_time_ns
        )
