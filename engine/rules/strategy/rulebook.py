"""Regulation T and FINRA Rule 4210 strategy-based margin of one account, with the pairing that was used.

The clerk's page is ``docs/rulebooks/reg-t.md``; parameters and their sources are in ``data/reg-t.toml``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from engine.market.view import MarketView
from engine.rules.interface import Holding
from engine.rules.requirement import Explained, Part, Requirement
from engine.rules.strategy.book import Pairing, Strategy
from engine.rules.strategy.debt import debt_part
from engine.rules.strategy.formulas import Terms
from engine.rules.strategy.futures_pairing import least_pairing_with_futures
from engine.rules.strategy.holdings import Account, Underlying, account_of
from engine.rules.strategy.parameters import Parameters
from engine.rules.strategy.risk_part import risk_part_usd
from engine.rules.strategy.securities import Stage
from engine.rules.strategy.shadow import pairing_error_usd

Facts = dict[str, float | str]


class StrategyBased:
    """Strategy-based requirement of accounts without portfolio margin.

    Attributes:
        non_margin: instrument_ids of stocks and funds without loan value.
    """

    def __init__(self, parameters: Parameters, non_margin: Collection[str] = ()) -> None:
        self.parameters = parameters
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.non_margin = frozenset(non_margin)

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """Initial and maintenance requirement, and the tree of the maintenance requirement.

        Amounts are risk parts, to be compared with an equity that counts every position at its value; what the
        rule publishes stands below each underlying. Initial is not below maintenance, underlying by underlying.

        Raises:
            MarginError: naming the position that cannot be margined.
        """
        account = account_of(self.parameters, holdings, market, self.non_margin)
        charged = [self.charge_underlying(underlying) for underlying in account.underlyings]
        debts = [debt_part(self.parameters.debt, debt) for debt in account.debts]
        charged += [(part, part.amount_usd) for part in debts]
        parts = [part for part, _ in charged]
        positions = Part.sum_of("positions", parts)
        initial = math.fsum(initial for _, initial in charged)
        minimum = self._minimum_equity_usd(account)
        top_up = Part(
            "minimum equity, top-up",
            max(minimum - positions.amount_usd, 0.0),
            (),
            {"minimum_equity_usd": minimum},
        )
        tree = Part.sum_of(
            "Reg T / FINRA 4210 strategy-based margin",
            [positions, top_up],
            version=self.version,
            initial_usd=max(initial, minimum),
        )
        return Explained(Requirement(max(initial, minimum), tree.amount_usd), tree)

    def charge_underlying(self, underlying: Underlying) -> tuple[Part, float]:
        """The maintenance part, and the initial requirement."""
        maintenance = self._paired(underlying, Stage.MAINTENANCE)
        # Options by themselves are margined alike at both stages.
        alone = not underlying.book.shares and not underlying.book.futures
        at_initial = maintenance if alone else self._paired(underlying, Stage.INITIAL)
        short = short_market_value_usd(underlying)
        published = Part.sum_of(
            "published: long options paid in full, short positions with their market value",
            [_strategy(strategy) for strategy in maintenance.strategies],
        )
        amount = risk_part_usd(published.amount_usd, short)
        initial = max(risk_part_usd(at_initial.published_usd, short), amount)
        facts: Facts = {
            "price_usd": underlying.stock.price,
            "initial_usd": initial,
            "initial_published_usd": at_initial.published_usd,
            "initial_pairing": _in_words(at_initial),
            "not_below_usd": risk_part_usd(maintenance.lower_bound_usd, short),
        }
        credit = Part("market value of short positions, in equity already", -short)
        parts = [published, credit] if short else [published]
        return Part(f"underlying {underlying.book.underlying}", amount, tuple(parts), facts), initial

    def pairing_error_usd(self, holdings: Sequence[Holding], market: MarketView) -> float:
        """The largest of the account's underlyings at both stages; see :mod:`engine.rules.strategy.shadow`.

        Raises:
            MarginError: naming the position that cannot be margined.
        """
        underlyings = account_of(self.parameters, holdings, market, self.non_margin).underlyings
        return max(
            (
                pairing_error_usd(underlying.book, self._terms(underlying, stage))
                for underlying in underlyings
                for stage in Stage
            ),
            default=0.0,
        )

    def _terms(self, underlying: Underlying, stage: Stage) -> Terms:
        return Terms(self.parameters, underlying.stock, underlying.broad, stage)

    def _paired(self, underlying: Underlying, stage: Stage) -> Pairing:
        return least_pairing_with_futures(underlying.book, self._terms(underlying, stage))

    def _minimum_equity_usd(self, account: Account) -> float:
        """Of an account that is short; of one that is only long not more than what it holds is worth."""
        if any(is_short(underlying) for underlying in account.underlyings):
            return self.parameters.minimum_equity_usd
        if any(debt.market_value_usd < 0.0 for debt in account.debts):
            return self.parameters.minimum_equity_usd
        value = math.fsum(market_value_usd(underlying) for underlying in account.underlyings)
        value += math.fsum(debt.market_value_usd for debt in account.debts)
        return min(self.parameters.minimum_equity_usd, value)


def short_market_value_usd(underlying: Underlying) -> float:
    """Value of the short options and buy-back cost of the short stock, >= 0."""
    book = underlying.book
    options = math.fsum(
        -position.count * position.contract.units * position.contract.value
        for position in book.options
        if position.count < 0
    )
    return options + max(-book.shares, 0.0) * underlying.stock.price


def market_value_usd(underlying: Underlying) -> float:
    """Value of everything held, short positions negative."""
    options = math.fsum(
        position.count * position.contract.units * position.contract.value
        for position in underlying.book.options
    )
    return underlying.book.shares * underlying.stock.price + options


def is_short(underlying: Underlying) -> bool:
    """Whether it may cost more than it is worth: anything of it is held short, or any future."""
    book = underlying.book
    short = book.shares < 0.0 or any(position.count < 0 for position in book.options)
    return short or bool(book.futures)


def _strategy(strategy: Strategy) -> Part:
    """One line of the pairing."""
    facts: Facts = {"times": strategy.times, "published_each_usd": strategy.published_usd}
    facts |= {contract.name: count * strategy.times for contract, count in strategy.options}
    facts |= {name: count * strategy.times for name, count in strategy.futures}
    if strategy.shares:
        facts["shares"] = strategy.shares * strategy.times
    return Part(_named(strategy), strategy.times * strategy.published_usd, (), facts)


def _in_words(pairing: Pairing) -> str:
    return ", ".join(_named(strategy) for strategy in pairing.strategies)


def _named(strategy: Strategy) -> str:
    """With how often, except of stock alone."""
    contracts = strategy.options or strategy.futures
    return f"{strategy.times} x {strategy.name}" if contracts else strategy.name
