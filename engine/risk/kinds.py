"""How a signed quantity enters a column of an exposure."""

from __future__ import annotations

from typing import Final

LINEAR: Final = 0  # quantity
LONG: Final = 1  # max(quantity, 0)
SHORT: Final = 2  # max(-quantity, 0)
HELD: Final = 3  # 1 where quantity != 0
