"""Whatever happens in whatever order: incremental figures equal a plain model's.

The model (``tests/engine_model.py``) keeps records as dictionaries and asks the plain twins.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.market.instruments import SILO_INDEX, SILOS
from engine.portfolio.account_class import account_class
from engine.portfolio.accounts import Account, ThresholdAllocation
from engine.portfolio.ledger import EntryOutcome
from engine.portfolio.opening import Opening
from engine.rules.interface import Holding, ScaledByClass, SiloRulebook
from engine.rules.requirement import Explained
from streams.parameters import read_toml, take_policy
from tests.engine_book import (
    APPROVED,
    HELD,
    MORE_HELD,
    NOW_NS,
    TODAY,
    movements,
    new_engine,
    prices,
    substitutions,
    trades,
)
from tests.engine_model import OWNERS, PRICES, RATES, Booked, BookModel, Opened
from tests.policy_book import CLEARED, RULEBOOKS, SECURITY_BASED, UNCLEARED, with_swaps_in

ACCOUNTS = ("A", "B", "C")
accounts = st.sampled_from(ACCOUNTS)
instruments = st.sampled_from([*HELD, *MORE_HELD, "SWAP", "INDEX", "REPO"])
allocations = st.dictionaries(st.sampled_from([SECURITY_BASED, UNCLEARED]), st.sampled_from([1e7, 3e7, 5e7]))
quantities = st.integers(-50, 50).map(float) | st.sampled_from([0.1, 0.2, -0.3])


class EngineMachine(RuleBasedStateMachine):
    """Random trades, corrections, cancels, duplicates, prices, deposits, openings, rule changes, restarts; accounts
    that are closed, leave when they are empty, and come back."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = new_engine(ACCOUNTS)
        for instrument in RATES:
            self.engine.put_instrument(instrument)
        self.marks = dict(PRICES)
        self.model = BookModel(ACCOUNTS)
        self.approved = dict.fromkeys(ACCOUNTS, True)
        self.owners = dict.fromkeys(ACCOUNTS, "customer")
        self.groups = dict.fromkeys(ACCOUNTS, "")
        self.allocated: dict[str, dict[str, float]] = {account: {} for account in ACCOUNTS}
        self.recorded = dict.fromkeys(ACCOUNTS, True)
        self.sequence = 0
        self.now_ns = NOW_NS
        self.log: list[tuple[str, Any]] = []
        self.rates_version = 0

    @initialize()
    def first_prices(self) -> None:
        for account in ACCOUNTS:
            self._put(account)
        self._price(self.marks)

    def _price(self, marks: dict[str, float]) -> None:
        self.sequence += 1
        outcome = self.engine.apply_prices(prices(self.engine, marks, self.sequence, self.now_ns))
        assert not outcome.any()

    @rule(name=st.sampled_from(sorted(PRICES)), move=st.floats(-0.2, 0.25))
    def price_moves(self, name: str, move: float) -> None:
        self.marks[name] *= 1.0 + move
        self._price({name: self.marks[name]})

    @rule(move=st.floats(-0.1, 0.1))
    def everything_moves(self, move: float) -> None:
        self.marks = {name: mark * (1.0 + move) for name, mark in self.marks.items()}
        self._price(self.marks)

    @rule(
        number=st.integers(0, 12), version=st.integers(1, 4), account=accounts, instrument=instruments,
        quantity=quantities, price_ratio=st.floats(0.8, 1.2), cancelled=st.booleans(), age=st.integers(-1, 1),
    )  # fmt: skip
    def trade(
        self, number: int, version: int, account: str, instrument: str, quantity: float, price_ratio: float,
        cancelled: bool, age: int,
    ) -> None:  # fmt: skip
        price = PRICES.get(instrument, 0.01) * price_ratio
        new = Booked(version, account, instrument, quantity, price, cancelled, TODAY - age)
        row = (f"T{number}", version, account, instrument, quantity, price, cancelled, TODAY - age)
        self.log.append(("trade", row))
        outcome = self.engine.apply_trades(0, trades(self.engine, [row]))[0]
        assert outcome == self._book(self.model.trades, f"T{number}", new)

    @rule(
        number=st.integers(0, 5), version=st.integers(1, 3), account=accounts,
        asset=st.sampled_from(["", "T-NOTE", "AAPL", "BTC"]), currency=st.sampled_from(["USD", "EUR"]),
        quantity=st.floats(-1e5, 1e6), cancelled=st.booleans(),
        silo=st.sampled_from(["securities", "futures", "security_based_swaps"]),
    )  # fmt: skip
    def deposit(
        self, number: int, version: int, account: str, asset: str, currency: str, quantity: float,
        cancelled: bool, silo: str,
    ) -> None:  # fmt: skip
        new = Booked(version, account, asset, quantity, 0.0, cancelled, TODAY, silo, currency)
        row = (
            f"C{number}", version, account, asset, currency, quantity, cancelled, TODAY, SILO_INDEX[silo],
        )  # fmt: skip
        self.log.append(("deposit", row))
        outcome = self.engine.apply_collateral(0, movements(self.engine, [row]))[0]
        assert outcome == self._book(self.model.deposits, f"C{number}", new)
        if outcome == EntryOutcome.APPLIED:
            self.model.releases.pop(f"C{number}", None)

    @rule(
        number=st.integers(0, 5), version=st.integers(1, 3), account=accounts,
        assets=st.permutations(["T-NOTE", "AAPL", "BTC", ""]), quantity=st.floats(1.0, 1e5),
        released=st.floats(1.0, 1e5), cancelled=st.booleans(), silo=st.sampled_from(["securities", "futures"]),
    )  # fmt: skip
    def substitute(
        self, number: int, version: int, account: str, assets: list[str], quantity: float, released: float,
        cancelled: bool, silo: str,
    ) -> None:  # fmt: skip
        """One asset in, another or cash out, under one id; also as a correction of a deposit, and the other way."""
        entry_id, (into, out) = f"C{number}", assets[:2]
        row = (entry_id, version, account, into, "USD", quantity, cancelled, TODAY, SILO_INDEX[silo])
        self.log.append(("substitution", (row, (out, released))))
        columns = substitutions(self.engine, [row], [(out, released)])
        outcome = self.engine.apply_collateral(0, columns)[0]
        new = Booked(version, account, into, quantity, 0.0, cancelled, TODAY, silo)
        assert outcome == self._book(self.model.deposits, entry_id, new)
        if outcome == EntryOutcome.APPLIED:
            self.model.releases[entry_id] = replace(new, instrument=out, quantity=-released)

    def _book(self, book: dict[str, Booked], entry_id: str, new: Booked) -> EntryOutcome:
        """Who wins, once more, in plain words."""
        old = book.get(entry_id)
        if new.day <= self.model.opened[new.account].day:
            return EntryOutcome.COVERED
        if old and old.account != new.account:
            return EntryOutcome.MOVED
        if old and new.version == old.version:
            return EntryOutcome.DUPLICATE
        if old and new.version < old.version:
            return EntryOutcome.LATE
        book[entry_id] = new
        return EntryOutcome.APPLIED

    @rule(
        account=accounts, age=st.integers(0, 2), later=st.integers(0, 2), quantity=quantities,
        instrument=instruments, cash=st.floats(-1e5, 1e6),
    )  # fmt: skip
    def start_of_day(
        self, account: str, age: int, later: int, quantity: float, instrument: str, cash: float
    ) -> None:
        day, as_of_ns = TODAY - age, NOW_NS + later
        self._open(account, day, as_of_ns, {instrument: (quantity, PRICES.get(instrument, 0.01))}, cash)

    @rule(account=accounts, age=st.integers(-1, 0), later=st.integers(0, 2))
    def start_of_day_with_nothing(self, account: str, age: int, later: int) -> None:
        self._open(account, TODAY - age, NOW_NS + later, {}, 0.0)

    def _open(
        self, account: str, day: int, as_of_ns: int, positions: dict[str, tuple[float, float]], cash: float
    ) -> None:
        row = (account, day, as_of_ns, positions, cash)
        self.log.append(("opening", row))
        outcome = self.engine.open_day(self._opening(*row))
        held = self.model.opened[account]
        if (day, as_of_ns) <= (held.day, held.as_of_ns):
            assert outcome in {EntryOutcome.DUPLICATE, EntryOutcome.LATE}
            return
        assert outcome is EntryOutcome.APPLIED
        for book in (self.model.trades, self.model.deposits, self.model.releases):
            for entry_id, entry in list(book.items()):
                if entry.account == account and entry.day <= day:
                    del book[entry_id]
        self.model.opened[account] = Opened(day, as_of_ns, positions, {("securities", "USD"): cash})

    def _opening(
        self, account: str, day: int, as_of_ns: int, positions: dict[str, tuple[float, float]], cash: float
    ) -> Opening:
        none = np.zeros(0, np.int64)
        return Opening(
            int(self.engine.slots_to_book([account])[0]), day, as_of_ns,
            self.engine.instrument_slots(list(positions)),
            np.array([q for q, _ in positions.values()]), np.array([p for _, p in positions.values()]),
            np.full(len(positions), -1, np.int64), ((SILO_INDEX["securities"], "USD", cash),),
            none, np.zeros(0), none,
        )  # fmt: skip

    @rule(account=accounts)
    def approval_changes(self, account: str) -> None:
        """Securities move between portfolio margin and strategy-based margin."""
        self.approved[account] = not self.approved[account]
        self._put(account)

    @rule(account=accounts, owner=st.sampled_from(["customer", "market_maker", "proprietary"]))
    def owner_changes(self, account: str, owner: str) -> None:
        """Futures are scaled by the class of the account."""
        self.owners[account] = owner
        self._put(account)

    @rule(account=accounts, group=st.sampled_from(["", "G", "H"]), allocated=allocations)
    def group_changes(self, account: str, group: str, allocated: dict[str, float]) -> None:
        """Threshold and minimum transfer amount are shared with other accounts."""
        self.groups[account], self.allocated[account] = group, allocated
        self._put(account)

    @rule(account=accounts)
    def account_is_closed(self, account: str) -> None:
        self.recorded[account] = True
        self.engine.close_account(self._record(account), 0)

    @rule(account=accounts)
    def record_is_taken_back(self, account: str) -> None:
        self.recorded[account] = False
        self.engine.withdraw_account(account)

    def _put(self, account: str) -> None:
        self.recorded[account] = True
        self.engine.put_account(self._record(account), 0)

    def _record(self, account: str) -> Account:
        return Account(
            account,
            type=self.owners[account],
            approvals=APPROVED if self.approved[account] else frozenset(),
            issuer=OWNERS[account],
            counterparty_group=self.groups[account],
            threshold_allocations=tuple(
                ThresholdAllocation(silo, amount, amount / 100)
                for silo, amount in self.allocated[account].items()
            ),
        )

    def _terms(self, account: str, silo: str) -> tuple[float, float]:
        """Threshold and minimum transfer amount, as the records say them."""
        rule = self.engine.policy.call_rule(f"silo:{silo}")
        mine = self.groups[account] or account
        if mine == account and not self.allocated[account]:
            return rule.uncollected_usd, rule.minimum_transfer_usd
        if mine == account and silo not in self.allocated[account] and self.recorded[account]:
            return rule.uncollected_usd, rule.minimum_transfer_usd
        fellows = [one for one in ACCOUNTS if (self.groups[one] or one) == mine and self.recorded[one]]
        if account not in fellows:
            return 0.0, 0.0
        amount = self.allocated[account].get(silo, 0.0)
        total = sum(self.allocated[one].get(silo, 0.0) for one in fellows)
        return (
            amount * min(1.0, rule.uncollected_usd / total if total else 1.0),
            amount / 100 * min(1.0, rule.minimum_transfer_usd * 100 / total if total else 1.0),
        )

    @rule(factor=st.floats(0.5, 2.0), member=st.sampled_from([0.9, 1.0, 1.2]), later=st.booleans())
    def futures_rates_change(self, factor: float, member: float, later: bool) -> None:
        """``later``: another rate is in force from the next day on."""
        parameters = copy.deepcopy(read_toml("span-futures.toml"))
        self.rates_version += 1
        parameters["version"] = f"test-{self.rates_version}"
        parameters["commodities"]["ES"]["price_scan_usd"] *= factor
        parameters["account_classes"] = {"member": {"risk_factor": member, "initial_factor": 1.0}}
        if later:
            rate = {"from": "2026-09-22", "initial_usd": 9_900.0, "maintenance_usd": 9_000.0}
            parameters["commodities"]["ES"]["rates"] = [rate]
        self.engine.put_rulebook("span-futures", parameters)

    @rule(
        credit=st.sampled_from(
            [
                (SECURITY_BASED, "sec-18a-3"),
                (UNCLEARED, "sec-18a-3"),
                (UNCLEARED, "schedule-im"),
                (CLEARED, "schedule-im"),
            ]
        ),
        equity=st.sampled_from(
            [
                (SECURITY_BASED, "sec-18a-3-equity"),
                (UNCLEARED, "sec-18a-3-equity"),
                (CLEARED, "sec-18a-3-equity"),
            ]
        ),
    )
    def policy_changes(self, credit: tuple[str, str], equity: tuple[str, str]) -> None:
        """Swaps move between silos and rulebooks; everything that follows its product goes with it."""
        homes = {"credit_default_swap": credit, "equity_swap": equity}
        take_policy(self.engine, with_swaps_in(homes), RULEBOOKS)

    @rule()
    def restart_from_the_log(self) -> None:
        """Lose the partition and take it again: openings first, then the day's entries, as a worker does."""
        self.engine.drop_partition(0)
        self.engine.take_partition(0)
        for kinds in ({"opening"}, {"deposit", "substitution"}, {"trade"}):
            for kind, row in self.log:
                if kind not in kinds:
                    continue
                if kind == "trade":
                    self.engine.apply_trades(0, trades(self.engine, [row]))
                elif kind == "deposit":
                    self.engine.apply_collateral(0, movements(self.engine, [row]))
                elif kind == "substitution":
                    self.engine.apply_collateral(0, substitutions(self.engine, [row[0]], [row[1]]))
                else:
                    self.engine.open_day(self._opening(*row))
        self.engine.go_live(0)

    @rule(seconds=st.integers(1, 4000) | st.just(40_000))
    def time_passes(self, seconds: int) -> None:
        self.now_ns += seconds * 1_000_000_000
        self._price(self.marks)

    @precondition(lambda self: self.sequence > 0)
    @invariant()
    def incremental_equals_plain(self) -> None:
        engine = self.engine
        engine.evaluate(self.now_ns, options=False)
        known = [name for name in ACCOUNTS if engine.account_slots([name])[0] >= 0]
        assert engine.shadow_check(known) <= 0.01  # while risk waits too, figures follow from the risk prices
        engine.evaluate(self.now_ns)
        for account_id in ACCOUNTS:
            account = int(engine.account_slots([account_id])[0])
            holdings = self.model.holdings(self.engine, account_id)
            if account < 0:
                assert not holdings
                assert all(self.model.equity(self.engine, account_id, silo) == 0.0 for silo in SILOS)
                assert engine.knows_account(account_id)
                continue
            for silo in (SECURITY_BASED, UNCLEARED):
                rows, rule = engine.accounts.allocation[[account]], engine.policy.call_rule(f"silo:{silo}")
                _, threshold, minimum = engine.group_thresholds.terms(rows, SILO_INDEX[silo], rule)
                for value, expected in zip((threshold, minimum), self._terms(account_id, silo), strict=True):
                    self._same(float(value[0]), expected)
            plain, outside = dict.fromkeys(SILOS, 0.0), 0.0
            for book in engine.silo_books.values():
                margined = [h for h in holdings if self._under(account_id, h, book.rulebook.rulebook_id)]
                explained = self._explained(account_id, book.rulebook, margined)
                assert explained.tree.largest_residual_usd() < 1e-6
                plain[SILOS[SILO_INDEX[book.rulebook.silo]]] += explained.requirement.maintenance_usd
                if not any(
                    h.instrument.product in engine.unified.rulebook.eligible_products for h in margined
                ):
                    outside += explained.requirement.maintenance_usd
            for silo, expected in plain.items():
                self._same(engine.maintenance[account, SILO_INDEX[silo]], expected)
                self._same(
                    engine.equity[account, SILO_INDEX[silo]], self.model.equity(self.engine, account_id, silo)
                )
            if self.approved[account_id]:
                pot = [
                    h for h in holdings if h.instrument.product in engine.unified.rulebook.eligible_products
                ]
                total = sum(plain.values()) - outside
                unified = engine.unified.rulebook.explain(pot, engine.market, total)
                self._same(engine.unified.result[account, 0], unified.requirement.maintenance_usd)
            gap = engine.statement(account_id, self.now_ns).gap
            assert abs(gap.residual_usd) < 1e-4
            assert all(term.amount_usd > -1e-4 for term in gap.terms if term.name == "netting")

    def _explained(self, account: str, rulebook: SiloRulebook, margined: list[Holding]) -> Explained:
        """The plain twin, for the class of the account where the rulebook scales by it."""
        if isinstance(rulebook, ScaledByClass):
            record = self._record(account)
            owner = account_class(record.type, record.approvals)
            return rulebook.explain_by_class(margined, self.engine.market, owner)
        return rulebook.explain(margined, self.engine.market)

    def _under(self, account: str, holding: Holding, rulebook_id: str) -> bool:
        return any(
            assignment.rulebook_id == rulebook_id
            and assignment.silo == holding.silo
            and holding.instrument.product in assignment.products
            and assignment.admits(self.approved[account])
            for assignment in self.engine.policy.assignments
        )

    @staticmethod
    def _same(value: float, expected: float) -> None:
        assert math.isclose(value, expected, rel_tol=1e-9, abs_tol=0.01), (value, expected)


TestEngine = EngineMachine.TestCase
TestEngine.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
