"""Readers of parameters, as they come in files and on the topic of rulebooks: usable, or one error with its path."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from engine.base.errors import MarginError
from engine.market.rate_conventions import conventions_of
from engine.portfolio.collateral import CollateralSchedule
from engine.rules.registry import SCENARIO_METHODS, SILO_METHODS, unified_rulebook
from engine.rules.simm.calibration import Calibration
from engine.shortfall.intraday_parameters import IntradayParameters
from engine.state.policy import Policy
from streams.call_rules import call_rules
from streams.parameters import load_policy, read_rulebook, read_rulebooks, read_scenarios, read_toml
from streams.replay.simm import LATEST
from tests.fuzz.target import Target

Read = Callable[[Mapping[str, Any]], object]


def targets() -> Iterator[Target]:
    scenarios = read_scenarios()
    rulebooks = read_rulebooks()
    for name, build in SILO_METHODS.items():
        yield target(name, read_rulebook(name), build)
    for name, rested in SCENARIO_METHODS.items():
        own = rulebooks[name].scenarios
        assert own is not None
        yield target(name, read_rulebook(name), lambda mapping, rested=rested, own=own: rested(mapping, own))
    yield target(
        "one-pot",
        read_toml("one-pot.toml"),
        lambda mapping: unified_rulebook("one-pot", mapping, scenarios),
    )
    yield target("policy", read_toml("policy.toml"), policy())
    yield target("call rules", {"call": read_toml("policy.toml")["call"]}, call_rules)
    yield target("collateral", read_toml("collateral.toml"), CollateralSchedule.from_mapping)
    yield target("curves", read_toml("curves.toml"), conventions_of)
    yield target("intraday deficits", read_toml("finra-4210d-intraday.toml"), IntradayParameters.from_mapping)
    yield target("SIMM calibration", read_toml(f"simm/{LATEST}.toml"), Calibration.from_mapping)


def policy() -> Read:
    """With the rulebooks that the packaged one has."""
    parameters, packaged = read_rulebooks(), load_policy()
    return lambda mapping: Policy.from_mapping(
        mapping, parameters, call_rules(mapping), packaged.unified, packaged.collateral
    )


def names_its_place(error: MarginError) -> None:
    assert error.thing
    assert error.detail


def target(name: str, mapping: Mapping[str, Any], read: Read) -> Target:
    def check(content: bytes) -> bool:
        try:
            parsed = json.loads(content)
        except ValueError:
            return False  # how JSON and TOML are read has targets of its own
        if not isinstance(parsed, dict):
            return False
        try:
            read(parsed)
        except MarginError as error:
            names_its_place(error)
            return False
        return True

    return Target(f"parameters: {name}", (json.dumps(mapping, default=str).encode(),), check, is_json=True)
