"""The walks of a refresh: from what has news to all that rests on it, and which risk prices must move."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.kernel import in_place, kernel
from engine.market.instruments import Product
from engine.market.market import DUE, HELD, MOVED, PRODUCT_CODE, RENEWED, REPRICED, Market
from engine.market.view import Bools, Float64s, Int64s

_QUOTE, _SWAP = PRODUCT_CODE[Product.PAR_RATE], PRODUCT_CODE[Product.INTEREST_RATE_SWAP]


class Links(NamedTuple):
    """What rests on what; columns of :class:`engine.market.market.Market`."""

    product: NDArray[np.int8]
    model: NDArray[np.int8]
    underlying: Int64s
    fx: Int64s
    foreign: Bools
    first_option: Int64s
    next_option: Int64s
    first_foreign: Int64s
    next_foreign: Int64s


class Prices(NamedTuple):
    """Live prices, or risk prices."""

    mark: Float64s
    volatility: Float64s
    priced: Bools


def links_of(market: Market) -> Links:
    """The market's own columns, not copies."""
    return Links(*(getattr(market, name) for name in Links._fields))


@kernel
def reach(news: NDArray[np.int8], count: int, links: Links, valued: Bools, reached: Bools) -> Int64s:
    """int64[m]: slots with news and what rests directly on those that moved; fills bool[count] both.

    ``valued``: the market value may have changed: a slot's own, or that of the instruments in its currency.
    """
    slots = np.empty(count, np.int64)
    m = 0
    for slot in range(count):
        if news[slot] == 0:
            continue
        if not reached[slot]:
            reached[slot] = True
            slots[m] = slot
            m += 1
        if not news[slot] & MOVED:
            continue
        valued[slot] = True
        option = links.first_option[slot]
        while option >= 0:
            if not reached[option]:
                reached[option] = True
                slots[m] = option
                m += 1
            option = links.next_option[option]
        other = links.first_foreign[slot]
        while other >= 0:
            valued[other] = True
            if not reached[other]:
                reached[other] = True
                slots[m] = other
                m += 1
            other = links.next_foreign[other]
    return slots[:m]


@kernel
def to_solve(
    slots: Int64s, news: NDArray[np.int8], links: Links, live: Prices, quoted: Float64s, options: bool
) -> Int64s:
    """int64[k]: options whose volatility must be solved; quoted ones are set here, unknowable ones to NaN.

    Without ``options`` only those that have none so far.
    """
    wanted = np.empty(len(slots), np.int64)
    k = 0
    for slot in slots:
        none = math.isnan(live.volatility[slot])
        if links.model[slot] == 0 or not (none or (options and news[slot] & REPRICED)):
            continue
        underlying = links.underlying[slot]
        if not math.isnan(quoted[slot]):
            live.volatility[slot] = quoted[slot]
        elif underlying >= 0 and math.isfinite(live.mark[slot]) and math.isfinite(live.mark[underlying]):
            wanted[k] = slot
            k += 1
        else:
            live.volatility[slot] = math.nan
    return wanted[:k]


@in_place
def settle_priced(slots: Int64s, links: Links, live: Prices, valued: Bools) -> None:
    """Renew ``priced``; a slot for which it changes is ``valued``."""
    for slot in slots:
        priced = math.isfinite(live.mark[slot])
        if links.foreign[slot]:
            priced = priced and links.fx[slot] >= 0 and math.isfinite(live.mark[links.fx[slot]])
        if links.model[slot] > 0:
            underlying = links.underlying[slot]
            priced = priced and underlying >= 0 and math.isfinite(live.mark[underlying])
            priced = priced and math.isfinite(live.volatility[slot])
        if priced != live.priced[slot]:
            live.priced[slot] = priced
            valued[slot] = True


@in_place
def _bears_option(slot: int, links: Links) -> bool:
    option = links.first_option[slot]
    while option >= 0 and links.model[option] == 0:
        option = links.next_option[option]
    return bool(option >= 0)


@in_place
def _is_costly(slot: int, links: Links) -> bool:
    """An option, a swap, or what they rest on but for FX rates."""
    product = links.product[slot]
    return links.model[slot] > 0 or product in (_QUOTE, _SWAP) or _bears_option(slot, links)


@in_place
def waits_for_options(slot: int, links: Links) -> bool:
    """Whether the slot's risk price moves only when options are refreshed.

    So do options and swaps, and all that they rest on: whatever is charged together rests on prices of one instant.
    """
    if _is_costly(slot, links):
        return True
    other = links.first_foreign[slot]
    while other >= 0 and not _is_costly(other, links):
        other = links.next_foreign[other]
    return bool(other >= 0)


@in_place
def is_off(live: float, held: float, bound: float) -> bool:
    """Whether a risk price must follow: by more than the bound, or between unknown and known."""
    if math.isnan(live) and math.isnan(held):
        return False
    return not abs(live - held) <= bound


@in_place
def _own_price_off(
    slot: int, links: Links, live: Prices, risk: Prices, price_tolerance: float, volatility_tolerance: float
) -> bool:
    reference = slot
    if links.model[slot] > 0 and links.underlying[slot] >= 0:
        reference = links.underlying[slot]
    size = abs(risk.mark[reference])
    bound = price_tolerance * size if math.isfinite(size) else 0.0
    if is_off(live.mark[slot], risk.mark[slot], bound):
        return True
    if links.model[slot] == 0:
        return False
    held = risk.volatility[slot]
    return is_off(live.volatility[slot], held, volatility_tolerance * abs(held))


@kernel
def move_risk_prices(
    slots: Int64s,
    news: NDArray[np.int8],
    links: Links,
    live: Prices,
    risk: Prices,
    price_tolerance: float,
    volatility_tolerance: float,
    options: bool,
) -> Bools:
    """Move risk prices that are off, and those of options whose risk must be made anyway; takes the news.

    Works through a queue: a slot whose risk is due makes the risk of all that rests on it due.

    Returns:
        bool[count]: the slots whose risk must be made anew.
    """
    count = len(news)
    due, queued, passed_on = np.zeros(count, np.bool_), np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    forced = np.zeros(count, np.bool_)
    queue = np.empty(len(slots) + 2 * count, np.int64)  # a slot passes on once, and rests on two at most
    queue[: len(slots)] = slots
    queued[slots] = True
    end, place = len(slots), 0
    while place < end:
        slot = queue[place]
        place += 1
        queued[slot] = False
        option = links.model[slot] > 0
        changed = live.priced[slot] != risk.priced[slot]
        first = math.isnan(risk.mark[slot]) and not math.isnan(live.mark[slot])
        # Forced: it rests on what did not wait.
        if not (options or changed or first or forced[slot]) and waits_for_options(slot, links):
            if news[slot] & RENEWED:
                news[slot] |= DUE
            if news[slot] & MOVED:
                news[slot] |= HELD
            news[slot] &= DUE | REPRICED | HELD
            continue
        forced[slot] |= (news[slot] & (RENEWED | DUE)) != 0
        news[slot] = 0
        off = _own_price_off(slot, links, live, risk, price_tolerance, volatility_tolerance)
        if off or (option and forced[slot]):
            risk.mark[slot] = live.mark[slot]
            risk.volatility[slot] = live.volatility[slot]
        if not (off or changed or forced[slot]):
            continue
        due[slot] |= live.priced[slot] or risk.priced[slot]
        risk.priced[slot] = live.priced[slot]
        if passed_on[slot]:
            continue
        passed_on[slot] = True
        for dependent_of in range(2):
            dependent = links.first_option[slot] if dependent_of == 0 else links.first_foreign[slot]
            while dependent >= 0:
                forced[dependent] = True
                if not queued[dependent]:
                    queued[dependent] = True
                    queue[end] = dependent
                    end += 1
                dependent = (
                    links.next_option[dependent] if dependent_of == 0 else links.next_foreign[dependent]
                )
    return due
