"""What an evaluation pass brings under the intraday margin rule: transactions are looked at, days are closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.market.instruments import Silo
from engine.shortfall.call_response import Response
from engine.shortfall.intraday_account import IntradayEvent
from engine.shortfall.intraday_parameters import IntradayRule, Method
from engine.shortfall.intraday_standing import Seen, Standing, close, look
from engine.state.core import EngineCore
from engine.state.intraday_book import SECURITIES, IntradayBook, Noted
from engine.state.intraday_look import MOST_AT_ONE_TIME, Look
from engine.state.pairing_book import PairingBook

Int64s = NDArray[np.int64]
_CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class IntradayMove:
    """An event and the standing that it leaves; events of one account and pass have the same one.

    Attributes:
        stale: a price that the figures rest on is older than its limit.
        response: the answer that brought it.
    """

    event: IntradayEvent
    standing: Standing
    partition: int
    as_of_ns: int
    stale: bool
    response: Response | None = None


def intraday_moves(
    engine: EngineCore, evaluated: Int64s, now_ns: int, most: int | None = None
) -> list[IntradayMove]:
    """Look at what is due, accounts in slot order, and keep the new standings: publish the events, or drop the
    partition.

    Args:
        evaluated: int64[a] account slots of the evaluation that has just been made.
        most: transactions, of one account and of all together, that are looked at now; the rest is due at the next
            pass whatever that evaluates, accounts that were put off before others. None: all of them. Transactions
            of one time, and a day of the end-of-day method, are never divided.
    """
    book = engine.intraday
    if book.rule is None:
        return []
    today = book.rule.trading.day_at(now_ns)
    moves: list[IntradayMove] = []
    left = most
    for account in _due(engine, book, evaluated, today):
        noted = book.noted(account)
        if left is not None and left <= 0:
            book.put_off(account)
        elif _is_complete(engine, account, noted):
            moves += _moves_of(engine, book, book.rule, account, today, now_ns, left)
            left = None if left is None else left - (len(noted) - len(book.noted(account)))
    return moves


def _due(engine: EngineCore, book: IntradayBook, evaluated: Int64s, today: int) -> list[int]:
    """Due accounts that were put off, were evaluated, or whose day is over; those without a price wait for one."""
    live = [number for number, partition in engine.partitions.items() if partition.live]
    over = [book.roll(number, today, engine.accounts) for number in live]
    waited = book.take_put_off()
    due = np.union1d(evaluated[book.due[evaluated]], np.concatenate([np.zeros(0, np.int64), *over]))
    return [*waited, *np.setdiff1d(due, waited).tolist()]


def _is_complete(engine: EngineCore, account: int, noted: Sequence[Noted]) -> bool:
    """Whether everything held there has a price and a margin: else a missing figure would make or hide a deficit."""
    if engine.unsupported[account, SECURITIES]:
        return False
    books = (book for book in engine.silo_books.values() if book.rulebook.silo == Silo.SECURITIES)
    if any(isinstance(book, PairingBook) and book.incomplete[account] for book in books):
        return False
    held = engine.holdings.of(np.array([account], np.int64))
    named = [each.instrument for each in noted if each.instrument >= 0]
    instruments = np.append(held.instrument[held.silo == SECURITIES], np.array(named, np.int64))
    return bool(engine.market.priced[instruments].all())


def _moves_of(
    engine: EngineCore,
    book: IntradayBook,
    rule: IntradayRule,
    account: int,
    today: int,
    now_ns: int,
    most: int | None,
) -> list[IntradayMove]:
    partition, record = int(engine.accounts.partition[account]), engine.accounts.records[account]
    standing = book.standing(partition, record.account_id)
    noted = book.noted(account)
    today = today if standing is None else max(today, standing.day)
    if engine.accounts.portfolio_margin[account] or record.type != _CUSTOMER:
        noted = []  # since they were noted the account has come under another rule
    first, behind = _first(noted, most if rule.parameters.method is Method.REAL_TIME else None)
    days, left = _by_day(rule, first, standing, today, now_ns)
    if behind:
        # No day is closed before its transactions were looked at.
        left, today = list(behind), _day_of(rule, behind[0], standing, today, now_ns)
        book.put_off(account)
    if not days and (standing is None or standing.day == today):
        book.keep_noted(account, left)
        return []
    if standing is None:
        standing = book.new_standing(record.account_id, min(days))
    ahead = Look(engine, account, [*(each for day in sorted(days) for each in days[day]), *left])
    standing, events = _advance(rule, standing, days, ahead, today)
    book.keep_noted(account, left)
    if events:
        standing = replace(standing, seen=_seen(engine, partition, left))
    book.put(partition, standing)
    stale = bool(events) and ahead.is_stale
    return [IntradayMove(event, standing, partition, now_ns, stale) for event in events]


def _by_day(
    rule: IntradayRule, noted: Sequence[Noted], standing: Standing | None, today: int, now_ns: int
) -> tuple[dict[int, list[Noted]], list[Noted]]:
    """What is looked at now by its day, and what waits for the end of its day. A day that is closed takes nothing
    more; one before the firm's first day counts for nothing."""
    days: dict[int, list[Noted]] = {}
    left: list[Noted] = []
    parameters = rule.parameters
    for each in noted:
        day = _day_of(rule, each, standing, today, now_ns)
        if day < parameters.applied_from_day:
            continue
        if parameters.method is Method.END_OF_DAY and day == today:
            left.append(each)
        else:
            days.setdefault(day, []).append(each)
    return days, left


def _day_of(rule: IntradayRule, each: Noted, standing: Standing | None, today: int, now_ns: int) -> int:
    day = min(rule.trading.day_at(min(each.time_ns, now_ns)), today)
    return day if standing is None else max(day, standing.day)


def _advance(
    rule: IntradayRule,
    standing: Standing,
    days: dict[int, list[Noted]],
    ahead: Look,
    today: int,
) -> tuple[Standing, list[IntradayEvent]]:
    """From the day that the account stands in to today: look at each day's transactions, then close it."""
    parameters, business = rule.parameters, rule.trading.business
    course = [*rule.trading.between(standing.day, today), today]
    told = [days.get(day, []) for day in course]
    found = ahead.deficits(told, parameters, in_order=parameters.method is Method.REAL_TIME)
    events: list[IntradayEvent] = []
    for day, (deficit, deposits) in zip(course, found, strict=True):
        if days.get(day):
            violations = ahead.violations(days[day]) if standing.is_frozen() else ()
            standing, new = look(standing, deficit, deposits, business, parameters, violations)
            events += new
        if day < today:
            after = business.after(day, 1)
            standing, new = close(standing, ahead.level_usd, after, business, parameters)
            events += new
    return standing, events


def _first(noted: Sequence[Noted], most: int | None) -> tuple[Sequence[Noted], Sequence[Noted]]:
    """The first so many by their times, and the rest. More than so many where the order would else be another: those of
    one time stay together while their order is not known, and entries that came in another order than their times do,
    since a restart takes everything up to an offset as looked at.
    """
    if most is None or len(noted) <= most:
        return noted, []
    size = most
    while size < len(noted):
        last = {True: -1, False: -1}  # by topic
        for each in noted[:size]:
            last[each.is_trade] = max(last[each.is_trade], each.offset)
        group = [place for place, each in enumerate(noted) if each.time_ns == noted[size - 1].time_ns]
        # Of many of one time that are divided, so many stay that they are many still.
        together = size if group[-1] + 1 - size > MOST_AT_ONE_TIME else group[-1] + 1
        late = (
            place + 1
            for place in range(size, len(noted))
            if noted[place].offset <= last[noted[place].is_trade]
        )
        needed = max(together, max(late, default=size))
        if needed == size:
            break
        size = needed
    return noted[:size], noted[size:]


def _seen(engine: EngineCore, partition: int, left: Sequence[Noted]) -> Seen:
    """Everything applied has been looked at but what waits."""
    applied = engine.partitions[partition]
    waiting = {
        is_trade: min((each.offset for each in left if each.is_trade is is_trade), default=2**62) - 1
        for is_trade in (True, False)
    }
    return Seen(min(applied.trades_offset, waiting[True]), min(applied.collateral_offset, waiting[False]))
