"""``marginmon demo``: everything at once on this machine."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

import click
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.live import Live

from engine.base.errors import MarginError
from streams.broker.errors import BrokerError
from streams.broker.ports import free_ports, is_free
from streams.contracts.cluster import TopicError
from streams.contracts.connection import ConnectionSettingError
from streams.contracts.topics import DEFAULT_PREFIX
from streams.demo.figures import FigureReader
from streams.demo.service import ServiceError
from streams.demo.session import DemoPlan, DemoSession, running
from streams.demo.table import board, line
from streams.simulator.options import arguments_of, simulation_options
from streams.simulator.settings import SimulationSettings

_DEFAULT_PORT: Final = 8080
_BAD_SHARE: Final = 0.0005  # one unusable record a second, so that dead letters and parking are alive
_REFRESH_S: Final = 1.0
_LINE_EVERY_S: Final = 5.0
_SERVICE_FAILURE: Final = 1
_ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command()
@click.option(
    "--bootstrap", envvar="KAFKA_BOOTSTRAP", default="",
    help="host:port of a running Kafka (default: one is started).",
)  # fmt: skip
@click.option("--prefix", default=DEFAULT_PREFIX, show_default=True, help="Start of every topic's name.")
@click.option("--workers", type=click.IntRange(1, 12), default=1, show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), help="Of the page (default: 8080, or a free one).")
@click.option("--duration", type=click.FloatRange(min=0), help="Seconds after which it ends by itself.")
@click.option("--no-table", is_flag=True, help="A plain line every few seconds instead of the live table.")
@simulation_options(SimulationSettings(bad_share=_BAD_SHARE))
def demo(
    bootstrap: str,
    prefix: str,
    workers: int,
    port: int | None,
    duration: float | None,
    no_table: bool,
    **settings: Any,
) -> None:
    """Run a Kafka, a simulated market, workers and the live page until Ctrl-C.

    Needs neither Docker nor Java. Exit code 0 after Ctrl-C, SIGTERM or --duration, 1 if a service fails (the
    end of its log is shown and the logs are kept), 2 for a wrong setting.

    \b
    Example:
      marginmon demo --accounts 5000 --prices-per-second 5000 --workers 2
    """
    try:
        options = arguments_of(SimulationSettings(**settings))
    except MarginError as error:
        raise click.UsageError(str(error)) from None
    page_port = _page_port(port)
    console = Console(highlight=False)
    say = partial(console.print, soft_wrap=True)
    with _ending_on_signals(), _log_folder(say) as folder:
        plan = DemoPlan(bootstrap, prefix, workers, page_port, tuple(options), folder)
        with running(plan, say) as session:
            say(f"open {session.page}")
            _watch(session, console, duration, table=console.is_terminal and not no_table)


def _page_port(wanted: int | None) -> int:
    """The port asked for, which must be free; else the usual one or any free one."""
    if wanted is None:
        return _DEFAULT_PORT if is_free(_DEFAULT_PORT) else free_ports(1)[0]
    if not is_free(wanted):
        raise click.UsageError(f"setting --port {wanted}: is taken; choose another one or leave it out")
    return wanted


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """SIGTERM and a closed terminal end the demo as Ctrl-C does; while it ends, more of them change nothing."""
    for number in _ENDING_SIGNALS:
        signal.signal(number, _interrupt_once)
    try:
        yield
    except KeyboardInterrupt:
        click.echo("The demo has ended.", err=True)


def _interrupt_once(number: int, frame: FrameType | None) -> None:
    for each in _ENDING_SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def _log_folder(say: Callable[[str], None]) -> Iterator[Path]:
    """A folder for logs, removed after a good end; a failure is told and leaves it."""
    folder = Path(tempfile.mkdtemp(prefix="marginmon-demo-"))
    say(f"logs in {folder}")
    try:
        yield folder
    except (ServiceError, ConnectionSettingError, BrokerError, TopicError, KafkaError, OSError) as error:
        click.echo(f"{error}\nThe logs are kept in {folder}.", err=True)
        raise SystemExit(_SERVICE_FAILURE) from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _watch(session: DemoSession, console: Console, duration_s: float | None, *, table: bool) -> None:
    """Show figures until the time is over or a service ends."""
    reader = FigureReader(session.worker_addresses)
    ends = None if duration_s is None else time.monotonic() + duration_s
    if not table:
        _print_lines(session, console, reader, ends)
        return
    with Live(board(None, session.page), console=console, auto_refresh=False) as live:
        while _goes_on(session, ends):
            live.update(board(reader.read(), session.page), refresh=True)


def _print_lines(session: DemoSession, console: Console, reader: FigureReader, ends: float | None) -> None:
    next_line = time.monotonic()
    while _goes_on(session, ends):
        figures = reader.read()
        if figures is not None and time.monotonic() >= next_line:
            next_line += _LINE_EVERY_S
            console.print(line(figures), soft_wrap=True)


def _goes_on(session: DemoSession, ends: float | None) -> bool:
    """Wait for the next refresh; False once the time is over."""
    session.check()
    if ends is not None and time.monotonic() >= ends:
        return False
    time.sleep(_REFRESH_S)
    return True
