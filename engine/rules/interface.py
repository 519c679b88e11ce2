"""The three pure functions that every rulebook is, and the plain twin that explains them.

Positions enter a rulebook only through sums over the positions of a netting set::

    exposure[column] = sum over positions of weight(quantity, kind[column]) * row[instrument, column]

so one generic incremental aggregator serves every regime.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.base.errors import MarginError
from engine.market.instruments import Instrument
from engine.market.scenarios import ScenarioSet
from engine.market.view import MarketView
from engine.portfolio.account_class import AccountClass
from engine.risk.kinds import HELD, LINEAR, LONG, SHORT
from engine.rules.requirement import Explained

__all__ = [
    "HELD", "LINEAR", "LONG", "SHORT",
    "AddingRulebook", "DatedRulebook", "Float64s", "Holding", "Int8s", "Int64s", "LiquidationPrices", "LooksBack",
    "MinimumEquity",
    "PairingRulebook", "Rulebook", "ScaledByClass", "ScenarioRulebook", "ShowsPairings", "SiloRulebook",
]  # fmt: skip

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Int8s = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Holding:
    """One position of one account for the plain twin; quantity is signed contracts or units."""

    instrument: Instrument
    quantity: float
    silo: str


class Rulebook(Protocol):
    """What the engine asks of every rulebook, silo and unified alike.

    Attributes:
        rulebook_id, version: stamped on each result.
        column_kinds: int8[k], how quantities enter each exposure column.
    """

    rulebook_id: str
    version: str
    column_kinds: Int8s

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """Risk arrays of one unit (contract) of each instrument, losses negative, USD.

        Args:
            market: instruments and prices as columns; every slot given is covered by this rulebook. Slots
                whose ``market.priced`` is False must yield a zero row.
            slots: int64[n] instrument slots.

        Returns:
            float64[n, k].
        """
        ...


class SiloRulebook(Rulebook, Protocol):
    """A rulebook of today's law for one silo: an :class:`AddingRulebook` or a :class:`PairingRulebook`.

    Attributes:
        scenario_names: names of the leading exposure columns that are P&L at a valuation point, in order;
            empty for a rulebook that has none.
    """

    silo: str
    scenario_names: tuple[str, ...]

    def netting_set(self, instrument: Instrument) -> str:
        """Name of the set within which positions of one account may be added.

        Raises:
            MarginError: NO_RULEBOOK naming instrument and silo, if the product is not covered;
                BAD_PARAMETER if the parameters lack what this instrument needs (its rate, its tiers).
        """
        ...

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Learn the order of netting sets: ``sets`` arguments below index this sequence.

        Called again, with a longer sequence of the same beginning, whenever a new set appears.
        """
        ...

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """Requirement of the silo for each account from the charges of its netting sets.

        Args:
            charges: float64[u, c], the units of all accounts concerned, grouped by account.
            sets: int64[u].
            offsets: int64[a + 1]; account i owns units ``offsets[i]:offsets[i + 1]`` (may be none).

        Returns:
            float64[a, 2]: initial, maintenance; USD, >= 0.
        """
        ...

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin: one account, python floats, readable as the rule's text.

        Computed independently of ``rows``, ``charge`` and ``combine`` (it may share the pricing functions);
        tests hold both equal to 1e-9 relative and 0.01 USD.
        """
        ...


@runtime_checkable
class AddingRulebook(SiloRulebook, Protocol):
    """A silo rulebook that adds the rows of the positions of a netting set."""

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """Everything about single netting sets that ``combine`` needs.

        Args:
            exposures: float64[m, k], one row per unit (account x netting set).
            sets: int64[m], the netting set of each unit.

        Returns:
            float64[m, c]; c is fixed per rulebook.
        """
        ...


@runtime_checkable
class PairingRulebook(SiloRulebook, Protocol):
    """A silo rulebook that pairs the positions of a netting set instead of adding their rows.

    ``rows`` holds what a position's part in a pairing rests on: whoever holds an instrument whose row changed is
    charged anew. Its columns are LINEAR and in USD, so that sums over a netting set can rank it.
    """

    def charge_positions(
        self, rows: Float64s, instruments: Int64s, quantities: Float64s, first: Int64s, sets: Int64s
    ) -> Float64s:
        """Everything about single netting sets that ``combine`` needs.

        Args:
            rows: float64[instrument, k], of ``rows``, by slot; every instrument below is among those it was last
                asked for.
            instruments: int64[p] slots. quantities: float64[p], signed, not 0.
            first: int64[u + 1]; set j owns positions ``first[j]:first[j + 1]``, each instrument once.
            sets: int64[u].

        Returns:
            float64[u, c]; the last column counts the positions that were left out because they cannot be margined.
        """
        ...

    def maintenance_usd(self, charges: Float64s) -> Float64s:
        """float64[u]: maintenance of each netting set by itself, without what an account must keep in any case.

        Args:
            charges: float64[u, c], of :meth:`charge_positions`.
        """
        ...

    def refusals(self, holdings: Sequence[Holding], market: MarketView) -> list[MarginError]:
        """Why positions of an account are left out, one error each."""
        ...


@runtime_checkable
class ShowsPairings(Protocol):
    """A rulebook that can show without its solver that a pairing is permitted, and what none can ask for less than."""

    def pairing_error_usd(self, holdings: Sequence[Holding], market: MarketView) -> float:
        """By how much the pairings of an account fail that check: 0 if they pass, infinite if they are refuted."""
        ...


@runtime_checkable
class ScaledByClass(Protocol):
    """A rulebook whose requirement depends on whose account it is; ``combine`` and ``explain`` take the first class.

    Classes: :class:`engine.portfolio.account_class.AccountClass`.
    """

    def combine_by_class(self, charges: Float64s, sets: Int64s, offsets: Int64s, classes: Int8s) -> Float64s:
        """As :meth:`SiloRulebook.combine`; ``classes``: int8[a]."""
        ...

    def explain_by_class(
        self, holdings: Sequence[Holding], market: MarketView, account_class: AccountClass
    ) -> Explained:
        """As :meth:`SiloRulebook.explain`."""
        ...


@runtime_checkable
class LooksBack(Protocol):
    """A rulebook whose requirement depends on what an account was charged before; ``combine`` and ``explain`` take
    accounts without a past."""

    def combine_with_past(
        self, charges: Float64s, sets: Int64s, offsets: Int64s, past_usd: Sequence[Sequence[float]]
    ) -> Float64s:
        """As :meth:`SiloRulebook.combine`; ``past_usd``: of each account, oldest first."""
        ...

    def explain_with_past(
        self, holdings: Sequence[Holding], market: MarketView, past_usd: Sequence[float]
    ) -> Explained:
        """As :meth:`SiloRulebook.explain`."""
        ...


@runtime_checkable
class LiquidationPrices(Protocol):
    """A rulebook that says at which price each contract brings its account down to the maintenance requirement."""

    def explain(
        self, holdings: Sequence[Holding], market: MarketView, equity_usd: float | None = None
    ) -> Explained:
        """As :meth:`SiloRulebook.explain`.

        Args:
            equity_usd: equity that stands behind these holdings alone.
        """
        ...

    @property
    def names_liquidation_prices(self) -> bool:
        """Always True: what tells these rulebooks from others at run time."""
        ...


@runtime_checkable
class DatedRulebook(Protocol):
    """A rulebook whose parameters hold rates of several dates."""

    def on(self, day: date) -> SiloRulebook:
        """The rulebook in force on a UTC day; itself where nothing differs."""
        ...


@runtime_checkable
class ScenarioRulebook(Protocol):
    """A rulebook whose scenario set is data beside its parameters; new parameters keep the set."""

    scenarios: ScenarioSet


@runtime_checkable
class MinimumEquity(Protocol):
    """A rulebook whose accounts must keep equity whatever they hold.

    Attributes:
        minimum_equity_usd: in the rulebook's silo; 0 = none.
    """

    minimum_equity_usd: float
