"""Incremental exposures equal the plain definition, whatever moved before and in whatever order."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.portfolio.holdings import Holdings
from engine.portfolio.ledger import Effects
from engine.risk import reference
from engine.risk.exposures import Exposures
from engine.risk.kinds import HAIRCUT, HELD, LINEAR, LONG, SHORT

KINDS = [LINEAR, LONG, SHORT, HELD, HAIRCUT]
# Slots far apart, so that columns have to grow on the way.
ACCOUNTS = (0, 1, 70, 300)
INSTRUMENTS = (0, 1, 2, 65, 400)
NOTHING = [0.0] * len(KINDS)
NOWHERE = -1  # the holding takes no part

# Quarters add up without rounding, so a position that is closed is closed in the model too.
quantities = st.integers(-400, 400).map(lambda quarters: quarters / 4)
rows = st.lists(st.floats(-1e5, 1e5) | st.just(0.0), min_size=len(KINDS), max_size=len(KINDS))
netting_sets = st.sampled_from([NOWHERE, 0, 1, 5])
Key = tuple[int, int, int, bool]  # account, instrument, silo, collateral
Unit = tuple[int, int]  # account, netting set
keys = st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(INSTRUMENTS), st.integers(0, 1), st.booleans())


class ExposuresMachine(RuleBasedStateMachine):
    """Trades, rows, reclassification and rebuilding at random beside a dictionary of what is held."""

    def __init__(self) -> None:
        super().__init__()
        self.holdings = Holdings()
        self.exposures = Exposures(np.array(KINDS, np.int8))
        self.quantity: dict[Key, float] = {}
        self.row: dict[int, list[float]] = {}
        self.netting_set: dict[Key, int] = {}
        self.haircut: dict[Key, float] = {}
        self.units: set[Unit] = set()
        self.heaviest: dict[Unit, list[float]] = {}
        self.charged: dict[Unit, list[float]] = {}

    # ------------------------------------------------------------ moves

    @rule(
        trades=st.lists(st.tuples(keys, quantities), min_size=1, max_size=8),
        netting_set=netting_sets,
        haircut=st.floats(0.0, 1.0),
    )
    def trade(self, trades: list[tuple[Key, float]], netting_set: int, haircut: float) -> None:
        """A batch may move the same holding several times; holdings new in it get this set and haircut."""
        changes = np.array([change for _, change in trades])
        self.holdings.reserve(max(ACCOUNTS) + 1, max(INSTRUMENTS) + 1)
        slots, fresh = self.holdings.slots_for(effects_of([key for key, _ in trades], changes))
        self.exposures.reserve(max(ACCOUNTS) + 1, max(INSTRUMENTS) + 1, self.holdings.count)
        for key, _ in trades:
            self.netting_set.setdefault(key, netting_set)
            self.haircut.setdefault(key, haircut)
        self.place(fresh)
        old, new = self.holdings.move(slots, changes)
        self.exposures.change_quantities(slots, self.holdings.instrument[slots], old, new)
        moved: dict[Key, float] = {}
        for key, change in trades:
            self.quantity[key] = self.quantity.get(key, 0.0) + change
            moved[key] = moved.get(key, 0.0) + abs(change)
        for unit in self.units:
            self.remember_weight(unit, moved)

    @rule(changed=st.dictionaries(st.sampled_from(INSTRUMENTS), rows, min_size=1))
    def reprice(self, changed: dict[int, list[float]]) -> None:
        self.holdings.reserve(max(ACCOUNTS) + 1, max(INSTRUMENTS) + 1)
        self.exposures.reserve(max(ACCOUNTS) + 1, max(INSTRUMENTS) + 1, self.holdings.count)
        slots = np.array(list(changed), np.int64)
        self.exposures.change_rows(slots, np.array(list(changed.values())), self.holdings)
        self.row |= changed

    @rule(
        accounts=st.sets(st.sampled_from(ACCOUNTS), min_size=1),
        sets=st.dictionaries(st.sampled_from(INSTRUMENTS), netting_sets),
        haircut=st.floats(0.0, 1.0),
    )
    def reclassify(self, accounts: set[int], sets: dict[int, int], haircut: float) -> None:
        """Holdings of accounts leave their units and are placed again, some in other netting sets."""
        slots = np.array(sorted(accounts), np.int64)
        self.holdings.reserve(max(ACCOUNTS) + 1, max(INSTRUMENTS) + 1)
        self.exposures.reserve(max(ACCOUNTS) + 1, max(INSTRUMENTS) + 1, self.holdings.count)
        self.exposures.forget_accounts(slots)
        for unit in {unit for unit in self.units if unit[0] in accounts}:
            assert self.values(unit) == NOTHING
        for key in self.quantity:
            if key[0] in accounts and key[1] in sets:
                self.netting_set[key] = sets[key[1]]
                self.haircut[key] = haircut
        self.place(self.holdings.of_accounts(slots)[0])
        self.exposures.rebuild_accounts(slots, self.holdings)

    @rule()
    def rebuild(self) -> None:
        self.exposures.rebuild(np.arange(self.exposures.count), self.holdings)

    @rule(number=st.integers(0, 5))
    def reanchor(self, number: int) -> None:
        self.exposures.reanchor(number, self.holdings)

    @rule()
    def charge(self) -> None:
        """Dirty units are given once, in slot order."""
        dirty = np.flatnonzero(self.exposures.dirty)
        assert self.exposures.take_dirty().tolist() == dirty.tolist()
        assert not self.exposures.dirty.any()
        self.charged = {unit: self.defined(unit) for unit in self.units}

    # ------------------------------------------------------------ must hold

    @invariant()
    def values_are_those_of_the_definition(self) -> None:
        """To 1e-9 of the figure, or of the largest gross sum that was ever in it: a closed position leaves dust."""
        for unit in self.units:
            heaviest = self.remember_weight(unit, {})
            for found, wanted, heavy in zip(self.values(unit), self.defined(unit), heaviest, strict=True):
                assert math.isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-9 * heavy), (unit, found, wanted)

    @invariant()
    def every_account_lists_its_units(self) -> None:
        for account in ACCOUNTS:
            listed, offsets = (
                self.exposures.units_of(np.array([account], np.int64)) if self.units else ([], [])
            )
            found = sorted(int(self.exposures.netting_set[unit]) for unit in listed)
            assert found == sorted(name for owner, name in self.units if owner == account), offsets

    @invariant()
    def what_moved_since_the_last_charge_is_dirty(self) -> None:
        dirty = {self.unit_of(unit) for unit in np.flatnonzero(self.exposures.dirty).tolist()}
        for unit in self.units:
            assert unit in dirty or self.defined(unit) == self.charged.get(unit, NOTHING), unit

    # ------------------------------------------------------------ help

    def place(self, slots: np.ndarray) -> None:
        held = [self.key_of(slot) for slot in slots.tolist()]
        sets = np.array([self.netting_set[key] for key in held], np.int64)
        weights = np.array([1.0 - self.haircut[key] for key in held])
        self.exposures.place(slots, self.holdings.account[slots], sets, weights)
        self.units |= {(key[0], self.netting_set[key]) for key in held if self.netting_set[key] != NOWHERE}

    def key_of(self, slot: int) -> Key:
        held = self.holdings
        place = int(held.account[slot]), int(held.instrument[slot]), int(held.silo[slot])
        return (*place, bool(held.collateral[slot]))

    def unit_of(self, unit: int) -> Unit:
        return int(self.exposures.account[unit]), int(self.exposures.netting_set[unit])

    def members(self, unit: Unit) -> list[Key]:
        return [key for key in self.quantity if (key[0], self.netting_set[key]) == unit]

    def row_of(self, key: Key) -> list[float]:
        return self.row.get(key[1], NOTHING)

    def defined(self, unit: Unit) -> list[float]:
        """The exposure as the definition reads."""
        held = self.members(unit)
        return reference.exposure([(self.quantity[k], self.haircut[k], self.row_of(k)) for k in held], KINDS)

    def remember_weight(self, unit: Unit, moved: dict[Key, float]) -> list[float]:
        """Largest gross sum of each column so far, with what is being moved; at least one of each contract."""
        gross = [
            math.fsum(
                max(abs(self.quantity[key]) + moved.get(key, 0.0), 1.0) * abs(self.row_of(key)[column])
                for key in self.members(unit)
            )
            for column in range(len(KINDS))
        ]
        self.heaviest[unit] = list(map(max, self.heaviest.get(unit, NOTHING), gross))
        return self.heaviest[unit]

    def values(self, unit: Unit) -> list[float]:
        found = next(u for u in range(self.exposures.count) if self.unit_of(u) == unit)
        return [float(value) for value in self.exposures.values[found]]


def effects_of(held: list[Key], changes: np.ndarray) -> Effects:
    account, instrument, silo, collateral = zip(*held, strict=True)
    return Effects(
        account=np.array(account, np.int64),
        instrument=np.array(instrument, np.int64),
        silo=np.array(silo, np.int64),
        collateral=np.array(collateral, np.bool_),
        quantity=changes,
        cash=np.zeros(len(held)),
        currency=np.zeros(len(held), np.int64),
    )


TestExposures = ExposuresMachine.TestCase
TestExposures.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
