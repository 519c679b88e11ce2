"""An engine fed from files: the same intake as the worker's, without a broker or a clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from engine.state.answers import answer
from engine.state.engine import Changes, Engine
from engine.state.intraday_pass import IntradayMove
from engine.state.transition import Transition, transitions
from streams.contracts.results import RequirementStatement
from streams.contracts.topics import DEFAULT_PARTITIONS
from streams.inbound.intake import ACCOUNT_TOPICS, Intake
from streams.inbound.record import Taken
from streams.inbound.responses import TOPIC as RESPONSES
from streams.inbound.responses import ResponseBatch
from streams.outbound.requirements import requirement_statement
from streams.parameters import load_policy, read_rulebooks
from streams.replay.book_check import Problem, usable_part
from streams.replay.book_file import Book
from streams.replay.messages import FileMessage, reference_messages

SERVED_BY: Final = "files"
# Nothing waits for reference data: a file has all there will ever be.
_PARKING_LIMIT: Final = 0
_SKEW_LIMIT_MS: Final = 0
# A feed may have any number of crossed quotes; all are counted, the first are named.
_NOTES_KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A message as the intake sees a Kafka record."""

    message: FileMessage
    offset: int

    topic = property(lambda self: self.message.topic)
    partition = property(lambda self: self.message.partition)
    timestamp = property(lambda self: self.message.time_ns // 1_000_000)
    key = property(lambda self: self.message.key)
    value = property(lambda self: self.message.value)
    headers = property(lambda self: ())


class FileEngine:
    """One engine that owns all account partitions, live, with the reference data of a book.

    Attributes:
        book: the part of the book that the engine can take.
        problems: what could not be used and leaves figures incomplete. notes: what hurts no figure by itself.
        rulebooks: the latest parameters by rulebook_id, assigned or not.
        notes_beyond: number of notes that are counted only. counts: messages by (topic, outcome).
    """

    def __init__(
        self,
        book: Book,
        parameters: Path | None = None,
        scenarios: Path | None = None,
        unusable: Mapping[str, Problem] | None = None,
    ) -> None:
        """``unusable``: instruments that nobody may hold though the engine would take them, by instrument_id.

        Raises:
            MarginError: a parameter or scenario file cannot be used.
        """
        self.engine = Engine(load_policy(parameters, scenarios))
        self.counts: Counter[tuple[str, str]] = Counter()
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self.notes_beyond = 0
        self.rulebooks = read_rulebooks(parameters)
        self._intake = Intake(self.engine, self.rulebooks, DEFAULT_PARTITIONS, _PARKING_LIMIT, _SKEW_LIMIT_MS)
        self._offsets: Counter[tuple[str, int]] = Counter()
        self._places: dict[str, str] = {}
        for partition in range(DEFAULT_PARTITIONS):
            self._intake.take_partition(partition)
            self.engine.go_live(partition)
        self.take(reference_messages(book), 0)
        refused = {note.place: note for note in self.notes}
        by_instrument = {
            record.instrument_id: refused[f"instruments[{index}]"]
            for index, record in enumerate(book.instruments)
            if f"instruments[{index}]" in refused
        }
        usable = usable_part(self.engine, book, {**(unusable or {}), **by_instrument})
        self.book, self._places = usable.book, usable.places
        self.problems += usable.problems
        self.notes += usable.notes

    def take(self, messages: Sequence[FileMessage], now_ns: int) -> None:
        """Apply messages in order, answers to calls left out; refusals become problems or notes, all is counted."""
        for (topic, partition), group in groupby(messages, key=lambda m: (m.topic, m.partition)):
            if topic != RESPONSES:
                self._note(self._taken(topic, partition, self._records(topic, partition, group), now_ns))

    def answer(
        self, messages: Sequence[FileMessage], now_ns: int
    ) -> tuple[list[Transition], list[IntradayMove]]:
        """Take the answers to calls and the exceptions for intraday deficits among the messages, on the figures of the
        last evaluation."""
        answers = [message for message in messages if message.topic == RESPONSES]
        said: list[Transition] = []
        granted: list[IntradayMove] = []
        for partition, group in groupby(answers, key=lambda m: m.partition):
            batch = ResponseBatch(self._records(RESPONSES, partition, group))
            answered = answer(self.engine, batch.responses, now_ns)
            said += transitions(self.engine, answered.moves, now_ns)
            granted += answered.intraday
            self._note(batch.taken)
            self._note(batch.outcome(answered))
        return said, granted

    def _records(self, topic: str, partition: int, messages: Iterable[FileMessage]) -> list[FileRecord]:
        first = self._offsets[(topic, partition)]
        records = [FileRecord(message, first + index) for index, message in enumerate(messages)]
        self._offsets[(topic, partition)] = first + len(records)
        return records

    def _taken(self, topic: str, partition: int, records: Sequence[FileRecord], now_ns: int) -> Taken:
        if topic == "prices":
            return self._intake.take_prices(records, now_ns)
        if topic in ACCOUNT_TOPICS:
            taken = self._intake.take_activity(topic, partition, records)
            assert taken is not None, "all partitions are owned"
            return taken
        return self._intake.take_reference(topic, records, now_ns)

    def _note(self, taken: Taken) -> None:
        self.counts.update(taken.counts)
        for record, reason, detail in taken.refusals:
            assert isinstance(record, FileRecord)
            message = record.message
            place = self._places.get(message.place, message.place)
            problem = Problem(place, message.account_id, reason, detail)
            # A refused price or instrument shows where somebody holds it; a rulebook changes every figure.
            hurts = message.account_id or message.topic == "rulebooks"
            if hurts:
                self.problems.append(problem)
            elif message.topic == "instruments" or len(self.notes) < _NOTES_KEPT:
                self.notes.append(problem)
            else:
                self.notes_beyond += 1

    @property
    def left_out(self) -> list[str]:
        """The notes as lines."""
        lines = [str(note) for note in self.notes]
        return [*lines, f"{self.notes_beyond} more like these"] if self.notes_beyond else lines

    def evaluate(self, now_ns: int) -> Changes:
        """See :meth:`engine.state.engine.Engine.evaluate`."""
        return self.engine.evaluate(now_ns)

    @property
    def account_ids(self) -> list[str]:
        """The accounts in the order of their ids."""
        return sorted(account.account_id for account in self.engine.accounts.records)

    def statement(self, account_id: str, now_ns: int) -> RequirementStatement:
        """The account's statement; what the engine never saw of the account is named as missing, too."""
        statement = requirement_statement(self.engine.statement(account_id, now_ns), 0, SERVED_BY)
        missing = tuple(
            f"{p.reason}: {p.place}: {p.detail}" for p in self.problems if p.account_id == account_id
        )
        incomplete = (*statement.quality.incomplete, *missing)
        quality = statement.quality.model_copy(update={"incomplete": incomplete})
        return statement.model_copy(update={"quality": quality})
