"""What a fault left behind, as the verifier judges it."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field

from tests.faults.firm import Firm


@dataclass
class Row:
    """What a fault did."""

    fault: str
    times: int
    lost: int = 0
    doubled: int = 0
    contradictory: int = 0
    longest_gap_s: float = 0.0
    events: int = 0
    first: str = ""
    points: dict[str, int] = field(default_factory=dict)


async def judged(fault: str, times: int, firm: Firm, points: Counter[str] | None = None) -> Row:
    """The verifier's judgement of what a fault left behind."""
    longest = await firm.longest_gap_s()
    report = await firm.settled()
    for contradiction in report.contradictions:
        print(contradiction, file=sys.stderr)
    first = str(report.contradictions[0]) if report.contradictions else ""
    return Row(
        fault, times, **report.counts(), longest_gap_s=round(longest, 1), events=report.checked["events"],
        first=first, points=dict(points or {}),
    )  # fmt: skip
