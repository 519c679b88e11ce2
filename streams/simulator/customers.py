"""Money movements: customers who answer margin calls, take spare money out again, or just move some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from streams.contracts.hot import HotCollateral
from streams.contracts.results import CallEvent
from streams.simulator.accounts import SimulatedAccount
from streams.simulator.agenda import Agenda
from streams.simulator.market import business_date
from streams.simulator.record import SimulatedRecord, hot
from streams.simulator.settings import SimulationSettings

_NS: Final = 1_000_000_000
_ANSWER_AFTER_S: Final = (4.0, 30.0)
_PART_SHARE: Final = 0.2  # of the answers, too little to meet the call
_CUSHION_SHARE: Final = (0.01, 0.08)  # of the requirement, paid beyond the call
_TAKE_BACK_SHARE: Final = 0.5  # of the deposits, taken out again when things look calm
_TAKE_BACK_AFTER_S: Final = (40.0, 150.0)
_SPONTANEOUS_PER_ACCOUNT_S: Final = 1.0 / 3600.0
_SPONTANEOUS_USD: Final = (1_000.0, 40_000.0)


class Customers:
    """What customers do with money.

    Attributes:
        counts: deposits, withdrawals and calls heard of so far.
    """

    def __init__(
        self,
        settings: SimulationSettings,
        accounts: Sequence[SimulatedAccount],
        draws: np.random.Generator,
        agenda: Agenda,
        run_id: str,
    ) -> None:
        """``run_id`` keeps collateral ids of one run apart from those of another."""
        self._settings = settings
        self._accounts = list(accounts)
        self._known = {account.account_id for account in accounts}
        self._draws = draws
        self._agenda = agenda
        self._run_id = run_id
        self._number = 0
        self._due = 0.0
        self._answering: set[tuple[str, str]] = set()  # account and silo whose money is on its way
        self.counts = dict.fromkeys(("deposits", "withdrawals", "calls"), 0)

    def hear(self, call: CallEvent, now_ns: int) -> None:
        """A call event reaches its customer; only binding calls for money move anybody."""
        if not call.binding or call.state != "issued" or call.account_id not in self._known:
            return
        self.counts["calls"] += 1
        silo = call.scope.partition(":")[2]
        if (call.account_id, silo) in self._answering or self._draws.random() >= self._settings.deposit_share:
            return
        self._answering.add((call.account_id, silo))
        part = self._draws.random() < _PART_SHARE
        share = float(self._draws.uniform(0.3, 0.7) if part else 1.0)
        cushion = 0.0 if part else float(self._draws.uniform(*_CUSHION_SHARE))
        called_usd, requirement_usd = float(call.margin_call_amount), float(call.requirement)
        amount_usd = round(share * called_usd + cushion * requirement_usd, 2)
        self._agenda.put(
            self._later(now_ns, _ANSWER_AFTER_S),
            lambda at_ns: self._deposit(call.account_id, silo, amount_usd, at_ns),
        )

    def move_money(self, elapsed_s: float, now_ns: int) -> list[SimulatedRecord]:
        """Movements that nobody asked for, a few per account and day."""
        self._due += elapsed_s * len(self._accounts) * _SPONTANEOUS_PER_ACCOUNT_S
        records: list[SimulatedRecord] = []
        while self._due >= 1.0:
            self._due -= 1.0
            account = self._accounts[int(self._draws.integers(len(self._accounts)))]
            amount_usd = round(float(self._draws.uniform(*_SPONTANEOUS_USD)), 2)
            sign = 1.0 if self._draws.random() < 0.5 else -1.0
            silo = account.silos[int(self._draws.integers(len(account.silos)))]
            records.append(self._movement(account.account_id, silo, sign * amount_usd, now_ns))
        return records

    def _deposit(self, account_id: str, silo: str, amount_usd: float, now_ns: int) -> list[SimulatedRecord]:
        self._answering.discard((account_id, silo))
        if self._draws.random() < _TAKE_BACK_SHARE:
            self._agenda.put(
                self._later(now_ns, _TAKE_BACK_AFTER_S),
                lambda at_ns: [self._movement(account_id, silo, -amount_usd, at_ns)],
            )
        return [self._movement(account_id, silo, amount_usd, now_ns)]

    def _later(self, now_ns: int, delay_s: tuple[float, float]) -> int:
        return now_ns + int(float(self._draws.uniform(*delay_s)) * _NS)

    def _movement(self, account_id: str, silo: str, amount_usd: float, now_ns: int) -> SimulatedRecord:
        self._number += 1
        self.counts["deposits" if amount_usd >= 0 else "withdrawals"] += 1
        movement = HotCollateral(
            f"C-{self._run_id}-{self._number}",
            1,
            account_id,
            silo,
            amount_usd,
            business_date(now_ns),
            now_ns,
            currency="USD",
        )
        return hot("collateral", account_id, movement)
