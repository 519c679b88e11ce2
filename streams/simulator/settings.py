"""What a simulation can be told."""

from __future__ import annotations

from dataclasses import dataclass, fields

from engine.base.errors import MarginError, Reason


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """Rates are per second of real time; shares lie in 0..1.

    Attributes:
        market_speed: seconds that the market lives through in one real second.
        late_share: of prices and trades that arrive after a younger version.
        correction_share, cancel_share: of trades that are changed or taken back later.
        deposit_share: of issued calls that the customer answers with money.
        bad_share: unusable records as a share of prices and trades together.
    """

    seed: int = 7
    accounts: int = 1000
    prices_per_s: float = 2000.0
    trades_per_s: float = 100.0
    market_speed: float = 10.0
    duplicate_share: float = 0.005
    late_share: float = 0.002
    correction_share: float = 0.01
    cancel_share: float = 0.005
    deposit_share: float = 0.75
    bad_share: float = 0.0

    def __post_init__(self) -> None:
        """Check the bounds.

        Raises:
            MarginError: BAD_PARAMETER naming the setting.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_share"):
                self._require(0.0 <= value <= 1.0, field.name, "a share between 0 and 1")
            else:
                self._require(value >= 0, field.name, "0 or more")
        self._require(1 <= self.accounts <= 1_000_000, "accounts", "between 1 and 1,000,000")
        fates = self.duplicate_share + self.late_share + self.correction_share + self.cancel_share
        self._require(fates <= 1.0, "correction_share", "such that all shares together are at most 1")

    def _require(self, condition: bool, name: str, bounds: str) -> None:
        if not condition:
            value = getattr(self, name)
            raise MarginError(Reason.BAD_PARAMETER, f"setting {name}", f"{value} is not {bounds}")
