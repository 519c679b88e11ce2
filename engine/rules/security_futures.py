"""Security futures of futures accounts, vectorised: a share of the value, less for long against short.

The plain twin is :mod:`engine.rules.security_futures_plain`, which says why pairs by value are the least; parameters
and their sources are in ``data/security-futures.toml``; the clerk's page is ``docs/rulebooks/security-futures.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument
from engine.market.view import MarketView
from engine.rules.account_sums import sum_by_account
from engine.rules.covered import require_covered
from engine.rules.held import covered
from engine.rules.interface import LINEAR, Float64s, Holding, Int64s
from engine.rules.requirement import Explained
from engine.rules.security_futures_parameters import Parameters
from engine.rules.security_futures_plain import COVERED, explain_account, refusal_of, security_and_size

# Futures on these are no security futures.
_BROAD = frozenset({"broad", "high_cap_broad"})


class SecurityFutures:
    """Implements :class:`engine.rules.interface.PairingRulebook`.

    Row: value of one contract in USD, and 1 if it has not expired; 0 without a price.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.silo = parameters.silo
        self.column_kinds = np.array([LINEAR] * 2, np.int8)
        self.scenario_names: tuple[str, ...] = ()
        self._priced = np.zeros(0, np.bool_)

    def netting_set(self, instrument: Instrument) -> str:
        """Security and size of the contract.

        Raises:
            MarginError: NO_RULEBOOK for products that are not covered, and for a future on a broad-based index.
        """
        require_covered(self, instrument, COVERED)
        if instrument.index_class in _BROAD:
            thing = f"instrument {instrument.instrument_id} in silo {self.silo}"
            detail = f"{self.rulebook_id} covers futures on single securities and narrow-based indexes"
            raise MarginError(Reason.NO_RULEBOOK, thing, detail)
        return security_and_size(instrument)

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Nothing to learn: securities do not offset one another."""

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, 2], see :class:`SecurityFutures`."""
        self._priced = market.priced
        rows = np.zeros((len(slots), 2))
        priced = market.priced[slots]
        rows[priced, 0] = market.unit_value_usd(slots[priced])
        rows[:, 1] = priced & (market.expiry_ns[slots] > market.valuation_time_ns)
        return rows

    def charge_positions(
        self, rows: Float64s, instruments: Int64s, quantities: Float64s, first: Int64s, sets: Int64s
    ) -> Float64s:
        """float64[u, 2]: requirement, and positions left out."""
        charges = np.zeros((len(sets), 2))
        for unit in range(len(sets)):
            own = slice(first[unit], first[unit + 1])
            slots, held = instruments[own], quantities[own]
            alive = rows[slots, 1] > 0.0
            charges[unit, 0] = self._charge(rows[slots[alive], 0], held[alive])
            charges[unit, 1] = (~alive & self._priced[slots]).sum()
        return charges

    def _charge(self, values: Float64s, quantities: Float64s) -> float:
        """Both sides by value, the greatest first; at each step of either one the pair at that depth changes."""
        long, short = (_by_value(values, np.maximum(side * quantities, 0.0)) for side in (1.0, -1.0))
        depths = np.union1d(long[1], short[1])
        number = np.diff(depths, prepend=0.0)
        asked = [_at(side, depths) for side in (long, short)]
        both = (asked[0] > 0.0) & (asked[1] > 0.0)
        rates = np.where(both, self.parameters.calendar_rate, self.parameters.rate)
        return float((number * rates * np.maximum(*asked)).sum())

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: initial equals maintenance."""
        return np.repeat(sum_by_account(charges[:, :1], offsets), 2, axis=1)

    def maintenance_usd(self, charges: Float64s) -> Float64s:
        """float64[u]: requirement of each security and size."""
        maintenance: Float64s = charges[:, 0]
        return maintenance

    def refusals(self, holdings: Sequence[Holding], market: MarketView) -> list[MarginError]:
        """Positions that have expired."""
        mine = covered(holdings, self.silo, COVERED)
        found = (refusal_of(holding.instrument, market) for holding in mine)
        return [error for error in found if error is not None]

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin."""
        return explain_account(self.parameters, holdings, market)


def _by_value(values: Float64s, numbers: Float64s) -> tuple[Float64s, Float64s]:
    """Values of the contracts of a side, the greatest first, and how many contracts there are up to each."""
    held = np.flatnonzero(numbers > 0.0)
    order = held[np.argsort(-values[held], kind="stable")]
    return values[order], np.cumsum(numbers[order])


def _at(side: tuple[Float64s, Float64s], depths: Float64s) -> Float64s:
    """Value of the contract of a side that ends at each depth or beyond it; 0 beyond the last."""
    values, ends = side
    found: Float64s = np.append(values, 0.0)[np.searchsorted(ends, depths)]
    return found
