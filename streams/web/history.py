"""The last minutes of the totals, sampled at a fixed rate."""

from __future__ import annotations

from collections import deque
from typing import Final

INTERVAL_S: Final = 5.0
KEPT_S: Final = 30 * 60.0

Sample = tuple[int, float, float]


class History:
    """Samples (milliseconds since 1970 UTC, silo sum USD, unified USD), oldest first, bounded."""

    def __init__(self, interval_s: float = INTERVAL_S, kept_s: float = KEPT_S) -> None:
        self._interval_ms = round(interval_s * 1000)
        self._samples: deque[Sample] = deque(maxlen=max(2, round(kept_s / interval_s)))

    def offer(self, now_ms: int, silo_sum_cents: int, unified_cents: int) -> None:
        """Keep a sample if the last one is an interval old. Cents become dollars: it is for a plot."""
        if not self._samples or now_ms - self._samples[-1][0] >= self._interval_ms:
            self._samples.append((now_ms, silo_sum_cents / 100, unified_cents / 100))

    def samples(self) -> list[Sample]:
        """All that is kept."""
        return list(self._samples)
