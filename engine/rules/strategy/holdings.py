"""From an account's holdings to books of one underlying each; what cannot be margined is refused by name."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.base.errors import Reason
from engine.market.instruments import DEBT, Instrument, Product, check_instrument
from engine.market.plain import fx_rate
from engine.market.view import MarketView
from engine.rules.interface import Holding
from engine.rules.strategy.book import Book, FuturePosition, OptionPosition
from engine.rules.strategy.debt import Debt, debt_of
from engine.rules.strategy.formulas import Contract
from engine.rules.strategy.parameters import Parameters
from engine.rules.strategy.reading import months_later, net_positions, price_usd, refuse
from engine.rules.strategy.securities import Stock

COVERED = DEBT | {
    Product.EQUITY, Product.ETF, Product.EQUITY_OPTION, Product.INDEX_OPTION, Product.SECURITY_FUTURE,
}  # fmt: skip
DELIVERABLE = frozenset({Product.EQUITY, Product.ETF, Product.INDEX})
BROAD = frozenset({"broad", "high_cap_broad"})
CASH, SETTLEMENTS = "cash", frozenset({"", "cash", "physical"})


@dataclass(frozen=True, slots=True)
class Underlying:
    """One underlying with everything that an account holds of it; prices in USD."""

    book: Book
    stock: Stock
    broad: bool


@dataclass(frozen=True, slots=True)
class Account:
    """The silo's positions of one account, ready for the formulas."""

    underlyings: tuple[Underlying, ...]
    debts: tuple[Debt, ...]


def account_of(
    parameters: Parameters, holdings: Sequence[Holding], market: MarketView, non_margin: Collection[str] = ()
) -> Account:
    """Net positions of the securities silo by underlying.

    Args:
        non_margin: instrument_ids of stocks and funds without loan value.

    Raises:
        MarginError: naming the position: NO_RULEBOOK for a product that the rule does not cover, BAD_INSTRUMENT
            for a contract that cannot be margined (no exercise price, expired, deliverable unknown),
            UNKNOWN_INSTRUMENT for an underlying without reference data, NO_PRICE where a price is missing or
            zero, OUT_OF_RANGE for a part of a contract.
    """
    reader = _Reader(parameters, market, frozenset(non_margin))
    by_root: dict[str, list[tuple[Instrument, float]]] = {}
    debts = []
    for instrument, quantity in net_positions(holdings):
        check_instrument(instrument)
        if instrument.product not in COVERED:
            raise refuse(Reason.NO_RULEBOOK, instrument, f"reg-t does not cover {instrument.product.value}")
        if instrument.product in DEBT:
            debts.append(debt_of(instrument, quantity, market))
        else:
            by_root.setdefault(instrument.class_group, []).append((instrument, quantity))
    underlyings = tuple(reader.underlying(root, by_root[root]) for root in sorted(by_root))
    return Account(underlyings, tuple(debts))


class _Reader:
    def __init__(self, parameters: Parameters, market: MarketView, non_margin: frozenset[str]) -> None:
        self._market = market
        self._non_margin = non_margin
        self._loan_from = months_later(market.valuation_time_ns, parameters.option.loan_beyond_months)

    def underlying(self, root_id: str, positions: list[tuple[Instrument, float]]) -> Underlying:
        first = positions[0][0]
        if root_id not in self._market.slot_of:
            raise refuse(Reason.UNKNOWN_INSTRUMENT, first, f"its underlying {root_id} is not known")
        root = self._market.instruments[self._market.slot_of[root_id]]
        if root.product not in DELIVERABLE:
            raise refuse(
                Reason.BAD_INSTRUMENT,
                first,
                f"its deliverable {root_id} is a {root.product.value}, not a stock, fund or index",
            )
        index_class = root.index_class or (first.index_class if root.product is Product.INDEX else "")
        stock = Stock(price_usd(self._market, root, first), root.leverage, root_id not in self._non_margin)
        options = tuple(
            self._option(instrument, quantity) for instrument, quantity in positions if instrument.is_option
        )
        futures = tuple(
            self._future(instrument, quantity, root, index_class in BROAD)
            for instrument, quantity in positions
            if instrument.product is Product.SECURITY_FUTURE
        )
        shares = math.fsum(
            quantity * instrument.multiplier
            for instrument, quantity in positions
            if not instrument.rests_on_underlying
        )
        return Underlying(Book(root_id, shares, options, futures), stock, index_class in BROAD)

    def _future(
        self, instrument: Instrument, quantity: float, root: Instrument, broad: bool
    ) -> FuturePosition:
        if root.product is Product.INDEX and broad:
            raise refuse(
                Reason.BAD_INSTRUMENT,
                instrument,
                f"{root.instrument_id} is a broad index: its futures are no securities",
            )
        self._check_contract(instrument, quantity)
        price = price_usd(self._market, instrument, instrument)
        return FuturePosition(instrument.instrument_id, round(quantity), price, instrument.multiplier)

    def _check_contract(self, instrument: Instrument, quantity: float) -> None:
        if quantity != round(quantity):
            raise refuse(Reason.OUT_OF_RANGE, instrument, f"{quantity:g} is not a whole number of contracts")
        if instrument.expiry_ns <= self._market.valuation_time_ns:
            raise refuse(
                Reason.BAD_INSTRUMENT, instrument, "has expired; book exercise, assignment or expiry"
            )

    def _option(self, instrument: Instrument, quantity: float) -> OptionPosition:
        self._check_contract(instrument, quantity)
        if instrument.settlement not in SETTLEMENTS:
            raise refuse(
                Reason.BAD_INSTRUMENT,
                instrument,
                f"settlement {instrument.settlement!r}: its deliverable is not known; use cash, physical or empty",
            )
        european = instrument.exercise == "european"
        cash = instrument.settlement == CASH or instrument.product is Product.INDEX_OPTION
        contract = Contract(
            name=instrument.instrument_id,
            right=instrument.right,
            strike=instrument.strike * fx_rate(instrument, self._market),
            expiry_ns=instrument.expiry_ns,
            units=instrument.multiplier,
            value=price_usd(self._market, instrument, instrument),
            european=european,
            loan_value=instrument.expiry_ns > self._loan_from,
            cash_european=european and cash,
        )
        return OptionPosition(contract, round(quantity))
