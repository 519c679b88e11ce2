"""All that the page shows, fed by messages: statements by account, call events, a little history."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np

from streams.contracts.results import CallEvent, RequirementStatement
from streams.web.calls import CallBook, call_row
from streams.web.columns import AccountColumns, Int64s, row_of, utilisation_of
from streams.web.history import History

_FAST: Final = 1  # zlib level: the text is mostly names and zeros


@dataclass(slots=True)
class Kept:
    """What is kept of an account besides its columns.

    Attributes:
        text: lower-case id, owner and desk, for the filter.
        packed: the statement as it came, compressed: some 700 bytes.
        published_ms: when the message was written to Kafka.
    """

    slot: int
    account_id: str
    owner: str
    desk: str
    text: str
    packed: bytes
    published_ms: int
    as_of_ns: int
    offsets: tuple[int, int, int]

    @property
    def statement(self) -> RequirementStatement:
        """The account's last statement."""
        return RequirementStatement.model_validate_json(zlib.decompress(self.packed))


class Board:
    """The state behind the page. ``version`` rises with every change."""

    def __init__(self, newest_calls: int) -> None:
        self.version = 0
        self.columns = AccountColumns()
        self.calls = CallBook(newest_calls)
        self.history = History()
        self.newest_published_ms = 0
        self.newest_as_of_ns = 0
        self.rulebooks: dict[str, str] = {}
        self.candidate = ""
        self.synthetic = False
        self._kept: dict[str, Kept] = {}
        self._at: dict[int, Kept] = {}
        self._deficits_of: dict[str, tuple[str, ...]] = {}
        self._account_of: dict[str, str] = {}  # by the id of an intraday deficit

    @property
    def count(self) -> int:
        """Number of accounts."""
        return len(self._kept)

    def take_statement(self, statement: RequirementStatement, packed: bytes, published_ms: int) -> bool:
        """Replace the account's figures; False if the statement is older than the one kept."""
        known = self._kept.get(statement.account_id)
        if known is not None and _older(statement, known):
            return False
        slot = self.columns.add() if known is None else known.slot
        kept = Kept(
            slot,
            statement.account_id,
            statement.owner,
            statement.desk,
            f"{statement.account_id}\n{statement.owner}\n{statement.desk}".lower(),
            packed,
            published_ms,
            statement.as_of_ns,
            _offsets(statement),
        )
        self._kept[statement.account_id] = self._at[slot] = kept
        self._note_deficits(statement)
        self.columns.put(slot, row_of(statement), utilisation_of(statement))
        self._note(statement, published_ms)
        return True

    def _note(self, statement: RequirementStatement, published_ms: int) -> None:
        self.version += 1
        self.newest_published_ms = max(self.newest_published_ms, published_ms)
        self.newest_as_of_ns = max(self.newest_as_of_ns, statement.as_of_ns)
        for silo in statement.silos:
            self.rulebooks[silo.silo] = f"{silo.rulebook_id} {silo.rulebook_version}"
        self.candidate = f"{statement.unified.rulebook_id} {statement.unified.rulebook_version}"
        self.synthetic = self.synthetic or _is_synthetic(statement)

    def _note_deficits(self, statement: RequirementStatement) -> None:
        account_id, intraday = statement.account_id, statement.intraday
        for known in self._deficits_of.pop(account_id, ()):
            del self._account_of[known]
        if intraday is not None and intraday.deficits:
            ids = tuple(each.deficit_id for each in intraday.deficits)
            self._deficits_of[account_id] = ids
            self._account_of.update(dict.fromkeys(ids, account_id))

    def account_of_deficit(self, deficit_id: str) -> str | None:
        """The account whose statement names this intraday deficit."""
        return self._account_of.get(deficit_id)

    def remove(self, account_id: str) -> None:
        """The account's statement was withdrawn (a tombstone)."""
        for known in self._deficits_of.pop(account_id, ()):
            del self._account_of[known]
        kept = self._kept.pop(account_id, None)
        if kept is not None:
            self.version += 1
            del self._at[kept.slot]
            self.columns.remove(kept.slot)

    def take_call(self, event: CallEvent, *, is_case: bool) -> None:
        """An event of the call topic, or the last event of a case from the case topic."""
        self.version += 1
        row = call_row(event)
        if is_case:
            self.calls.take_case(row)
        else:
            self.calls.take_event(row)

    def kept(self, account_id: str) -> Kept | None:
        """What is kept of an account."""
        return self._kept.get(account_id)

    def ranked(self, sort: str, query: str, limit: int) -> tuple[list[Kept], int]:
        """The worst accounts whose id, owner or desk contains the query; and how many match in all."""
        slots = self._matching(query.lower())
        chosen = self.columns.ranked(sort, slots)[:limit]
        return [self._at[slot] for slot in chosen.tolist()], len(slots)

    def _matching(self, query: str) -> Int64s:
        if not query:
            return np.flatnonzero(self.columns.present)
        return np.array([kept.slot for kept in self._kept.values() if query in kept.text], np.int64)


def pack(value: bytes) -> bytes:
    """Compress a statement for keeping."""
    return zlib.compress(value, _FAST)


def _is_synthetic(statement: RequirementStatement) -> bool:
    """Whether the statement says that its scenarios are made up."""
    unified = statement.unified
    return "synthetic" in f"{unified.worst_scenario} {unified.rulebook_version}".lower()


def _offsets(statement: RequirementStatement) -> tuple[int, int, int]:
    inputs = statement.inputs
    return inputs.trades_offset, inputs.collateral_offset, inputs.positions_offset


def _older(statement: RequirementStatement, known: Kept) -> bool:
    """A worker that lost the account may still write: its input lies behind, and so does its clock."""
    behind = all(new <= old for new, old in zip(_offsets(statement), known.offsets, strict=True))
    return behind and statement.as_of_ns < known.as_of_ns
