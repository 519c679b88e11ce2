"""What the parameters say about each contract, as columns by slot; contract months and their columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow
from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument
from engine.market.view import MarketView
from engine.rules.interface import Float64s, Int64s
from engine.rules.span_months import MonthTables
from engine.rules.span_parameters import SCENARIOS, Parameters

_FILLS: dict[str, Fill] = {
    "_commodity": (np.int64, -1),
    "_month_column": (np.int64, 0),
    "_published": (np.int64, -1),
    "_scan_usd": (np.float64, 0.0),
    "_volatility_scan": (np.float64, 0.0),
}


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of n contracts.

    Attributes:
        scale: float64[n], standard contracts in one contract.
        scan_usd, volatility_scan: float64[n], of the contract month; scan_rate, minimum_usd: of the commodity.
        month_column: int64[n].
        published: bool[n], has an array of its own; published_usd: float64[those, 16];
        published_delta: float64[n], NaN where it follows from the array.
    """

    scale: Float64s
    scan_usd: Float64s
    scan_rate: Float64s
    volatility_scan: Float64s
    minimum_usd: Float64s
    month_column: Int64s
    published: NDArray[np.bool_]
    published_usd: Float64s
    published_delta: Float64s


class Contracts:
    """Looks instruments up once and again only when they were republished.

    Attributes:
        commodity_index: position of each commodity in the parameters.
        months: their columns and what spreads may take from them.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        commodities = list(parameters.commodities.values())
        self.commodity_index = {commodity.name: index for index, commodity in enumerate(commodities)}
        self.months = MonthTables(parameters)
        self._multiplier = np.array([commodity.contract_multiplier for commodity in commodities])
        self._scan_rate = np.array([commodity.price_scan_rate for commodity in commodities])
        self._minimum_usd = np.array([commodity.short_option_minimum_usd for commodity in commodities])
        arrays = parameters.risk_arrays
        self._array_index = {instrument_id: index for index, instrument_id in enumerate(arrays)}
        self._array_usd = np.array([array.values_usd for array in arrays.values()]).reshape(-1, SCENARIOS)
        deltas = [np.nan if array.delta is None else array.delta for array in arrays.values()]
        self._array_delta = np.array([*deltas, np.nan])  # the last one serves index -1: no array
        self._known: list[Instrument | None] = []
        self._commodity: Int64s
        self._month_column: Int64s
        self._published: Int64s
        self._scan_usd: Float64s
        self._volatility_scan: Float64s
        for name, column in filled(_FILLS, 0).items():
            setattr(self, name, column)

    def month_column(self, instrument: Instrument) -> int:
        """Column of the instrument's contract month within its commodity; a new month takes the next one.

        Raises:
            MarginError: BAD_PARAMETER if the commodity has no parameters or all its columns are taken.
        """
        index = self.commodity_index.get(instrument.combined_commodity)
        if index is None:
            raise self._bad(instrument, f"commodities.{instrument.combined_commodity}", "is missing")
        column = self.months.column(index, instrument.contract_month)
        if column < 0:
            columns = self._parameters.month_columns
            detail = f"all {columns} contract months of the commodity are in use; raise it"
            raise self._bad(instrument, "month_columns", detail)
        return column

    def terms(self, market: MarketView, slots: Int64s) -> Terms:
        """The terms of the instruments in these slots."""
        self._learn(market, slots)
        commodity = self._commodity[slots]
        array = self._published[slots]
        published = array >= 0
        return Terms(
            scale=market.multiplier[slots] / self._multiplier[commodity],
            scan_usd=self._scan_usd[slots],
            scan_rate=self._scan_rate[commodity],
            volatility_scan=self._volatility_scan[slots],
            minimum_usd=self._minimum_usd[commodity],
            month_column=self._month_column[slots],
            published=published,
            published_usd=self._array_usd[array[published]],
            published_delta=self._array_delta[array],
        )

    def _learn(self, market: MarketView, slots: Int64s) -> None:
        if market.count > len(self._known):
            capacity = max(market.count, 2 * len(self._known))
            grow(self, _FILLS, capacity)
            self._known += [None] * (capacity - len(self._known))
        for slot in slots.tolist():
            instrument = market.instruments[slot]
            if self._known[slot] is not instrument:
                self._month_column[slot] = self.month_column(instrument)
                self._commodity[slot] = self.commodity_index[instrument.combined_commodity]
                self._published[slot] = self._array_index.get(instrument.instrument_id, -1)
                self._scan_usd[slot], self._volatility_scan[slot] = self._scan(instrument)
                self._known[slot] = instrument

    def _scan(self, instrument: Instrument) -> tuple[float, float]:
        """Price and volatility scan range: of its contract month, else of its commodity."""
        commodity = self._parameters.commodities[instrument.combined_commodity]
        of_month = commodity.month_scans.get(instrument.contract_month)
        if of_month is not None:
            return of_month.price_scan_usd, of_month.volatility_scan
        return commodity.price_scan_usd, commodity.volatility_scan

    def _bad(self, instrument: Instrument, path: str, detail: str) -> MarginError:
        thing = f"rulebook {self._parameters.rulebook_id}: {path}"
        return MarginError(Reason.BAD_PARAMETER, thing, f"{detail} (needed by {instrument.instrument_id})")
