"""Accounts by stable slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import Fill, filled, grow, room
from engine.market.instruments import SILO_INDEX
from engine.portfolio.account_class import PORTFOLIO_MARGIN_APPROVAL, AccountClass, account_class

# What a counterparty to swaps may be, as far as rules on collecting margin tell kinds apart; "" is any other.
COUNTERPARTIES: tuple[str, ...] = (
    "", "commercial_end_user", "financial_market_intermediary", "third_party_custodian", "legacy", "multilateral",
    "sovereign", "affiliate",
)  # fmt: skip
NEVER = -(2**62)  # business day of an account without a start-of-day record


@dataclass(frozen=True, slots=True)
class ThresholdAllocation:
    """What of a counterparty group's threshold and minimum transfer amount one of its accounts has in a silo."""

    silo: str
    threshold_usd: float
    minimum_transfer_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Account:
    """One customer's relation with the firm; ``counterparty``: one of :data:`COUNTERPARTIES`.

    ``counterparty_group`` names the affiliates that share threshold and minimum transfer amount; an account without one
    is a group of its own. ``threshold_allocations``: one a silo at most.
    """

    account_id: str
    owner: str = ""
    type: str = "customer"
    desk: str = ""
    approvals: frozenset[str] = field(default_factory=frozenset)
    issuer: str = ""  # the owner's group as an issuer of securities
    counterparty: str = ""
    settlement_currency: str = (
        "USD"  # of requirements where the schedule of collateral lets an account choose
    )
    past_charges_usd: tuple[float, ...] = ()  # of Treasury clearing at past collections, oldest first
    counterparty_group: str = ""
    threshold_allocations: tuple[ThresholdAllocation, ...] = ()
    security_future_silo: str = ""  # of security futures whose booking names none; "": the classification's

    @property
    def shares_threshold(self) -> bool:
        """Whether its threshold is what is allocated to it, not the rule's."""
        return bool(self.counterparty_group or self.threshold_allocations)


NOBODY = Account("")  # stands in a slot whose account has left

_FILLS: dict[str, Fill] = {
    "partition": (np.int64, -1),
    "business_day": (np.int64, NEVER),
    "opening_as_of_ns": (np.int64, -1),
    "portfolio_margin": (np.bool_, False),
    "unified_eligible": (np.bool_, False),
    "account_class": (np.int8, AccountClass.SPECULATOR),
    "issuer": (np.int32, -1),
    "counterparty": (np.int8, 0),
    "settlement": (np.int16, 0),
    "allocation": (np.int32, -1),
    "security_future_silo": (np.int8, -1),
}


class AccountTable:
    """Accounts as columns; ``count`` slots, those of accounts that left included.

    Attributes (by slot):
        partition: of the account's key; -1 before it is known.
        business_day: days since 1970 of the start-of-day record in force, ``NEVER`` without one.
        opening_as_of_ns: when that record was drawn up.
        portfolio_margin: approved for portfolio margin.
        unified_eligible: may be margined by the unified candidate.
        account_class: :class:`AccountClass`, for rulebooks that scale by it.
        issuer: number of the owner's name as an issuer, -1 if it is none.
        settlement: number of the currency that it settles in, 0 = USD.
        counterparty: index into :data:`COUNTERPARTIES`.
        allocation: row of what is allocated to it of its group's threshold, -1: the rule's threshold is its own.
        security_future_silo: index of the silo of security futures whose booking names none, -1 = by classification.
    """

    partition: NDArray[np.int64]
    business_day: NDArray[np.int64]
    opening_as_of_ns: NDArray[np.int64]
    portfolio_margin: NDArray[np.bool_]
    unified_eligible: NDArray[np.bool_]
    settlement: NDArray[np.int16]
    account_class: NDArray[np.int8]
    issuer: NDArray[np.int32]
    counterparty: NDArray[np.int8]
    allocation: NDArray[np.int32]
    security_future_silo: NDArray[np.int8]

    def __init__(self) -> None:
        self.count = 0
        self.records: list[Account] = []
        self.slot_of: dict[str, int] = {}
        self._free: list[int] = []
        for name, column in filled(_FILLS, 64).items():
            setattr(self, name, column)

    def put(self, account: Account, partition: int, unified_eligible: bool) -> int:
        """Add or replace; returns the slot."""
        slot = self.slot_of.get(account.account_id)
        if slot is None:
            slot = self.slot_of[account.account_id] = self._free.pop() if self._free else self._new_slot()
        self.records[slot] = account
        self.partition[slot] = partition
        self.portfolio_margin[slot] = PORTFOLIO_MARGIN_APPROVAL in account.approvals
        self.unified_eligible[slot] = unified_eligible
        self.account_class[slot] = account_class(account.type, account.approvals)
        self.counterparty[slot] = COUNTERPARTIES.index(account.counterparty)
        named = account.security_future_silo
        self.security_future_silo[slot] = SILO_INDEX[named] if named else -1
        return slot

    def _new_slot(self) -> int:
        slot = self.count
        if slot == len(self.partition):
            grow(self, _FILLS, room(slot + 1, slot))
        self.count += 1
        self.records.append(NOBODY)
        return slot

    def remove(self, slot: int) -> None:
        """Give the slot back; the next account that is added gets it."""
        del self.slot_of[self.records[slot].account_id]
        self.records[slot] = NOBODY
        for name, (_, value) in _FILLS.items():
            getattr(self, name)[slot] = value
        self._free.append(slot)

    def slots(self, account_ids: Sequence[str]) -> NDArray[np.int64]:
        """int64[n] slots, -1 for unknown ids."""
        return np.fromiter(map(self.slot_of.get, account_ids, repeat(-1)), np.int64, len(account_ids))

    def of_partition(self, partition: int) -> NDArray[np.int64]:
        """int64[m] slots of the accounts of a partition."""
        return np.flatnonzero(self.partition[: self.count] == partition)
