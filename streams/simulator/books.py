"""What the customers hold: one function per kind of book, and how many accounts have each.

A book is a mapping instrument_id -> signed quantity. Hedges do not fit exactly; that leaves a small risk, as in
life.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from streams.simulator.shelf import Shelf

Draws = np.random.Generator
Book = dict[str, float]

STOCKS: Final = ("AAPL", "MSFT", "IBM", "BAC", "AIG", "XOM")
_LINEAR_SECURITIES: Final = (*STOCKS, "SPY", "QQQ", "SAP")
_COMMODITIES: Final = ("ES", "NQ", "GC", "CL", "ZN", "6E")
_PERPETUALS: Final = {
    "BTC": ("BTCUSDT-PERP", "BTC-USD-PERP", "BTC-USD"),
    "ETH": ("ETHUSDT-PERP", "ETH-USD-PERP"),
    "SOL": ("SOLUSDT-PERP", "SOL-USD-PERP"),
}
_INVERSE: Final = "BTCUSD_PERP"
_MILLION: Final = 1e6
_CALLS_SOLD_SHARE: Final = 0.3


def _size(draws: Draws, typical: float) -> float:
    """Log-normal around the typical size, USD or contracts: few large accounts, many smaller ones."""
    return float(typical * np.exp(0.7 * draws.standard_normal()))


def _pick(draws: Draws, choices: tuple[str, ...] | list[str]) -> str:
    return choices[int(draws.integers(len(choices)))]


def _add(book: Book, instrument_id: str, quantity: float) -> None:
    book[instrument_id] = book.get(instrument_id, 0.0) + quantity


def index_hedged(shelf: Shelf, draws: Draws) -> Book:
    """Index fund against index future, mostly long the fund: two silos that do not see each other."""
    fund, root = (("SPY", "ES"), ("QQQ", "NQ"))[int(draws.integers(2))]
    future = shelf.futures(root)[0]
    contracts = max(round(_size(draws, 6 * _MILLION) / shelf.notional_usd(future)), 2)
    side = 1.0 if draws.random() < 0.8 else -1.0
    hedged_usd = contracts * shelf.notional_usd(future) * float(draws.uniform(0.94, 1.06))
    return {fund: side * shelf.quantity(fund, hedged_usd), future: -side * float(contracts)}


def stocks_hedged(shelf: Shelf, draws: Draws) -> Book:
    """Stocks behind protective puts, half of them with calls sold against (collars)."""
    book: Book = {}
    for ticker in draws.permutation(STOCKS)[: int(draws.integers(1, 4))].tolist():
        lots = max(round(_size(draws, 1.5 * _MILLION) / shelf.notional_usd(ticker) / 100.0), 1)
        book[ticker] = 100.0 * lots
        book[_pick(draws, shelf.out_of_the_money(ticker, "put"))] = float(lots)
        if draws.random() < 0.5:
            book[_pick(draws, shelf.out_of_the_money(ticker, "call"))] = -float(lots)
    return book


def crypto_hedged(shelf: Shelf, draws: Draws) -> Book:
    """Spot bitcoin or ether against a perpetual and a listed future (cash and carry), some with calls sold on it."""
    asset, root = (("BTC", "MBT"), ("ETH", "MET"))[int(draws.integers(2))]
    usd = _size(draws, 3 * _MILLION)
    share = float(draws.uniform(0.3, 0.9))
    perpetual = _pick(draws, _PERPETUALS[asset])
    future = shelf.futures(root)[0]
    book = {
        asset: shelf.quantity(asset, usd),
        perpetual: -shelf.quantity(perpetual, share * usd),
        future: -shelf.quantity(future, (1.0 - share) * usd),
    }
    if draws.random() < _CALLS_SOLD_SHARE:
        call = _pick(draws, shelf.out_of_the_money(asset, "call"))
        book[call] = -max(round(0.3 * book[asset]), 1.0)
    return book


def coin_margined(shelf: Shelf, draws: Draws) -> Book:
    """An inverse perpetual in a wallet of bitcoin: outright, against the dated future, or sold against coins held,
    which then are worth dollars.
    """
    [future] = [
        name for name in shelf.of_product("crypto_future") if shelf.records[name].settlement == "inverse"
    ]
    usd, kind = _size(draws, 2 * _MILLION), draws.random()
    side = 1.0 if draws.random() < 0.5 else -1.0
    if kind < 0.4:
        return {_INVERSE: side * shelf.quantity(_INVERSE, usd)}
    if kind < 0.7:
        share = float(draws.uniform(0.7, 1.0))
        return {
            _INVERSE: side * shelf.quantity(_INVERSE, usd),
            future: -side * shelf.quantity(future, share * usd),
        }
    return {"BTC": shelf.quantity("BTC", usd), _INVERSE: -shelf.quantity(_INVERSE, usd)}


def swaps_hedged(shelf: Shelf, draws: Draws) -> Book:
    """A stock against a swap on it, and credit protection bought or sold beside it."""
    swap = _pick(draws, shelf.of_product("equity_swap"))
    stock = shelf.records[swap].underlying
    usd = _size(draws, 3 * _MILLION)
    protection = _pick(draws, shelf.of_product("credit_default_swap"))
    contracts = float(draws.integers(2, 13))
    return {
        stock: shelf.quantity(stock, usd),
        swap: -shelf.quantity(swap, float(draws.uniform(0.9, 1.0)) * usd),
        protection: contracts if draws.random() < 0.5 else -contracts,
    }


def event_trader(shelf: Shelf, draws: Draws) -> Book:
    """Opinions on one or two events: an outcome bought, another one sold; sometimes a complete set of a third."""
    book: Book = {}
    by_event: dict[str, list[str]] = {}
    for name in shelf.of_product("event_contract"):
        by_event.setdefault(shelf.records[name].event, []).append(name)
    events = draws.permutation(list(by_event)).tolist()
    for event in events[: int(draws.integers(1, 3))]:
        bought, sold = draws.permutation(by_event[event]).tolist()[:2]
        contracts = max(round(_size(draws, 60_000.0)), 100)
        book[bought] = float(contracts)
        if draws.random() < 0.5:
            book[sold] = -float(round(0.6 * contracts))
    if draws.random() < 0.3:
        for name in by_event[events[-1]]:
            _add(book, name, 20_000.0)
    return book


def rates_hedged(shelf: Shelf, draws: Draws) -> Book:
    """Fixed paid at one maturity and received at another, with note futures and index protection beside."""
    usd = [name for name in shelf.of_product("interest_rate_swap") if shelf.records[name].currency == "USD"]
    paid, received = draws.permutation(usd)[:2].tolist()
    contracts = float(draws.integers(20, 200))
    euro = _pick(draws, [name for name in shelf.of_product("interest_rate_swap") if name not in usd])
    return {
        paid: contracts,
        received: -round(contracts * float(draws.uniform(0.3, 0.8))),
        euro: float(draws.integers(-60, 61)) or 10.0,
        shelf.futures("ZN")[0]: float(round(contracts * float(draws.uniform(0.2, 0.8)))),
        _pick(draws, shelf.of_product("credit_index_swap")): float(draws.integers(-40, 41)) or 5.0,
    }


def swaps_uncleared(shelf: Shelf, draws: Draws) -> Book:
    """Swaps with a dealer: fixed paid in dollars and received in euros, part of it hedged with cleared note futures;
    some with protection on an index beside.
    """
    swaps = shelf.of_product("interest_rate_swap")
    usd = [name for name in swaps if shelf.records[name].currency == "USD"]
    euro = [name for name in swaps if name not in usd]
    contracts = float(max(round(_size(draws, 80.0)), 10))
    side = 1.0 if draws.random() < 0.5 else -1.0
    paid, received = draws.permutation(usd)[:2].tolist()
    book: Book = {
        paid: side * contracts,
        received: -side * float(round(contracts * float(draws.uniform(0.2, 0.7)))),
        _pick(draws, euro): -side * float(round(contracts * float(draws.uniform(0.1, 0.5)))),
        shelf.futures("ZN")[0]: side * float(round(contracts * float(draws.uniform(0.2, 0.8)))),
    }
    if draws.random() < 0.5:
        book[_pick(draws, shelf.of_product("credit_index_swap"))] = side * float(round(0.5 * contracts))
    return book


def credit_uncleared(shelf: Shelf, draws: Draws) -> Book:
    """Protection on two or three names with a dealer, some sold against what is bought, and a cleared index the other
    way.
    """
    names = draws.permutation(shelf.of_product("credit_default_swap"))[: int(draws.integers(2, 4))].tolist()
    contracts = float(max(round(_size(draws, 12.0)), 2))
    side = 1.0 if draws.random() < 0.5 else -1.0
    book: Book = {names[0]: side * contracts}
    for name in names[1:]:
        other = side if draws.random() < 0.5 else -side
        book[name] = other * float(max(round(contracts * float(draws.uniform(0.3, 1.0))), 1))
    net = sum(book.values())
    index = _pick(draws, shelf.of_product("credit_index_swap"))
    book[index] = -float(round(net * float(draws.uniform(0.5, 0.9)))) or -side
    return book


def repo_matched(shelf: Shelf, draws: Draws) -> Book:
    """Cash borrowed on one Treasury and lent on another, the rest hedged with note futures in another silo."""
    borrowed, lent = draws.permutation(shelf.of_product("repo"))[:2].tolist()
    contracts = float(draws.integers(20, 120))
    return {
        borrowed: contracts,
        lent: -round(contracts * float(draws.uniform(0.6, 1.2))),
        shelf.futures("ZN")[0]: -float(max(round(contracts * float(draws.uniform(0.5, 2.0))), 1)),
    }


def directional_securities(shelf: Shelf, draws: Draws) -> Book:
    """One to four stocks or funds, mostly long, nothing against them."""
    book: Book = {}
    for ticker in draws.permutation(_LINEAR_SECURITIES)[: int(draws.integers(1, 5))].tolist():
        side = 1.0 if draws.random() < 0.8 else -1.0
        book[ticker] = side * shelf.quantity(ticker, _size(draws, 0.8 * _MILLION))
    return book


def debt(shelf: Shelf, draws: Draws) -> Book:
    """Treasuries and bonds, the longer Treasury sometimes short against the rest, and a fund beside them."""
    notes, bonds = ("UST-NOTE-5Y", "UST-NOTE-10Y"), [*shelf.of_product("corporate_bond")]
    book: Book = {}
    for name in (_pick(draws, notes), _pick(draws, bonds), *shelf.of_product("municipal_bond")):
        side = -1.0 if name in notes and draws.random() < 0.25 else 1.0
        book[name] = side * shelf.quantity(name, _size(draws, 1.2 * _MILLION))
    book["SPY"] = shelf.quantity("SPY", _size(draws, 0.3 * _MILLION))
    return book


def stocks_against_futures(shelf: Shelf, draws: Draws) -> Book:
    """A stock against the nearer security future on it, and sometimes that one against the later."""
    future = _pick(draws, shelf.of_product("security_future"))
    stock = shelf.records[future].underlying
    near, far = (
        each for each in shelf.of_product("security_future") if shelf.records[each].underlying == stock
    )
    lots = float(max(round(_size(draws, 0.8 * _MILLION) / shelf.notional_usd(near)), 1))
    side = 1.0 if draws.random() < 0.8 else -1.0
    book: Book = {stock: 100.0 * side * lots, near: -side * lots}
    if draws.random() < 0.4:
        _add(book, near, -side * lots)
        _add(book, far, side * lots)
    return book


def security_futures(shelf: Shelf, draws: Draws) -> Book:
    """Security futures in a futures account: one stock outright, mostly long, and the near month of another against
    its far one.
    """
    futures = shelf.of_product("security_future")
    stocks = sorted({shelf.records[each].underlying for each in futures})
    outright, spread = draws.permutation(stocks)[:2].tolist()
    near, far = (each for each in futures if shelf.records[each].underlying == spread)
    one = _pick(draws, [each for each in futures if shelf.records[each].underlying == outright])
    side = 1.0 if draws.random() < 0.7 else -1.0
    lots = float(max(round(_size(draws, 0.8 * _MILLION) / shelf.notional_usd(near)), 1))
    return {one: side * shelf.quantity(one, _size(draws, 0.5 * _MILLION)), near: lots, far: -lots}


def directional_futures(shelf: Shelf, draws: Draws) -> Book:
    """One or two futures markets, or perpetuals, outright."""
    book: Book = {}
    for _ in range(int(draws.integers(1, 3))):
        side = 1.0 if draws.random() < 0.6 else -1.0
        if draws.random() < 0.35:
            name = _pick(draws, [each for venue in _PERPETUALS.values() for each in venue])
        else:
            name = _pick(draws, shelf.futures(_pick(draws, _COMMODITIES)))
        _add(book, name, side * shelf.quantity(name, _size(draws, 2.5 * _MILLION)))
    return book


def option_seller(shelf: Shelf, draws: Draws) -> Book:
    """Strangles and puts sold on an index, a fund, a stock or ES futures."""
    book: Book = {}
    underlyings = ("SPX", "NDX", "SPY", "QQQ", *STOCKS, *shelf.futures("ES")[:2])
    for underlying in draws.permutation(underlyings)[: int(draws.integers(1, 3))].tolist():
        for right in ("put", "call") if draws.random() < 0.6 else ("put",):
            name = _pick(draws, shelf.out_of_the_money(underlying, right))
            per_contract_usd = shelf.records[name].multiplier * shelf.records[name].strike
            contracts = max(round(_size(draws, 2 * _MILLION) / per_contract_usd), 1)
            _add(book, name, -float(contracts))
    return book


def calendar_spread(shelf: Shelf, draws: Draws) -> Book:
    """One contract month against another."""
    near, far = shelf.futures(_pick(draws, ("ES", "NQ", "GC", "CL", "ZN")))[:2]
    contracts = max(round(_size(draws, 8 * _MILLION) / shelf.notional_usd(near)), 1)
    side = 1.0 if draws.random() < 0.5 else -1.0
    return {near: side * contracts, far: -side * contracts}


def market_maker(shelf: Shelf, draws: Draws) -> Book:
    """Both sides of an option chain, its underlying and index futures as the hedge."""
    underlying = _pick(draws, ("SPY", "QQQ", *STOCKS))
    chain = [*shelf.options(underlying, "call"), *shelf.options(underlying, "put")]
    chosen = draws.permutation(chain)[: int(draws.integers(8, 16))].tolist()
    book: Book = {name: float(draws.integers(-60, 61)) for name in chosen}
    book[underlying] = float(100 * draws.integers(-60, 61))
    book[shelf.futures("ES" if underlying != "QQQ" else "NQ")[0]] = float(draws.integers(-6, 7))
    return {name: quantity for name, quantity in book.items() if quantity}


# Products that stand in another silo than the policy's for their product.
_UNCLEARED: Final = (("interest_rate_swap", "uncleared_swaps"), ("credit_index_swap", "uncleared_swaps"))
_FUTURES_ACCOUNT: Final = (("security_future", "futures"),)
_CREDIT_UNCLEARED: Final = (("credit_default_swap", "uncleared_swaps"),)


class Archetype(NamedTuple):
    """A kind of book, the share of accounts that have it, and the desk that looks after them.

    ``silos``: of products that its positions and trades name another silo for than the policy does. ``wallets``: silos
    whose balance it keeps in another currency than USD.
    """

    name: str
    share: float
    build: Callable[[Shelf, Draws], Book]
    desk: str
    account_type: str = "customer"
    silos: tuple[tuple[str, str], ...] = ()
    wallets: tuple[tuple[str, str], ...] = ()

    def silo_of(self, product: str) -> str | None:
        """What positions and trades name as silo; None = that of the policy."""
        return dict(self.silos).get(product)

    def currency_of(self, silo: str) -> str:
        """What its balance in a silo is kept in."""
        return dict(self.wallets).get(silo, "USD")


ARCHETYPES: Final = (
    Archetype("index_hedged", 0.12, index_hedged, "Index arbitrage"),
    Archetype("stocks_hedged", 0.12, stocks_hedged, "Equity derivatives"),
    Archetype("crypto_hedged", 0.12, crypto_hedged, "Digital assets"),
    Archetype("directional_securities", 0.11, directional_securities, "Prime brokerage"),
    Archetype("directional_futures", 0.10, directional_futures, "Futures clearing"),
    Archetype("coin_margined", 0.02, coin_margined, "Digital assets", wallets=(("futures", "BTC"),)),
    Archetype("option_seller", 0.09, option_seller, "Equity derivatives"),
    Archetype("calendar_spread", 0.07, calendar_spread, "Futures clearing"),
    Archetype("market_maker", 0.08, market_maker, "Market making", "market_maker"),
    Archetype("swaps_hedged", 0.04, swaps_hedged, "Equity derivatives"),
    Archetype("debt", 0.03, debt, "Fixed income"),
    Archetype("stocks_against_futures", 0.012, stocks_against_futures, "Equity derivatives"),
    Archetype("security_futures", 0.008, security_futures, "Futures clearing", silos=_FUTURES_ACCOUNT),
    Archetype("event_trader", 0.03, event_trader, "Event contracts"),
    Archetype("rates_hedged", 0.02, rates_hedged, "Rates"),
    Archetype("repo_matched", 0.01, repo_matched, "Rates"),
    Archetype("swaps_uncleared", 0.01, swaps_uncleared, "Rates", silos=_UNCLEARED),
    Archetype("credit_uncleared", 0.01, credit_uncleared, "Credit", silos=_CREDIT_UNCLEARED),
)
