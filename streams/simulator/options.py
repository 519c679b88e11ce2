"""Command line options of a simulation, shared by the commands that start one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from streams.simulator.settings import SimulationSettings

Function = TypeVar("Function", bound=Callable[..., Any])


def simulation_options(defaults: SimulationSettings) -> Callable[[Function], Function]:
    """Add an option for each setting that people change; the parameters have the names of the settings."""

    def add(function: Function) -> Function:
        for option in reversed(_options(defaults)):
            function = option(function)
        return function

    return add


def arguments_of(settings: SimulationSettings) -> list[str]:
    """The options that make these settings."""
    return [f"{flag}={getattr(settings, name)}" for name, flag in _FLAGS.items()]


_FLAGS: Final = {
    "accounts": "--accounts",
    "prices_per_s": "--prices-per-second",
    "trades_per_s": "--trades-per-second",
    "seed": "--seed",
    "market_speed": "--market-speed",
    "bad_share": "--bad-share",
}


def _options(defaults: SimulationSettings) -> list[Callable[[Function], Function]]:
    def option(name: str, kind: click.ParamType, text: str | None = None) -> Callable[[Function], Function]:
        return click.option(
            _FLAGS[name], name, type=kind, default=getattr(defaults, name), show_default=True, help=text
        )

    rate = click.FloatRange(min=0)
    return [
        option("accounts", click.IntRange(1, 1_000_000)),
        option("prices_per_s", rate),
        option("trades_per_s", rate),
        option("seed", click.IntRange(min=0), "The same seed makes the same firm and market."),
        option("market_speed", rate, "Seconds that the market lives through in one real second."),
        option(
            "bad_share",
            click.FloatRange(0.0, 1.0),
            "Unusable records as a share of all; above 0, some reference data comes late, too.",
        ),
    ]
