"""The simulated customers: shares, funding by the real engine, hedges across silos, answers to calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from math import sqrt

import numpy as np
import pytest

from engine.market.instruments import SILO_INDEX
from engine.shortfall.case import CallState
from engine.state.explanation import explanation
from streams.contracts.results import CallEvent, DataQuality, InputOffsets
from streams.simulator.accounts import FUNDING
from streams.simulator.agenda import Agenda
from streams.simulator.books import ARCHETYPES
from streams.simulator.customers import Customers
from streams.simulator.settings import SimulationSettings
from tests.simulated_firm import SECOND_NS, START_NS, Firm

SETTINGS = SimulationSettings(accounts=600, prices_per_s=400, trades_per_s=50)
LEAST_USD = 10_000.0


@pytest.fixture(scope="module")
def firm() -> Firm:
    firm = Firm(SETTINGS)
    firm.open()
    return firm


def test_shares_of_archetypes_and_funding(firm: Firm) -> None:
    n = SETTINGS.accounts
    accounts = firm.simulation.accounts
    assert len({account.account_id for account in accounts}) == n
    assert sum(kind.share for kind in ARCHETYPES) == pytest.approx(1.0)
    assert sum(kind.share for kind in FUNDING) == pytest.approx(1.0)
    kinds = Counter(account.archetype.name for account in accounts)
    funding = Counter(account.funding.name for account in accounts)
    for name, share, found in [
        *((kind.name, kind.share, kinds) for kind in ARCHETYPES),
        *((kind.name, kind.share, funding) for kind in FUNDING),
    ]:
        assert abs(found[name] - n * share) < 4 * sqrt(n * share * (1 - share)), name


def test_equity_covers_the_requirement_as_the_funding_says(firm: Firm) -> None:
    """The engine of the worker finds in every silo what the simulation sized with its own."""
    engine, checked = firm.engine, 0
    for account in firm.simulation.accounts:
        slot = engine.account_slots([account.account_id])[0]
        assert account.funding.least <= account.cover <= account.funding.most
        for silo in account.silos:
            index = SILO_INDEX[silo]
            wanted = max(account.cover * engine.maintenance[slot, index], LEAST_USD)
            # Cash is in cents, pledged units have two decimals: a bitcoin's hundredth is worth 1,000 USD.
            assert engine.equity[slot, index] == pytest.approx(wanted, rel=1e-6, abs=0.02)
            checked += 1
    assert checked > SETTINGS.accounts


def test_every_rulebook_in_force_has_customers(firm: Firm) -> None:
    """What the packaged policy assigns is seen in the demo, with a requirement above nothing."""
    engine = firm.engine
    charged = {
        rulebook_id
        for account in firm.simulation.accounts
        for _, rulebook_id, explained in explanation(engine, account.account_id).silos
        if explained.requirement.maintenance_usd > 0.0
    }
    assert charged == set(engine.policy.rulebooks)


def test_coin_margined_accounts_keep_their_futures_in_coins(firm: Firm) -> None:
    """Nothing but bitcoin behind their inverse contracts; perpetual and dated future both occur."""
    held: Counter[str] = Counter()
    for account in firm.simulation.accounts:
        if account.archetype.name != "coin_margined":
            continue
        slot = int(firm.engine.account_slots([account.account_id])[0])
        cash = firm.engine.holdings.cash[slot, SILO_INDEX["futures"]]
        assert [code for code, index in firm.engine.holdings.currencies.items() if cash[index]] == ["BTC"]
        for name in account.target:
            instrument = firm.engine.market.instruments[firm.engine.market.slot_of[name]]
            held[instrument.product.value] += instrument.is_inverse
    assert held["perpetual"] > 0
    assert held["crypto_future"] > 0


def test_cleared_repo_bears_a_portfolio_differential(firm: Firm) -> None:
    """Accounts that clear repo have charges at past collections, nobody else has; their rises cost something."""
    cleared = 0
    for account in firm.simulation.accounts:
        past = account.record.past_charges_usd
        assert bool(past) == (account.archetype.name == "repo_matched")
        if not past:
            continue
        [tree] = [
            explained.tree
            for _, rulebook_id, explained in firm.engine.explain(account.account_id).silos
            if rulebook_id == "treasury-clearing"
        ]
        [differential] = [part for part in tree.parts if part.name == "portfolio differential"]
        assert differential.amount_usd > 0.0
        cleared += 1
    assert cleared > 0


def gap_share(firm: Firm, archetype: str) -> tuple[float, float]:
    """Gap over silo sum, and the netting between silos over it, of the eligible accounts of a kind."""
    engine = firm.engine
    ids = [a.account_id for a in firm.simulation.accounts if a.archetype.name == archetype]
    slots = engine.account_slots(ids)
    slots = slots[engine.accounts.unified_eligible[slots]]
    silo = engine.maintenance[slots].sum()
    unified = engine.unified_requirement(slots).sum()
    columns = engine.unified.rulebook.result_columns
    standalone = engine.unified.result[slots, columns.index("standalone_sum")].sum()
    return float(1 - unified / silo), float((standalone - unified) / silo)


@pytest.mark.parametrize("archetype", ["index_hedged", "crypto_hedged"])
def test_hedges_across_silos_have_a_large_gap(firm: Firm, archetype: str) -> None:
    gap, netting = gap_share(firm, archetype)
    assert gap > 0.6
    assert netting > 0.4


@pytest.mark.parametrize("archetype", ["directional_securities", "directional_futures", "calendar_spread"])
def test_what_sits_in_one_silo_nets_nothing_across_silos(firm: Firm, archetype: str) -> None:
    _, netting = gap_share(firm, archetype)
    assert abs(netting) < 0.01


def test_calls_appear_within_a_minute_and_are_met_by_deposits() -> None:
    firm = Firm(SimulationSettings(accounts=150, prices_per_s=400, trades_per_s=20, deposit_share=1.0))
    firm.open()
    states: Counter[tuple[str, str]] = Counter()
    for _ in range(4 * 60):
        for transition in firm.tick().transitions:
            if transition.scope.startswith("silo:"):
                states[str(transition.state), str(transition.reason)] += 1
    assert states[CallState.ISSUED, "FIRST"] > 0
    assert states[CallState.MET, "CURED_BY_DEPOSIT"] > 0
    assert firm.simulation.customers.counts["deposits"] > 0


def call(scope: str = "silo:futures", state: CallState = CallState.ISSUED, binding: bool = True) -> CallEvent:
    return CallEvent(
        event_id="mc-1-1", call_id="mc-1", account_id="ACC-000001", scope=scope, binding=binding,
        case_number=1, sequence=1, previous_state=CallState.CLEAR, state=state, reason="FIRST",
        margin_call_amount=Decimal("5000.00"), requirement=Decimal("100000.00"), equity=Decimal("95000.00"),
        margin_excess=Decimal("-5000.00"), collateral_assignment_reason="", rulebook_id="span-futures",
        rulebook_version="1", as_of_ns=START_NS,
        inputs=InputOffsets(
            partition=0, trades_offset=1, collateral_offset=1, positions_offset=1, price_time_ns=START_NS
        ),
        quality=DataQuality(oldest_price_age_ms=0, stale=False),
    )  # fmt: skip


@pytest.fixture
def answers(firm: Firm) -> Callable[[float, list[CallEvent]], list[dict[str, object]]]:
    """What customers send within a minute of hearing these calls, as decoded records."""

    def answer(deposit_share: float, calls: list[CallEvent]) -> list[dict[str, object]]:
        import msgspec

        agenda = Agenda()
        settings = SimulationSettings(accounts=600, deposit_share=deposit_share)
        customers = Customers(settings, firm.simulation.accounts, np.random.default_rng(1), agenda, "run")
        for event in calls:
            customers.hear(event, START_NS)
        assert list(agenda.due(START_NS)) == []
        records = list(agenda.due(START_NS + 30 * SECOND_NS))
        return [msgspec.json.decode(record.value) for record in records]

    return answer


def test_a_called_customer_pays_into_the_silo_that_called(answers: Callable[..., list]) -> None:
    paid = answers(1.0, [call()])
    assert [(record["account_id"], record["silo"], record["currency"]) for record in paid] == [
        ("ACC-000001", "futures", "USD")
    ]
    assert 1500.0 <= float(paid[0]["quantity"]) <= 13_000.0


def test_one_payment_is_on_its_way_at_a_time(answers: Callable[..., list]) -> None:
    assert len(answers(1.0, [call(), call()])) == 1


@pytest.mark.parametrize(
    ("share", "event"),
    [
        (0.0, call()),
        (1.0, call(binding=False, scope="unified:one-pot")),
        (1.0, call(state=CallState.MET)),
        (1.0, call(state=CallState.WARNING)),
    ],
)
def test_nobody_pays_for_what_asks_for_no_money(
    answers: Callable[..., list], share: float, event: CallEvent
) -> None:
    assert answers(share, [event]) == []
