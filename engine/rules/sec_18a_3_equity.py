"""SEC Rule 18a-3 standardized margin of equity swaps, vectorised: a share of the net value of what they refer to.

A basket counts as its components. Swaps on one share net, baskets' parts in it included; shares do not offset one
another. The plain twin is :mod:`engine.rules.sec_18a_3_equity_plain`; the parameter and its source are in
``data/sec-18a-3-equity.toml``; the clerk's page is ``docs/rulebooks/sec-18a-3-equity.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument
from engine.market.view import MarketView
from engine.rules.account_sums import sum_by_account
from engine.rules.covered import require_covered
from engine.rules.interface import LINEAR, Float64s, Holding, Int64s
from engine.rules.requirement import Explained
from engine.rules.sec_18a_3_equity_parameters import Parameters
from engine.rules.sec_18a_3_equity_plain import COVERED, components_of, explain_account

# Of these a swap is no security-based swap.
_BROAD = frozenset({"broad", "high_cap_broad"})
_NETTING_SET = "equity swaps"


class Sec18a3Equity:
    """Haircut on equity swaps as a :class:`engine.rules.interface.PairingRulebook`, since a basket has parts in several
    shares.

    Row: value of one contract in USD.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.silo = parameters.silo
        self.column_kinds = np.array([LINEAR], np.int8)
        self.scenario_names: tuple[str, ...] = ()
        self._instruments: Sequence[Instrument] = ()
        self._place_of: dict[str, int] = {}  # of a share or index among those seen

    def netting_set(self, instrument: Instrument) -> str:
        """One for all, since a basket ties shares together.

        Raises:
            MarginError: NO_RULEBOOK for products that are not covered, and for swaps on a broad-based index.
        """
        require_covered(self, instrument, COVERED)
        if instrument.index_class in _BROAD:
            raise MarginError(
                Reason.NO_RULEBOOK,
                f"instrument {instrument.instrument_id} in silo {self.silo}",
                f"{self.rulebook_id} covers shares, baskets and narrow-based indexes; on a broad-based index "
                f"({instrument.index_class}) it is a swap, not a security-based swap",
            )
        for name, _ in components_of(instrument):
            self._place_of.setdefault(name, len(self._place_of))
        return _NETTING_SET

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Nothing to learn: there is one set."""

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, 1]: value of one contract, USD; 0 without a price."""
        self._instruments = market.instruments
        return np.where(market.priced[slots], market.unit_value_usd(slots), 0.0)[:, None]

    def charge_positions(
        self, rows: Float64s, instruments: Int64s, quantities: Float64s, first: Int64s, sets: Int64s
    ) -> Float64s:
        """float64[u, 2]: requirement of each account's swaps, USD; nothing is left out."""
        places, weights, counts = self._components(instruments)
        units = np.repeat(np.repeat(np.arange(len(sets)), np.diff(first)), counts)
        values = np.repeat(quantities * rows[instruments, 0], counts) * weights
        keys, place_of_key = np.unique(units * len(self._place_of) + places, return_inverse=True)
        net = np.bincount(place_of_key, values, len(keys))
        charges = np.zeros((len(sets), 2))
        np.add.at(charges[:, 0], keys // max(len(self._place_of), 1), self.parameters.rate * np.abs(net))
        return charges

    def _components(self, instruments: Int64s) -> tuple[Int64s, Float64s, Int64s]:
        """Places and weights of the components of instruments, one after the other, and how many each has."""
        parts = [components_of(self._instruments[slot]) for slot in instruments.tolist()]
        places = [self._place_of[name] for part in parts for name, _ in part]
        weights = [weight for part in parts for _, weight in part]
        return (
            np.array(places, np.int64),
            np.array(weights),
            np.array([len(part) for part in parts], np.int64),
        )

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: initial equals maintenance."""
        return np.repeat(sum_by_account(charges[:, :1], offsets), 2, axis=1)

    def maintenance_usd(self, charges: Float64s) -> Float64s:
        """float64[u]: requirement of each account's swaps."""
        maintenance: Float64s = charges[:, 0]
        return maintenance

    def refusals(self, holdings: Sequence[Holding], market: MarketView) -> list[MarginError]:
        """None: what cannot be margined is refused as an instrument."""
        return []

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin."""
        return explain_account(self.parameters, holdings, market)
