"""``marginmon scenarios``: scenario sets from files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from streams.replay.command_errors import FILE, refuse_in_one_line
from streams.replay.files import FileError
from streams.replay.level_file import DEFAULT_COLUMN, FactorSource
from streams.replay.scenario_build import BuildRequest, Built, build, csv_lines, read_stress

_DAY = click.DateTime(formats=["%Y-%m-%d"])


class Factor(click.ParamType):
    """``FACTOR=FILE`` or ``FACTOR=FILE:COLUMN``."""

    name = "factor"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> FactorSource:
        factor, _, rest = str(value).partition("=")
        file, _, column = rest.partition(":")
        if not factor or not file or "," in factor:
            self.fail(f"{value!r} is not FACTOR=FILE or FACTOR=FILE:COLUMN", param, ctx)
        return FactorSource(factor, file, column or DEFAULT_COLUMN)


@click.group()
def scenarios() -> None:
    """Make scenario sets for the unified candidate.

    \b
    Example:
      marginmon scenarios build --history market_daily --factor EQ:SPX=spx.csv --horizon 2 --out scenarios.csv
    """


@scenarios.command(name="build")
@click.option("--history", type=FILE, required=True, help="Folder of the level files.")
@click.option(
    "--factor",
    "factors",
    type=Factor(),
    multiple=True,
    required=True,
    help="FACTOR=FILE[:COLUMN]; repeatable.",
)
@click.option(
    "--absolute",
    multiple=True,
    metavar="FACTOR",
    help="Moves in units of the level; for what may be negative.",
)
@click.option("--from", "first", type=_DAY, help="First day.")
@click.option("--to", "last", type=_DAY, help="Last day: what came later is not looked at.")
@click.option(
    "--count", type=click.IntRange(1, 100_000), default=500, show_default=True, help="The latest so many."
)
@click.option(
    "--horizon",
    type=click.IntRange(1, 250),
    default=1,
    show_default=True,
    help="Days of the calendar per move.",
)
@click.option("--stress", type=FILE, help="Scenario CSV whose stress scenarios are added.")
@click.option("--label", default="historical", show_default=True, help="Name of the set.")
@click.option("--out", type=FILE, required=True, help="Scenario CSV to write.")
@refuse_in_one_line
def build_command(
    history: Path,
    factors: tuple[FactorSource, ...],
    absolute: tuple[str, ...],
    first: datetime | None,
    last: datetime | None,
    count: int,
    horizon: int,
    stress: Path | None,
    label: str,
    out: Path,
) -> None:
    """Build a scenario set from daily level files (date,value,...).

    The dates of the first factor are the calendar. A move counts only if every factor has a level on each of
    its days: nothing is filled, no move spans a gap. Says on stderr which dates were used.

    \b
    Example:
      marginmon scenarios build --history market_daily --factor EQ:SPX=eq_spy.csv:adj_close \\
        --factor CMD:WTI=wti_spot.csv --absolute CMD:WTI --from 2008-01-01 --to 2013-10-04 --out scenarios.csv
    """
    names = [source.factor for source in factors]
    for name in (*(n for n in names if names.count(n) > 1), *(a for a in absolute if a not in names)):
        raise click.BadParameter(f"{name} must be one --factor")
    built = build(
        BuildRequest(
            history, factors, frozenset(absolute), first.date() if first else None, last.date() if last else None,
            count, horizon, label,
        )
    )  # fmt: skip
    made = built.scenarios if stress is None else built.scenarios.with_stress_of(read_stress(stress))
    try:
        out.write_text("".join(f"{line}\n" for line in csv_lines(made)), encoding="utf-8")
    except OSError as error:
        detail = f"cannot be written: {error.strerror}"
        raise FileError(out, "", detail, "name a file in an existing folder") from None
    for line in _told(built, horizon, made.count):
        click.echo(line, err=True)


def _told(built: Built, horizon: int, count: int) -> list[str]:
    names = built.scenarios.names
    stress = count - built.scenarios.count
    lines = [
        f"calendar: {len(built.calendar)} days, {built.calendar[0]} to {built.calendar[-1]}",
        f"{len(names)} historical moves over {horizon} days, ending {names[0]} to {names[-1]}; {stress} stress moves",
    ]
    for factor, days in built.gaps.items():
        if len(days):
            shown = ", ".join(str(day) for day in days[:10]) + (" ..." if len(days) > 10 else "")
            lines.append(f"{factor}: no level on {len(days)} of these days, no move spans them: {shown}")
    return lines
