"""Intraday margin deficits: each account's events in order, once, with their ids, and what they say by the rule."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from streams.contracts.intraday import IntradayEventRecord
from streams.contracts.topics import partition_of
from streams.verify.histories import Event
from streams.verify.intraday_answers import Exceptions
from streams.verify.intraday_pass import Pass
from streams.verify.intraday_rule import RULE_ID, Rule
from streams.verify.intraday_standing import Standing, standing_of
from streams.verify.intraday_statement import Stand, check_statement
from streams.verify.intraday_violations import Violations
from streams.verify.logs import place_of
from streams.verify.report import Kind, Report

# What all events of one pass say alike: the account as the pass leaves it.
_SHARED: Final = (
    "account_frozen_until", "as_of_ns", "partition", "trades_offset", "collateral_offset", "closed_date",
    "account_sequence", "today", "deficits", "freeze_violations", "response", "response_offset",
)  # fmt: skip
_OFFSETS: Final = ("trades_offset", "collateral_offset", "response_offset")


@dataclass(slots=True)
class _Account:
    """Of the last complete pass. ``standing`` is None where what came before is not there."""

    sequence: int = 0
    standing: Standing | None = None
    is_known: bool = True
    offsets: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(_OFFSETS, -1))
    pending: list[IntradayEventRecord] = field(default_factory=list)
    as_of_ns: int = 0
    version: str = ""


class IntradayCheck:
    """Takes the topic record by record; holds of each account only where it stands.

    Attributes:
        rule: what they are held against. exceptions: answers that events say were taken.
        violations: transactions that a freeze forbids.
    """

    def __init__(
        self,
        rule: Rule,
        partitions: int,
        kept_since_ms: int,
        ends: Mapping[tuple[str, int], int],
        report: Report,
    ) -> None:
        """
        Args:
            kept_since_ms: what was written from then on cannot have been compacted away.
            ends: last offset of trades and collateral by topic and partition.
        """
        self.rule, self._partitions, self._report = rule, partitions, report
        self._kept_since_ms, self._ends = kept_since_ms, ends
        self._accounts: dict[str, _Account] = {}
        self.exceptions, self.violations = Exceptions(report), Violations(report)

    def take(self, record: Any) -> None:
        """The next record of its partition."""
        try:
            event = IntradayEventRecord.model_validate_json(record.value)
        except (ValidationError, TypeError):
            self._report.found(
                Kind.UNREADABLE, place_of(record), "the value is no event of an intraday deficit"
            )
            return
        self._report.checked["intraday events"] += 1
        self._check_identity(event, record)
        account = self._accounts.setdefault(event.account_id, _Account())
        if not self._follows(account, event, record):
            return
        account.pending.append(event)
        if event.sequence >= event.account_sequence:
            self._check_pass(account, place_of(record))

    def end(self) -> None:
        """Nothing more comes: the last event of each account must be the last of its pass."""
        for account_id, account in self._accounts.items():
            if account.pending:
                last = account.pending[-1]
                self._report.found(
                    Kind.SEQUENCE_GAP, "intraday-deficits",
                    f"{account_id}: event {last.sequence} is the last, of {last.account_sequence}",
                )  # fmt: skip

    def check_statement(self, statement: Event) -> None:
        """Hold a statement against the account's last event, on a system where nothing is under way."""
        account = self._accounts.get(statement["account_id"])
        if account is None:
            check_statement(self.rule, statement, None, self._report)
        elif account.standing is not None and account.version == self.rule.version:
            check_statement(self.rule, statement, Stand(account.standing, account.as_of_ns), self._report)

    def _check_identity(self, event: IntradayEventRecord, record: Any) -> None:
        place, owner = place_of(record), partition_of(event.account_id, self._partitions)
        if record.partition != owner or event.partition != owner or record.key != event.account_id.encode():
            self._report.found(
                Kind.WRONG_PARTITION,
                place,
                f"{event.event_id}: account {event.account_id} belongs to {owner}",
            )
        text = f"{event.account_id}|{event.deficit_date}"
        deficit_id = "im-" + hashlib.sha256(text.encode()).hexdigest()[:20]
        expected = (deficit_id, f"{deficit_id}-{event.sequence}", RULE_ID)
        if (event.deficit_id, event.event_id, event.rulebook_id) != expected:
            self._report.found(Kind.WRONG_ID, place, f"{event.event_id}, expected {expected[1]} of {RULE_ID}")
        for topic in ("trades", "collateral"):
            offset, end = getattr(event, f"{topic}_offset"), self._ends.get((topic, record.partition))
            if end is not None and offset > end:
                self._report.found(
                    Kind.OFFSET_BEYOND_END, place, f"{event.event_id}: {topic} {offset} of {end}"
                )

    def _follows(self, account: _Account, event: IntradayEventRecord, record: Any) -> bool:
        """Whether the event is a new one; what is missing before it may have been compacted if it is old itself."""
        expected = account.sequence + 1
        if event.sequence < expected:
            self._report.found(
                Kind.SEQUENCE_DOUBLED, place_of(record), f"{event.event_id} after {expected - 1}"
            )
            return False
        if event.sequence > expected:
            if record.timestamp >= self._kept_since_ms:
                self._report.found(
                    Kind.SEQUENCE_GAP, place_of(record), f"{event.event_id} after {expected - 1}"
                )
            else:
                self._report.checked["intraday events compacted away"] += event.sequence - expected
                self.exceptions.forget(event)
            account.pending, account.is_known = [], False
        account.sequence = event.sequence
        return True

    def _check_pass(self, account: _Account, place: str) -> None:
        events, account.pending = account.pending, []
        last = events[-1]
        told = f"{last.account_id} {last.event_id}"
        self._check_alike(events, place)
        offsets = {name: getattr(last, name) for name in _OFFSETS}
        if account.is_known:
            for name in _OFFSETS:
                if offsets[name] < account.offsets[name]:
                    self._report.found(
                        Kind.OFFSET_WENT_BACK,
                        place,
                        f"{told}: {name} {offsets[name]} after {account.offsets[name]}",
                    )
            self._check_rule(account.standing, events, place)
            self.exceptions.take(last, events[0], account.offsets["response_offset"], place)
        self.violations.take(events, account.offsets, place)
        account.standing, account.is_known, account.offsets = standing_of(last), True, offsets
        account.as_of_ns, account.version = last.as_of_ns, last.rulebook_version

    def _check_rule(self, before: Standing | None, events: list[IntradayEventRecord], place: str) -> None:
        if {event.rulebook_version for event in events} != {self.rule.version}:
            self._report.checked["intraday passes under another version of the rule"] += 1
            return
        self._report.checked["intraday passes gone through again"] += 1
        for kind, detail in Pass(self.rule, before, events).check():
            self._report.found(kind, place, f"{events[-1].account_id} {events[-1].event_id}: {detail}")

    def _check_alike(self, events: list[IntradayEventRecord], place: str) -> None:
        """Events of one pass leave the same standing, of which each freeze is the longest of its deficits'."""
        last = events[-1]
        different = [
            name for name in _SHARED for event in events if getattr(event, name) != getattr(last, name)
        ]
        frozen = [each.frozen_until for each in last.deficits if each.frozen_until is not None]
        if last.account_frozen_until != max(frozen, default=None):
            different.append("account_frozen_until")
        if last.sequence != last.account_sequence:
            different.append("account_sequence")
        if different:
            self._report.found(
                Kind.WRONG_STANDING,
                place,
                f"{last.event_id}: {', '.join(sorted(set(different)))} of one pass differ",
            )
