"""Scenario sets: joint moves of risk factors, historical and stress, as one array ``[scenario, factor]``.

A set comes from a tidy CSV (:func:`from_csv_lines`, format in ``docs/scenarios.md``) or from level histories
(:mod:`engine.market.scenario_history`). Historical scenarios stand before stress scenarios in every set, so
that rulebooks can slice instead of select.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from engine.base.errors import MarginError, Reason

Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]


class ShockKind(StrEnum):
    """How a shock moves a level: ``level * (1 + shock)`` or ``level + shock``."""

    RELATIVE = "relative"
    ABSOLUTE = "absolute"


@dataclass(frozen=True, slots=True, eq=False)
class ScenarioSet:
    """Hypothetical joint moves; arrays are read-only.

    Attributes:
        label, source: shown with every figure that rests on the set.
        synthetic: the moves were made up, not observed.
        names: S scenario names, unique.
        factors: F factor names, unique.
        kinds: F, how each factor's shock applies.
        shocks: float64[S, F]; relative ones as fractions, absolute ones in the unit of the price.
        is_stress: bool[S]; historical scenarios first.

    Raises:
        MarginError: BAD_PARAMETER naming the scenario and factor that is wrong.
    """

    label: str
    source: str
    synthetic: bool
    names: tuple[str, ...]
    factors: tuple[str, ...]
    kinds: tuple[ShockKind, ...]
    shocks: Float64s
    is_stress: Bools

    def __post_init__(self) -> None:
        shocks = np.array(self.shocks, np.float64, order="C")
        is_stress = np.array(self.is_stress, np.bool_)
        shocks.setflags(write=False)
        is_stress.setflags(write=False)
        object.__setattr__(self, "shocks", shocks)
        object.__setattr__(self, "is_stress", is_stress)
        self._check()

    def _check(self) -> None:
        shape = (len(self.names), len(self.factors))
        if self.shocks.shape != shape or self.is_stress.shape != shape[:1] or len(self.kinds) != shape[1]:
            raise self._error(f"shocks {self.shocks.shape}, kinds and is_stress do not fit {shape}")
        for what, names in (("scenario", self.names), ("factor", self.factors)):
            twice = sorted(name for name, times in Counter(names).items() if times > 1 or not name)
            if twice:
                raise self._error(f"{what} name {twice[0]!r} is empty or occurs twice")
        if self.historical_count == 0:
            raise self._error("there is no historical scenario")
        if np.any(self.is_stress[: self.historical_count]):
            raise self._error("a historical scenario stands after a stress scenario")
        relative = np.array([kind is ShockKind.RELATIVE for kind in self.kinds], np.bool_)
        bad = ~np.isfinite(self.shocks) | (relative & (self.shocks < -1.0))
        if np.any(bad):
            scenario, factor = np.argwhere(bad)[0]
            raise self._error(
                f"scenario {self.names[scenario]}, factor {self.factors[factor]}: shock "
                f"{self.shocks[scenario, factor]} is not finite or a relative shock below -1"
            )

    def _error(self, detail: str) -> MarginError:
        return MarginError(Reason.BAD_PARAMETER, f"scenario set {self.label or '(no label)'}", detail)

    @property
    def count(self) -> int:
        """Number of scenarios, S."""
        return len(self.names)

    @property
    def historical_count(self) -> int:
        """Number of historical scenarios: the first ones of the set."""
        return len(self.names) - int(np.count_nonzero(self.is_stress))

    @property
    def factor_index(self) -> dict[str, int]:
        """Column of each factor."""
        return {factor: index for index, factor in enumerate(self.factors)}

    def with_stress_of(self, other: ScenarioSet) -> ScenarioSet:
        """This set's historical scenarios, then the other set's stress scenarios, on this set's factors.

        Raises:
            MarginError: BAD_PARAMETER if the other set lacks a factor or moves it in another way.
        """
        column = other.factor_index
        for factor, kind in zip(self.factors, self.kinds, strict=True):
            if factor not in column or other.kinds[column[factor]] is not kind:
                raise self._error(f"scenario set {other.label} has no {kind} factor {factor}")
        own, others = ~self.is_stress, other.is_stress
        taken = other.shocks[others][:, [column[factor] for factor in self.factors]]
        own_names = self.names[: self.historical_count]
        return replace(
            self,
            source=f"{self.source}; stress: {other.label}, {other.source}",
            synthetic=self.synthetic or other.synthetic,
            names=own_names + other.names[other.historical_count :],
            shocks=np.vstack([self.shocks[own], taken]),
            is_stress=np.arange(len(own_names) + len(taken)) >= len(own_names),
        )


def from_rows(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    absolute: Iterable[str] = (),
    label: str = "",
    source: str = "",
    synthetic: bool = False,
) -> ScenarioSet:
    """A set from tidy rows ``scenario, kind (historical | stress), one column per factor``.

    Args:
        absolute: names of the factors whose shock is added to the level; all others are relative.

    Raises:
        MarginError: BAD_PARAMETER naming the row (1 is the first after the header) and column.
    """
    thing = f"scenario set {label or '(no label)'}"
    if list(header[:2]) != ["scenario", "kind"] or len(header) < 3:
        raise MarginError(Reason.BAD_PARAMETER, thing, "the header must be scenario,kind,<factor>,...")
    factors = tuple(header[2:])
    absolutes = set(absolute)
    unknown = sorted(absolutes.difference(factors))
    if unknown:
        raise MarginError(Reason.BAD_PARAMETER, thing, f"absolute factor {unknown[0]} is not a column")
    read = [_row(f"{thing}: row {number}", header, row) for number, row in enumerate(rows, 1)]
    read.sort(key=lambda entry: entry[1])  # stable: historical scenarios first, else as they came
    return ScenarioSet(
        label=label,
        source=source,
        synthetic=synthetic,
        names=tuple(name for name, _, _ in read),
        factors=factors,
        kinds=tuple(ShockKind.ABSOLUTE if name in absolutes else ShockKind.RELATIVE for name in factors),
        shocks=np.array([shocks for _, _, shocks in read], np.float64).reshape(len(read), len(factors)),
        is_stress=np.array([is_stress for _, is_stress, _ in read], np.bool_),
    )


def _row(thing: str, header: Sequence[str], row: Sequence[str]) -> tuple[str, bool, list[float]]:
    if len(row) != len(header):
        raise MarginError(Reason.BAD_PARAMETER, thing, f"{len(row)} columns, the header has {len(header)}")
    if row[1] not in {"historical", "stress"}:
        raise MarginError(Reason.BAD_PARAMETER, thing, f"kind {row[1]!r} is not historical or stress")
    shocks = []
    for factor, text in zip(header[2:], row[2:], strict=True):
        try:
            shocks.append(float(text))
        except ValueError:
            raise MarginError(Reason.BAD_PARAMETER, thing, f"{factor}: {text!r} is not a number") from None
    return row[0], row[1] == "stress", shocks


def from_csv_lines(lines: Iterable[str]) -> ScenarioSet:
    """A set from the lines of a scenario CSV.

    Leading comment lines ``# key: value`` carry ``label``, ``source``, ``synthetic`` (true or false) and
    ``absolute`` (comma separated factor names); other comment lines are free text.

    Raises:
        MarginError: BAD_PARAMETER naming row and column.
    """
    facts: dict[str, str] = {}
    content: list[str] = []
    for line in lines:
        if line.startswith("#"):
            key, separator, value = line[1:].partition(":")
            if separator:
                facts.setdefault(key.strip(), value.strip())
        elif line.strip():
            content.append(line)
    try:
        header, *rows = list(csv.reader(content)) or [[]]
    except csv.Error as error:
        thing = f"scenario set {facts.get('label') or '(no label)'}"
        raise MarginError(Reason.BAD_PARAMETER, thing, f"is not CSV: {error}") from None
    return from_rows(
        header,
        rows,
        absolute=[name.strip() for name in facts.get("absolute", "").split(",") if name.strip()],
        label=facts.get("label", ""),
        source=facts.get("source", ""),
        synthetic=facts.get("synthetic", "false").lower() == "true",
    )
