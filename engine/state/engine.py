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
from engine.rules.registry import (
    SCENARIO_METHODS,
    SILO_METHODS,
    UNIFIED_METHODS,
    silo_rulebook,
    unified_rulebook,
)
from engine.shortfall.call_rule import CallRule
from engine.state.core import EngineCore
from engine.state.explanation import AccountExplanation, explanation, shadow_check
from engine.state.intraday_pass import IntradayMove, intraday_moves
from engine.state.policy import Policy, RulebookParameters
from engine.state.statement import AccountStatement, statement
from engine.state.totals import Totals, totals
from engine.state.transition import Transition, transitions


@dataclass(frozen=True, slots=True)
class Changes:
    """What an evaluation pass brought: accounts (slots) evaluated anew, call transitions, events of intraday deficits.

    Transitions and events are part of the engine's state from now on: publish them, or drop the partition.
    """

    accounts: NDArray[np.int64]
    transitions: list[Transition]
    intraday: list[IntradayMove]


class Engine(EngineCore):
    """Accounts, market and rulebooks with the questions one may ask of them."""

    def put_rulebook(self, method: str, parameters: Mapping[str, Any]) -> None:
        """New parameters of a rulebook take effect; everything it margins is evaluated anew.

        It stands in the silo that the policy assigns to it, whatever its parameters say. One that is assigned nothing
        is checked and stands nowhere.

        Args:
            method: how the parameters are read, e.g. ``span-futures``.

        Raises:
            MarginError: UNKNOWN_RULEBOOK or BAD_PARAMETER; the rulebook in force stays.
        """
        if method in UNIFIED_METHODS:
            scenarios = self.unified.rulebook.scenarios
            self.put_unified_rulebook(unified_rulebook(method, parameters, scenarios))
            return
        book = self.silo_books.get(str(parameters.get("rulebook_id")))
        former = book.rulebook if book else None
        kept = former.scenarios if isinstance(former, ScenarioRulebook) else None
        rulebook = silo_rulebook(method, parameters, former.silo if former else "", kept)
        if book or rulebook.rulebook_id not in {*SILO_METHODS, *SCENARIO_METHODS}:
            self.put_silo_rulebook(rulebook)

    def take_policy(
        self,
        mapping: Mapping[str, Any],
        parameters: Mapping[str, RulebookParameters],
        call_rules: Mapping[str, CallRule],
    ) -> None:
        """Another policy takes effect; unified candidate, collateral schedule and the intraday rule stay.

        Args:
            mapping: what ``policy.toml`` holds. parameters: of every rulebook that it may name, by id.
            call_rules: what its ``call`` tables say, by scope.

        Raises:
            MarginError: see :meth:`Policy.from_mapping` and :meth:`put_policy`; the policy in force stays.
        """
        self.put_policy(
            Policy.from_mapping(
                mapping,
                parameters,
                call_rules,
                self.unified.rulebook,
                self.policy.collateral,
                self.policy.intraday,
                self.policy.rate_conventions,
            )
        )

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
        return Changes(accounts, transitions(self, moves, now_ns), self.intraday_moves(accounts, now_ns))

    def intraday_moves(
        self, evaluated: NDArray[np.int64], now_ns: int, most: int | None = None
    ) -> list[IntradayMove]:
        """After an evaluation of these account slots; see :func:`engine.state.intraday_pass.intraday_moves`."""
        moves = intraday_moves(self, evaluated, now_ns, most)
        if moves:  # a closed account may have been waiting for nothing else
            self._note_evaluated(self.account_slots([move.event.account_id for move in moves]))
        return moves

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
