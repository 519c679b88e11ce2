"""Columns and rows of long boxes of European options settled in cash: a low pair and a high pair of one expiry."""

from __future__ import annotations

import numpy as np

from engine.base.kernel import kernel
from engine.rules.strategy.builder import Builder, as_many, chosen, new_group, new_uses, no_more_above
from engine.rules.strategy.kinds import BOX_HIGH, BOX_LOW
from engine.rules.strategy.legs import Legs
from engine.rules.strategy.rates import Rates
from engine.rules.strategy.tableau import Int64s


@kernel
def add_boxes(b: Builder, legs: Legs, rates: Rates) -> None:
    """Nothing where boxes have no loan value."""
    if rates.long_box >= 1.0:
        return
    low = 0
    for option in range(1, len(legs.contracts) + 1):
        if (
            option == len(legs.contracts)
            or legs.units[option] != legs.units[low]
            or legs.expiry_ns[option] != legs.expiry_ns[low]
        ):
            _boxes_of(b, legs, rates, low, option)
            low = option


@kernel
def _boxes_of(b: Builder, legs: Legs, rates: Rates, low: int, high: int) -> None:
    long = legs.contracts[low:high] > 0.0
    call, cash = legs.call[low:high], legs.cash_european[low:high]
    low_calls, low_puts = _both(legs, chosen(cash & long & call) + low, chosen(cash & ~long & ~call) + low)
    high_calls, high_puts = _both(legs, chosen(cash & ~long & call) + low, chosen(cash & long & ~call) + low)
    if len(low_calls) == 0 or len(high_calls) == 0:
        return
    group, units = new_group(b), legs.units[low]
    of_low = new_uses(b, BOX_LOW, low_calls, group, -rates.long_box * legs.strike[low_calls] * units)
    low_others = new_uses(b, BOX_LOW, low_puts, group, legs.value[low_puts] * units)
    asked = rates.long_box * legs.strike[high_calls] + legs.value[high_calls]
    of_high = new_uses(b, BOX_HIGH, high_calls, group, asked * units)
    high_others = new_uses(b, BOX_HIGH, high_puts, group, np.zeros(len(high_puts)))
    _square(b, legs, low_calls, of_low, low_puts, low_others)
    _square(b, legs, high_calls, of_high, high_puts, high_others)
    below = np.nextafter(legs.strike[high_calls], -np.inf)  # the high one is strictly above
    no_more_above(b, of_low, legs.strike[low_calls], of_high, below)
    as_many(b, of_low, of_high)


@kernel
def _both(legs: Legs, calls: Int64s, puts: Int64s) -> tuple[Int64s, Int64s]:
    """Those whose exercise price the others have too."""
    with_put, with_call = np.zeros(len(calls), np.bool_), np.zeros(len(puts), np.bool_)
    for one in range(len(calls)):
        for two in range(len(puts)):
            if legs.strike[calls[one]] == legs.strike[puts[two]]:
                with_put[one] = with_call[two] = True
    return calls[with_put], puts[with_call]


@kernel
def _square(b: Builder, legs: Legs, calls: Int64s, of_calls: Int64s, puts: Int64s, of_puts: Int64s) -> None:
    """At each exercise price as many calls as puts."""
    for strike in np.unique(legs.strike[calls]):
        as_many(b, of_calls[legs.strike[calls] == strike], of_puts[legs.strike[puts] == strike])
