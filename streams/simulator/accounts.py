"""Accounts of the simulated firm: who they are, what they hold, how well they are funded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import numpy as np

from streams.contracts.reference import AccountRecord
from streams.simulator.books import ARCHETYPES, Archetype, Book
from streams.simulator.shelf import OPTION_PRODUCTS, Shelf

Approval = Literal["portfolio_margin", "eligible_contract_participant", "cross_margin"]

_FIRST_WORDS: Final = (
    "Alder", "Basalt", "Cobalt", "Drift", "Ember", "Fjord", "Granite", "Harbor", "Indigo", "Juniper",
    "Keystone", "Larch", "Meridian", "Nimbus", "Obsidian", "Pinnacle", "Quarry", "Ridge", "Summit", "Tundra",
)  # fmt: skip
_SECOND_WORDS: Final = (
    "Point",
    "Lane",
    "Bridge",
    "Gate",
    "Field",
    "Shore",
    "Crest",
    "Hollow",
    "Reach",
    "Row",
)
_KINDS: Final = ("Capital", "Partners", "Trading", "Fund", "Asset Management", "Holdings", "Securities")
_DEBT: Final = frozenset({"treasury", "corporate_bond", "municipal_bond"})
_SECURITIES: Final = _DEBT | {"equity", "etf", "equity_option", "index_option", "security_future"}
_UNIT_OF_PRINCIPAL: Final = 100.0  # a price is a percentage of it
# Twice a day for a month; each some 5 % above or below the one before.
_COLLECTIONS: Final = 42
_CHARGE_STEP: Final = 0.05
_CHARGE_SHARE: Final = 0.01  # of the principal in repo
_NO_CROSS_MARGIN_SHARE: Final = 0.05
_NO_PORTFOLIO_MARGIN_SHARE: Final = 0.20  # of those who hold no securities
_BY_STRATEGIES_SHARE: Final = 0.03  # of those who do: their securities stand under strategy-based margin


class Funding(NamedTuple):
    """How much equity a silo has at the start, as a multiple of its maintenance requirement."""

    name: str
    share: float
    least: float
    most: float


FUNDING: Final = (
    Funding("thin", 0.04, 1.002, 1.02),
    Funding("tight", 0.11, 1.05, 1.25),
    Funding("normal", 0.60, 1.3, 2.2),
    Funding("rich", 0.25, 2.5, 5.0),
)


@dataclass(slots=True)
class SimulatedAccount:
    """One customer.

    Attributes:
        cover: equity of each silo as a multiple of its maintenance at the start.
        target: what the account wants to hold. positions: what it holds.
        silos: where it holds anything; known once its start-of-day record is drawn up.
    """

    record: AccountRecord
    archetype: Archetype
    funding: Funding
    cover: float
    target: Book
    positions: Book = field(default_factory=dict)
    silos: tuple[str, ...] = ()

    @property
    def account_id(self) -> str:
        return self.record.account_id


def make_accounts(count: int, shelf: Shelf, draws: np.random.Generator) -> list[SimulatedAccount]:
    """``ACC-000001`` and on; shares of archetypes and of funding as their tables say."""
    archetypes = draws.choice(len(ARCHETYPES), count, p=[each.share for each in ARCHETYPES])
    funding = draws.choice(len(FUNDING), count, p=[each.share for each in FUNDING])
    return [
        _account(number + 1, ARCHETYPES[archetypes[number]], FUNDING[funding[number]], shelf, draws)
        for number in range(count)
    ]


def _account(
    number: int, archetype: Archetype, funding: Funding, shelf: Shelf, draws: np.random.Generator
) -> SimulatedAccount:
    book = archetype.build(shelf, draws)
    record = AccountRecord.model_validate(
        {
            "account_id": f"ACC-{number:06d}",
            "owner": owner_name(number),
            "type": archetype.account_type,
            "desk": archetype.desk,
            "approvals": _approvals(book, shelf, draws),
            "past_charges_usd": _past_charges_usd(book, shelf, draws),
        }
    )
    cover = float(draws.uniform(funding.least, funding.most))
    return SimulatedAccount(record, archetype, funding, cover, book, dict(book))


def _approvals(book: Book, shelf: Shelf, draws: np.random.Generator) -> tuple[Approval, ...]:
    holds_securities = any(shelf.records[name].product in _SECURITIES for name in book)
    chances = draws.random(2)
    approvals: list[Approval] = []
    if chances[0] >= (_BY_STRATEGIES_SHARE if holds_securities else _NO_PORTFOLIO_MARGIN_SHARE):
        approvals.append("portfolio_margin")
    if any(shelf.records[name].product not in OPTION_PRODUCTS | _DEBT | {"equity", "etf"} for name in book):
        approvals.append("eligible_contract_participant")
    if chances[1] >= _NO_CROSS_MARGIN_SHARE:
        approvals.append("cross_margin")
    return tuple(approvals)


def _past_charges_usd(book: Book, shelf: Shelf, draws: np.random.Generator) -> tuple[float, ...]:
    """Of Treasury clearing at the collections so far: a random walk about a share of the principal in repo."""
    records = [(shelf.records[name], quantity) for name, quantity in book.items()]
    principal_usd = sum(
        abs(quantity) * _UNIT_OF_PRINCIPAL * record.multiplier
        for record, quantity in records
        if record.product == "repo"
    )
    if principal_usd == 0.0:
        return ()
    walk = np.exp(np.cumsum(_CHARGE_STEP * draws.standard_normal(_COLLECTIONS)))
    charges: list[float] = np.round(_CHARGE_SHARE * principal_usd * walk, 2).tolist()
    return tuple(charges)


def owner_name(number: int) -> str:
    """A made-up company, the same for the same number."""
    first = _FIRST_WORDS[number % len(_FIRST_WORDS)]
    second = _SECOND_WORDS[number // len(_FIRST_WORDS) % len(_SECOND_WORDS)]
    kind = _KINDS[number % len(_KINDS)]
    rest = number // (len(_FIRST_WORDS) * len(_SECOND_WORDS))
    return f"{first} {second} {kind}" + (f" {rest + 1}" if rest else "")
