"""Security futures beside stock and options of the same underlying: what futures take of them, and what they leave.

What is left is paired as if there were no futures. What futures take asks for less with them, but may be missed
elsewhere: a put that protects a contract protects no stock. So amounts taken are searched by branch and bound over
boxes: at least so much and at most so much of each partner. What is left after the least amounts is paired; the prices
that prove its bound say what a further unit is worth to it at the most, and the best way to share the contracts out at
these worths bounds every choice of the box. Where boxes are left after so many, their least bound is told.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from engine.rules.strategy.book import Book, FuturePosition, Pairing
from engine.rules.strategy.formulas import Terms
from engine.rules.strategy.futures_sharing import Offer, Shared, by_size, partners, shared_out
from engine.rules.strategy.futures_uses import future_alone_usd
from engine.rules.strategy.pairing import least_pairing, priced_pairing
from engine.rules.strategy.tableau import Float64s

STEPS = 8
FEWEST_BOXES, MOST_BOXES = 8, 400
BOXES_OF_ONE_OPTION = 14_400  # to pair what is left takes about the square of the options
_CENT_USD = 0.005
_SHARE = 1e-6
Amounts = tuple[int, ...]  # of each partner
Choice = tuple[Amounts, Amounts, float]  # least and most, and a bound that is known already


def least_pairing_with_futures(book: Book, terms: Terms, most_boxes: int | None = None) -> Pairing:
    """The pairing with the least published requirement, and the bound that proves it.

    Args:
        most_boxes: how many to look at; None = by the size of the book.
    """
    if not book.futures:
        return least_pairing(book, terms)
    if most_boxes is None:
        boxes = BOXES_OF_ONE_OPTION // max(len(book.options), 1) ** 2
        most_boxes = min(max(boxes, FEWEST_BOXES), MOST_BOXES)
    return _Search(book, terms).least(most_boxes)


class _Box(NamedTuple):
    """Choices of amounts. None asks for less than ``bound_usd``; the best one by that bound takes ``taken``."""

    bound_usd: float
    number: int
    least: Amounts
    most: Amounts
    taken: Amounts
    stakes_usd: tuple[float, ...]


class _Shown(NamedTuple):
    """What prices of positions show of a box: its bound, the uses that are best by them, what these take."""

    bound_usd: float
    shared: tuple[Shared, ...]
    taken: Amounts


class _Search:
    def __init__(self, book: Book, terms: Terms) -> None:
        self._book, self._terms = book, terms
        self._sizes = by_size(book.futures)
        self._partners = [one for own in self._sizes for one in partners(book, terms, own)]
        self._alone_usd = math.fsum(future_alone_usd(terms, one) * abs(one.count) for one in book.futures)
        self._counts = np.array([abs(position.count) for position in book.options] + [abs(book.shares)])
        self._known: dict[tuple[float, ...], tuple[Pairing, Float64s]] = {}
        self._looked_at = 0
        self._best = Pairing((), math.inf, -math.inf)

    def least(self, most_boxes: int) -> Pairing:
        """Boxes with the least bound first."""
        nothing, everything = tuple(0 for _ in self._partners), tuple(one.most for one in self._partners)
        prices = self._agreed_prices(nothing, everything)
        bound = math.inf  # of boxes that cannot be split
        boxes: list[_Box] = []
        new: list[Choice] = [(nothing, everything, -math.inf)]
        while True:
            for least, most, above in new:
                box = self._box(least, most, above, prices)
                if box is None:
                    continue
                if box.least == box.most:
                    bound = min(bound, box.bound_usd)
                else:
                    heapq.heappush(boxes, box)
            if not boxes or boxes[0].bound_usd >= self._best.published_usd - _CENT_USD:
                break
            if self._looked_at >= most_boxes:
                break
            new = _split(heapq.heappop(boxes))
        bound = min(bound, self._best.published_usd, *(box.bound_usd for box in boxes))
        return replace(self._best, lower_bound_usd=bound)

    def _agreed_prices(self, least: Amounts, most: Amounts) -> Float64s:
        """float64[options + 1], as :meth:`_prices`: what futures take at them is nearly what they cost the rest.

        Prices that prove a bound may be mixed, and prove the mixed one. Each step mixes in the prices of what futures
        leave at the present ones, and tries what they take; the mix with the greatest bound is given.
        """
        prices = self._prices(least)
        best = self._shown(least, most, prices).bound_usd, prices
        for step in range(STEPS):
            shown = self._shown(least, most, prices)
            self._try(least, most, shown, prices)
            best = max(best, (shown.bound_usd, prices), key=lambda pair: pair[0])
            if best[0] >= self._best.published_usd - _CENT_USD:
                break
            part = 2.0 / (step + 3.0)
            prices = (1.0 - part) * prices + part * self._prices(shown.taken)
        return best[1]

    def _box(self, least: Amounts, most: Amounts, above_usd: float, agreed: Float64s) -> _Box | None:
        """Bound the box and try its best choice; None where there is not so much stock."""
        room = abs(self._book.shares) - self._shares(least)
        if room < -_SHARE:
            return None
        most = tuple(
            amount if one.option >= 0 else min(amount, low + math.floor(room / one.units + _SHARE))
            for one, low, amount in zip(self._partners, least, most, strict=True)
        )
        own = self._prices(least)
        shown, prices = max(
            ((self._shown(least, most, prices), prices) for prices in (own, agreed)),
            key=lambda pair: pair[0].bound_usd,
        )
        self._try(least, most, shown, prices)
        bound = shown.bound_usd
        if least == most:
            exact = self._rest(least).lower_bound_usd - math.fsum(self._left(least) * prices)
            bound += max(exact, 0.0)
        self._looked_at += 1
        stakes = tuple(
            one.alone_usd - worth for one, worth in zip(self._partners, self._worths(prices), strict=True)
        )
        return _Box(max(bound, above_usd), self._looked_at, least, most, shown.taken, stakes)

    def _shown(self, least: Amounts, most: Amounts, prices: Float64s) -> _Shown:
        """No choice of the box asks for less than these prices say; and the best uses by them."""
        worths, held = self._worths(prices), abs(self._book.shares)
        shared = tuple(self._shared((least, most), worths, own, held) for own in self._sizes)
        outside = self._alone_usd + math.fsum(
            low * one.alone_usd for low, one in zip(least, self._partners, strict=True)
        )
        bound = math.fsum(self._left(least) * prices) + outside - math.fsum(part.saved_usd for part in shared)
        return _Shown(bound, shared, self._taken(shared))

    def _worths(self, prices: Float64s) -> list[float]:
        """USD that one of each partner is worth to what is left, never more than what it asks alone."""
        return [
            min(one.alone_usd, float(prices[one.option]) * (one.units if one.option < 0 else 1.0))
            for one in self._partners
        ]

    def _left(self, taken: Amounts) -> Float64s:
        """float64[options + 1]: contracts left, and last the shares."""
        left = self._counts.copy()
        for one, amount in zip(self._partners, taken, strict=True):
            left[one.option] -= amount * (one.units if one.option < 0 else 1.0)
        left[np.abs(left) < _SHARE] = 0.0
        return left

    def _rest(self, taken: Amounts) -> Pairing:
        """What futures leave, paired."""
        return self._paired(self._left(taken))[0]

    def _prices(self, taken: Amounts) -> Float64s:
        """float64[options + 1]: prices of contracts, and last of a share, that prove a bound of what is left and of
        any book with less; one contract of each is kept so that it has a price."""
        least_left = np.minimum(self._counts, 1.0)
        stock = [one.units for one in self._partners if one.option < 0]
        least_left[-1] = min(self._counts[-1], max(stock, default=0.0))
        return self._paired(np.maximum(self._left(taken), least_left))[1]

    def _paired(self, left: Float64s) -> tuple[Pairing, Float64s]:
        """The pairing of so much of each position and prices; each such book once."""
        key = tuple(left.tolist())
        if key not in self._known:
            kept = np.flatnonzero(left[:-1] > 0.0)
            options = tuple(
                replace(
                    self._book.options[place],
                    count=round(math.copysign(left[place], self._book.options[place].count)),
                )
                for place in kept.tolist()
            )
            shares = math.copysign(left[-1], self._book.shares) if left[-1] else 0.0
            book = replace(self._book, shares=shares, options=options, futures=())
            pairing, found = priced_pairing(book, self._terms)
            prices = np.zeros(len(left))
            prices[kept], prices[-1] = found.options, found.share
            self._known[key] = pairing, prices
        return self._known[key]

    def _shared(
        self,
        box: tuple[Amounts, Amounts],
        worths: Sequence[float],
        futures: Sequence[FuturePosition],
        room: float,
    ) -> Shared:
        """Contracts of one size; with stock for ``room`` shares at most."""
        offers = []
        for one, worth, low, high in zip(self._partners, worths, *box, strict=True):
            if one.units != futures[0].units:
                continue
            if one.option < 0:
                high = min(high, math.floor(room / one.units + _SHARE))
                low = min(low, high)
            offers += [Offer(one, low, one.alone_usd), Offer(one, high - low, worth)]
        return shared_out(self._book, self._terms, futures, offers)

    def _in_turn(self, least: Amounts, most: Amounts, worths: Sequence[float]) -> list[Shared]:
        """Sizes one after the other, each with the stock that those before it leave."""
        found: list[Shared] = []
        for own in self._sizes:
            room = abs(self._book.shares) - self._shares(self._taken(found))
            found.append(self._shared((least, most), worths, own, room))
        return found

    def _taken(self, shared: Sequence[Shared]) -> Amounts:
        return tuple(sum(part.taken.get(one, 0) for part in shared) for one in self._partners)

    def _shares(self, amounts: Amounts) -> float:
        return math.fsum(
            amount * one.units for one, amount in zip(self._partners, amounts, strict=True) if one.option < 0
        )

    def _try(self, least: Amounts, most: Amounts, shown: _Shown, prices: Float64s) -> None:
        """Keep these uses with the best pairing of what they leave, if that asks for less than any before."""
        shared: Sequence[Shared] = shown.shared
        if self._shares(shown.taken) > abs(self._book.shares) + _SHARE:
            shared = self._in_turn(least, most, self._worths(prices))
        rest = self._rest(self._taken(shared))
        strategies = (*rest.strategies, *(one for part in shared for one in part.strategies))
        published = math.fsum(one.published_usd * one.times for one in strategies)
        if published < self._best.published_usd:
            self._best = Pairing(strategies, published, published)


def _split(box: _Box) -> list[Choice]:
    """In two, where the best choice of the box takes most more than it must; else where it may take any."""
    free = [place for place, (low, high) in enumerate(zip(box.least, box.most, strict=True)) if low < high]
    more = [max(box.taken[place] - box.least[place], 0) * box.stakes_usd[place] for place in free]
    place = free[max(range(len(free)), key=more.__getitem__)]
    at = max(box.taken[place], box.least[place] + 1)
    return [
        (box.least, _with(box.most, place, at - 1), box.bound_usd),
        (_with(box.least, place, at), box.most, box.bound_usd),
    ]


def _with(amounts: Amounts, place: int, amount: int) -> Amounts:
    return (*amounts[:place], amount, *amounts[place + 1 :])
