"""Netting sets with their net sensitivities and margins, kept up to date by changes.

A changed sensitivity charges its bucket and the sums above it again; nothing else is touched.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.threads import Threads
from engine.rules.interface import Float64s, Int64s
from engine.rules.simm.aggregation import (
    PRODUCTS,
    SHEETS,
    bucket_starts,
    change_rows,
    charge_all,
    product_margins,
)
from engine.rules.simm.kernels import COLUMNS
from engine.rules.simm.keys import Keys, net_columns
from engine.rules.simm.sensitivity import Sensitivity
from engine.rules.simm.tables import Tables, tables_of
from engine.rules.simm.weights import Weights

_CHUNK = 64  # netting sets that a thread takes at a time


class NettingSet:
    """Net sensitivities of one netting set.

    Attributes:
        keys: int64[n], sorted. amounts: float64[n], USD. starts: int64[b + 1]. buckets: float64[b, 7], see
            :mod:`engine.rules.simm.kernels`.
        sheets: float64[4, 13, 3]: delta or vega, curvature if collecting, curvature if posting; USD.
        margins: float64[4, 2]: SIMM by product class, collecting and posting; USD.
    """

    __slots__ = ("amounts", "buckets", "keys", "margins", "sheets", "starts")

    def __init__(self) -> None:
        self.keys: Int64s = np.zeros(0, np.int64)
        self.amounts: Float64s = np.zeros(0)
        self.starts: Int64s = np.zeros(1, np.int64)
        self.buckets: Float64s = np.zeros((0, COLUMNS))
        self.sheets: Float64s = np.zeros((PRODUCTS, SHEETS, 3))
        self.margins: Float64s = np.zeros((PRODUCTS, 2))

    def hold(self, keys: Int64s, amounts: Float64s) -> None:
        """Take these net sensitivities (sorted, each once) in place of all others; nothing is charged yet."""
        self.keys, self.amounts = keys, amounts
        self.starts = bucket_starts(keys)
        self.buckets = np.zeros((len(self.starts) - 1, COLUMNS))

    def charge(self, tables: Tables) -> None:
        """Charge everything."""
        charge_all(self.keys, self.amounts, self.starts, tables, self.buckets, self.sheets)
        product_margins(self.sheets, tables, self.margins)

    def change(self, keys: Int64s, by_usd: Float64s, tables: Tables) -> None:
        """Add to amounts and charge what that concerns; ``keys`` are sorted, each once.

        A risk factor that is new here makes the set be laid out and charged afresh; factors whose amount has become 0
        are left out then.
        """
        if not change_rows(
            self.keys, self.amounts, self.starts, tables, keys, by_usd, self.buckets, self.sheets
        ):
            held, amounts = net_columns(
                np.concatenate((self.keys, keys)), np.concatenate((self.amounts, by_usd))
            )
            left = amounts != 0.0
            self.hold(held[left], amounts[left])
            charge_all(self.keys, self.amounts, self.starts, tables, self.buckets, self.sheets)
        product_margins(self.sheets, tables, self.margins)

    @property
    def simm_usd(self) -> Float64s:
        """float64[2]: the sum over product classes, collecting and posting."""
        total: Float64s = self.margins.sum(axis=0)
        return total


class Book:
    """Netting sets under one calibration, horizon and calculation currency."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.keys = Keys(weights.calibration)
        self.sets: list[NettingSet] = []
        self._tables: Tables | None = None
        self._known = (0, 0)

    @property
    def tables(self) -> Tables:
        """For every currency and pair met so far."""
        known = (len(self.keys.currencies), len(self.keys.pairs))
        if self._tables is None or known != self._known:
            self._tables, self._known = tables_of(self.weights, self.keys), known
        return self._tables

    def charged(self, sensitivities: Sequence[Sensitivity]) -> NettingSet:
        """A netting set of its own, charged; the book does not keep it."""
        netting_set = NettingSet()
        netting_set.hold(*self.keys.columns(sensitivities))
        netting_set.charge(self.tables)
        return netting_set

    def add(self, sensitivities: Sequence[Sensitivity]) -> int:
        """Keep a new netting set, charged; returns its place in ``sets``."""
        self.sets.append(self.charged(sensitivities))
        return len(self.sets) - 1

    def change(self, place: int, before: Sequence[Sensitivity], after: Sequence[Sensitivity]) -> None:
        """A trade's sensitivities were ``before`` (none for a new trade) and are ``after`` (none if it is gone)."""
        keys, amounts = self.keys.columns(after)
        gone, taken = self.keys.columns(before)
        keys, by_usd = net_columns(np.concatenate((keys, gone)), np.concatenate((amounts, -taken)))
        moved = by_usd != 0.0
        self.sets[place].change(keys[moved], by_usd[moved], self.tables)

    def charge_all(self, threads: Threads | None = None) -> None:
        """Charge every netting set afresh; the same bits on any number of threads."""
        tables = self.tables

        def charge(first: int, last: int) -> None:
            for netting_set in self.sets[first:last]:
                netting_set.charge(tables)

        (threads or Threads()).each(charge, len(self.sets), _CHUNK)
