"""Call cases as columns, and the transitions that an evaluation pass brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow, longer, room
from engine.market.instruments import SILOS
from engine.portfolio.accounts import Account
from engine.shortfall.call import (
    CallCase,
    CallReason,
    CallRule,
    CallState,
    Cause,
    Decision,
    Figures,
    decide,
    next_case,
)
from engine.shortfall.candidates import STATE_CODES, STATES, ScopeFigures, may_move

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

_UNIFIED = len(SILOS)  # scope index of the unified candidate, after the silos
_FILLS: dict[str, Fill] = {
    "deposit": (np.bool_, False),
    "trade": (np.bool_, False),
    "rule": (np.bool_, False),
}


@dataclass(frozen=True, slots=True)
class Move:
    """A case that moved: account slot, scope index, the case before and after, why, and the figures."""

    account: int
    scope: int
    before: CallCase
    after: CallCase
    decision: Decision
    figures: Figures


class CaseBook:
    """State of every case, by account slot and scope index (silos first, then the unified candidate).

    Attributes:
        state: int8 code of :data:`STATES`. open_usd: amount of an issued call.
    """

    deposit: NDArray[np.bool_]
    trade: NDArray[np.bool_]
    rule: NDArray[np.bool_]

    def __init__(self, unified_id: str) -> None:
        self.scopes = [f"silo:{silo}" for silo in SILOS] + [f"unified:{unified_id}"]
        self.scope_index = {scope: index for index, scope in enumerate(self.scopes)}
        self.state: NDArray[np.int8] = np.zeros((64, len(self.scopes)), np.int8)
        self.open_usd: Float64s = np.zeros((64, len(self.scopes)))
        self._opened_ns: dict[
            tuple[int, int], int
        ] = {}  # issued calls by account, scope: few beside the cases
        self._cases: dict[int, dict[int, CallCase]] = {}  # by account, scope
        for name, column in filled(_FILLS, 64).items():
            setattr(self, name, column)

    def reserve(self, accounts: int) -> None:
        """Make room for so many account slots."""
        if accounts <= len(self.state):
            return
        size = room(accounts, len(self.state))
        for name in ("state", "open_usd"):
            setattr(self, name, longer(getattr(self, name), size, 0.0))
        grow(self, _FILLS, size)

    def restore(self, account: int, case: CallCase, as_of_ns: int) -> None:
        """Take the state that the last event of a case says. Cases of other candidates are left alone."""
        scope = self.scope_index.get(case.scope)
        if scope is not None:
            self._keep(account, scope, case, as_of_ns)

    def of(self, account: int) -> tuple[CallCase, ...]:
        """All cases that the account ever had."""
        return tuple(self._cases.get(account, {}).values())

    def forget(self, accounts: Int64s) -> None:
        """Drop the cases of accounts."""
        for account in self._cases.keys() & set(accounts.tolist()):
            del self._cases[account]
        self.state[accounts] = 0
        self.open_usd[accounts] = 0.0
        gone = set(accounts.tolist())
        self._opened_ns = {key: at_ns for key, at_ns in self._opened_ns.items() if key[0] not in gone}

    def note_causes(self, accounts: Int64s, deposits: NDArray[np.bool_]) -> None:
        """Remember that accounts were touched by a deposit (True) or a trade (False) since the last pass."""
        self.deposit[accounts[deposits]] = True
        self.trade[accounts[~deposits]] = True

    def note_rule_change(self, accounts: Int64s) -> None:
        """Remember that another rule holds for accounts since the last pass."""
        self.rule[accounts] = True

    def forget_rule_changes(self, accounts: Int64s) -> None:
        """What holds for accounts now has held since before they were read."""
        self.rule[accounts] = False

    def clear_causes(self, accounts: Int64s) -> None:
        """The accounts have been evaluated."""
        self.deposit[accounts] = self.trade[accounts] = self.rule[accounts] = False

    def moves(
        self,
        scope: int,
        accounts: Int64s,
        records: Sequence[Account],
        figures_of: ScopeFigures,
        rule: CallRule,
        rulebook_version: str,
        now_ns: int,
    ) -> list[Move]:
        """Decide every case of one scope and keep the new states; ``records`` are by account slot."""
        moves = []
        for i in may_move(accounts, self.state, self.open_usd, scope, figures_of, rule).tolist():
            account = int(accounts[i])
            case = self._cases.get(account, {}).get(scope)
            case = case or CallCase(records[account].account_id, self.scopes[scope])
            at = figures_of.rows[i], figures_of.column
            figures = Figures(
                float(figures_of.initial_usd[at]), float(figures_of.maintenance_usd[at]),
                float(figures_of.equity_usd[at]), rulebook_version, bool(figures_of.trusted[at]),
                self._cause(account),
            )  # fmt: skip
            decision = decide(case, figures, rule)
            if decision.reason is CallReason.NOTHING:
                continue
            after = next_case(case, decision, rulebook_version)
            self._keep(account, scope, after, now_ns)
            moves.append(Move(account, scope, case, after, decision, figures))
        return moves

    def oldest_ns(self, accounts: Int64s) -> int:
        """When the oldest open binding call of these accounts was issued; 0 if there is none."""
        among = np.zeros(len(self.state), np.bool_)
        among[accounts] = True
        return min(
            (
                at_ns
                for (account, scope), at_ns in self._opened_ns.items()
                if scope < _UNIFIED and among[account]
            ),
            default=0,
        )

    def _cause(self, account: int) -> Cause:
        if self.deposit[account]:
            return Cause.DEPOSIT
        if self.trade[account]:
            return Cause.TRADE
        return Cause.RULE if self.rule[account] else Cause.MARKET

    def _keep(self, account: int, scope: int, case: CallCase, now_ns: int) -> None:
        was_open = STATES[self.state[account, scope]] is CallState.ISSUED
        is_open = case.state is CallState.ISSUED
        if is_open and not was_open:
            self._opened_ns[account, scope] = now_ns
        if not is_open:
            self._opened_ns.pop((account, scope), None)
        self._cases.setdefault(account, {})[scope] = case
        self.state[account, scope] = STATE_CODES[case.state]
        self.open_usd[account, scope] = case.amount_usd if is_open else 0.0

    @property
    def unified_scope(self) -> int:
        """Scope index of the unified candidate."""
        return _UNIFIED
