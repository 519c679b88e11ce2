"""Call cases as columns, and the transitions that an evaluation pass brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow, longer, room
from engine.market.instruments import SILOS
from engine.portfolio.accounts import Account
from engine.shortfall.call import Cause, Decision, Figures, decide, next_case
from engine.shortfall.call_response import Response
from engine.shortfall.candidates import STATE_CODES, STATES, ScopeFigures, may_move
from engine.shortfall.case import OPEN, CallCase, CallReason
from engine.shortfall.collection_terms import CollectionTerms
from engine.state.case_timers import CaseTimers

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

_UNIFIED = len(SILOS)  # scope index of the unified candidate, after the silos
_CAUSES = tuple(Cause)
_NO_CAUSE = _CAUSES.index(Cause.MARKET)
_FILLS: dict[str, Fill] = {"cause": (np.int8, _NO_CAUSE)}


@dataclass(frozen=True, slots=True)
class Move:
    """A case that moved: account slot, scope index, the case before and after, why, the figures, and the answer that
    moved it."""

    account: int
    scope: int
    before: CallCase
    after: CallCase
    decision: Decision
    figures: Figures
    response: Response | None = None


class CaseBook:
    """State of every case, by account slot and scope index (silos first, then the unified candidate).

    Attributes:
        state: int8 code of :data:`STATES`. open_usd: amount of an open call.
    """

    cause: NDArray[np.int8]

    def __init__(self, unified_id: str) -> None:
        self.scopes = [f"silo:{silo}" for silo in SILOS] + [f"unified:{unified_id}"]
        self.scope_index = {scope: index for index, scope in enumerate(self.scopes)}
        self.state: NDArray[np.int8] = np.zeros((64, len(self.scopes)), np.int8)
        self.open_usd: Float64s = np.zeros((64, len(self.scopes)))
        self._timers = CaseTimers()
        self._opened_ns: dict[tuple[int, int], int] = {}  # open calls by account, scope: few beside the cases
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
            self.keep(account, scope, case, as_of_ns)

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
        self._timers.forget(gone)
        self._opened_ns = {key: at_ns for key, at_ns in self._opened_ns.items() if key[0] not in gone}

    def note_cause(self, accounts: Int64s, cause: Cause) -> None:
        """Remember what touched accounts since the last pass."""
        self.cause[accounts] = np.minimum(self.cause[accounts], _CAUSES.index(cause))

    def forget_rule_changes(self, accounts: Int64s) -> None:
        """What holds for accounts now has held since before they were read."""
        changed = accounts[self.cause[accounts] == _CAUSES.index(Cause.RULE)]
        self.cause[changed] = _NO_CAUSE

    def clear_causes(self, accounts: Int64s) -> None:
        """The accounts have been evaluated."""
        self.cause[accounts] = _NO_CAUSE

    def accounts_due(self, now_ns: int) -> Int64s:
        """int64[m]: accounts that have a case whose time has come."""
        return np.array(sorted({account for account, _ in self._timers.due(now_ns)}), np.int64)

    def moves(
        self,
        scope: int,
        accounts: Int64s,
        records: Sequence[Account],
        figures_of: ScopeFigures,
        terms: CollectionTerms,
        rulebook_version: str,
        now_ns: int,
    ) -> list[Move]:
        """Decide every case of one scope and keep the new states; ``records`` are by account slot."""
        moves = []
        by_figures = may_move(
            accounts, self.state, self.open_usd, scope, figures_of, terms.rule, terms.uncollected_usd
        )
        for i in np.union1d(by_figures, self._places_due(accounts, scope, now_ns)).tolist():
            account = int(accounts[i])
            case = self.case(account, scope, records[account])
            figures, rule = figures_of.of(i, rulebook_version, _CAUSES[self.cause[account]]), terms.of(i)
            decision = decide(case, figures, rule, now_ns)
            if decision.reason is CallReason.NOTHING:
                continue
            after = next_case(case, decision, rule, rulebook_version, now_ns)
            self.keep(account, scope, after, now_ns)
            moves.append(Move(account, scope, case, after, decision, figures))
        return moves

    def case(self, account: int, scope: int, record: Account) -> CallCase:
        """The case of an account and scope, a fresh one if nothing was ever said."""
        known = self._cases.get(account, {}).get(scope)
        return known or CallCase(record.account_id, self.scopes[scope])

    def _places_due(self, accounts: Int64s, scope: int, now_ns: int) -> Int64s:
        """int64[m]: indices into ``accounts`` (ascending) of those whose case of the scope is due."""
        due = sorted(account for account, of_scope in self._timers.due(now_ns) if of_scope == scope)
        wanted = np.array(due, np.int64)
        places = np.searchsorted(accounts, wanted)
        found: Int64s = places[np.isin(wanted, accounts)]
        return found

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

    def keep(self, account: int, scope: int, case: CallCase, now_ns: int) -> None:
        """Where a case stands from now on."""
        was_open = STATES[self.state[account, scope]] in OPEN
        is_open = case.state in OPEN
        if is_open and not was_open:
            self._opened_ns[account, scope] = now_ns
        if not is_open:
            self._opened_ns.pop((account, scope), None)
        self._cases.setdefault(account, {})[scope] = case
        self._timers.put(account, scope, case.next_time_ns)
        self.state[account, scope] = STATE_CODES[case.state]
        self.open_usd[account, scope] = case.amount_usd if is_open else 0.0

    @property
    def unified_scope(self) -> int:
        """Scope index of the unified candidate."""
        return _UNIFIED
