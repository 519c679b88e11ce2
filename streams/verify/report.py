"""What the verifier found: how much it looked at, and every contradiction with its place."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What is wrong. ``lost``, ``doubled`` and ``contradictory`` of a report count them by :data:`CLASS`."""

    UNREADABLE = "UNREADABLE"
    EVENT_DOUBLED = "EVENT_DOUBLED"
    SEQUENCE_DOUBLED = "SEQUENCE_DOUBLED"
    SEQUENCE_GAP = "SEQUENCE_GAP"
    WRONG_PARTITION = "WRONG_PARTITION"
    WRONG_ID = "WRONG_ID"
    WRONG_CASE_NUMBER = "WRONG_CASE_NUMBER"
    WRONG_PREVIOUS_STATE = "WRONG_PREVIOUS_STATE"
    ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"
    WRONG_AMOUNT = "WRONG_AMOUNT"
    WRONG_TIMES = "WRONG_TIMES"
    WRONG_STANDING = "WRONG_STANDING"
    WRONG_VIOLATION = "WRONG_VIOLATION"
    WRONG_MARK = "WRONG_MARK"
    OFFSET_WENT_BACK = "OFFSET_WENT_BACK"
    OFFSET_BEYOND_END = "OFFSET_BEYOND_END"
    CASE_MISSING = "CASE_MISSING"
    CASE_IS_NOT_LAST_EVENT = "CASE_IS_NOT_LAST_EVENT"
    EVIDENCE_MISSING = "EVIDENCE_MISSING"
    EVIDENCE_WITHOUT_EVENT = "EVIDENCE_WITHOUT_EVENT"
    EVIDENCE_DOUBLED = "EVIDENCE_DOUBLED"
    ANSWER_DOUBLED = "ANSWER_DOUBLED"
    ANSWER_UNKNOWN = "ANSWER_UNKNOWN"
    ANSWER_LOST = "ANSWER_LOST"
    WRONG_POSITION = "WRONG_POSITION"
    WRONG_CASH = "WRONG_CASH"
    WRONG_EQUITY = "WRONG_EQUITY"
    WRONG_REQUIREMENT = "WRONG_REQUIREMENT"
    WRONG_SUM = "WRONG_SUM"
    BAD_RECORD_LOST = "BAD_RECORD_LOST"
    GOOD_RECORD_REFUSED = "GOOD_RECORD_REFUSED"
    DEAD_LETTER_CHANGED = "DEAD_LETTER_CHANGED"
    STATEMENT_LOST = "STATEMENT_LOST"
    CALL_LOST = "CALL_LOST"
    CALL_NOT_ENDED = "CALL_NOT_ENDED"


_LOST = {
    Kind.SEQUENCE_GAP, Kind.CASE_MISSING, Kind.EVIDENCE_MISSING, Kind.ANSWER_LOST, Kind.BAD_RECORD_LOST,
    Kind.GOOD_RECORD_REFUSED, Kind.STATEMENT_LOST, Kind.CALL_LOST,
}  # fmt: skip
_DOUBLED = {Kind.EVENT_DOUBLED, Kind.SEQUENCE_DOUBLED, Kind.EVIDENCE_DOUBLED, Kind.ANSWER_DOUBLED}
CLASS = {
    kind: "lost" if kind in _LOST else "doubled" if kind in _DOUBLED else "contradictory" for kind in Kind
}


# What nobody may take for checked because nothing was found.
NOT_CHECKED = (
    "requirements under a scenario set or version that is not that of the parameter files",
    "requirements of the unified candidate once rulebooks were published live",
    "requirements of statements with options: their volatilities are of a time that no topic names",
    "figures of statements with swaps or repos, or with a price that is not five seconds older than they are",
    "marks of swaps: they follow from curves and are taken from the evidence",
    "amounts of intraday deficits and levels at closes: they rest on prices of a moment that no topic keeps",
    "locations in start-of-day records, and records that reference data released from parking within two seconds",
    "evidence whose start-of-day record a later one has replaced",
)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """``place`` is ``topic:partition:offset`` where there is one."""

    kind: Kind
    place: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind} at {self.place}: {self.detail}"


@dataclass
class Report:
    """Attributes:
    checked: what was looked at, by name; what could not be checked stands there too.
    contradictions: in the order of finding.
    """

    checked: Counter[str] = field(default_factory=Counter)
    contradictions: list[Contradiction] = field(default_factory=list)

    def found(self, kind: Kind, place: str, detail: str) -> None:
        """Note a contradiction."""
        self.contradictions.append(Contradiction(kind, place, detail))

    def counts(self) -> dict[str, int]:
        """Contradictions by class: lost, doubled, contradictory."""
        found = Counter(CLASS[contradiction.kind] for contradiction in self.contradictions)
        return {name: found[name] for name in ("lost", "doubled", "contradictory")}

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(
            {
                "ok": not self.contradictions,
                **self.counts(),
                "checked": dict(sorted(self.checked.items())),
                "not_checked": NOT_CHECKED,
                "contradictions": [
                    {"kind": found.kind, "place": found.place, "detail": found.detail}
                    for found in self.contradictions
                ],
            },
            indent=2,
        )
