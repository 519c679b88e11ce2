"""One book file margined once: every account's statement and explanation, or one rulebook's part of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from engine.rules.registry import silo_rulebook
from engine.state.comparison import compare
from streams.parameters import take_policy
from streams.replay.book_file import Book
from streams.replay.file_engine import SERVED_BY, FileEngine
from streams.replay.messages import activity_messages, price_messages
from streams.replay.position_check import refused_positions, unusable_instruments
from streams.worker.account_view import account_view, explained_view

COMPARISON: Final = "comparison"  # stands where a silo does for a rulebook that the policy gives nothing


class MarginedBook:
    """A book after its evaluation.

    Attributes:
        as_of_ns: the time of the evaluation. views: per account ``{"statement", "explanation"}``, by id.
        refused: every position, trade and pledged asset that no figure holds.
    """

    def __init__(
        self, book: Book, parameters: Path | None, scenarios: Path | None, as_of_ns: int | None
    ) -> None:
        """``as_of_ns``: None takes the latest time that the book names.

        Raises:
            MarginError: a parameter or scenario file cannot be used.
        """
        self.as_of_ns = latest_time_ns(book) if as_of_ns is None else as_of_ns
        self.files = FileEngine(book, parameters, scenarios, unusable_instruments(book, self.as_of_ns))
        self.files.engine.advance_time(self.as_of_ns)
        self.files.take(price_messages(self.files.book), self.as_of_ns)
        self.files.take(activity_messages(self.files.book), self.as_of_ns)
        self._evaluate()
        self.refused = refused_positions(book, self.files)

    def _evaluate(self) -> None:
        self.files.evaluate(self.as_of_ns)
        self.views = [self._view(account_id) for account_id in self.files.account_ids]

    def take_policy(self, mapping: Mapping[str, Any]) -> None:
        """Another policy takes effect, as it does in a running worker, and everything is evaluated anew.

        Raises:
            MarginError: it cannot; the figures stay.
        """
        take_policy(self.files.engine, mapping, self.files.rulebooks)
        self._evaluate()

    def _view(self, account_id: str) -> dict[str, Any]:
        view = account_view(self.files.engine, account_id, self.as_of_ns, SERVED_BY)
        return view | {"statement": self.files.statement(account_id, self.as_of_ns).model_dump(mode="json")}

    @property
    def complete(self) -> bool:
        """Whether every figure rests on all that the book says."""
        missing = any(view["statement"]["quality"]["incomplete"] for view in self.views)
        return not self.files.problems and not missing

    @property
    def warnings(self) -> list[str]:
        """One line each: problems, then what the engine found missing, then notes."""
        lines = [f"incomplete: {problem}" for problem in self.files.problems]
        for view in self.views:
            statement = view["statement"]
            known = sum(p.account_id == statement["account_id"] for p in self.files.problems)
            missing = statement["quality"]["incomplete"]
            lines += [
                f"incomplete: account {statement['account_id']}: {text}"
                for text in missing[: len(missing) - known]
            ]
            if statement["quality"]["stale"]:
                lines.append(
                    f"stale: account {statement['account_id']} rests on prices older than their limit"
                )
        return lines + [f"left out: {line}" for line in self.files.left_out]

    @property
    def rulebook_ids(self) -> list[str]:
        """Ids that :meth:`under` knows: those that the policy assigns a product, then comparisons."""
        return sorted({*self._assigned, *self.files.rulebooks})

    @property
    def _assigned(self) -> set[str]:
        return {*self.files.engine.silo_books, self.files.engine.unified.rulebook.rulebook_id}

    def under(self, rulebook_ids: Collection[str]) -> list[dict[str, Any]]:
        """Per account the requirement and tree of these rulebooks; what has nothing under them is left out."""
        assigned = [
            {"account_id": view["statement"]["account_id"], **tree}
            for view in self.views
            for tree in self._trees(view["explanation"])
            if tree["rulebook_id"] in rulebook_ids
        ]
        compared = [self._compared(name) for name in rulebook_ids if name not in self._assigned]
        return [*assigned, *(tree for trees in compared for tree in trees)]

    def _compared(self, rulebook_id: str) -> list[dict[str, Any]]:
        """The accounts under a rulebook that the policy gives nothing, whatever silo holds their positions.

        Raises:
            MarginError: its parameter file cannot be used, or lacks what an instrument needs.
        """
        known = self.files.rulebooks[rulebook_id]
        rulebook = silo_rulebook(known.method, known.parameters, scenarios=known.scenarios)
        return [
            {
                "account_id": one.account_id,
                "silo": COMPARISON,
                "rulebook_id": rulebook_id,
                "left_out": list(one.left_out),
                **explained_view(replace(one.explained, requirement=one.requirement)),
            }
            for one in compare(self.files.engine, rulebook, self.files.account_ids)
        ]

    def _trees(self, explanation: dict[str, Any]) -> list[dict[str, Any]]:
        unified = {"silo": "", "rulebook_id": self.files.engine.unified.rulebook.rulebook_id}
        return [*explanation["silos"], unified | explanation["unified"]]


def latest_time_ns(book: Book) -> int:
    """The latest source time of a price; without prices the latest of any record."""
    prices = [price.source_time_ns for price in book.prices]
    others = [m.time_ns for m in activity_messages(book)]
    return max(prices or others, default=0)
