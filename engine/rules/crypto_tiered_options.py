"""What one option of a crypto venue requires, bought and sold; vectorised.

A standard-margin account of such a venue margins each option by itself. The venues publish the requirement of an
option sold with its premium: ``max(rate x S - out of the money, floor x S) + mark``. Equity counts options at value, so
the premium is taken out here, and an option bought requires its own value: it lends nothing.
"""

from __future__ import annotations

import numpy as np

from engine.market.view import MarketView
from engine.rules.crypto_tiered_parameters import Parameters
from engine.rules.interface import Float64s, Int64s


class OptionRows:
    """Rows of options under the schedules of kind ``option``."""

    def __init__(self, parameters: Parameters) -> None:
        self._rates = {
            name: (rates.initial_rate, rates.initial_floor_rate, rates.maintenance_rate)
            for name, schedule in parameters.schedules.items()
            if (rates := schedule.option) is not None
        }

    def of(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, 3], USD: value of one contract bought; initial and maintenance of one sold.

        Args:
            slots: int64[n], priced options whose schedule is one of options.
        """
        schedules = [market.instruments[slot].margin_schedule for slot in slots.tolist()]
        rates = np.array([self._rates[name] for name in schedules]).reshape(-1, 3)
        underlying, strike, mark = market.underlying_price(slots), market.strike[slots], market.mark[slots]
        call = market.is_call[slots]
        out = np.maximum(np.where(call, strike - underlying, underlying - strike), 0.0)
        least = np.where(call, underlying, np.maximum(underlying, mark))
        maintenance = rates[:, 2] * least
        initial = np.maximum(rates[:, 0] * underlying - out, rates[:, 1] * underlying)
        initial = np.maximum(initial, maintenance)
        contract_usd = market.multiplier[slots] * market.fx_rate(slots)
        rows: Float64s = contract_usd[:, None] * np.column_stack([mark, initial, maintenance])
        return rows
