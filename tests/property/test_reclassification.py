"""Reclassified while it runs == started with the new policy: holdings, cash, figures and totals."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.base.errors import MarginError
from engine.market.instruments import SILO_INDEX
from engine.portfolio.accounts import Account
from engine.portfolio.opening import Opening
from engine.state.engine import Engine
from engine.state.policy import Policy
from streams.call_rules import call_rules
from streams.parameters import load_policy, read_toml, take_policy
from tests.engine_book import APPROVED, INSTRUMENTS, MARKS, NOW_NS, TODAY, movements, prices, trades
from tests.policy_book import RULEBOOKS, SECURITY_BASED, SWAPS, UNCLEARED, with_both_homes

ACCOUNTS = ("A", "B")
SWAPPED = ["AAPL-SWAP", "ACME-5Y", "ACME-4Y"]
PLAIN = load_policy()
silos = st.sampled_from([-1, SILO_INDEX[SECURITY_BASED], SILO_INDEX[UNCLEARED]])
quantities = st.sampled_from([-3.0, -0.3, 0.1, 0.2, 1.0, 7.0])
EITHER = ("securities", "futures")
homes = st.fixed_dictionaries(
    {product: st.sampled_from([SECURITY_BASED, UNCLEARED]) for product in SWAPS}
    | {"security_future": st.sampled_from(EITHER)}
)
choices = st.sampled_from(["", *EITHER])
of_futures = st.sampled_from([-1, *(SILO_INDEX[silo] for silo in EITHER)])


@dataclass(frozen=True)
class Event:
    """What happens to an account: a start-of-day record, a trade, a deposit, another record of its own (which may
    choose a silo for security futures), or another policy for everybody."""

    kind: str
    account: str = "A"
    number: int = 0
    version: int = 1
    instrument: str = ""
    quantity: float = 0.0
    silo: int = -1
    cancelled: bool = False
    homes: tuple[tuple[str, str], ...] = ()
    chosen: str = ""


names = st.sampled_from([*SWAPPED, "AAPL", "ESZ6", "AAPL-F"])
futures = st.just("AAPL-F")
swaps = st.sampled_from(SWAPPED)
accounts = st.sampled_from(ACCOUNTS)
events = st.one_of(
    st.builds(Event, st.just("trade"), accounts, st.integers(0, 6), st.integers(1, 3), names, quantities,
              cancelled=st.booleans()),
    st.builds(Event, st.just("trade"), accounts, st.integers(7, 12), st.integers(1, 3), swaps, quantities, silos),
    st.builds(Event, st.just("opening"), accounts, st.integers(0, 3), st.just(1), swaps, quantities, silos),
    st.builds(Event, st.just("deposit"), accounts, st.integers(0, 3), st.just(1), st.just(""), quantities, silos),
    st.builds(Event, st.just("trade"), accounts, st.integers(13, 15), st.integers(1, 3), futures, quantities,
              of_futures),
    st.builds(Event, st.just("opening"), accounts, st.integers(0, 3), st.just(1), futures, quantities, of_futures),
    st.builds(lambda account, to: Event("record", account, chosen=to), accounts, choices),
    st.builds(lambda to: Event("policy", homes=tuple(to.items())), homes),
)  # fmt: skip


def engine_with(policy: dict[str, Any]) -> Engine:
    engine = Engine(
        Policy.from_mapping(
            policy, RULEBOOKS, call_rules(policy), copy.deepcopy(PLAIN.unified), PLAIN.collateral
        )
    )
    for account in ACCOUNTS:
        engine.put_account(Account(account, approvals=APPROVED), 0)
    for instrument in INSTRUMENTS:
        engine.put_instrument(instrument)
    engine.take_partition(0)
    engine.go_live(0)
    assert not engine.apply_prices(prices(engine, MARKS, 1)).any()
    return engine


def apply(engine: Engine, event: Event) -> None:
    if event.kind == "trade":
        row = (
            f"T{event.number}", event.version, event.account, event.instrument, event.quantity,
            0.9 * MARKS[event.instrument], event.cancelled, TODAY,
        )  # fmt: skip
        columns = trades(engine, [row])
        columns.silo[:] = event.silo
        engine.apply_trades(0, columns)
    elif event.kind == "deposit":
        silo = max(event.silo, SILO_INDEX[SECURITY_BASED])
        row = (f"C{event.number}", 1, event.account, "", "USD", 1e5 * event.quantity, False, TODAY, silo)
        engine.apply_collateral(0, movements(engine, [row]))
    elif event.kind == "record":
        record = Account(event.account, approvals=APPROVED, security_future_silo=event.chosen)
        engine.put_account(record, 0)
    elif event.kind == "opening":
        none = np.zeros(0, np.int64)
        engine.open_day(
            Opening(
                int(engine.account_slots([event.account])[0]), TODAY - 1, NOW_NS + event.number,
                engine.instrument_slots([event.instrument, "ACME-5Y"]), np.array([event.quantity, 2.0]),
                np.array([0.8 * MARKS[event.instrument], 0.01]), np.array([event.silo, -1]),
                ((SILO_INDEX[SECURITY_BASED], "USD", 1e6),), none, np.zeros(0), none,
            )
        )  # fmt: skip


def positions_of(engine: Engine) -> dict[tuple[int, int, int], float]:
    held = engine.holdings.of(np.arange(len(ACCOUNTS)))
    keys = zip(held.account.tolist(), held.instrument.tolist(), held.silo.tolist(), strict=True)
    return dict(zip(keys, held.quantity.tolist(), strict=True))


# In the former silo what stays and what follows add up to nothing, which is no holding.
_AT_NOUGHT = [
    Event("opening", instrument="ACME-5Y", quantity=-3.0, silo=SILO_INDEX[UNCLEARED]),
    Event("trade", number=1, instrument="ACME-5Y", quantity=1.0),
]


@example(dict.fromkeys(SWAPS, UNCLEARED), _AT_NOUGHT, dict.fromkeys(SWAPS, SECURITY_BASED))
@settings(max_examples=60, deadline=None)
@given(homes, st.lists(events, max_size=14), homes)
def test_reclassified_live_equals_started_so(
    first: dict[str, str], happening: list[Event], last: dict[str, str]
) -> None:
    live = engine_with(with_both_homes(first))
    for event in [*happening, Event("policy", homes=tuple(last.items()))]:
        if event.kind == "policy":
            take_policy(live, with_both_homes(dict(event.homes)), RULEBOOKS)
        else:
            apply(live, event)
        live.evaluate(NOW_NS)
    fresh = engine_with(with_both_homes(last))
    records = {event.account: event for event in happening if event.kind == "record"}  # as a compacted topic
    others = [event for event in happening if event.kind not in {"record", "policy"}]
    for event in [*records.values(), *others]:
        apply(fresh, event)
    fresh.evaluate(NOW_NS)
    assert positions_of(live).keys() == positions_of(fresh).keys()
    for key, quantity in positions_of(fresh).items():
        np.testing.assert_allclose(positions_of(live)[key], quantity, rtol=1e-9)
    for name in ("initial", "maintenance", "equity"):
        np.testing.assert_allclose(getattr(live, name)[:2], getattr(fresh, name)[:2], rtol=1e-9, atol=0.01)
    np.testing.assert_allclose(live.holdings.cash[:2], fresh.holdings.cash[:2], rtol=1e-9, atol=1e-3)
    both = np.arange(len(ACCOUNTS))
    np.testing.assert_allclose(
        live.unified_requirement(both), fresh.unified_requirement(both), rtol=1e-9, atol=0.01
    )
    np.testing.assert_array_equal(live.trusted[:2], fresh.trusted[:2])
    assert live.totals().requirement == pytest.approx(fresh.totals().requirement, rel=1e-9, abs=0.01)
    assert live.shadow_check(list(ACCOUNTS)) < 0.01


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(read_toml("policy.toml"))), values, st.booleans())
def test_a_malformed_policy_is_refused_by_name_and_never_by_accident(
    key: str, value: Any, within: bool
) -> None:
    """As a record may bring it: whatever stands under a key, or beside what stands there."""
    mapping = with_both_homes(dict.fromkeys(SWAPS, UNCLEARED))
    if within and isinstance(mapping[key], dict):
        mapping[key] = mapping[key] | {next(iter(mapping[key])): value}
    elif within and isinstance(mapping[key], list):
        mapping[key] = [*mapping[key], value]
    else:
        mapping[key] = value
    refused = ""
    try:
        Policy.from_mapping(mapping, RULEBOOKS, call_rules(mapping), PLAIN.unified, PLAIN.collateral)
    except MarginError as error:
        refused = error.thing
    assert not refused or refused.startswith(("policy", "call rule", "rulebook"))
