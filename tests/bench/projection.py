"""What ten million accounts would need, from the figures of the same run; the formulas stand in docs/scaling.md."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from engine.market.instruments import Product
from tests.bench import fan_out, growth, memory, scale_moves, workers
from tests.bench.row import Row
from tests.bench.timing import cores

ACCOUNTS: Final = 10_000_000
# A worker of the projection: the machine of this run with so much memory for it.
_WORKER_BYTES: Final = 16 * 2**30
_PASS_MS: Final = 1_000.0  # all instruments move: the budget
_POPULAR_MS: Final = 50.0  # one instrument moves that half of all accounts hold: the budget
_PRICES_PER_S: Final = 50_000.0
_PRICE_BYTES: Final = 180.0  # as the simulator writes it
_OPTIONS, _RENEWALS_PER_S = 4_160, 5.0  # of the market at scale; a worker's default refresh
_LARGEST_SHARE: Final = (
    1.25  # no worker has more than this much of the mean, so this many partitions a worker:
)
_PARTITIONS_A_WORKER: Final = ceil(1.0 / (_LARGEST_SHARE - 1.0))


def project(rows: Sequence[Row]) -> list[Row]:
    """Workers by memory and by time, what they read, and where sending risk rows begins to pay.

    Args:
        rows: of the parts moves, memory, growth, fan-out and workers.
    """
    value = {row.figure: row.value for row in rows}
    own_bytes = value[workers.figure(1, "resident_mib")] * 2**20
    by_memory = ceil(ACCOUNTS * value[memory.WHOLE] / (_WORKER_BYTES - own_bytes))
    small, large = growth.SIZES[-2:]
    small_ms, large_ms = (value[growth.figure("all_ms", size)] for size in (small, large))
    per_account_ms = (large_ms - small_ms) / (large - small)
    fixed_ms = max(small_ms - per_account_ms * small, 0.0)
    by_time = ceil(ACCOUNTS * per_account_ms / (_PASS_MS - fixed_ms)) if fixed_ms < _PASS_MS else 0
    half_ms = value[scale_moves.figure("half", cores())]
    by_popular = ceil(ACCOUNTS / scale_moves.ACCOUNTS * half_ms / _POPULAR_MS)
    count = max(by_memory, by_time, by_popular)
    head = f"projection, {ACCOUNTS:,} accounts"
    price_us = value[workers.figure(1, "price_us")]
    return [
        Row(f"{head}: workers by memory", by_memory, "workers"),
        Row(f"{head}: pass of all instruments, part that every worker has", fixed_ms, "ms"),
        Row(f"{head}: pass of all instruments, part that is shared", per_account_ms * ACCOUNTS / 1000.0, "s"),
        Row(f"{head}: workers, all instruments move within {_PASS_MS:,.0f} ms", by_time, "workers"),
        Row(
            f"{head}: workers, one instrument held by half within {_POPULAR_MS:.0f} ms", by_popular, "workers"
        ),
        Row(f"{head}: accounts a worker", ACCOUNTS / count, "accounts"),
        Row(f"{head}: memory a worker", (own_bytes + ACCOUNTS / count * value[memory.WHOLE]) / 2**30, "GiB"),
        Row(f"{head}: partitions", count * _PARTITIONS_A_WORKER, "partitions"),
        Row(
            f"{head}: processor time of a worker for reading prices", _PRICES_PER_S * price_us / 1e6, "cores"
        ),
        Row(f"{head}: prices read from the brokers", count * _PRICES_PER_S * _PRICE_BYTES / 1e6, "MB/s"),
        *_break_even(head, value),
    ]


def _break_even(head: str, value: dict[str, float]) -> list[Row]:
    """What a worker saves for each row that it reads instead of making it, and how many workers pay for the sender.

    All make: W x made. One makes and sends: made + sent + (W - 1) x read.
    """
    rows = []
    for product in (Product.EQUITY_OPTION, Product.INDEX_OPTION, Product.EQUITY):
        name = fan_out.made(product)
        saved_us = value[name] - value[fan_out.READ]
        rows.append(Row(f"{head}: saved by a row that is read instead, {name}", saved_us, "us"))
        if saved_us > 0.0:
            least = 1.0 + value[fan_out.SENT] / saved_us
            rows.append(Row(f"{head}: sending pays from, {name}", least, "workers"))
    renewed_bytes = _OPTIONS * _RENEWALS_PER_S * value[fan_out.SIZE]
    rows.append(
        Row(f"{head}: risk rows of {_OPTIONS:,} options, read by each worker", renewed_bytes / 1e6, "MB/s")
    )
    return rows
