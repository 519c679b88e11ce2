"""What need not be collected from an account: its rule's amounts, or what its counterparty group has left for it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from streams.contracts.reference import AccountRecord

_DEFAULT = "default"
_ROUNDING_USD = 0.005  # by which a sum of decimals may pass the rule's amount


class Uncollected(NamedTuple):
    """Threshold of the requirement and minimum transfer amount of a call, USD."""

    threshold_usd: float
    minimum_transfer_usd: float


class Thresholds:
    """Rule by rule from the latest account records, closed accounts too."""

    def __init__(self, accounts: Mapping[str, AccountRecord], call_rules: Mapping[str, Any]) -> None:
        """``call_rules``: the table ``call`` of the policy, by scope."""
        self._accounts, self._rules = accounts, call_rules
        self._members: dict[str, list[AccountRecord]] = defaultdict(list)
        for record in accounts.values():
            if record.counterparty_group:
                self._members[record.counterparty_group].append(record)

    def least_deficit_usd(self, account_id: str, silo: str) -> float:
        """Deficit up to which nothing is called in a silo."""
        rule = self._rule(silo)
        own = self.of(account_id, silo)
        least_transfer_usd: float = max(own.minimum_transfer_usd, rule.get("threshold_usd", 0.0))
        return least_transfer_usd + own.threshold_usd

    def of(self, account_id: str, silo: str) -> Uncollected:
        """The account's part in a silo: what is allocated, in proportion where its group allocates more than it has."""
        rule = self._rule(silo)
        given = Uncollected(rule.get("uncollected_usd", 0.0), rule.get("minimum_transfer_usd", 0.0))
        record = self._accounts.get(account_id)
        if record is None or not rule.get("per_counterparty_group", False):
            return given
        if not record.counterparty_group and not record.threshold_allocations:
            return given
        members = self._members.get(record.counterparty_group, [record])
        parts = []
        for place, most_usd in enumerate(given):
            own_usd = _allocated(record, silo, given)[place]
            all_usd = math.fsum(_allocated(one, silo, given)[place] for one in members)
            parts.append(own_usd * (most_usd / all_usd if all_usd > most_usd + _ROUNDING_USD else 1.0))
        return Uncollected(*parts)

    def _rule(self, silo: str) -> Mapping[str, Any]:
        rule: Mapping[str, Any] = self._rules.get(f"silo:{silo}", self._rules[_DEFAULT])
        return rule


def _allocated(record: AccountRecord, silo: str, given: Uncollected) -> Uncollected:
    """What a record says; where it says nothing all of the rule's for an account by itself, none in a group."""
    for allocation in record.threshold_allocations:
        if allocation.silo == silo:
            return Uncollected(allocation.threshold_usd, allocation.minimum_transfer_usd)
    return Uncollected(0.0, 0.0) if record.counterparty_group else given
