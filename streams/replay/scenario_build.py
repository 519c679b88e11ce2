"""Scenario sets from level files, and as CSV lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from engine.base.errors import MarginError
from engine.market.scenario_history import align_levels, historical_from_levels
from engine.market.scenarios import ScenarioSet, ShockKind, from_csv_lines
from streams.replay.files import FileError, open_text
from streams.replay.level_file import Dates, FactorSource, Float64s, read_levels


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What a set is made of; the first factor's dates are the calendar."""

    folder: Path
    factors: Sequence[FactorSource]
    absolute: frozenset[str]
    first: date | None
    last: date | None
    count: int
    horizon_days: int
    label: str


@dataclass(frozen=True, slots=True)
class Built:
    """A set and the calendar it rests on.

    Attributes:
        calendar: dates of the first factor within the window. gaps: per factor, dates of it without a level.
    """

    scenarios: ScenarioSet
    calendar: Dates
    gaps: Mapping[str, Dates]


def build(request: BuildRequest) -> Built:
    """The latest joint moves; no return across a date on which a factor has no level.

    Raises:
        FileError: a level file cannot be used, there are too few complete windows, or a relative factor has a
            level at or below zero.
    """
    series = {source.factor: read_levels(request.folder, source) for source in request.factors}
    calendar = _window(series[request.factors[0].factor][0], request.first, request.last)
    levels = align_levels(calendar, series)
    kinds = {
        factor: ShockKind.ABSOLUTE if factor in request.absolute else ShockKind.RELATIVE for factor in levels
    }
    _refuse_relative_below_zero(request, calendar, levels, kinds)
    try:
        scenarios = historical_from_levels(
            calendar,
            levels,
            kinds,
            horizon_days=request.horizon_days,
            count=request.count,
            label=request.label,
            source="; ".join(str(source) for source in request.factors),
        )
    except MarginError as error:
        remedy = "lower --count, or widen --from and --to"
        raise FileError(request.folder, "", error.detail, remedy) from None
    gaps = {factor: calendar[np.isnan(column)] for factor, column in levels.items()}
    return Built(scenarios, calendar, gaps)


def _window(dates: Dates, first: date | None, last: date | None) -> Dates:
    keep = np.ones(len(dates), np.bool_)
    if first is not None:
        keep &= dates >= np.datetime64(first)
    if last is not None:
        keep &= dates <= np.datetime64(last)
    return dates[keep]


def _refuse_relative_below_zero(
    request: BuildRequest, calendar: Dates, levels: Mapping[str, Float64s], kinds: Mapping[str, ShockKind]
) -> None:
    for source in request.factors:
        low = np.flatnonzero(levels[source.factor] <= 0.0)
        if len(low) and kinds[source.factor] is ShockKind.RELATIVE:
            day, level = calendar[low[0]], levels[source.factor][low[0]]
            detail = f"{source.factor} is {level} on {day}, so its relative moves mean nothing"
            raise FileError(
                request.folder / source.file, f"date {day}", detail, f"add --absolute {source.factor}"
            )


def read_stress(file: Path) -> ScenarioSet:
    """The stress scenarios of a scenario file, which need not have a historical one.

    Raises:
        FileError: naming the file and what is wrong in it.
    """
    with open_text(file) as content:
        lines = content.read().splitlines()
    header = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    # A set must have a historical scenario; this neutral one is not taken over.
    neutral = "(neutral),historical" + ",0" * (header.count(",") - 1)
    try:
        return from_csv_lines([*lines, neutral])
    except MarginError as error:
        raise FileError(file, "", f"{error.thing}: {error.detail}", "correct the file") from None


def csv_lines(scenarios: ScenarioSet) -> Iterator[str]:
    """The set as the lines of a scenario CSV; numbers are exact."""
    absolute = [
        factor
        for factor, kind in zip(scenarios.factors, scenarios.kinds, strict=True)
        if kind is ShockKind.ABSOLUTE
    ]
    yield f"# label: {scenarios.label}"
    yield f"# source: {scenarios.source}"
    yield f"# synthetic: {str(scenarios.synthetic).lower()}"
    if absolute:
        yield f"# absolute: {', '.join(absolute)}"
    yield ",".join(["scenario", "kind", *scenarios.factors])
    for name, stress, shocks in zip(
        scenarios.names, scenarios.is_stress.tolist(), scenarios.shocks.tolist(), strict=True
    ):
        yield ",".join([name, "stress" if stress else "historical", *(repr(shock) for shock in shocks)])
