"""``marginmon topics``: create, check and describe the topics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

import click
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from streams.contracts.asyncapi import document
from streams.contracts.cluster import TopicError, create_missing, differences, existing_topics
from streams.contracts.connection import (
    BOOTSTRAP_VARIABLES,
    DEFAULT_BOOTSTRAP,
    Connection,
    ConnectionSettingError,
    connect_to,
)
from streams.contracts.topics import DEFAULT_PARTITIONS, DEFAULT_PREFIX, TopicTable

T = TypeVar("T")


def connection_or_exit(bootstrap: str) -> Connection:
    """The environment's connection to these brokers; a wrong setting ends the program with code 2."""
    try:
        return connect_to(bootstrap)
    except ConnectionSettingError as error:
        raise click.UsageError(str(error)) from None


CONNECTION: Final = click.option(
    "--bootstrap",
    "connection",
    envvar=BOOTSTRAP_VARIABLES,
    default=DEFAULT_BOOTSTRAP,
    show_default=True,
    callback=lambda context, option, bootstrap: connection_or_exit(bootstrap),
    help="host:port of a broker, several separated by commas; TLS and credentials: docs/security.md.",
)
PREFIX: Final = click.option(
    "--prefix", envvar="MARGINMON_TOPIC_PREFIX", default=DEFAULT_PREFIX, show_default=True,
    help="Start of every topic's name.",
)  # fmt: skip
_PARTITIONS = click.option(
    "--partitions",
    type=click.IntRange(1, 10_000),
    envvar="MARGINMON_PARTITIONS",
    default=DEFAULT_PARTITIONS,
    show_default=True,
    help="Partitions of the topics that are split by account; fixed for life.",
)


@click.group()
def topics() -> None:
    """Create and check the topics that the monitor reads and writes.

    \b
    Example:
      marginmon topics create --bootstrap 127.0.0.1:9092
      marginmon topics check
    """


@topics.command()
@CONNECTION
@PREFIX
@_PARTITIONS
@click.option("--replication", type=click.IntRange(1, 100), default=1, show_default=True, help="Copies.")
def create(connection: Connection, prefix: str, partitions: int, replication: int) -> None:
    """Create the topics that do not exist yet; never changes one that does."""
    table = TopicTable(prefix, partitions)
    created = _with_admin(connection, lambda admin: create_missing(admin, table, replication))
    for name in created:
        click.echo(f"created {name}")
    click.echo(f"{len(created)} topics created, {len(list(table)) - len(created)} were there")


@topics.command()
@CONNECTION
@PREFIX
@_PARTITIONS
def check(connection: Connection, prefix: str, partitions: int) -> None:
    """Compare the cluster with the table; exit code 1 and a line per difference."""
    table = TopicTable(prefix, partitions)
    lines = differences(table, _with_admin(connection, lambda admin: existing_topics(admin, table)))
    for line in lines:
        click.echo(line)
    if lines:
        raise SystemExit(1)
    click.echo(f"{len(list(table))} topics as expected")


@topics.command(name="list")
@PREFIX
@_PARTITIONS
@click.option("--json", "as_json", is_flag=True, help="The AsyncAPI document instead of a table.")
def list_topics(prefix: str, partitions: int, as_json: bool) -> None:
    """Show every topic with its key, retention and content; needs no broker."""
    table = TopicTable(prefix, partitions)
    if as_json:
        click.echo(json.dumps(document(table), indent=2))
        return
    shown = Table("topic", "key", "cleanup", "partitions", "content")
    for topic in table:
        shown.add_row(topic.name, topic.key, topic.cleanup_policy, str(topic.partitions), topic.description)
    Console().print(shown)


def _with_admin(connection: Connection, use: Callable[[AIOKafkaAdminClient], Awaitable[Any]]) -> Any:
    """Run one piece of work against the cluster."""

    async def run() -> Any:
        admin = AIOKafkaAdminClient(**connection.options(), request_timeout_ms=10_000)
        try:
            await admin.start()
            return await use(admin)
        finally:
            await admin.close()

    return or_exit(connection, run())


def or_exit(connection: Connection, work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; a cluster that cannot be reached or refuses ends the program with code 2."""
    try:
        return asyncio.run(work)
    except (TopicError, KafkaError, OSError, ValueError) as error:
        click.echo(
            f"bootstrap {connection.bootstrap}: {error}; is the broker running and the address right?",
            err=True,
        )
        raise SystemExit(2) from None
