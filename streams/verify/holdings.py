"""Positions, collateral and cash of an account at any offsets: start of day plus trades, in plain dictionaries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from streams.contracts.activity import CollateralRecord, PositionsRecord
from streams.contracts.reference import InstrumentRecord
from streams.verify.inputs import Inputs, Taken
from streams.verify.marks import contract_value

# Settled every day: a start-of-day position enters cash at its reference price, as a trade does.
_DAILY_SETTLED: Final = frozenset(
    {
        "future", "perpetual", "crypto_future", "equity_swap", "security_future", "interest_rate_swap",
        "credit_index_swap", "repo",
    }
)  # fmt: skip
# Reference data reaches a worker this long after a trade at the latest; until then the trade is parked.
_SETTLE_MS: Final = 2_000
_NEVER: Final = ""  # before every business date


@dataclass(frozen=True, slots=True)
class Offsets:
    """The last record of each topic that counts."""

    trades: int
    collateral: int
    positions: int

    @classmethod
    def of(cls, named: Mapping[str, int]) -> Offsets:
        """As the ``inputs`` of an event or statement name them."""
        return cls(named["trades_offset"], named["collateral_offset"], named["positions_offset"])


@dataclass
class Holdings:
    """By (silo, instrument_id) or (silo, currency); silo "" where none is known."""

    positions: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    collateral: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    cash: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))


class Accounts:
    """All activity by account."""

    def __init__(self, inputs: Inputs, classification: Mapping[str, str]) -> None:
        """``classification``: silo of each product, where a position or trade names none."""
        self._inputs, self._classification = inputs, classification
        self._by_account: dict[str, dict[str, list[Taken]]] = defaultdict(lambda: defaultdict(list))
        for topic in ("positions", "trades", "collateral"):
            for taken in inputs.activity[topic]:
                self._by_account[taken.account_id][topic].append(taken)

    def ids(self) -> list[str]:
        """Accounts with any activity."""
        return sorted(self._by_account)

    def known_at(self, account_id: str, offsets: Offsets, time_ms: int) -> bool:
        """Whether what the account held then can be told for sure: no later start-of-day record may have compacted that
        of then away, and nothing may have been parked.
        """
        latest = all(taken.offset <= offsets.positions for taken in self._by_account[account_id]["positions"])
        first_ms = self._inputs.first_ms
        return latest and not any(
            first_ms.get(name, time_ms) > time_ms - _SETTLE_MS for name in self._instruments_of(account_id)
        )

    def _instruments_of(self, account_id: str) -> set[str]:
        """Every instrument that the account's records name."""
        records = self._by_account[account_id]
        named = {taken.body.instrument_id for taken in records["trades"]}
        for movement in (taken.body for taken in records["collateral"]):
            named |= {movement.instrument_id, movement.released_instrument_id}
        for part in (taken.body for taken in records["positions"]):
            named |= {one.instrument_id for one in (*part.positions, *part.collateral)}
        return named - {None}

    def at(self, account_id: str, offsets: Offsets) -> Holdings:
        """What the account holds once these records have been taken."""
        records, holdings = self._by_account[account_id], Holdings()
        day = self._open(records["positions"], offsets.positions, holdings)
        for trade in _winners(records["trades"], offsets.trades, day, "trade_id"):
            self._trade(trade, holdings)
        for movement in _winners(records["collateral"], offsets.collateral, day, "collateral_id"):
            self._move(movement, holdings)
        return holdings

    def _move(self, movement: CollateralRecord, holdings: Holdings) -> None:
        """What comes in, and what a substitution lets go of with it."""
        if movement.currency is not None:
            holdings.cash[movement.silo, movement.currency] += movement.quantity
        elif movement.instrument_id is not None:
            holdings.collateral[movement.silo, movement.instrument_id] += movement.quantity
        if movement.released_quantity is None:
            return
        if movement.released_currency is not None:
            holdings.cash[movement.silo, movement.released_currency] -= movement.released_quantity
        elif movement.released_instrument_id is not None:
            holdings.collateral[movement.silo, movement.released_instrument_id] -= movement.released_quantity

    def _open(self, records: list[Taken], last: int, holdings: Holdings) -> str:
        """Put the latest complete start-of-day record in; its business date."""
        parts: dict[int, PositionsRecord] = {}
        best: tuple[str, int] = (_NEVER, -1)
        chosen: list[PositionsRecord] = []
        for taken in records:
            if taken.offset > last:
                break
            part: PositionsRecord = taken.body
            held = next(iter(parts.values()), part)
            if part.as_of_ns < held.as_of_ns:
                continue
            if part.as_of_ns > held.as_of_ns or part.parts != held.parts:
                parts = {}
            parts[part.part] = part
            if len(parts) == part.parts and (part.business_date, part.as_of_ns) > best:
                best, chosen = (part.business_date, part.as_of_ns), list(parts.values())
        for part in chosen:
            self._put(part, holdings)
        return best[0]

    def _put(self, part: PositionsRecord, holdings: Holdings) -> None:
        for position in part.positions:
            instrument = self._inputs.instruments.get(position.instrument_id)
            silo = position.silo or self._silo_of(part.account_id, instrument)
            holdings.positions[silo, position.instrument_id] += position.quantity
            if instrument is not None and instrument.product in _DAILY_SETTLED:
                paid = -position.quantity * _value(instrument, position.reference_price)
                holdings.cash[silo, instrument.currency] += paid
        for asset in part.collateral:
            holdings.collateral[asset.silo, asset.instrument_id] += asset.quantity
        for balance in part.cash:
            holdings.cash[balance.silo, balance.currency] += balance.amount

    def _trade(self, trade: Any, holdings: Holdings) -> None:
        instrument = self._inputs.instruments.get(trade.instrument_id)
        if instrument is None:
            return  # parked until its reference data comes
        silo = trade.silo or self._silo_of(trade.account_id, instrument)
        holdings.positions[silo, trade.instrument_id] += trade.quantity
        holdings.cash[silo, instrument.currency] -= trade.quantity * _value(instrument, trade.price)

    def _silo_of(self, account_id: str, instrument: InstrumentRecord | None) -> str:
        """Of a booking that names none: the account's choice, else the classification's."""
        if instrument is None:
            return ""
        account = self._inputs.accounts.get(account_id)
        chosen = account.silos.security_future if account and instrument.product == "security_future" else ""
        return chosen or self._classification.get(instrument.product, "")


def _value(instrument: InstrumentRecord, price: float) -> float:
    return contract_value(instrument.settlement, instrument.multiplier, price)


def _winners(records: list[Taken], last: int, opening_day: str, key: str) -> list[Any]:
    """Of each id the highest version that came, of two the same the first, unless cancelled or covered."""
    held: dict[str, Any] = {}
    for taken in records:
        if taken.offset > last:
            break
        body = taken.body
        if body.business_date <= opening_day:
            continue
        known = held.get(getattr(body, key))
        if known is None or body.version > known.version:
            held[getattr(body, key)] = body
    return [body for body in held.values() if body.status != "cancelled"]


def by_name(amounts: dict[tuple[str, str], float]) -> dict[str, float]:
    """Sums over silos; what is nothing is left out."""
    sums: dict[str, float] = defaultdict(float)
    for (_, name), amount in amounts.items():
        sums[name] += amount
    return {name: amount for name, amount in sums.items() if abs(amount) > 1e-9}
