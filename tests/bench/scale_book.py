"""Positions of any number of accounts, twenty each, as columns.

Account types follow the simulator's firm of 1,000 accounts (seed 7): 1.44 silos an account, and the shares of
products among its positions. The simulator has no account in three silos; 1.5 % are added and the mean is kept.
Popularity within a product falls as a power of the rank. One instrument is held by half of all accounts, two
by one in a hundred. The same number of accounts makes the same firm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import SILO_INDEX, Product, Silo
from streams.parameters import load_policy
from tests.bench.scale_market import HALF, HUNDREDTH, SEED, WITH_CHAIN, Market, market

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]

POSITIONS: Final = 20
BLOCK: Final = 1_000  # accounts are drawn in blocks, in each of which half and a hundredth are exact

# Shares of accounts by the silos that they use, and which of the twenty positions lies in which silo.
_SECURITIES, _FUTURES, _DIGITAL = (
    SILO_INDEX[silo] for silo in (Silo.SECURITIES, Silo.FUTURES, Silo.DIGITAL_ASSETS)
)
_KINDS: Final = (
    (0.355, {_SECURITIES: 20}),
    (0.265, {_SECURITIES: 13, _FUTURES: 7}),
    (0.015, {_SECURITIES: 10, _FUTURES: 6, _DIGITAL: 4}),
    (0.220, {_FUTURES: 20}),
    (0.145, {_FUTURES: 13, _DIGITAL: 7}),
)
_WITH_SECURITIES: Final = 3  # the first so many kinds
# Shares of products among the positions of a silo.
_PRODUCTS: Final = {
    _SECURITIES: {Product.EQUITY_OPTION: 0.61, Product.EQUITY: 0.25, Product.ETF: 0.125, Product.INDEX_OPTION: 0.015},
    _FUTURES: {Product.FUTURE: 0.74, Product.PERPETUAL: 0.22, Product.FUTURE_OPTION: 0.03, Product.CRYPTO_FUTURE: 0.01},
    _DIGITAL: {Product.CRYPTO_SPOT: 0.93, Product.STABLECOIN: 0.07},
}  # fmt: skip
_POPULARITY_EXPONENT: Final = 0.8
_TYPICAL_USD, _SPREAD = 200_000.0, 1.0
_LONG_SHARE: Final = 0.6


@dataclass(frozen=True)
class Book:
    """Positions of all accounts.

    Attributes:
        place: int32[accounts, 20], of the instrument in the market; grouped by silo.
        quantity: float64[accounts, 20].
        silo: int8[accounts, 20].
    """

    market: Market
    place: NDArray[np.int32]
    quantity: Float64s
    silo: NDArray[np.int8]

    @property
    def accounts(self) -> int:
        return len(self.place)

    def silos_per_account(self) -> float:
        """Mean number of silos that an account holds anything in."""
        return 1.0 + float((np.diff(self.silo, axis=1) != 0).sum()) / self.accounts

    def holders(self, instrument_id: str, options: bool = False) -> int:
        """Accounts that hold an instrument, or one of the ``options`` on it."""
        held = self.place == self.market.place[instrument_id]
        if options:
            on_it = [each.underlying == instrument_id for each in self.market.instruments]
            held |= np.array(on_it)[self.place]
        return int(held.any(axis=1).sum())


def book(accounts: int) -> Book:
    """Draw the positions; ``accounts`` is a multiple of :data:`BLOCK`."""
    assert accounts % BLOCK == 0, f"{accounts} accounts are not a multiple of {BLOCK}"
    listed = market(load_policy().rate)
    places, silos = [], []
    for number in range(accounts // BLOCK):
        draws = np.random.default_rng([SEED, number])
        kind, fixed = _kinds(listed, draws)
        place, silo = _block(listed, kind, fixed, draws)
        places.append(place)
        silos.append(silo)
    place = np.concatenate(places)
    return Book(listed, place, _quantities(listed, place), np.concatenate(silos))


def _kinds(listed: Market, draws: np.random.Generator) -> tuple[Int64s, NDArray[np.int32]]:
    """Kind of each account of a block, and int32[BLOCK, 2] places that it holds for certain (-1 = none)."""
    shares = np.array([share for share, _ in _KINDS])
    securities = shares[:_WITH_SECURITIES].sum()
    rank = draws.permutation(BLOCK)
    has_half = rank < BLOCK // 2
    # The other half of the accounts makes up for it, so that all kinds have their share.
    odds = 2.0 * shares
    odds[:_WITH_SECURITIES] *= (securities - 0.5) / securities
    kind = np.where(
        has_half,
        draws.choice(_WITH_SECURITIES, BLOCK, p=shares[:_WITH_SECURITIES] / securities),
        draws.choice(len(_KINDS), BLOCK, p=odds / odds.sum()),
    )
    fixed = np.full((BLOCK, 2), -1, np.int32)
    fixed[has_half, 0] = listed.place[HALF]
    fixed[rank < BLOCK // 100, 1] = listed.place[HUNDREDTH]
    second = (rank >= BLOCK // 100) & (rank < 2 * (BLOCK // 100))
    fixed[second, 1] = listed.place[WITH_CHAIN]
    return kind, fixed


def _block(
    listed: Market, kind: Int64s, fixed: NDArray[np.int32], draws: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Twenty different instruments for each account, and their silos."""
    patterns = np.array([np.repeat(list(parts), list(parts.values())) for _, parts in _KINDS], np.int8)
    silo = patterns[kind]
    place = np.full(silo.shape, -1, np.int32)
    place[:, :2] = np.where(silo[:, :2] == _SECURITIES, fixed, -1)
    missing = place < 0
    while missing.any():
        for number in _PRODUCTS:
            wanted = missing & (silo == number)
            place[wanted] = _drawn(listed, number, int(wanted.sum()), draws)
        missing = _repeated(place)
    return place, silo


def _drawn(listed: Market, silo: int, count: int, draws: np.random.Generator) -> NDArray[np.int32]:
    """Places of instruments of a silo by popularity; never those whose holders are counted out."""
    counted = [listed.place[name] for name in (HALF, HUNDREDTH, WITH_CHAIN)]
    choices, weights = [], []
    for product, share in _PRODUCTS[silo].items():
        places = np.setdiff1d(listed.places(product), counted)
        # Which instrument is popular has nothing to do with where it stands in the list.
        order = np.random.default_rng([SEED, len(places)]).permutation(places)
        popularity = np.arange(1, len(order) + 1) ** -_POPULARITY_EXPONENT
        choices.append(order)
        weights.append(share * popularity / popularity.sum())
    edges = np.cumsum(np.concatenate(weights))
    index = np.searchsorted(edges / edges[-1], draws.random(count), side="right")
    drawn: NDArray[np.int32] = np.concatenate(choices).astype(np.int32)[index]
    return drawn


def _repeated(place: NDArray[np.int32]) -> NDArray[np.bool_]:
    """bool[n, 20]: the account holds the same instrument in an earlier column."""
    order = np.argsort(place, axis=1, kind="stable")
    ordered = np.take_along_axis(place, order, axis=1)
    repeated = np.zeros(place.shape, np.bool_)
    np.put_along_axis(repeated, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return repeated


def _quantities(listed: Market, place: NDArray[np.int32]) -> Float64s:
    """Log-normal sizes in USD as whole contracts, more long than short."""
    draws = np.random.default_rng([SEED, len(place), 1])
    usd = _TYPICAL_USD * np.exp(_SPREAD * draws.standard_normal(place.shape))
    side = np.where(draws.random(place.shape) < _LONG_SHARE, 1.0, -1.0)
    return side * np.maximum(np.round(usd / listed.notional_usd[place]), 1.0)
