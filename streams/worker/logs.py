"""Logging of a worker: UTC, one line each, and no floods."""

from __future__ import annotations

import logging
import sys
import time
from typing import Final

_EVERY_S: Final = 5.0
# During a broker outage these write the same error ten times a second.
_LIMITED: Final = ("aiokafka", "faust", "mode")


class RateLimit(logging.Filter):
    """Lets one warning or error of the same origin and wording through every few seconds, with a count."""

    def __init__(self, every_s: float = _EVERY_S) -> None:
        super().__init__()
        self._every_s = every_s
        self._last: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.levelno < logging.WARNING or not record.name.startswith(_LIMITED):
            return True
        key = (record.name, str(record.msg))
        now = time.monotonic()
        last, held_back = self._last.get(key, (-self._every_s, 0))
        if now - last < self._every_s:
            self._last[key] = (last, held_back + 1)
            return False
        self._last[key] = (now, 0)
        if held_back:
            record.msg = f"{record.msg} (and {held_back} more like it)"
        return True


def set_up_logging(level: str) -> None:
    """Everything to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s")
    formatter.datefmt = "%Y-%m-%dT%H:%M:%S"
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(RateLimit())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _LIMITED:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
