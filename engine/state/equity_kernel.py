"""Equity of accounts as a compiled loop: cash, market value, collateral after haircut and limits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place, kernel
from engine.portfolio.holding_kernels import INSTRUMENT_SHIFT, HoldingColumns

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Int32s = NDArray[np.int32]
Int16s = NDArray[np.int16]
Int8s = NDArray[np.int8]
Bools = NDArray[np.bool_]


class ValueColumns(NamedTuple):
    """What the kernel values holdings with, by instrument slot.

    Attributes:
        value_usd: float64, of one contract; 0 without a price.
        doubtful: bool, without a price or with a stale one.
        haircut: float64[instrument, silo], of the instrument as collateral of an account that settles in USD; not
            capped, infinite where it is not eligible.
        currency: int16[instrument], number of its currency.
        in_balance: bool[instrument], its value is part of the balance of its currency, a foreign one.
        most: float64[instrument, silo], units of it that count as collateral.
        group: int16[instrument, silo], group with a limit that it is in as collateral, -1 if none.
        name, side: of :class:`engine.portfolio.names.RiskNames`.
    """

    value_usd: Float64s
    doubtful: Bools
    haircut: Float64s
    currency: Int16s
    in_balance: Bools
    most: Float64s
    group: Int16s
    name: Int32s
    side: Int8s


class CashColumns(NamedTuple):
    """What the kernel counts cash with.

    Attributes:
        cash: float64[account, silo, currency].
        rate: float64[currency], USD per unit; 0 where it is not known.
        kept: float64[settlement, silo, currency], 1 - haircut of a credit balance.
        settlement: int16 by account slot, number of the currency that it settles in.
        mismatch: float64[settlement, silo, currency of an asset], what an asset costs more (less) than settled in USD.
        number: int64[currency of an asset], the same currency's number among the balances.
    """

    cash: Float64s
    rate: Float64s
    kept: Float64s
    settlement: Int16s
    mismatch: Float64s
    number: Int64s


class LimitColumns(NamedTuple):
    """Limits on collateral.

    Attributes:
        owner: int32 by account slot, its name as an issuer, -1 if none.
        own_issuer, same_name: float64 by silo, haircuts on top for wrong-way risk.
        silo, share, largest_usd: by group; share of the silo's equity before the limit.
    """

    owner: Int32s
    own_issuer: Float64s
    same_name: Float64s
    silo: Int64s
    share: Float64s
    largest_usd: Float64s


@in_place
def _falls_with(h: HoldingColumns, values: ValueColumns, account: int, silo: int, name: int) -> bool:
    """Whether a position of the account in the silo loses when the name falls."""
    for slot in range(h.first[account], h.first[account] + h.held[account]):
        key = h.key[slot]
        instrument = key >> INSTRUMENT_SHIFT
        same = key & 1 == 0 and (key >> 1) & 7 == silo and values.name[instrument] == name
        if same and h.quantity[slot] * values.side[instrument] > 0.0:
            return True
    return False


@kernel
def value_accounts(
    h: HoldingColumns,
    values: ValueColumns,
    cash: CashColumns,
    limits: LimitColumns,
    accounts: Int64s,
    equity: Float64s,
    trusted: Bools,
) -> None:
    """Set the rows of accounts in equity float64[account, silo] and trusted bool[account, silo].

    The haircut of a foreign currency is on what is left of its balance with the contracts that settle in it daily:
    their entry stands in the balance with the other sign.
    """
    room = _Room(
        np.zeros(len(limits.silo)), np.zeros(equity.shape[1]), np.zeros((equity.shape[1], len(cash.rate)))
    )
    _value_accounts(h, values, cash, limits, accounts, room, equity, trusted)


class _Room(NamedTuple):
    """Scratch: worth by group, zero between uses; equity before limits, by silo; balances by silo and currency."""

    in_group: Float64s
    before: Float64s
    balance: Float64s


@in_place
def _value_accounts(
    h: HoldingColumns,
    values: ValueColumns,
    cash: CashColumns,
    limits: LimitColumns,
    accounts: Int64s,
    room: _Room,
    equity: Float64s,
    trusted: Bools,
) -> None:
    in_group, before, balance = room
    for i in range(len(accounts)):
        account = accounts[i]
        home = cash.settlement[account]
        for silo in range(equity.shape[1]):
            dollars = cash.cash[account, silo, 0]
            equity[account, silo] = dollars * cash.kept[home, silo, 0] if dollars > 0.0 else dollars
            trusted[account, silo] = True
            for currency in range(1, len(cash.rate)):
                balance[silo, currency] = cash.cash[account, silo, currency] * cash.rate[currency]
                if cash.rate[currency] == 0.0 and cash.cash[account, silo, currency] != 0.0:
                    trusted[account, silo] = False
        grouped = False
        for slot in range(h.first[account], h.first[account] + h.held[account]):
            key = h.key[slot]
            instrument, silo = key >> INSTRUMENT_SHIFT, (key >> 1) & 7
            quantity = h.quantity[slot]
            worth = quantity * values.value_usd[instrument]
            if key & 1 and quantity > 0.0:
                haircut, name = values.haircut[instrument, silo], values.name[instrument]
                haircut += cash.mismatch[home, silo, values.currency[instrument]]
                if name >= 0:
                    if name == limits.owner[account]:
                        haircut += limits.own_issuer[silo]
                    if limits.same_name[silo] > 0.0 and _falls_with(h, values, account, silo, name):
                        haircut += limits.same_name[silo]
                worth = min(quantity, values.most[instrument, silo]) * values.value_usd[instrument]
                worth *= 1.0 - min(haircut, 1.0)
                if values.group[instrument, silo] >= 0:
                    in_group[values.group[instrument, silo]] += worth
                    grouped = True
            if values.in_balance[instrument] and key & 1 == 0:
                balance[silo, cash.number[values.currency[instrument]]] += worth
            else:
                equity[account, silo] += worth
            if values.doubtful[instrument]:
                trusted[account, silo] = False
        for silo in range(equity.shape[1]):
            for currency in range(1, len(cash.rate)):
                left = balance[silo, currency]
                equity[account, silo] += left * cash.kept[home, silo, currency] if left > 0.0 else left
        if grouped:  # what groups count beyond their limits, on the equity before any limit
            for silo in range(equity.shape[1]):
                before[silo] = max(equity[account, silo], 0.0)
            for group in range(len(in_group)):
                if in_group[group] > 0.0:
                    silo = limits.silo[group]
                    most = limits.largest_usd[group]
                    if limits.share[group] <= 1.0:
                        most = min(most, limits.share[group] * before[silo])
                    equity[account, silo] -= max(in_group[group] - most, 0.0)
                in_group[group] = 0.0
