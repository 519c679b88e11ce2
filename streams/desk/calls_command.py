"""``marginmon calls``: list, follow and answer margin calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from engine.base.units import NANOSECONDS_PER_SECOND
from engine.shortfall.case import CallState
from streams.contracts.command import CONNECTION, PREFIX, or_exit
from streams.contracts.connection import Connection
from streams.contracts.intraday import IntradayEventRecord
from streams.contracts.results import CallEvent
from streams.contracts.topics import TopicTable
from streams.desk import calls as desk

_REFUSED, _UNANSWERED = 1, 3
_ACCOUNT = click.option("--account", "account_id", default="", help="Of this account only.")
_SCOPE = click.option("--scope", default="", help="Such as silo:futures or unified:one-pot.")
_STATE = click.option(
    "--state", default="", type=click.Choice(["", *(state.value for state in CallState)]), metavar="STATE",
    help="In this state; without it those that are open.",
)  # fmt: skip
_SHADOW = click.option("--shadow", is_flag=True, help="Shadow calls of the unified candidate too.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group()
def calls() -> None:
    """Look at margin calls and answer them.

    \b
    Example:
      marginmon calls list
      marginmon calls ack mc-0123456789abcdef0123 --operator desk1 --text "wire sent"
    """


@calls.command(name="list")
@CONNECTION
@PREFIX
@_ACCOUNT
@_SCOPE
@_STATE
@_SHADOW
@click.option("--all", "ended", is_flag=True, help="Cases that have ended, too.")
@_JSON
def list_calls(
    connection: Connection, prefix: str, account_id: str, scope: str, state: str, shadow: bool, ended: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """List where calls stand, those that are due first.

    \b
    Example:
      marginmon calls list --state overdue --json
    """
    wanted = desk.Wanted(account_id, scope, state, None if shadow else True, ended)
    found = or_exit(connection, desk.cases(connection, TopicTable(prefix), wanted))
    if as_json:
        for line in desk.lines(found):
            click.echo(line)
        return
    table = Table("call", "account", "scope", "state", "amount", "due", "last reason")
    for event in found:
        table.add_row(*_row(event))
    Console().print(table if found else "no such calls")


@calls.command()
@CONNECTION
@PREFIX
@_ACCOUNT
@_SCOPE
@_STATE
@_SHADOW
@click.option("--for", "seconds", type=float, default=None, metavar="SECONDS", help="Then stop.")
@_JSON
def follow(
    connection: Connection, prefix: str, account_id: str, scope: str, state: str, shadow: bool,
    seconds: float | None, as_json: bool,
) -> None:  # fmt: skip
    """Print events as they are committed, until Ctrl-C.

    \b
    Example:
      marginmon calls follow --account A0001
    """
    wanted = desk.Wanted(account_id, scope, state, None if shadow else True, ended=True)

    topics = TopicTable(prefix)

    def begun() -> None:
        click.echo(f"following {topics['calls'].name}", err=True)

    async def run() -> None:
        async for event in desk.follow(connection, topics, wanted, seconds, begun):
            click.echo(desk.lines([event])[0] if as_json else "  ".join(_row(event)))

    or_exit(connection, run())


def _row(event: CallEvent) -> tuple[str, ...]:
    due = "" if event.deadline_ns is None else _time(event.deadline_ns)
    amount = f"{event.margin_call_amount:,}"
    return event.call_id, event.account_id, event.scope, event.state, amount, due, event.reason


def _time(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // NANOSECONDS_PER_SECOND, UTC).strftime("%Y-%m-%d %H:%MZ")


def _granted(event: IntradayEventRecord) -> tuple[str, ...]:
    amount = f"{event.amount:,}"
    until = event.response.until if event.response else None
    return event.deficit_id, event.account_id, event.deficit_date, amount, event.reason, until or ""


def _answer_command(name: str, kind: str, summary: str) -> Callable[..., Any]:
    @calls.command(name=name, help=summary, short_help=summary.partition("\n")[0])
    @click.argument("call_id")
    @CONNECTION
    @PREFIX
    @click.option(
        "--operator", envvar="MARGINMON_OPERATOR", required=True, help="Who answers; it stands in the event."
    )
    @click.option("--text", default="", help="What is said; it stands in the event.")
    @click.option(
        "--wait", "wait_s", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Seconds."
    )
    @_JSON
    def command(
        call_id: str,
        connection: Connection,
        prefix: str,
        operator: str,
        text: str,
        wait_s: float,
        as_json: bool,
    ) -> None:
        topics = TopicTable(prefix)

        async def run() -> desk.Answer:
            account_id = await desk.account_of(connection, topics, call_id)
            response = desk.response_to(account_id, call_id, kind, operator, text)
            return await desk.send(connection, topics, response, wait_s)

        _say(or_exit(connection, run()), wait_s, as_json)

    return command


def _say(answer: desk.Answer, wait_s: float, as_json: bool) -> None:
    """What became of an answer, with the command's exit code."""
    if answer.event is not None:
        row = _row(answer.event) if isinstance(answer.event, CallEvent) else _granted(answer.event)
        click.echo(desk.lines([answer.event])[0] if as_json else "  ".join(row))
    elif answer.refusal:
        click.echo(f"refused: {answer.refusal}", err=True)
        raise SystemExit(_REFUSED)
    else:
        click.echo(f"sent, but nobody answered within {wait_s:g} s; is a worker running?", err=True)
        raise SystemExit(_UNANSWERED)


@calls.command(name="except")
@click.argument("deficit_id")
@CONNECTION
@PREFIX
@click.option(
    "--operator", envvar="MARGINMON_OPERATOR", required=True, help="Who grants it; it stands in the event."
)
@click.option("--text", required=True, help="Why; it stands in the event.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
    help="More time, to the close of this business day; without it extraordinary circumstances.",
)  # fmt: skip
@click.option(
    "--wait", "wait_s", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Seconds."
)
@_JSON
def grant_exception(
    deficit_id: str, connection: Connection, prefix: str, operator: str, text: str, until: datetime | None,
    wait_s: float, as_json: bool,
) -> None:  # fmt: skip
    """Grant an exception for an intraday margin deficit.

    In extraordinary circumstances a deficit does not count towards a practice; with --until it is given more time:
    before that close it is neither late nor frozen for.

    Exit code 0: taken; 1: refused; 2: the cluster or the deficit was not found; 3: no answer in time.

    \b
    Example:
      marginmon calls except im-0123456789abcdef0123 --operator desk1 --text "trade booked twice"
      marginmon calls except im-0123456789abcdef0123 --operator desk1 --text "wire delayed" --until 2026-07-10
    """
    topics = TopicTable(prefix)
    kind, until_date = ("extraordinary", None) if until is None else ("extend", f"{until:%Y-%m-%d}")

    async def run() -> desk.Answer:
        account_id = await desk.account_of(connection, topics, deficit_id)
        response = desk.response_to(account_id, deficit_id, kind, operator, text, until_date)
        return await desk.send(connection, topics, response, wait_s)

    _say(or_exit(connection, run()), wait_s, as_json)


_CODES: Final = (
    "\n\nExit code 0: taken; 1: refused; 2: the cluster or the call was not found; 3: no answer in time."
)
_answer_command("ack", "acknowledge", "Acknowledge a call." + _CODES)
_answer_command("promise", "promise", "Promise to meet a call; say in --text until when." + _CODES)
_answer_command("dispute", "dispute", "Contest the amount of a call; its deadline stands." + _CODES)
_answer_command(
    "cancel",
    "cancel",
    "Withdraw a call; this much is not called again before the account was covered." + _CODES,
)
