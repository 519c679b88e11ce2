"""``marginmon replay``: market files through the engine, or onto the topics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import click
from aiokafka.errors import KafkaError
from rich.console import Console

from streams.contracts.cluster import TopicError
from streams.contracts.command import connection_or_exit
from streams.contracts.connection import BOOTSTRAP_VARIABLES, DEFAULT_BOOTSTRAP, Connection
from streams.contracts.topics import DEFAULT_PARTITIONS, DEFAULT_PREFIX, TopicTable
from streams.replay.book_file import Book, read_book
from streams.replay.command_errors import FILE, PARAMETERS, SCENARIOS, Duration, Time, refuse_in_one_line
from streams.replay.file_engine import FileEngine
from streams.replay.files import FileError
from streams.replay.market_file import MarketEvent, merged
from streams.replay.price_feed import PriceFeed
from streams.replay.replay import ReplayResult, replay
from streams.replay.replay_output import document, print_summary, write_parquet
from streams.replay.steps import steps, within
from streams.replay.to_kafka import FileTime, publish

_QUARTER_HOUR_NS = 900 * 1_000_000_000


class Speed(click.ParamType):
    """A positive number or ``max``; the latter as None."""

    name = "speed"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            speed = float("inf" if value == "max" else value)
        except ValueError:
            speed = 0.0
        if not speed > 0:
            self.fail(f"{value!r} is neither a positive number nor max", param, ctx)
        return speed


@click.command(name="replay")
@click.option("--market", "files", type=FILE, multiple=True, required=True, help="Market CSV; repeatable.")
@click.option("--book", "book_file", type=FILE, required=True, help="Accounts, instruments, positions ...")
@click.option("--from", "from_ns", type=Time(), help="First market event [default: the files' first].")
@click.option("--to", "to_ns", type=Time(), help="Last market event [default: the files' last].")
@click.option(
    "--every", "every_ns", type=Duration(), default=_QUARTER_HOUR_NS, help="Timeline step [default: 15m]."
)
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON on stdout.")
@click.option("--parquet", type=FILE, help="Write the timeline to this Parquet file.")
@PARAMETERS
@SCENARIOS
@click.option("--to-kafka", is_flag=True, help="Publish to the topics instead of margining.")
@click.option(
    "--bootstrap", envvar=BOOTSTRAP_VARIABLES, default=DEFAULT_BOOTSTRAP, show_default=True,
    help="host:port of a broker, with --to-kafka.",
)  # fmt: skip
@click.option("--prefix", envvar="MARGINMON_TOPIC_PREFIX", default=DEFAULT_PREFIX, show_default=True)
@click.option(
    "--partitions", type=click.IntRange(1, 10_000), envvar="MARGINMON_PARTITIONS", default=DEFAULT_PARTITIONS,
    show_default=True, help="Partitions of the account topics, with --to-kafka.",
)  # fmt: skip
@click.option("--speed", type=Speed(), default="1", show_default=True, help="File time per time, or max.")
@refuse_in_one_line
def replay_command(
    files: tuple[Path, ...],
    book_file: Path,
    from_ns: int | None,
    to_ns: int | None,
    every_ns: int,
    as_json: bool,
    parquet: Path | None,
    parameters: Path | None,
    scenarios: Path | None,
    to_kafka: bool,
    bootstrap: str,
    prefix: str,
    partitions: int,
    speed: float,
) -> None:
    """Run market files for a book: calls, a timeline of silo and unified margin, the last statements.

    No broker is needed; the same files give the same bytes. Files and book: docs/bring-your-own.md. Exit code 0 if
    every figure is complete, 1 if something could not be margined, 2 for bad files or settings.

    \b
    Example:
      marginmon replay --market 2013-10-07.csv.gz --market 2013-10-08.csv.gz --book book.json --every 1h
      marginmon replay --market 2013-10-07.csv.gz --book book.json --to-kafka --speed 60
    """
    book, unknown = read_book(book_file)
    for path in unknown:
        click.echo(f"left out: {path}: unknown key", err=True)
    events = _nonempty(within(merged(files), from_ns, to_ns), files[0])
    feed = PriceFeed(book)
    if to_kafka:
        topics = TopicTable(prefix, partitions)
        pace = FileTime(None if speed == float("inf") else speed)
        _to_kafka(connection_or_exit(bootstrap), topics, book, feed, events, pace)
        return
    engine = FileEngine(book, parameters, scenarios)
    result = replay(engine, steps(engine.book, feed, events), every_ns)
    _show(result, engine, feed, as_json, parquet)
    incomplete = any(statement.quality.incomplete for statement in result.statements)
    raise SystemExit(1 if engine.problems or incomplete else 0)


def _nonempty(events: Iterator[MarketEvent], file: Path) -> Iterator[MarketEvent]:
    """The same events; a window without any is refused now, before anything is made of it."""
    first = next(events, None)
    if first is None:
        raise FileError(file, "", "no market event between --from and --to", "widen the window")
    return chain([first], events)


def _show(
    result: ReplayResult, engine: FileEngine, feed: PriceFeed, as_json: bool, parquet: Path | None
) -> None:
    for problem in engine.problems:
        click.echo(f"incomplete: {problem}", err=True)
    for line in engine.left_out:
        click.echo(f"left out: {line}", err=True)
    if parquet is not None:
        write_parquet(result, parquet)
    if as_json:
        shown = document(result, engine, feed)
        click.echo(json.dumps(shown, indent=2, sort_keys=True, ensure_ascii=False))
    elif parquet is None:
        print_summary(Console(), result, engine, feed)


def _to_kafka(
    connection: Connection,
    topics: TopicTable,
    book: Book,
    feed: PriceFeed,
    events: Iterator[MarketEvent],
    pace: FileTime,
) -> None:
    course = steps(book, feed, events, topics.partitions)
    try:
        count = asyncio.run(publish(connection, topics, book, course, pace))
    except (TopicError, KafkaError, OSError) as error:
        click.echo(
            f"bootstrap {connection.bootstrap}: {error}; is the broker running and the address right?",
            err=True,
        )
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        raise SystemExit(130) from None
    click.echo(f"published {count} messages; market events {dict(sorted(feed.counts.items()))}")
