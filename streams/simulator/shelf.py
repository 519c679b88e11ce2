"""What accounts can choose from: listed instruments by kind, with the prices of the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.contracts.reference import InstrumentRecord
from streams.simulator.listing import Listing

OPTION_PRODUCTS = frozenset({"equity_option", "index_option", "future_option", "crypto_option"})


_DIVISIBLE = frozenset({"crypto_spot", "perpetual", "crypto_future"})


def is_divisible(record: InstrumentRecord) -> bool:
    """Traded in hundredths: coins and contracts of one coin; an inverse contract is one of so many dollars."""
    return record.product in _DIVISIBLE and record.settlement != "inverse"


class Shelf:
    """Instruments that are listed at the start.

    Attributes:
        records: by instrument_id.
    """

    def __init__(self, listings: Sequence[Listing], prices: Mapping[str, float]) -> None:
        """``prices``: mark by instrument_id, in the instrument's currency."""
        self._prices = prices
        self.records: dict[str, InstrumentRecord] = {
            listing.instrument_id: listing.record for listing in listings if not listing.late
        }

    def notional_usd(self, instrument_id: str) -> float:
        """Market value of one contract or share; of an inverse contract its notional."""
        record = self.records[instrument_id]
        fx = 1.0 if record.currency == "USD" else self._prices[f"{record.currency}USD"]
        price = self._prices[instrument_id]
        return record.multiplier * fx * (1.0 / price if record.settlement == "inverse" else price)

    def quantity(self, instrument_id: str, notional_usd: float) -> float:
        """Whole contracts or shares worth about this much, at least one; crypto spot to two decimals."""
        units = notional_usd / self.notional_usd(instrument_id)
        record = self.records[instrument_id]
        if is_divisible(record):
            return round(units, 2) or 0.01
        return float(round(units)) or (1.0 if units >= 0 else -1.0)

    def of_product(self, product: str) -> list[str]:
        """All instruments of a product, as they are listed."""
        return [name for name, record in self.records.items() if record.product == product]

    def futures(self, commodity: str) -> list[str]:
        """Full-size futures of a commodity, nearest first."""
        multiplier = max(
            record.multiplier for record in self.records.values() if record.combined_commodity == commodity
        )
        found = [
            record
            for record in self.records.values()
            if record.product == "future"
            and record.combined_commodity == commodity
            and record.multiplier == multiplier
        ]
        return [record.instrument_id for record in sorted(found, key=lambda record: record.contract_month)]

    def options(self, underlying: str, right: str) -> list[str]:
        """Options on an underlying of all expiries, strikes ascending."""
        found = [
            record
            for record in self.records.values()
            if record.product in OPTION_PRODUCTS and record.underlying == underlying and record.right == right
        ]
        return [record.instrument_id for record in sorted(found, key=lambda record: record.strike)]

    def out_of_the_money(self, underlying: str, right: str) -> list[str]:
        """Options whose strike the underlying has not reached."""
        spot, sign = self._prices[underlying], 1.0 if right == "call" else -1.0
        chain = self.options(underlying, right)
        return [each for each in chain if sign * (self.records[each].strike - spot) >= 0.0]
