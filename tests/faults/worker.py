"""A worker that kills itself where MARGINMON_FAULT_AT says: ``point:nth``, see ``tests/faults/points.py``."""

from __future__ import annotations

import os

from streams.cli import main
from tests.faults.points import kill_at

if __name__ == "__main__":
    point, _, nth = os.environ["MARGINMON_FAULT_AT"].partition(":")
    kill_at(point, int(nth))
    main()
