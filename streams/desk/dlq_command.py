"""``marginmon dlq``: what could not be used, why, and sending it again once the cause is mended."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from engine.base.errors import Reason
from streams.contracts.command import CONNECTION, PREFIX, or_exit
from streams.contracts.connection import Connection
from streams.contracts.topics import TopicTable
from streams.desk.dead_letters import Chosen, Letter, letters, replay

_SHOWN = 80
_TOPIC = click.option(
    "--topic", "topics", multiple=True, metavar="NAME", help="Such as trades; may be repeated."
)
_REASON = click.option(
    "--reason", "reasons", multiple=True, type=click.Choice([reason.value for reason in Reason]),
    metavar="REASON", help="May be repeated.",
)  # fmt: skip
_KEY = click.option("--key", default="", help="With this key, for instance an account.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group()
def dlq() -> None:
    """Look at dead letters and replay them.

    \b
    Example:
      marginmon dlq list
      marginmon dlq show trades:3:17
      marginmon dlq replay --topic trades --reason PARKING_FULL --dry-run
    """


def _found(connection: Connection, prefix: str, chosen: Chosen) -> list[Letter]:
    return or_exit(connection, letters(connection, TopicTable(prefix), chosen))


@dlq.command(name="list")
@CONNECTION
@PREFIX
@_TOPIC
@_REASON
@_KEY
@click.option("--count", is_flag=True, help="Only how many there are by topic and reason.")
@_JSON
def list_letters(
    connection: Connection, prefix: str, topics: tuple[str, ...], reasons: tuple[str, ...], key: str, count: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """List dead letters with their reasons."""
    found = _found(connection, prefix, Chosen(topics, reasons, key))
    if count:
        _print_counts(found, as_json)
    elif as_json:
        for letter in found:
            click.echo(json.dumps(letter.as_json()))
    else:
        table = Table("place", "key", "reason", "error")
        for letter in found:
            table.add_row(letter.place, _key(letter), letter.reason, letter.error[:_SHOWN])
        Console().print(table if found else "no dead letters")


def _print_counts(found: list[Letter], as_json: bool) -> None:
    numbers = Counter((letter.topic, letter.reason) for letter in found)
    rows: list[dict[str, Any]] = [
        {"topic": topic, "reason": reason, "number": number}
        for (topic, reason), number in sorted(numbers.items())
    ]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    table = Table("topic", "reason", "number")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table if rows else "no dead letters")


def _key(letter: Letter) -> str:
    return "" if letter.key is None else letter.key.decode(errors="backslashreplace")


@dlq.command()
@click.argument("place")
@CONNECTION
@PREFIX
@click.option("--raw", is_flag=True, help="The value's bytes as they came, nothing else.")
@_JSON
def show(place: str, connection: Connection, prefix: str, raw: bool, as_json: bool) -> None:
    """Show one dead letter, its original bytes, and what to do about it.

    \b
    Example:
      marginmon dlq show trades:3:17 --raw > trade.json
    """
    [letter] = _found(connection, prefix, Chosen(places=(place,)))
    if raw:
        click.get_binary_stream("stdout").write(letter.value or b"")
    elif as_json:
        click.echo(json.dumps(letter.as_json()))
    else:
        for name, value in letter.as_json().items():
            click.echo(f"{name:14} {value}")
        if letter.reason in set(Reason):
            click.echo(f"{'remedy':14} {Reason(letter.reason).action}")


@dlq.command(name="replay")
@click.argument("places", nargs=-1)
@CONNECTION
@PREFIX
@_TOPIC
@_REASON
@_KEY
@click.option("--dry-run", is_flag=True, help="Say what would be sent, send nothing.")
@click.option("--all", "everything", is_flag=True, help="Needed to replay without naming any.")
def replay_letters(
    places: tuple[str, ...], connection: Connection, prefix: str, topics: tuple[str, ...], reasons: tuple[str, ...],
    key: str, dry_run: bool, everything: bool,
) -> None:  # fmt: skip
    """Send dead letters to their topics again, as they first came.

    Who wins does not depend on arrival, so one that has been superseded meanwhile changes nothing. The dead letters
    stay where they are.
    """
    if not (places or topics or reasons or key or everything):
        raise click.UsageError("name places, or choose with --topic, --reason, --key, or say --all")
    table = TopicTable(prefix)
    found = _found(connection, prefix, Chosen(topics, reasons, key, places))
    for letter in found:
        click.echo(f"{'would send' if dry_run else 'sending'} {letter.place} {_key(letter)} {letter.reason}")
    if dry_run:
        click.echo(f"{len(found)} would be sent, nothing was")
        return
    click.echo(f"{or_exit(connection, replay(connection, table, found))} sent")
