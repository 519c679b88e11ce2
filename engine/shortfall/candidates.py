"""Which of many cases can change at all: the vectorised form of "decide says more than NOTHING".

It may name a case that then stays as it is, never miss one that moves; a property test holds it to
:func:`engine.shortfall.call.decide`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.shortfall.call import CallRule, CallState

Float64s = NDArray[np.float64]

STATE_CODES: Final = {state: code for code, state in enumerate(CallState)}
STATES: Final = tuple(CallState)


def may_move(
    state: NDArray[np.int8],
    open_usd: Float64s,
    initial_usd: Float64s,
    maintenance_usd: Float64s,
    equity_usd: Float64s,
    rule: CallRule,
) -> NDArray[np.bool_]:
    """bool[n]: the case of this state and open amount may move under these figures (all length n)."""
    level = initial_usd if rule.restore_to == "initial" else maintenance_usd
    short = equity_usd < maintenance_usd
    deficit = np.where(short, level - equity_usd, 0.0)
    has_requirement = maintenance_usd > 0
    near = has_requirement & (maintenance_usd >= rule.warning_at * equity_usd)
    calm = (equity_usd >= 0) & ~(has_requirement & (maintenance_usd >= rule.clear_below * equity_usd))
    is_open = state == STATE_CODES[CallState.ISSUED]
    is_clear = state == STATE_CODES[CallState.CLEAR]
    step = np.maximum(rule.recall_step_usd, rule.recall_step_share * open_usd)
    changed = ~short | (np.abs(deficit - open_usd) > step)
    return np.where(is_open, changed, np.where(is_clear, short | near, short | calm))
