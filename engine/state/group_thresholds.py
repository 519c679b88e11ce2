"""What each account has of its counterparty group's threshold and minimum transfer amount.

The rule gives both to the group, over all its accounts. The firm allocates them among the accounts beforehand, so that
what one account is called for does not depend on what another holds, on which worker it lies, or which was evaluated
first. All workers read all accounts' records, so all know every group, and what stands here follows from the latest
records alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.base.columns import longer, room
from engine.market.instruments import SILO_INDEX, SILOS
from engine.portfolio.accounts import Account, ThresholdAllocation
from engine.shortfall.call_rule import CallRule
from engine.shortfall.collection_terms import CollectionTerms
from engine.state.policy import Policy

Float64s = NDArray[np.float64]
Int32s = NDArray[np.int32]
GroupKey = tuple[str, str]  # name of the group; without one, "" and the account that is a group of its own
Amounts = tuple[float, float]  # threshold, minimum transfer amount

TOLERANCE_USD = 0.005  # sums of decimals are not exact
_NOTHING: Amounts = (0.0, 0.0)


class GroupThresholds:
    """Allocations by account, cut in proportion where those of a group exceed what the rule gives it.

    An account that shares nothing has no row and its rule's own amounts. Records of closed accounts count until they
    allocate nothing any more: whether such an account is empty only its own worker knows.
    """

    def __init__(self, policy: Policy) -> None:
        self._limits = _limits(policy)
        self._row_of: dict[str, int] = {}
        self._records: list[Account] = []  # by row
        self._members: dict[GroupKey, set[int]] = {}
        self._stated: dict[GroupKey, Float64s] = {}  # float64[2, silo] by group: what its records add up to
        self._changed: set[GroupKey] = set()
        self._withdrawn: set[int] = set()  # rows, since the last renewal
        self._terms: Float64s = np.zeros((64, 2, len(SILOS)))

    def put(self, account: Account) -> None:
        """Take an account's record."""
        row = self._row_of.get(account.account_id)
        if row is None:
            if not account.shares_threshold:
                return
            row = self._row_of[account.account_id] = len(self._records)
            self._records.append(Account(account.account_id))
            if row == len(self._terms):
                self._terms = longer(self._terms, room(row + 1, row), 0.0)
        former = self._records[row]
        self._records[row] = account
        if _shares(former) != _shares(account):
            self._leave(row, former)
            self._join(row, account)

    def withdraw(self, account_id: str) -> None:
        """The record was taken back: nothing is allocated to the account from now on."""
        row = self._row_of.get(account_id)
        if row is not None:
            self._leave(row, self._records[row])
            self._records[row] = Account(account_id)
            self._withdrawn.add(row)

    def row(self, account: Account) -> int:
        """Row of an account as its record says, -1 if it shares nothing."""
        return self._row_of.get(account.account_id, -1) if account.shares_threshold else -1

    def _leave(self, row: int, record: Account) -> None:
        key = _group_of(record)
        members = self._members.get(key)
        if members is not None:
            members.discard(row)
            self._changed.add(key)

    def _join(self, row: int, record: Account) -> None:
        if record.shares_threshold:
            self._members.setdefault(_group_of(record), set()).add(row)
            self._changed.add(_group_of(record))

    def follow(self, policy: Policy) -> None:
        """Another policy is in force."""
        limits = _limits(policy)
        if not np.array_equal(limits, self._limits):
            self._limits = limits
            self._changed.update(self._members)

    def renew(self) -> list[str]:
        """Allocate anew where records have changed; returns the accounts whose terms did, sorted."""
        moved = [self._records[row].account_id for row in self._withdrawn if self._terms[row].any()]
        self._terms[list(self._withdrawn)] = 0.0
        self._withdrawn.clear()
        for key in self._changed:
            rows = sorted(self._members[key])
            if not rows:
                del self._members[key]
                self._stated.pop(key, None)
                continue
            stated = np.stack([_stated(self._records[row], self._limits) for row in rows])
            self._stated[key] = _exact_sum(stated)
            terms = stated * _share(self._stated[key], self._limits)
            differs = (terms != self._terms[rows]).any(axis=(1, 2)).tolist()
            self._terms[rows] = terms
            moved += [
                self._records[row].account_id for row, other in zip(rows, differs, strict=True) if other
            ]
        self._changed.clear()
        return sorted(moved)

    def terms(self, rows: Int32s, silo: int, rule: CallRule) -> CollectionTerms:
        """Terms of accounts with these rows (-1: the rule's) under the rule of a silo."""
        terms = CollectionTerms.alike(rule, len(rows))
        shared = np.flatnonzero(rows >= 0)
        if rule.per_counterparty_group and len(shared):
            allotted = self._terms[rows[shared], :, silo]
            terms.minimum_transfer_usd[shared] = allotted[:, 1]
            if math.isfinite(rule.uncollected_usd):  # an exception collects no initial margin at all
                terms.uncollected_usd[shared] = allotted[:, 0]
        return terms

    def of(self, account: Account, silo: str) -> Amounts:
        """What an account that shares has in a silo, as of the last renewal."""
        row = self.row(account)
        if row < 0:
            return _NOTHING
        threshold_usd, minimum_transfer_usd = self._terms[row, :, SILO_INDEX[silo]].tolist()
        return threshold_usd, minimum_transfer_usd

    def stated(self, account: Account, silo: str) -> Amounts:
        """What the records of the account's group allocate in a silo, all accounts together."""
        total = self._stated.get(_group_of(account))
        if total is None:
            return _NOTHING
        threshold_usd, minimum_transfer_usd = total[:, SILO_INDEX[silo]].tolist()
        return threshold_usd, minimum_transfer_usd

    @property
    def over_allocated(self) -> int:
        """Number of groups whose records allocate more than the rule gives, in any silo."""
        return sum(bool(_over(total, self._limits).any()) for total in self._stated.values())


def _shares(account: Account) -> tuple[GroupKey, bool, Mapping[str, ThresholdAllocation]]:
    by_silo = {allocation.silo: allocation for allocation in account.threshold_allocations}
    return _group_of(account), account.shares_threshold, by_silo


def _group_of(account: Account) -> GroupKey:
    return account.counterparty_group, "" if account.counterparty_group else account.account_id


def _limits(policy: Policy) -> Float64s:
    """float64[2, silo]: what the rule of each silo gives a group; infinite where it gives each account its own."""
    limits = np.full((2, len(SILOS)), np.inf)
    for silo, name in enumerate(SILOS):
        rule = policy.call_rule(f"silo:{name}")
        if rule.per_counterparty_group:
            limits[:, silo] = rule.uncollected_usd, rule.minimum_transfer_usd
    return limits


def _stated(record: Account, limits: Float64s) -> Float64s:
    """float64[2, silo]: threshold and minimum transfer amount of one record. In a silo of which it says nothing they
    are the rule's if the account is alone, else 0."""
    stated = np.zeros((2, len(SILOS)))
    if not record.counterparty_group:
        stated[np.isfinite(limits)] = limits[np.isfinite(limits)]
    for allocation in record.threshold_allocations:
        stated[:, SILO_INDEX[allocation.silo]] = allocation.threshold_usd, allocation.minimum_transfer_usd
    return stated


def _exact_sum(stated: Float64s) -> Float64s:
    """float64[2, silo] of float64[m, 2, silo]: rounded once, so that no order of records shows."""
    flat = stated.reshape(len(stated), -1).T.tolist()
    return np.array([math.fsum(column) for column in flat]).reshape(stated.shape[1:])


def _share(stated: Float64s, limits: Float64s) -> Float64s:
    """float64[2, silo]: what is left of each allocation; 1 unless they exceed the limit together."""
    share = np.ones_like(stated)
    over = _over(stated, limits)
    share[over] = limits[over] / stated[over]
    return share


def _over(stated: Float64s, limits: Float64s) -> NDArray[np.bool_]:
    over: NDArray[np.bool_] = stated > limits + TOLERANCE_USD
    return over
