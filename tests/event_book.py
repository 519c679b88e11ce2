"""Events, contracts on their outcomes, and accounts that hold them, for tests."""

from __future__ import annotations

from engine.market.instruments import Instrument, Product
from engine.rules.event_contracts import EventContracts
from engine.rules.event_contracts_parameters import Parameters
from tests.rulebook_cases import shipped

SILO = "event_contracts"
RULEBOOK = EventContracts(Parameters.from_mapping(shipped("event-contracts")))


def contract(
    name: str, event: str, outcomes: tuple[str, ...], *pays_on: str, payoff: float = 1.0
) -> Instrument:
    return Instrument(
        name, Product.EVENT_CONTRACT, event=event, outcomes=outcomes, pays_on=pays_on, payoff=payoff
    )


BINARY = ("YES", "NO")
YES, NO = contract("YES", "CUT", BINARY, "YES"), contract("NO", "CUT", BINARY, "NO")
PARTIES = ("RED", "BLUE", "GREEN")
RED, BLUE, GREEN = (contract(party, "VOTE", PARTIES, party) for party in PARTIES)
NOT_RED = contract("NOT-RED", "VOTE", PARTIES, "BLUE", "GREEN")
LISTED = [YES, NO, RED, BLUE, GREEN, NOT_RED]
