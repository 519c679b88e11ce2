"""The one pot's compiled loops: a unit's charge, an account's result, and both while its sums are in the cache."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.base.kernel import in_place, kernel
from engine.portfolio.holding_kernels import HoldingColumns
from engine.risk.scenario_sums import MovedRows, SumColumns, follow
from engine.rules.interface import Float64s, Int64s
from engine.rules.unified.tail import Int16s, Int32s, tail_loss, tail_scratch

_CORE, _STRESS, _BASE, _MINIMUM, _STANDALONE = range(5)  # columns of a charge
_BLOCK = 64  # accounts: some 100 sums of 2 kB, well within a second level cache


class Measure(NamedTuple):
    """Parameters as the kernels take them.

    Attributes:
        historical, scenarios: those of the risk measure come first, stress scenarios up to ``scenarios`` follow.
        weights: float64[t], by rank of loss.
    """

    historical: int
    scenarios: int
    weights: Float64s
    stress_weight: float
    offset_cap: float
    floor_share: float


class UnitColumns(NamedTuple):
    """Exposures, charges and last tails by unit."""

    values: Float64s
    charges: Float64s
    tails: Int16s


class _Room(NamedTuple):
    """Scratch: of :func:`engine.rules.unified.tail.tail_scratch`, and the scenarios of an account."""

    lanes: Float64s
    places: Int32s
    joint: Float64s


@kernel
def _room(measure: Measure) -> _Room:
    lanes, places = tail_scratch(len(measure.weights), measure.historical)
    return _Room(lanes, places, np.empty(measure.scenarios))


@in_place
def _base(
    pnl: Float64s,
    historical: int,
    scenarios: int,
    weights: Float64s,
    stress_weight: float,
    tail: Int16s,
    lanes: Float64s,
    places: Int32s,
) -> tuple[float, float]:
    """Core and weighted stress loss of ``pnl[:scenarios]``, both floored at zero; NaN stays NaN."""
    core = tail_loss(pnl, historical, weights, tail, lanes, places)
    least, numbers = 0.0, historical
    for scenario in range(historical, scenarios):
        least = pnl[scenario] if pnl[scenario] < least else least  # noqa: FURB136
        numbers += pnl[scenario] == pnl[scenario]
    stress = 0.0 - least * stress_weight if numbers == scenarios else np.nan
    return (core if not core < 0.0 else 0.0), stress


@in_place
def _charge(columns: UnitColumns, units: Int64s, measure: Measure, room: _Room) -> None:
    """Stand-alone figures of units."""
    values, charges, tails = columns
    historical, scenarios, weights, stress_weight, _, _ = measure
    lanes, places, _ = room
    for unit in units:
        core, stress = _base(
            values[unit], historical, scenarios, weights, stress_weight, tails[unit, 0], lanes, places
        )
        base = core + max(stress - core, 0.0)
        minimum = values[unit, scenarios] + values[unit, scenarios + 1]
        charges[unit, _CORE] = core
        charges[unit, _STRESS] = stress
        charges[unit, _BASE] = base
        charges[unit, _MINIMUM] = minimum
        charges[unit, _STANDALONE] = base + minimum


@in_place
def _combine(
    columns: UnitColumns,
    units: Int64s,
    offsets: Int64s,
    measure: Measure,
    room: _Room,
    add_on_usd: Float64s,
    silo_total_usd: Float64s,
    places_of_results: Int64s,
    results: Float64s,
) -> None:
    """Result of each account, in ``results[places_of_results]``."""
    values, charges, tails = columns
    historical, scenarios, weights, stress_weight, offset_cap, floor_share = measure
    lanes, places, joint = room
    for i in range(len(offsets) - 1):
        first, last = offsets[i], offsets[i + 1]
        core = stress = base_sum = minimum = standalone_sum = 0.0
        for unit in units[first:last]:
            core, stress = charges[unit, _CORE], charges[unit, _STRESS]
            base_sum += charges[unit, _BASE]
            minimum += charges[unit, _MINIMUM]
            standalone_sum += charges[unit, _STANDALONE]
        if last - first > 1:  # the base of a single unit is its own
            for scenario in range(scenarios):
                joint[scenario] = 0.0
            for unit in units[first:last]:
                for scenario in range(scenarios):
                    joint[scenario] += values[unit, scenario]
            tail = tails[units[first], 1]
            core, stress = _base(joint, historical, scenarios, weights, stress_weight, tail, lanes, places)
        stress_top_up = max(stress - core, 0.0)
        base = core + stress_top_up
        cap_top_up = max((1.0 - offset_cap) * base_sum - base, 0.0)
        unified = base + cap_top_up + minimum + add_on_usd[i]
        floor_top_up = max(floor_share * silo_total_usd[i] - unified, 0.0)
        row = places_of_results[i]
        results[row, 0] = unified + floor_top_up
        results[row, 1] = core
        results[row, 2] = stress_top_up
        results[row, 3] = minimum
        results[row, 4] = add_on_usd[i]
        results[row, 5] = cap_top_up
        results[row, 6] = floor_top_up
        results[row, 7] = standalone_sum


@kernel
def charge_units(exposures: Float64s, measure: Measure, tails: Int16s, charges: Float64s) -> None:
    """Charges of all rows of ``exposures``."""
    _charge(UnitColumns(exposures, charges, tails), np.arange(len(exposures)), measure, _room(measure))


@kernel
def combine_accounts(
    columns: UnitColumns,
    offsets: Int64s,
    measure: Measure,
    add_on_usd: Float64s,
    silo_total_usd: Float64s,
    results: Float64s,
) -> None:
    """Results of accounts whose units are consecutive."""
    units, rows = np.arange(offsets[-1]), np.arange(len(offsets) - 1)
    _combine(columns, units, offsets, measure, _room(measure), add_on_usd, silo_total_usd, rows, results)


@in_place
def _members(
    accounts: Int64s, touched: Int64s, unit_of: Int32s, units: Int64s, changed: Int64s, offsets: Int64s
) -> tuple[int, int]:
    """Units of the accounts, account by account, and those among them whose sum changed; how many of each."""
    number = changes = 0
    offsets[0] = 0
    for i in range(len(accounts)):
        for silo in range(unit_of.shape[1]):
            unit = unit_of[accounts[i], silo]
            if unit >= 0:
                units[number] = unit
                number += 1
                changed[changes] = unit
                changes += (touched[i] >> silo) & 1
        offsets[i + 1] = number
    return number, changes


@kernel
def renew_accounts(
    accounts: Int64s,
    holdings: HoldingColumns,
    moved: MovedRows,
    sums: SumColumns,
    columns: UnitColumns,
    measure: Measure,
    add_on: Float64s,
    silo_total_usd: Float64s,
    results: Float64s,
) -> None:
    """Follow, charge and combine, a block of accounts at a time: their sums stay in the cache meanwhile."""
    room = _BLOCK * sums.unit_of.shape[1]
    units, changed = np.empty(room, np.int64), np.empty(room + 1, np.int64)
    touched, offsets = np.empty(_BLOCK, np.int64), np.empty(_BLOCK + 1, np.int64)
    scratch = _room(measure)
    for first in range(0, len(accounts), _BLOCK):
        block = accounts[first : first + _BLOCK]
        follow(block, holdings, moved, sums, touched)
        number, changes = _members(block, touched, sums.unit_of, units, changed, offsets)
        _charge(columns, changed[:changes], measure, scratch)
        _combine(
            columns, units[:number], offsets[: len(block) + 1], measure, scratch, add_on[block, 1],
            silo_total_usd[first : first + _BLOCK], block, results,
        )  # fmt: skip
