"""What transactions do to the short positions and the debit balance of an account: what a freeze forbids of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from engine.base.units import cents_up
from engine.market.instruments import FUTURES_STYLE, OPTIONS
from engine.shortfall.intraday_account import FreezeViolation
from engine.shortfall.intraday_activity import (
    NOISE_USD,
    TRANSACTIONS,
    ActivityKind,
    allowed_while_frozen,
    trade_kind,
)
from engine.state.core import EngineCore
from engine.state.intraday_book import SECURITIES, Noted


class FrozenBook:
    """Holdings and balances of an account in the securities silo, gone through transaction by transaction at the prices
    of the pass.

    Short market value: what all short positions are worth. Debit balance: what cash falls short of the short market
    value of stock, whose proceeds are kept against it; a contract that settles daily neither lends nor borrows.
    """

    def __init__(self, engine: EngineCore, account: int, noted: Sequence[Noted]) -> None:
        """``noted``: everything that waits of the account, which is taken out first."""
        self._engine = engine
        self._rates = engine.equity_book.cash_rates(engine.holdings, engine.market)
        self._cash: list[float] = engine.holdings.cash[account, SECURITIES].tolist()
        held = engine.holdings.of(np.array([account], np.int64))
        held = held.only((held.silo == SECURITIES) & ~held.collateral)
        self._held: dict[int, float] = dict(
            zip(held.instrument.tolist(), held.quantity.tolist(), strict=True)
        )
        for each in noted:
            self._put(each, -1.0)

    def through(self, noted: Sequence[Noted]) -> Iterator[tuple[Noted, FreezeViolation | None]]:
        """Each transaction, put back in order, with what a freeze forbids of it."""
        for each in noted:
            kind, short, debit = self._kind(each), self._short_usd(), self._debit_usd()
            self._put(each, 1.0)
            more_short, more_debit = self._short_usd() - short, self._debit_usd() - debit
            yield each, self._violation(each, kind, _above_noise(more_short), _above_noise(more_debit))

    def _violation(
        self, each: Noted, kind: ActivityKind, short_usd: float, debit_usd: float
    ) -> FreezeViolation | None:
        if kind not in TRANSACTIONS or allowed_while_frozen(
            kind, short_change_usd=short_usd, debit_change_usd=debit_usd
        ):
            return None
        instruments = self._engine.market.instruments
        return FreezeViolation(
            kind.value,
            instruments[each.instrument].instrument_id if each.instrument >= 0 else "",
            each.quantity,
            each.is_trade,
            each.offset,
            each.time_ns,
            float(cents_up(short_usd)),
            float(cents_up(debit_usd)),
        )

    def _kind(self, each: Noted) -> ActivityKind:
        if not each.is_trade:
            return ActivityKind.WITHDRAWAL if each.cash < 0.0 or each.quantity < 0.0 else ActivityKind.DEPOSIT
        if each.instrument < 0 or each.quantity == 0.0:
            return ActivityKind.OTHER
        is_option = self._engine.market.instruments[each.instrument].right != ""
        return trade_kind(self._held.get(each.instrument, 0.0), each.quantity, is_option=is_option)

    def _put(self, each: Noted, sign: float) -> None:
        self._cash[each.currency] += sign * each.cash
        if each.instrument >= 0 and not each.pledged:
            held = self._held.get(each.instrument, 0.0) + sign * each.quantity
            self._held[each.instrument] = 0.0 if abs(held) < 1e-9 else held

    def _short_usd(self) -> float:
        return sum(-q * self._unit_usd(i) for i, q in self._held.items() if q < 0.0)

    def _debit_usd(self) -> float:
        own = sum(self._rates.worth_usd(SECURITIES, c, balance) for c, balance in enumerate(self._cash))
        for instrument, quantity in self._held.items():
            product = self._engine.market.instruments[instrument].product
            if product in FUTURES_STYLE or (quantity < 0.0 and product not in OPTIONS):
                own += quantity * self._unit_usd(instrument)
        return max(-own, 0.0)

    def _unit_usd(self, instrument: int) -> float:
        return float(self._engine.equity_book.value_usd[instrument])


def _above_noise(change_usd: float) -> float:
    return change_usd if change_usd > NOISE_USD else 0.0
