"""What an account has, by silo, as the plain twin of equity takes it."""

from __future__ import annotations

import numpy as np

from engine.market.instruments import SILOS
from engine.rules.interface import Holding
from engine.state.core import EngineCore
from engine.state.equity_plain import SiloContent
from engine.state.statement import held_by


def contents_of(engine: EngineCore, account: int) -> list[SiloContent]:
    """The account's silos in which there is anything, in their order; positions by instrument slot."""
    held = held_by(engine, account)
    codes = list(engine.holdings.currencies)
    by_silo: list[tuple[list[Holding], list[Holding]]] = [([], []) for _ in SILOS]
    columns = (held.instrument, held.quantity, held.silo, held.collateral)
    for instrument, quantity, silo, pledged in zip(*(column.tolist() for column in columns), strict=True):
        holding = Holding(engine.market.instruments[instrument], quantity, SILOS[silo].value)
        by_silo[silo][int(pledged)].append(holding)
    contents = []
    for silo, (positions, pledged_assets) in enumerate(by_silo):
        balances = engine.holdings.cash[account, silo]
        cash = {codes[index]: float(balances[index]) for index in np.flatnonzero(balances).tolist()}
        if cash or positions or pledged_assets:
            owner = engine.accounts.records[account]
            contents.append(
                SiloContent(
                    SILOS[silo].value,
                    cash,
                    positions,
                    pledged_assets,
                    owner.issuer,
                    owner.settlement_currency,
                )
            )
    return contents
