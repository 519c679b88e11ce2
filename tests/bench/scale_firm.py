"""An engine that holds the synthetic firm: opened by its facade, funded, with prices that can be moved."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import SILOS
from engine.market.prices import PriceColumns
from engine.portfolio.accounts import Account
from engine.portfolio.opening import Opening
from engine.state.activity_state import CollateralColumns
from engine.state.engine import Engine
from streams.parameters import load_policy
from tests.bench.scale_book import Book
from tests.bench.scale_market import NOW_NS, SEED

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

PARTITIONS: Final = 12
_OPENING_DAY: Final = NOW_NS // (86_400 * 1_000_000_000) - 1
_APPROVALS: Final = frozenset({"portfolio_margin", "cross_margin", "eligible_contract_participant"})
# Share of accounts, least and most equity as a multiple of maintenance: the simulator's.
_FUNDING: Final = ((0.04, 1.002, 1.02), (0.11, 1.05, 1.25), (0.60, 1.3, 2.2), (0.25, 2.5, 5.0))
_FIRST_CASH_SHARE: Final = 2.0  # of the gross notional in the silo: nobody is called before the funding
_NOTHING: Final = np.zeros(0, np.int64)


def account_id(number: int) -> str:
    """Of the account with this number."""
    return f"ACC-{number:07d}"


class Firm:
    """An engine that holds the book of a number of accounts, evaluated and funded.

    Attributes:
        longest_put_s, longest_open_s: longest single call while the firm grew.
        build_s: all of it, passes included.
        slots: int64[instruments], of the engine, by place in the market.
    """

    def __init__(self, positions: Book, threads: int = 1) -> None:
        """Take the book into a new engine; the book itself is not kept."""
        # Every move of a price is a move of the risk: the most work that prices can make.
        policy = replace(load_policy(), price_tolerance=0.0, volatility_tolerance=0.0)
        self.engine = Engine(policy, threads=threads)
        self.market = positions.market
        self.longest_put_s = self.longest_open_s = 0.0
        self._number = 0
        started = time.perf_counter()
        self._list()
        self._open(positions)
        self.evaluate()
        self._fund(positions)
        self.evaluate()
        self.build_s = time.perf_counter() - started

    def moved_prices(self, places: Int64s, share: float = 1e-4, solve: bool = False) -> PriceColumns:
        """A new mark for each of these instruments, up and down in turn.

        Args:
            solve: options come without a volatility, so that the engine solves it from the mark.
        """
        self._number += 1
        return self._prices(places, 1.0 + share * (1 if self._number % 2 else -1), solve)

    def evaluate(self) -> int:
        """One pass at an unchanged time; number of accounts evaluated."""
        return len(self.engine.evaluate(NOW_NS).accounts)

    def _list(self) -> None:
        for instrument in self.market.instruments:
            self.engine.put_instrument(instrument)
        self.engine.advance_time(NOW_NS)
        ids = [instrument.instrument_id for instrument in self.market.instruments]
        self.slots = self.engine.instrument_slots(ids)
        everything = np.arange(len(ids))
        self.engine.apply_prices(self._prices(everything, 1.0, solve=False))

    def _prices(self, places: Int64s, factor: float, solve: bool) -> PriceColumns:
        n, missing = len(places), np.full(len(places), np.nan)
        volatility = missing if solve else self.market.volatility[places]
        return PriceColumns(
            self.slots[places], missing, missing, self.market.mark[places] * factor, volatility,
            np.full(n, NOW_NS), np.full(n, self._number),
        )  # fmt: skip

    def _open(self, positions: Book) -> None:
        """Accounts and their start-of-day records, one call each: what a worker does when it takes a partition."""
        for partition in range(PARTITIONS):
            self.engine.take_partition(partition)
        for number in range(positions.accounts):
            account = Account(account_id(number), approvals=_APPROVALS)
            started = time.perf_counter()
            self.engine.put_account(account, number % PARTITIONS)
            self.longest_put_s = max(self.longest_put_s, time.perf_counter() - started)
        self._accounts = self.engine.account_slots(
            [account_id(number) for number in range(positions.accounts)]
        )
        for account, opening in zip(self._accounts.tolist(), self._openings(positions), strict=True):
            record = Opening(account, _OPENING_DAY, NOW_NS, *opening)
            started = time.perf_counter()
            self.engine.open_day(record)
            self.longest_open_s = max(self.longest_open_s, time.perf_counter() - started)
        for partition in range(PARTITIONS):
            self.engine.go_live(partition)

    def _openings(self, positions: Book) -> Iterator[tuple[Any, ...]]:
        """What the start-of-day record of each account says after its account, day and time."""
        slots = self.slots[positions.place]
        price = self.market.mark[positions.place]
        classified = np.full(positions.place.shape[1], -1, np.int64)
        gross = np.abs(positions.quantity) * self.market.notional_usd[positions.place]
        for number, silos in enumerate(positions.silo):
            cash_usd = _FIRST_CASH_SHARE * np.bincount(silos, gross[number])
            cash = tuple((silo, "USD", float(cash_usd[silo])) for silo in np.flatnonzero(cash_usd).tolist())
            yield (
                slots[number], positions.quantity[number], price[number], classified, cash,
                _NOTHING, np.zeros(0), _NOTHING,
            )  # fmt: skip

    def _fund(self, positions: Book) -> None:
        """Deposits and withdrawals that leave each silo as much equity as its requirement asks, times a factor."""
        draws = np.random.default_rng([SEED, positions.accounts, 2])
        share, least, most = (np.array(column) for column in zip(*_FUNDING, strict=True))
        kind = draws.choice(len(share), positions.accounts, p=share)
        cover = draws.uniform(least[kind], most[kind])
        maintenance, equity = (
            figures[self._accounts] for figures in (self.engine.maintenance, self.engine.equity)
        )
        amount_usd = np.round(cover[:, None] * maintenance - equity, 2)
        used = np.zeros((positions.accounts, len(SILOS)), np.bool_)
        used[np.arange(positions.accounts)[:, None], positions.silo] = True
        numbers, silos = np.nonzero(used)
        for partition in range(PARTITIONS):
            here = numbers % PARTITIONS == partition
            self.engine.apply_collateral(partition, self._cash(numbers[here], silos[here], amount_usd))

    def _cash(self, numbers: Int64s, silos: Int64s, amount_usd: Float64s) -> CollateralColumns:
        n = len(numbers)
        return CollateralColumns(
            [f"C-{number}-{silo}" for number, silo in zip(numbers.tolist(), silos.tolist(), strict=True)],
            np.ones(n, np.int64), self._accounts[numbers], np.full(n, -1, np.int64), ["USD"] * n,
            amount_usd[numbers, silos], np.zeros(n, np.bool_), np.full(n, _OPENING_DAY + 1), silos,
        )  # fmt: skip
