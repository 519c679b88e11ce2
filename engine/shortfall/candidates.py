"""Which of many cases can change at all: the compiled form of "decide says more than NOTHING".

It may name a case that then stays as it is, never miss one that moves by its figures; a property test holds it to
:func:`engine.shortfall.call.decide`. What moves by time alone is found by :mod:`engine.state.case_timers`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import kernel
from engine.shortfall.call import Cause, Figures
from engine.shortfall.call_rule import CallRule
from engine.shortfall.case import OPEN, CallState

Bools = NDArray[np.bool_]
Float64s = NDArray[np.float64]
Int8s = NDArray[np.int8]
Int64s = NDArray[np.int64]

STATE_CODES: Final = {state: code for code, state in enumerate(CallState)}
STATES: Final = tuple(CallState)
_IS_OPEN: Final = np.array([state in OPEN for state in STATES])
_CLEAR: Final = STATE_CODES[CallState.CLEAR]


class ScopeFigures(NamedTuple):
    """Figures of one scope: of account i they stand at ``[rows[i], column]``.

    Attributes:
        rows: int64[a].
        column: index.
        initial_usd, maintenance_usd, equity_usd: float64[r, c]. trusted: bool[r, c].
    """

    rows: Int64s
    column: int
    initial_usd: Float64s
    maintenance_usd: Float64s
    equity_usd: Float64s
    trusted: Bools

    def of(self, i: int, rulebook_version: str, cause: Cause) -> Figures:
        """Of account i."""
        at = self.rows[i], self.column
        return Figures(
            float(self.initial_usd[at]), float(self.maintenance_usd[at]), float(self.equity_usd[at]),
            rulebook_version, bool(self.trusted[at]), cause,
        )  # fmt: skip


def may_move(
    accounts: Int64s,
    state: Int8s,
    open_usd: Float64s,
    scope: int,
    figures: ScopeFigures,
    rule: CallRule,
    uncollected_usd: Float64s,
) -> Int64s:
    """int64[m]: indices into ``accounts`` of those whose case may move.

    Args:
        accounts: int64[a] slots.
        state, open_usd: int8 and float64[account, scope].
        figures: of the accounts, in their order.
        uncollected_usd: float64[a], of the accounts: requirement up to this is not collected, whatever the rule says.
    """
    level = figures.initial_usd if rule.restore_to == "initial" else figures.maintenance_usd
    least_equity_usd = -np.inf if rule.exposure_collected else 0.0
    found = np.empty(len(accounts), np.int64)
    number = _find(
        accounts, state, open_usd, scope, figures.rows, figures.column, level, figures.maintenance_usd,
        figures.equity_usd, uncollected_usd, least_equity_usd, rule.warning_at, rule.clear_below,
        rule.recall_step_usd, rule.recall_step_share, found,
    )  # fmt: skip
    return found[:number]


@kernel
def _find(
    accounts: Int64s,
    state: Int8s,
    open_usd: Float64s,
    scope: int,
    rows: Int64s,
    column: int,
    level_usd: Float64s,
    maintenance_usd: Float64s,
    equity_usd: Float64s,
    uncollected_usd: Float64s,
    least_equity_usd: float,
    warning_at: float,
    clear_below: float,
    step_usd: float,
    step_share: float,
    found: Int64s,
) -> int:
    number = 0
    for i in range(len(accounts)):
        now, opened = state[accounts[i], scope], open_usd[accounts[i], scope]
        maintenance = max(maintenance_usd[rows[i], column] - uncollected_usd[i], 0.0)
        equity = max(equity_usd[rows[i], column], least_equity_usd)
        short = equity < maintenance
        if _IS_OPEN[now]:
            deficit = max(level_usd[rows[i], column] - uncollected_usd[i], 0.0) - equity
            moves = not short or abs(deficit - opened) > max(step_usd, step_share * opened)
        elif now == _CLEAR:
            moves = short or (maintenance > 0.0 and maintenance >= warning_at * equity)
        else:
            near = maintenance > 0.0 and maintenance >= clear_below * equity
            moves = short or (equity >= 0.0 and not near)
        found[number] = i
        number += moves
    return number
