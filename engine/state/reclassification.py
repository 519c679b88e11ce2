"""A product changes its silo, for all accounts or for some: what follows it, as effects on holdings and cash.

Afterwards everything lies where an engine with the new classification would have put it from the start: positions
without a silo of their own, the cash that their trades moved, and the cash that start-of-day positions with daily
settlement brought. Whatever was booked with a silo of its own, and all deposits, stay.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.market.market import PRODUCT_CODE
from engine.portfolio.holdings import Holdings
from engine.portfolio.ledger import Effects, Ledger
from engine.portfolio.opened_silos import CASH_PRODUCTS

Bools = NDArray[np.bool_]
Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

# Below this share of what lies in a silo a difference is rounding, not a position.
_DUST = 1e-12


def reclassified(
    holdings: Holdings,
    ledgers: Sequence[Ledger],
    former: Int64s,
    silos: Int64s,
    moved: Bools,
    product: NDArray[np.int8],
    accounts: Bools,
) -> Effects:
    """What to apply to ``holdings``; the ledgers' entries have their new silos when this returns.

    Args:
        ledgers: trades of all partitions.
        former, silos: int64 by instrument slot, silo index before and after. moved: bool, where they differ.
        product: int8 by instrument slot, product code.
        accounts: bool by account slot, whose holdings these are.
    """
    staying = _pinned(holdings, moved)
    parts: list[Effects] = []
    for ledger in ledgers:
        trades, own = ledger.reclassify(silos, moved, accounts)
        parts += _cash_moves(
            trades.account, former[trades.instrument], silos[trades.instrument], trades.cash, trades.currency
        )
        for account, instrument, silo, quantity in zip(
            own.account.tolist(),
            own.instrument.tolist(),
            own.silo.tolist(),
            own.quantity.tolist(),
            strict=True,
        ):
            staying[account, instrument, silo] = staying.get((account, instrument, silo), 0.0) + quantity
    parts += _opened_cash(holdings, former, silos, moved, product, accounts)
    parts += _positions(holdings, former, silos, moved, staying, accounts)
    return Effects(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Effects.__dataclass_fields__)
    )


def _pinned(holdings: Holdings, moved: Bools) -> dict[tuple[int, int, int], float]:
    """Start-of-day quantities with a silo of their own, by account, instrument and silo."""
    pinned: dict[tuple[int, int, int], float] = {}
    for account, positions in holdings.opened.pinned.items():
        for instrument, silo, quantity in positions:
            if moved[instrument]:
                pinned[account, instrument, silo] = pinned.get((account, instrument, silo), 0.0) + quantity
    return pinned


def _cash_moves(
    account: Int64s, former: Int64s, silo: Int64s, cash: Float64s, currency: Int64s
) -> list[Effects]:
    """Amounts that leave one silo for another."""
    none, nothing, count = np.full(len(account), -1, np.int64), np.zeros(len(account)), len(account)
    pure = np.zeros(count, np.bool_)
    return [
        Effects(account, none, former, pure, nothing, -cash, currency, none),
        Effects(account, none, silo, pure, nothing, cash, currency, none),
    ]


def _opened_cash(
    holdings: Holdings,
    former: Int64s,
    silos: Int64s,
    moved: Bools,
    product: NDArray[np.int8],
    concerned: Bools,
) -> list[Effects]:
    """Cash that start-of-day positions brought, of the products that move."""
    parts: list[Effects] = []
    for place, moving in enumerate(CASH_PRODUCTS):
        example = np.flatnonzero(moved & (product == PRODUCT_CODE[moving]))[:1]
        if len(example) == 0:
            continue
        accounts, currencies = np.nonzero(
            holdings.opened.cash[: len(concerned), place] * concerned[:, np.newaxis]
        )
        everywhere = np.full(len(accounts), example[0])
        amounts = holdings.opened.cash[accounts, place, currencies]
        parts += _cash_moves(accounts, former[everywhere], silos[everywhere], amounts, currencies)
    return parts


def _positions(
    holdings: Holdings,
    former: Int64s,
    silos: Int64s,
    moved: Bools,
    staying: dict[tuple[int, int, int], float],
    accounts: Bools,
) -> list[Effects]:
    """Positions in the former silo, less what was booked there with a silo of its own.

    The two may add up to nothing, which is no holding: then only ``staying`` says that there is something to move.
    """
    held = holdings.of(np.flatnonzero(holdings.held).astype(np.int64))
    mine = held.only(~held.collateral & moved[held.instrument] & accounts[held.account])
    mine = mine.only(mine.silo == former[mine.instrument])
    keys: list[tuple[int, int, int]] = []
    if staying:
        keys = list(zip(mine.account.tolist(), mine.instrument.tolist(), mine.silo.tolist(), strict=True))
    stays = np.array([staying.get(key, 0.0) for key in keys]) if staying else np.zeros(len(mine.account))
    leaving = mine.quantity - stays
    leaving[np.abs(leaving) <= _DUST * np.abs(stays)] = 0.0
    cancelled = [key for key in staying.keys() - set(keys) if key[2] == former[key[1]] and accounts[key[0]]]
    more = np.array(sorted(cancelled), np.int64).reshape(len(cancelled), 3)
    account = np.concatenate([mine.account, more[:, 0]])
    instrument = np.concatenate([mine.instrument, more[:, 1]])
    silo = np.concatenate([mine.silo, more[:, 2]])
    leaving = np.concatenate([leaving, [-staying[key] for key in sorted(cancelled)]])
    nothing, cash = np.zeros(len(leaving), np.bool_), np.zeros(len(leaving))
    currency, none = np.zeros(len(leaving), np.int64), np.full(len(leaving), -1, np.int64)
    return [
        Effects(account, instrument, silo, nothing, -leaving, cash, currency, none),
        Effects(account, instrument, silos[instrument], nothing, leaving, cash, currency, none),
    ]
