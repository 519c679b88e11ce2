"""``marginmon simulate``: a market and its customers on the input topics."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import click
from aiokafka.errors import KafkaError

from engine.base.errors import MarginError
from streams.contracts.command import CONNECTION, PREFIX
from streams.contracts.connection import Connection
from streams.contracts.topics import TopicTable
from streams.parameters import load_policy
from streams.simulator.options import simulation_options
from streams.simulator.publisher import MissingTopicError
from streams.simulator.run import SimulationRun
from streams.simulator.settings import SimulationSettings
from streams.simulator.simulation import Simulation


@click.command()
@CONNECTION
@PREFIX
@click.option("--duration", type=click.FloatRange(min=0), help="Seconds after which it ends by itself.")
@click.option(
    "--parameters", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder whose files replace packaged parameter files; give the worker the same.",
)  # fmt: skip
@simulation_options(SimulationSettings())
def simulate(
    connection: Connection, prefix: str, duration: float | None, parameters: Path | None, **settings: Any
) -> None:
    """Write a simulated market to the input topics: reference data, start of day, prices, trades, money.

    Accounts start with as much equity as the packaged rulebooks ask for, times a factor; customers answer
    margin calls with deposits after a while. The same seed makes the same firm. Exit code 0 after Ctrl-C,
    SIGTERM or --duration, 1 if Kafka fails, 2 for a wrong setting or missing topics.

    \b
    Example:
      marginmon topics create && marginmon simulate --accounts 1000 --prices-per-second 2000 --seed 7
    """
    try:
        simulation = Simulation(SimulationSettings(**settings), load_policy(parameters), time.time_ns())
        asyncio.run(_until_signal(simulation, connection, TopicTable(prefix), duration))
    except (MarginError, MissingTopicError) as error:
        raise click.UsageError(str(error)) from None
    except (KafkaError, OSError) as error:
        raise click.ClickException(
            f"Kafka at {connection.bootstrap}: {error or type(error).__name__}; "
            "is the broker running and the address right?"
        ) from None


async def _until_signal(
    simulation: Simulation, connection: Connection, table: TopicTable, duration_s: float | None
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await SimulationRun(simulation, connection, table, click.echo).run(duration_s, ended)
