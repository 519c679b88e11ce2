"""``marginmon worker``: run one worker until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
from aiokafka.errors import KafkaError

from engine.base.errors import MarginError
from streams.contracts.cluster import TopicError
from streams.worker.collector import collect_seldom, keep_what_is_there
from streams.worker.settings import SECRETS, SettingsError, WorkerSettings, load_settings

_END_S: Final = 4.5  # a worker that has not ended by then is ended; its partitions are restored elsewhere

log = logging.getLogger(__name__)


def _flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """One option per setting that is no secret, so that flags, environment and file have the same names."""
    for name, field in reversed(WorkerSettings.model_fields.items()):
        if name in SECRETS:
            continue
        command = click.option(
            f"--{name.replace('_', '-')}", name, default=None, metavar="VALUE",
            help=f"{field.description or ''} [default: {field.default}]".strip(),
        )(command)  # fmt: skip
    return command


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings.")
@click.option("--show-settings", is_flag=True, help="Print the settings in force and stop.")
@_flags
def worker(config: Path | None, show_settings: bool, **flags: str | None) -> None:
    """Follow trades, collateral and prices; margin every account of the partitions it is given; call.

    Settings come from these flags, then MARGINMON_* variables, then the TOML file. Prints one line on stdout
    when it is live. Exit code 0 after SIGTERM or Ctrl-C, 1 after a failure, 2 for bad settings.

    \b
    Example:
      marginmon worker --bootstrap 127.0.0.1:9092 --http-port 9464
    """
    try:
        settings = load_settings(config, {name: value for name, value in flags.items() if value is not None})
    except SettingsError as error:
        click.echo(str(error), err=True)
        raise SystemExit(2) from None
    if show_settings:
        click.echo(json.dumps(settings.model_dump(mode="json"), indent=2))
        return
    raise SystemExit(run(settings))


def run(settings: WorkerSettings) -> int:
    """Run until a signal or a failure; returns the exit code."""
    from streams.worker.logs import set_up_logging  # with the worker's modules: `--help` needs none of them

    set_up_logging(settings.log_level)
    collect_seldom()
    log.info("settings %s", settings.model_dump_json())
    return asyncio.run(_run(settings))


async def _run(settings: WorkerSettings) -> int:
    from streams.worker.app import MarginWorker

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        worker = MarginWorker(settings)
    except MarginError as error:
        click.echo(str(error), err=True)
        return 2
    try:
        starting = asyncio.ensure_future(worker.start())
        if not await _first(starting, stop, worker.failure):
            await starting
            announcing = asyncio.ensure_future(_announce(worker))
            await _first(asyncio.ensure_future(asyncio.Event().wait()), stop, worker.failure)
            announcing.cancel()
    except (TopicError, KafkaError, OSError) as error:
        await _end(worker, 0)
        click.echo(f"worker cannot start at bootstrap {settings.bootstrap}: {error}", err=True)
        return 2
    code = 1 if worker.failure.done() else 0
    await _end(worker, code)
    return code


async def _first(work: asyncio.Future[Any], stop: asyncio.Event, failure: asyncio.Future[None]) -> bool:
    """Wait for the work; True if a signal or a failure came first, which cancels the work."""
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({work, stopping, failure}, return_when=asyncio.FIRST_COMPLETED)
    interrupted = stopping.done() or failure.done()
    stopping.cancel()
    if interrupted:
        work.cancel()
    return interrupted


async def _announce(worker: Any) -> None:
    await worker.ready.wait()
    keep_what_is_there()
    partitions = int(worker.metrics.registry.get_sample_value("marginmon_partitions_owned") or 0)
    click.echo(
        f"worker ready partitions={partitions} accounts={worker.engine.accounts.count} "
        f"http={worker.pages.address}"
    )


async def _end(worker: Any, code: int) -> None:
    """Stop in time; after a failure nothing is drained or committed."""
    if code:
        logging.shutdown()
        os._exit(code)
    try:
        await asyncio.wait_for(worker.stop(), _END_S)
    except TimeoutError:
        log.warning("did not end within %.1f s; ending now", _END_S)
        logging.shutdown()
        os._exit(code)
