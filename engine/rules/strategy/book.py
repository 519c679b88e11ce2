"""One underlying's positions: stock, option contracts by count, and which options may share a strategy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.rules.strategy.formulas import CALL, PUT, Contract
from engine.rules.strategy.parameters import PAIRWISE


@dataclass(frozen=True, slots=True)
class OptionPosition:
    """Whole contracts, signed."""

    contract: Contract
    count: int


@dataclass(frozen=True, slots=True)
class FuturePosition:
    """A security future: whole contracts, signed; ``price`` in USD a unit, ``units`` of the underlying a contract."""

    name: str
    count: int
    price: float
    units: float


@dataclass(frozen=True, slots=True)
class Book:
    """What one account holds of one underlying; ``shares`` is signed."""

    underlying: str
    shares: float
    options: tuple[OptionPosition, ...]
    futures: tuple[FuturePosition, ...] = ()


@dataclass(frozen=True, slots=True)
class Strategy:
    """A group of positions that is margined as one, so many times.

    Attributes:
        options: the contracts of one group and their signed counts in it.
        shares: of one group, signed.
        published_usd: of one group.
        times: how often the pairing has it.
        futures: names of the security futures of one group and their signed counts in it.
    """

    name: str
    options: tuple[tuple[Contract, int], ...]
    shares: float
    published_usd: float
    times: int = 1
    futures: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Pairing:
    """A way to margin a book; ``lower_bound_usd`` is proven: no permitted pairing asks for less."""

    strategies: tuple[Strategy, ...]
    published_usd: float
    lower_bound_usd: float


def may_spread(longs: Sequence[Contract], shorts: Sequence[Contract], spread_expiries: str) -> bool:
    """Whether these contracts (one entry a contract) may form one spread.

    Same exercise style, same units, as many long as short calls and puts, short ones expiring first.
    """
    if len({(option.european, option.units) for option in (*longs, *shorts)}) != 1:
        return False
    if _count(longs) != _count(shorts):
        return False
    if spread_expiries == PAIRWISE:
        return all(_pairwise(longs, shorts, right) for right in (CALL, PUT))
    return max(option.expiry_ns for option in shorts) <= min(option.expiry_ns for option in longs)


def _count(options: Iterable[Contract]) -> tuple[int, int]:
    rights = [option.right for option in options]
    return rights.count(CALL), len(rights) - rights.count(CALL)


def _pairwise(longs: Sequence[Contract], shorts: Sequence[Contract], right: str) -> bool:
    """Sorted by expiry, the latest short meets the latest long and so on: feasible if any matching is."""
    long_expiries = sorted(option.expiry_ns for option in longs if option.right == right)
    short_expiries = sorted(option.expiry_ns for option in shorts if option.right == right)
    return all(short <= long for short, long in zip(short_expiries, long_expiries, strict=True))
