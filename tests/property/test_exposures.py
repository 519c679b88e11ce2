"""Sums that follow equal the plain definition, whatever moved before; sums made anew depend on nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.risk.kinds import HELD, LINEAR, LONG, SHORT
from engine.risk.netting_sets import Covered, sum_netting_sets
from engine.risk.reference import exposure
from engine.risk.scenario_sums import MovedRows, ScenarioSums, follow
from engine.risk.weights import leading_linear
from tests.property.test_holdings import ACCOUNTS, INSTRUMENTS, SILOS, Key, changes, effects_of, fresh

KINDS = np.array([LINEAR, LINEAR, LINEAR, LONG, SHORT, HELD], np.int8)
EVERY = np.arange(ACCOUNTS)
COVERED = np.arange(64) % 5 != 4  # these instruments have rows
SETS = np.where(COVERED, np.arange(64) % 3, -1).astype(np.int32)

figures = st.lists(st.floats(-1e6, 1e6), min_size=len(KINDS), max_size=len(KINDS))


class ExposuresMachine(RuleBasedStateMachine):
    """Holdings and rows change; accounts that are touched follow."""

    def __init__(self) -> None:
        super().__init__()
        self.holdings, self.sums = fresh(), ScenarioSums(KINDS)
        self.sums.reserve(ACCOUNTS)
        self.rows = np.zeros((64, len(KINDS)))
        self.model: dict[Key, float] = {}

    @rule(rows=changes)
    def trade(self, rows: list[tuple[Key, int]]) -> None:
        self.holdings.apply(effects_of(rows))
        self.sums.stale[sorted({key[0] for key, _ in rows})] = True
        for key, step in rows:
            self.model[key] = self.model.get(key, 0.0) + step
            if self.model[key] == 0.0:
                del self.model[key]
        self._follow({})

    @rule(moved=st.dictionaries(st.integers(0, INSTRUMENTS - 1), figures, max_size=8))
    def rows_move(self, moved: dict[int, list[float]]) -> None:
        self._follow({slot: row for slot, row in moved.items() if COVERED[slot]})

    @rule(account=st.integers(0, ACCOUNTS - 1))
    def leave(self, account: int) -> None:
        """A partition goes: nothing is kept about its accounts."""
        one = np.array([account])
        self.holdings.clear(one)
        self.sums.release(one)
        self.model = {key: held for key, held in self.model.items() if key[0] != account}

    @rule(number=st.integers(1, 5))
    def anchor(self, number: int) -> None:
        assert len(self.sums.anchor(number, ACCOUNTS)) == min(number, ACCOUNTS)

    def _follow(self, moved: dict[int, list[float]]) -> None:
        slots = np.array(sorted(moved), np.int64)
        rows = np.array([moved[slot] for slot in slots.tolist()]).reshape(len(slots), len(KINDS))
        change = np.full(64, -1, np.int32)
        change[slots] = np.arange(len(slots))
        changes = rows - self.rows[slots]
        self.rows[slots] = rows
        self.sums.assign(EVERY[self.sums.stale[EVERY]], self.holdings, COVERED)
        moves = MovedRows(self.rows, change, changes, COVERED)
        before = self.sums.values.copy()
        listed: list[int] = []
        touched = np.empty(ACCOUNTS, np.int64)
        follow(EVERY, self.holdings.columns, moves, self.sums.columns, touched)
        for silos, units in zip(touched.tolist(), self.sums.unit_of[:ACCOUNTS].tolist(), strict=True):
            listed += [unit for silo, unit in enumerate(units) if silos >> silo & 1]
        differing = np.flatnonzero(np.any(before != self.sums.values, axis=1))
        assert set(differing.tolist()) <= set(listed)

    def _members(self, account: int, silo: int) -> list[tuple[float, list[float]]]:
        return [
            (held, self.rows[instrument].tolist())
            for (owner, instrument, place, collateral), held in sorted(self.model.items())
            if owner == account and place == silo and not collateral and COVERED[instrument]
        ]

    @invariant()
    def sums_are_the_definition(self) -> None:
        for account in range(ACCOUNTS):
            if self.sums.stale[account]:
                continue
            units = self.sums.unit_of[account].tolist()
            found = {silo: self.sums.values[unit] for silo, unit in enumerate(units) if unit >= 0}
            made, in_silos = self.sums.of_account(account, self.holdings, self.rows, COVERED)
            assert sorted(found) == in_silos.tolist()
            for silo in range(SILOS):
                members = self._members(account, silo)
                assert (silo in found) == bool(members)
                if members:
                    plain = exposure(members, KINDS.tolist())
                    assert found[silo] == pytest.approx(plain, rel=1e-9, abs=1e-4)
                    assert made[in_silos.tolist().index(silo)] == pytest.approx(plain, rel=1e-12, abs=1e-8)

    @invariant()
    def units_are_not_shared(self) -> None:
        units = self.sums.unit_of[:ACCOUNTS]
        taken = units[units >= 0].tolist()
        assert len(taken) == len(set(taken))

    @invariant()
    def netting_sets_are_the_definition(self) -> None:
        # Silo 0 needs approval, silo 1 does not, silo 2 is not margined.
        silos = np.where(COVERED, [[0b10], [0b11]], 0).astype(np.uint8)
        approved = EVERY % 2 == 0
        covered = Covered(SETS, silos, approved)
        room = int(self.holdings.held[EVERY].sum())
        values, sets = np.empty((room, len(KINDS))), np.empty(room, np.int64)
        offsets = np.empty(ACCOUNTS + 1, np.int64)
        count = sum_netting_sets(
            self.holdings.columns, covered, self.rows, KINDS, leading_linear(KINDS), 3, EVERY, values, sets,
            offsets,
        )  # fmt: skip
        assert offsets[-1] == count
        for account in range(ACCOUNTS):
            units = range(int(offsets[account]), int(offsets[account + 1]))
            found = {int(sets[unit]): values[unit] for unit in units}
            assert len(found) == len(units)
            members: dict[int, list[tuple[float, list[float]]]] = {}
            for (owner, instrument, silo, collateral), held in sorted(self.model.items()):
                margined = (
                    not collateral and COVERED[instrument] and (silo == 1 or (silo == 0 and approved[owner]))
                )
                if owner == account and margined:
                    members.setdefault(int(SETS[instrument]), []).append(
                        (held, self.rows[instrument].tolist())
                    )
            assert set(found) == set(members)
            for netting_set, held_rows in members.items():
                plain = exposure(held_rows, KINDS.tolist())
                assert found[netting_set] == pytest.approx(plain, rel=1e-12, abs=1e-8)


TestExposures = ExposuresMachine.TestCase
TestExposures.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
