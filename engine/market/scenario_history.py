"""Historical scenarios from level histories: an explicit calendar, no filling, no return across a gap."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.base.errors import MarginError, Reason
from engine.market.scenarios import ScenarioSet, ShockKind

Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]
Dates = NDArray[np.datetime64]


def align_levels(calendar: Dates, series: Mapping[str, tuple[Dates, Float64s]]) -> dict[str, Float64s]:
    """Each factor's observations on the dates of one calendar, NaN where it has none; no filling.

    Observations on other dates are left out, so the move of a factor that also trades on closed days (crypto
    at week ends) spans the same days as the moves of all others.
    """
    aligned: dict[str, Float64s] = {}
    for factor, (dates, values) in series.items():
        column = np.full(len(calendar), np.nan)
        _, places, sources = np.intersect1d(calendar, dates, return_indices=True)
        column[places] = values[sources]
        aligned[factor] = column
    return aligned


def historical_from_levels(
    dates: Dates,
    levels: Mapping[str, Float64s],
    kinds: Mapping[str, ShockKind],
    *,
    horizon_days: int,
    count: int,
    overlapping: bool = True,
    label: str = "historical",
    source: str = "",
) -> ScenarioSet:
    """The latest ``count`` joint moves over ``horizon_days`` rows of a calendar.

    A window counts only if every factor has a level on each of its dates: no return across a gap.

    Args:
        dates: datetime64[D][n], strictly increasing: the calendar.
        levels: factor -> float64[n] on these dates, NaN = no observation (see :func:`align_levels`).
        kinds: factor -> how its move is expressed.
        overlapping: windows may share days; otherwise they are taken back from the latest without overlap.

    Raises:
        MarginError: BAD_PARAMETER: dates out of order; a level at or below zero of a relative factor (factor
            and date named; make it absolute); fewer complete windows than ``count``.
    """
    thing = f"scenario set {label}"
    if horizon_days < 1 or count < 1 or not levels:
        raise MarginError(Reason.BAD_PARAMETER, thing, "horizon_days, count and levels must not be empty")
    if np.any(dates[1:] <= dates[:-1]):
        raise MarginError(Reason.BAD_PARAMETER, thing, "dates are not strictly increasing")
    for factor, column in levels.items():
        _refuse_relative_below_zero(thing, factor, kinds[factor], dates, column)
    table = np.column_stack([np.asarray(column, np.float64) for column in levels.values()])
    ends = _complete_windows(np.all(np.isfinite(table), axis=1), horizon_days, overlapping)[-count:]
    if len(ends) < count:
        raise MarginError(
            Reason.BAD_PARAMETER, thing, f"only {len(ends)} windows without a gap, {count} were asked for"
        )
    start, end = table[ends - horizon_days], table[ends]
    relative = np.array([kinds[factor] is ShockKind.RELATIVE for factor in levels], np.bool_)
    return ScenarioSet(
        label=label,
        source=source,
        synthetic=False,
        names=tuple(str(day) for day in dates[ends]),
        factors=tuple(levels),
        kinds=tuple(kinds[factor] for factor in levels),
        shocks=np.where(relative, end / np.where(relative, start, 1.0) - 1.0, end - start),
        is_stress=np.zeros(count, np.bool_),
    )


def _refuse_relative_below_zero(
    thing: str, factor: str, kind: ShockKind, dates: Dates, column: Float64s
) -> None:
    low = np.flatnonzero(column <= 0.0)
    if kind is ShockKind.RELATIVE and len(low):
        detail = f"factor {factor} is {column[low[0]]} on {dates[low[0]]}: only an absolute factor may be"
        raise MarginError(Reason.BAD_PARAMETER, thing, detail + " zero or negative")


def _complete_windows(complete: Bools, horizon_days: int, overlapping: bool) -> NDArray[np.int64]:
    """int64[w] rows at which a window of complete rows ends, increasing."""
    seen = np.concatenate([[0], np.cumsum(complete)])  # complete rows before each row
    length = horizon_days + 1
    ends = np.flatnonzero(seen[length:] - seen[:-length] == length) + horizon_days
    if overlapping:
        return ends
    kept: list[int] = []
    for end in ends[::-1].tolist():
        if not kept or end <= kept[-1] - horizon_days:
            kept.append(end)
    return np.array(kept[::-1], np.int64)
