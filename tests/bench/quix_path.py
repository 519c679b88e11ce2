"""Trades through Quix Streams, which needs an environment of its own: run by the python in MARGINMON_BENCH_QUIX.

Nothing of this project is imported. As in its manual: one call per message, JSON decoded by the library. Prints what
``trade_path.py`` prints.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import time
from typing import Any

from quixstreams import Application

_WARM_SHARE = 0.1
_DEADLINE_S = 120.0


def main() -> None:
    """Count trades; the clock runs from the first tenth to the last."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bootstrap", "topic", "group"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--trades", type=int, required=True)
    parser.add_argument("--core", type=int)
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    print(json.dumps(_measure(arguments)))


def _measure(arguments: argparse.Namespace) -> dict[str, float]:
    warm, seen, started = int(arguments.trades * _WARM_SHARE), 0, (0.0, 0.0)
    result: dict[str, float] = {}

    def count(_: Any) -> None:
        nonlocal seen, started
        seen += 1
        if seen == warm:
            started = (time.perf_counter(), time.process_time())
        elif seen == arguments.trades:
            wall_s, cpu_s = time.perf_counter() - started[0], time.process_time() - started[1]
            result.update(per_wall_second=(seen - warm) / wall_s, per_core_second=(seen - warm) / cpu_s)

    with tempfile.TemporaryDirectory() as folder:
        application = Application(
            broker_address=arguments.bootstrap, consumer_group=arguments.group, auto_offset_reset="earliest",
            auto_create_topics=False, state_dir=folder, loglevel=logging.WARNING,
        )  # fmt: skip
        trades = application.topic(arguments.topic, value_deserializer="json", key_deserializer="bytes")
        application.dataframe(trades).update(count)
        application.run(count=arguments.trades, timeout=_DEADLINE_S)
    return result


if __name__ == "__main__":
    main()
