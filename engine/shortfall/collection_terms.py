"""Threshold and minimum transfer amount of each of several accounts under one rule."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.shortfall.call_rule import CallRule

Float64s = NDArray[np.float64]


class CollectionTerms(NamedTuple):
    """What need not be collected from accounts.

    Attributes:
        rule: what else holds for all of them.
        uncollected_usd, minimum_transfer_usd: float64[a].
    """

    rule: CallRule
    uncollected_usd: Float64s
    minimum_transfer_usd: Float64s

    @classmethod
    def alike(cls, rule: CallRule, number: int) -> CollectionTerms:
        """The rule's own amounts for each of so many accounts."""
        return cls(rule, np.full(number, rule.uncollected_usd), np.full(number, rule.minimum_transfer_usd))

    def of(self, i: int) -> CallRule:
        """The rule of account i."""
        if not self.rule.per_counterparty_group:
            return self.rule
        return replace(
            self.rule,
            uncollected_usd=float(self.uncollected_usd[i]),
            minimum_transfer_usd=float(self.minimum_transfer_usd[i]),
        )
