"""The facade of the engine: columns in, changes out.

One engine per process, not thread-safe, without a clock: time comes in as an argument. The same inputs in the
same order give the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.rules.interface import ScenarioRulebook
from engine.rules.registry import UNIFIED_METHODS, silo_rulebook, unified_rulebook
from engine.state.core import EngineCore
from engine.state.explanation import AccountExplanation, explanation, shadow_check
from engine.state.statement import AccountStatement, statement
from engine.state.totals import Totals, totals
from engine.state.transition import Transition, transitions


@dataclass(frozen=True, slots=True)
class Changes:
    """What an evaluation pass brought: accounts (slots) evaluated anew, and call transitions.

    The transitions are part of the engine's case state from now on: publish them, or drop the partition.
    """

    accounts: NDArray[np.int64]
    transitions: list[Transition]


class Engine(EngineCore):
    """Accounts, market and rulebooks with the questions one may ask of them."""

    def put_rulebook(self, method: str, parameters: Mapping[str, Any]) -> None:
        """New parameters of a rulebook take effect; everything it margins is evaluated anew.

        Args:
            method: how the parameters are read, e.g. ``span-futures``.

        Raises:
            MarginError: UNKNOWN_RULEBOOK or BAD_PARAMETER; the rulebook in force stays.
        """
        if method in UNIFIED_METHODS:
            scenarios = self.unified.rulebook.scenarios
            self.put_unified_rulebook(unified_rulebook(method, parameters, scenarios))
        else:
            book = self.silo_books.get(str(parameters.get("rulebook_id", "")))
            former = book.rulebook if book is not None else None
            kept = former.scenarios if isinstance(former, ScenarioRulebook) else None
            self.put_silo_rulebook(silo_rulebook(method, parameters, kept))

    def advance_time(self, now_ns: int) -> None:
        """Value at this time from now on, without an evaluation.

        Before the first prices: implied volatilities are solved at the valuation time.
        """
        self._advance_time(now_ns)

    def evaluate(self, now_ns: int, options: bool = True) -> Changes:
        """Revalue what moved, charge what is dirty, decide the calls of live partitions.

        Args:
            options: False keeps the risk arrays of options as they are (repricing them is most of the work of a
                pass); a caller that says False now says True soon.
        """
        accounts, moves = self.evaluate_moves(now_ns, options)
        return Changes(accounts, transitions(self, moves, now_ns))

    def statement(self, account_id: str, now_ns: int) -> AccountStatement:
        """Figures of one account; see :func:`engine.state.statement.statement`."""
        return statement(self, account_id, now_ns)

    def explain(self, account_id: str) -> AccountExplanation:
        """Trees of one account; see :func:`engine.state.explanation.explanation`."""
        return explanation(self, account_id)

    def totals(self, worst: int = 0) -> Totals:
        """Aggregates; see :func:`engine.state.totals.totals`."""
        return totals(self, worst)

    def shadow_check(self, account_ids: list[str]) -> float:
        """Largest difference to the plain twins; see :func:`engine.state.explanation.shadow_check`."""
        return shadow_check(self, account_ids)
