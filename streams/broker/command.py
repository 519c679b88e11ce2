"""`marginmon broker`: a real Kafka on loopback until Ctrl-C."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import click

from streams.broker.errors import BrokerError
from streams.broker.kafka import EmbeddedBroker

POLL_S = 0.2


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Port on 127.0.0.1 (default: a free one).")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep topics here for the next start (default: a temporary folder, removed at the end).",
)
def broker(port: int | None, data_dir: Path | None) -> None:
    """Run a real single-node Apache Kafka on loopback until Ctrl-C.

    Prints the bootstrap address on stdout. Needs neither Docker nor an installed Java; the first run fetches
    45 MB of jars into the cache folder (MARGINMON_CACHE). Exit code 0 after Ctrl-C or SIGTERM, 1 if Kafka
    cannot start or ends by itself, 2 for a wrong option.

    \b
    Example:
      marginmon broker --port 9092 --data-dir ./kafka-data
    """
    # SIGTERM ends the broker the way Ctrl-C does, also while jars are fetched or Kafka starts.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _run(port, data_dir)
    except KeyboardInterrupt:
        click.echo("Kafka has ended.", err=True)
    except BrokerError as error:
        raise click.ClickException(str(error)) from error


def _run(port: int | None, data_dir: Path | None) -> None:
    with EmbeddedBroker(port=port, data_folder=data_dir) as running:
        click.echo(running.bootstrap)
        click.echo("Kafka is ready; Ctrl-C ends it.", err=True)
        while not running.ended():
            time.sleep(POLL_S)
        raise BrokerError(f"Kafka ended by itself. Its last words:\n{running.log_tail()}")
