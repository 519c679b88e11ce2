"""The uses of an option, one kind of column each."""

from __future__ import annotations

from typing import Final

ALONE: Final = 0
SAVED: Final = 1  # a naked option that another one saves all but its premium
COVERED: Final = 2
PROTECTIVE: Final = 3
COLLAR_EXERCISE: Final = 4  # under the limit of the put's exercise price
COLLAR_LIMIT: Final = 5  # under that of the call's
CONVERSION: Final = 6
REVERSE: Final = 7
BOX_LOW: Final = 8
BOX_HIGH: Final = 9
SPREAD: Final = 10
LOSS: Final = 11  # the greatest loss of a pool of spreads, in units of a contract's underlying value
