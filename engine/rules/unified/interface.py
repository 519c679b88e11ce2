"""What the engine asks of a unified rulebook: one requirement for all silos of an account.

A unit is one silo of one account (eligible positions only); it holds the sum of its positions' rows.
Positions in products that are not eligible, and accounts that are not, stay under today's silo rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from engine.market.instruments import Product
from engine.market.scenarios import ScenarioSet
from engine.market.view import MarketView
from engine.portfolio.holding_kernels import HoldingColumns
from engine.risk.scenario_sums import MovedRows, SumColumns
from engine.rules.interface import AddingRulebook, Float64s, Holding, Int64s, Rulebook
from engine.rules.requirement import Explained
from engine.rules.unified.tail import Int16s


class UnifiedRulebook(Rulebook, Protocol):
    """A candidate for one margin over all silos.

    Attributes:
        scenarios: what the first ``scenarios.count`` columns of the rows stand for, in order.
        charge_columns: names of the columns of ``charge``; ``base`` and ``standalone`` are among them.
        result_columns: names of the columns of ``combine``: ``requirement``, then the parts that add up to
            it, then ``standalone_sum``.
        add_on: liquidity and concentration, a rulebook with netting sets of its own; its requirement per
            account goes into ``combine``.
        eligible_products: the others stay in their silo.
        tail_size: scenarios that the measure looks at, for the ``tails`` of ``renew``.
    """

    scenarios: ScenarioSet
    charge_columns: tuple[str, ...]
    result_columns: tuple[str, ...]
    add_on: AddingRulebook
    eligible_products: frozenset[Product]
    tail_size: int

    def eligible_account(self, approvals: Iterable[str], account_type: str) -> bool:
        """Whether an account with these approvals and of this type may be margined as one."""
        ...

    def check_instrument(self, market: MarketView, slot: int) -> None:
        """Refuse an instrument whose moves the scenario set does not describe.

        Raises:
            MarginError: BAD_PARAMETER naming instrument and factor. ``rows`` raises the same.
        """
        ...

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """Stand-alone figures of units, as if each were a whole account.

        Args:
            exposures: float64[u, k].
            sets: int64[u], index of each unit's silo in ``engine.market.instruments.SILOS``.

        Returns:
            float64[u, c], columns ``charge_columns``, USD, >= 0.
        """
        ...

    def combine(
        self,
        exposures: Float64s,
        charges: Float64s,
        sets: Int64s,
        offsets: Int64s,
        add_on_usd: Float64s,
        silo_total_usd: Float64s,
    ) -> Float64s:
        """The unified requirement of each account.

        Args:
            exposures: float64[u, k]; account i owns rows ``offsets[i]:offsets[i + 1]`` (may be none).
            charges: float64[u, c], of ``charge``.
            sets: int64[u], silo index of each unit.
            offsets: int64[a + 1].
            add_on_usd: float64[a], of ``add_on``.
            silo_total_usd: float64[a], sum of the silo requirements that the floor is a share of.

        Returns:
            float64[a, r], columns ``result_columns``, USD, >= 0.
        """
        ...

    def renew(
        self,
        accounts: Int64s,
        holdings: HoldingColumns,
        moved: MovedRows,
        sums: SumColumns,
        charges: Float64s,
        tails: Int16s,
        add_on: Float64s,
        silo_total_usd: Float64s,
        results: Float64s,
    ) -> None:
        """``charge`` and ``combine`` on kept sums: follow the moved rows, charge the units that changed, combine.

        Account by account, while its sums are in the processor's cache. Writes only what belongs to the accounts.

        Args:
            accounts: int64[a] slots.
            charges: float64[unit, c]. tails: int16[unit, 2, tail_size], of ``tail.no_tails``: where the last search
            ended; no figure depends on them. Both are kept between calls.
            add_on: float64[account, 2], requirement of ``add_on``.
            silo_total_usd: float64[a].
            results: float64[account, r], written in the rows of ``accounts``.
        """
        ...

    def tail_weights(self, exposures: Float64s) -> Float64s:
        """Which scenarios decide one account's base.

        Args:
            exposures: float64[u, k], the units of one account.

        Returns:
            float64[S]: weights w >= 0 such that ``-(sum of units)[:S] @ w`` is the base before it is floored
            at zero. A coherent measure charges no unit less than ``-unit[:S] @ w`` stand-alone.
        """
        ...

    def explain(
        self, holdings: Sequence[Holding], market: MarketView, silo_total_usd: float = 0.0
    ) -> Explained:
        """The plain twin: one account's eligible positions, python floats, readable as the rule's text."""
        ...
